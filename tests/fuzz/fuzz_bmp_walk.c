/* The headers of a BMP; what passes has all its rows. */
#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/decode/bmp_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t width, height;
    bool has_alpha;
    kin_verdict verdict = {0};
    kin_reason reason = kin_bmp_walk(data, size, &width, &height, &has_alpha, &verdict);
    KIN_CHECK(reason == verdict.reason);
    KIN_CHECK((reason == KIN_REASON_NONE) == (verdict.detail[0] == 0));
    if (reason != KIN_REASON_NONE) return 0;
    KIN_CHECK((uint64_t)width * height - 1 < KIN_PICTURE_PIXELS_MAX);
    KIN_CHECK((uint64_t)width * height <= 8 * (uint64_t)size); /* a bit a pixel at least */
    return 0;
}
