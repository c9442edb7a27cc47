/* Checksums of blocks and digests of contents: XXH3 (Yann Collet, xxHash specification 0.8).
 * The only home of xxhash.h. Guards against damage, not against forgery. */
#ifndef COMMON_BASE_CHECKSUM_H
#define COMMON_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* XXH3, 64 bits, seed 0. */
uint64_t kin_checksum(const void *data, size_t bytes);

/* A fingerprint: XXH3, 128 bits, in canonical (big-endian) byte order. */
typedef struct kin_digest {
    uint8_t byte[16];
} kin_digest;

kin_digest kin_digest_of(const void *data, size_t bytes);

int kin_digest_equal(const kin_digest *a, const kin_digest *b);

/* text [33]: 32 hexadecimal digits and a NUL. */
void kin_digest_text(const kin_digest *digest, char text[33]);

#endif
