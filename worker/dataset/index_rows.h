/* The rows of an index in the order of their ids: keys, codes and, where they are kept, features.
 */
#ifndef WORKER_DATASET_INDEX_ROWS_H
#define WORKER_DATASET_INDEX_ROWS_H

#include <stdbool.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/code.h"
#include "proto/manifest.h"

/* One generation, mapped. Immutable after opening. */
typedef struct kin_index_rows kin_index_rows;

/* The generation that CURRENT names. Shards are held to the manifest's digests. KIN_BAD_INPUT where
 * features are wanted and not kept, or where no picture is indexed. */
KIN_MUST_USE kin_status kin_index_rows_open(kin_index_rows **rows, const char *index_path,
                                            bool without_features, kin_error *error);
void kin_index_rows_close(kin_index_rows **rows);

uint64_t kin_index_rows_count(const kin_index_rows *rows);
const kin_manifest *kin_index_rows_manifest(const kin_index_rows *rows);
/* The generation's folder. */
const char *kin_index_rows_folder(const kin_index_rows *rows);
bool kin_index_rows_have_features(const kin_index_rows *rows);
/* Of the manifest, which names all else. */
kin_digest kin_index_rows_digest(const kin_index_rows *rows);

const char *kin_index_rows_key(const kin_index_rows *rows, uint64_t row, uint32_t *bytes);
void kin_index_rows_code(const kin_index_rows *rows, uint64_t row, kin_code *code);
/* What is kept for re-ranking (common/code/values.h): [manifest's value_dimensions]; NULL: none. */
const int8_t *kin_index_rows_values(const kin_index_rows *rows, uint64_t row);
/* The JPEG bytes of a row's thumbnail, blocks checked now; *bytes is 0 where none is stored. */
KIN_MUST_USE kin_status kin_index_rows_thumbnail(const kin_index_rows *rows, uint64_t row,
                                                 const uint8_t **data, uint32_t *bytes,
                                                 kin_error *error);
/* vector [dimensions]; false where a number is not finite. */
bool kin_index_rows_vector(const kin_index_rows *rows, uint64_t row, float *vector);

#endif
