#include "common/base/checksum.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t kin_checksum(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

kin_digest kin_digest_of(const void *data, size_t bytes)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, bytes));
    kin_digest digest;
    memcpy(digest.byte, canonical.digest, sizeof digest.byte);
    return digest;
}

int kin_digest_equal(const kin_digest *a, const kin_digest *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}

void kin_digest_text(const kin_digest *digest, char text[33])
{
    for (size_t i = 0; i < sizeof digest->byte; i++)
        snprintf(text + 2 * i, 3, "%02x", digest->byte[i]);
}
