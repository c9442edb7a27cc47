/* The manifest: what a generation is made of, and the sums of its build. Specification:
 * proto/MANIFEST.md. Pure functions of bytes. */
#ifndef PROTO_MANIFEST_H
#define PROTO_MANIFEST_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/reason.h"
#include "common/base/status.h"
#include "common/code/code.h"

typedef struct kin_manifest_shard {
    char file[32];        /* "shard-0000.kin", within the generation's folder */
    kin_code first, last; /* range of the code space, both ends included */
    uint64_t count;
    uint64_t bytes;    /* of the file */
    kin_digest digest; /* kin_container_digest of the file */
} kin_manifest_shard;

/* Two bits of the code that say nearly the same: phi is Pearson's correlation of the two. */
typedef struct kin_manifest_correlation {
    uint32_t a, b;
    double phi;
} kin_manifest_correlation;

#define KIN_MANIFEST_CORRELATIONS_MAX 16

typedef struct kin_manifest {
    unsigned bits;
    char features[64];   /* "builtin/1" */
    char hasher[32];     /* "itq" */
    char decoder[128];   /* kin_decoder_name */
    uint32_t dimensions; /* of a feature vector */
    uint64_t seed;
    uint64_t training_pictures;
    kin_digest fingerprint; /* of encoder.kin */
    kin_digest ledger;      /* kin_container_digest of ledger.kin */
    uint32_t thumbnail_side;
    uint32_t value_dimensions; /* of the values that shards keep for re-ranking; 0: none */
    uint64_t inputs;           /* = indexed + sum of rejected */
    uint64_t indexed;          /* = sum of shard counts */
    uint64_t rejected[KIN_REASON_COUNT]; /* [KIN_REASON_NONE] is 0 */
    uint64_t links_not_followed;
    uint64_t picture_bytes; /* of the indexed pictures' files */
    /* Health of the code. */
    uint64_t bit_ones[KIN_CODE_BITS_MAX]; /* pictures whose bit i is 1 */
    uint64_t distinct_codes;
    uint64_t largest_bucket; /* pictures that share the commonest code */
    uint32_t correlation_count;
    kin_manifest_correlation correlation[KIN_MANIFEST_CORRELATIONS_MAX]; /* |phi| descending */
    uint32_t shard_count;
    kin_manifest_shard *shards; /* [shard_count], ascending ranges without gaps; owned */
} kin_manifest;

void kin_manifest_fini(kin_manifest *manifest);

/* The bytes of a manifest file. */
void kin_manifest_build(const kin_manifest *manifest, kin_buffer *out);

/* Reads and checks: sums add up, ranges are in order and cover the code space, names are plain. */
KIN_MUST_USE kin_status kin_manifest_parse(kin_manifest *manifest, const void *data, size_t bytes,
                                           const char *name, kin_error *error);

#endif
