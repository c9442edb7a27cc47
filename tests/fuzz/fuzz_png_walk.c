/* The chunk walk of PNG, of the bytes as they are and with every CRC made right, so that mutations
 * reach what lies behind that check. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/decode/png_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *data, size_t size)
{
    kin_png_facts facts;
    kin_verdict verdict = {0};
    kin_reason reason = kin_png_walk(data, size, &facts, &verdict);
    KIN_CHECK(reason == verdict.reason);
    KIN_CHECK((reason == KIN_REASON_NONE) == (verdict.detail[0] == 0));
    KIN_CHECK(facts.orientation >= 1 && facts.orientation <= 8);
    if (reason == KIN_REASON_NONE)
        KIN_CHECK((uint64_t)facts.width * facts.height - 1 < KIN_PICTURE_PIXELS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk(data, size);
    uint8_t *copy = malloc(size + !size);
    KIN_CHECK(copy != NULL);
    if (size > 0) memcpy(copy, data, size);
    for (size_t at = 8; at + 12 <= size;) {
        size_t bytes = kin_load_be32(copy + at);
        if (bytes > size - at - 12) break;
        kin_store_be32(copy + at + 8 + bytes, (uint32_t)crc32(0, copy + at + 4, (uInt)bytes + 4));
        at += 12 + bytes;
    }
    walk(copy, size);
    free(copy);
    return 0;
}
