/* The segment walk of JPEG; what passes has sides, components and an orientation within limits. */
#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/decode/jpeg_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_jpeg_facts facts;
    kin_verdict verdict = {0};
    kin_reason reason = kin_jpeg_walk(data, size, KIN_JPEG_PIXELS_MAX, &facts, &verdict);
    KIN_CHECK(reason == verdict.reason);
    KIN_CHECK((reason == KIN_REASON_NONE) == (verdict.detail[0] == 0));
    KIN_CHECK(facts.orientation >= 1 && facts.orientation <= 8);
    if (reason != KIN_REASON_NONE) return 0;
    KIN_CHECK((uint64_t)facts.width * facts.height - 1 < KIN_JPEG_PIXELS_MAX);
    KIN_CHECK(facts.components == 1 || facts.components == 3 || facts.components == 4);
    return 0;
}
