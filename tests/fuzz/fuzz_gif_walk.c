/* The blocks of a GIF up to its first picture. */
#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/decode/gif_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t width, height;
    kin_verdict verdict = {0};
    kin_reason reason = kin_gif_walk(data, size, &width, &height, &verdict);
    KIN_CHECK(reason == verdict.reason);
    KIN_CHECK((reason == KIN_REASON_NONE) == (verdict.detail[0] == 0));
    if (reason == KIN_REASON_NONE) KIN_CHECK((uint64_t)width * height - 1 < KIN_PICTURE_PIXELS_MAX);
    return 0;
}
