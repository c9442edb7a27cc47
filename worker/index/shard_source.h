/* Where the keys, thumbnails and vectors of a shard's rows come from: the list, and the parts, of
 * which a bounded number is mapped at a time. */
#ifndef WORKER_INDEX_SHARD_SOURCE_H
#define WORKER_INDEX_SHARD_SOURCE_H

#include <stdint.h>

#include "worker/index/build_state.h"

typedef struct kin_shard_source kin_shard_source;

/* ids: of the shard's rows; borrowed. */
kin_shard_source *kin_shard_source_new(kin_build_state *build, const uint64_t *ids);
void kin_shard_source_destroy(kin_shard_source **source);

/* As kin_shard_rows wants them; user is the source. */
kin_status kin_shard_source_key(void *user, uint64_t row, const char **key, uint32_t *bytes,
                                kin_error *error);
kin_status kin_shard_source_thumbnail(void *user, uint64_t row, const uint8_t **data,
                                      uint32_t *bytes, kin_error *error);
/* Of a build that re-ranks: stored by the part, or made of its vector. */
kin_status kin_shard_source_values(void *user, uint64_t row, const int8_t **values,
                                   kin_error *error);
void kin_shard_source_tick(void *user);

/* The vector of a row, as it lies in its part: little-endian floats; borrowed until the next call.
 * All parts must hold vectors (kin_build_keeps_vectors). */
KIN_MUST_USE kin_status kin_shard_source_vector(kin_shard_source *source, uint64_t row,
                                                const uint8_t **vector, kin_error *error);

#endif
