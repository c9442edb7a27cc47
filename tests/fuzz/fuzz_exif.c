/* The TIFF structure of EXIF: whatever it says, the answer is one of the eight orientations. */
#include "common/base/check.h"
#include "worker/decode/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = kin_exif_orientation(data, size);
    KIN_CHECK(orientation >= 1 && orientation <= 8);
    return 0;
}
