/* .npy files: every element that a parsed one promises can be read. */
#include "common/base/check.h"
#include "proto/npy_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_npy npy;
    if (kin_npy_parse(&npy, data, size, "fuzz", NULL) != KIN_OK) return 0;
    KIN_CHECK(npy.rank <= KIN_NPY_RANK_MAX);
    for (uint64_t i = 0; i < npy.count * npy.item_bytes; i++)
        sink += npy.data[i];
    return 0;
}
