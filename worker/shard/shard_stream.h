/* Writes a shard of any size from streams: every table's codes, the ids, keys and thumbnails come
 * in order, side by side, and nothing is held. */
#ifndef WORKER_SHARD_SHARD_STREAM_H
#define WORKER_SHARD_SHARD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/code.h"
#include "proto/shard_format.h"

/* What is known before the first row. */
typedef struct kin_shard_facts {
    uint32_t number; /* of the shard within the generation */
    unsigned bits;
    kin_code first, last; /* range of the code space, both ends included */
    uint64_t count;
    uint64_t id_max; /* no id is larger; decides their width */
    uint32_t tables; /* 1 to KIN_TABLES_MAX; see kin_shard_tables_auto */
    kin_shard_pieces keys, thumbnails;
    uint32_t value_dimensions; /* of each row's values; 0: there are none */
} kin_shard_facts;

/* What was written. */
typedef struct kin_shard_written {
    uint64_t bytes;
    kin_digest digest; /* kin_container_digest */
} kin_shard_written;

/* Size and digest of the file at path, held to the reader's rules. */
KIN_MUST_USE kin_status kin_shard_written_read(kin_shard_written *written, const char *path,
                                               kin_error *error);

/* Holds 64 KiB a section and 8 bytes for each 64 KiB of the file. One feed (a table's codes, the
 * ids, keys, values, thumbnails) is used by one thread; different feeds may be used at once. */
typedef struct kin_shard_stream kin_shard_stream;

/* Takes the space of the whole file, path.tmp until it is finished. */
KIN_MUST_USE kin_status kin_shard_stream_open(kin_shard_stream **stream, const char *path,
                                              const kin_shard_facts *facts, kin_error *error);

/* The plan: table[j].rotation says by how many bits to the left codes of table j are rotated. */
const kin_shard_meta *kin_shard_stream_meta(const kin_shard_stream *stream);

/* The next codes [count][bits / 64] of a table, already rotated (kin_code_rotate), which ascend
 * over all calls: KIN_CHECKed. Table 0's are the rows'. */
KIN_MUST_USE kin_status kin_shard_stream_codes(kin_shard_stream *stream, uint32_t table,
                                               const uint64_t *codes, uint64_t count,
                                               kin_error *error);
/* The ids of the next rows. */
KIN_MUST_USE kin_status kin_shard_stream_ids(kin_shard_stream *stream, const uint64_t *ids,
                                             uint64_t count, kin_error *error);
/* The key of the next row. */
KIN_MUST_USE kin_status kin_shard_stream_key(kin_shard_stream *stream, const char *key,
                                             uint32_t bytes, kin_error *error);
/* The thumbnail of the next row; 0 bytes: it has none. */
KIN_MUST_USE kin_status kin_shard_stream_thumbnail(kin_shard_stream *stream, const uint8_t *data,
                                                   uint32_t bytes, kin_error *error);

/* The values of the next row, [value_dimensions]. */
KIN_MUST_USE kin_status kin_shard_stream_values(kin_shard_stream *stream, const int8_t *values,
                                                kin_error *error);

/* All of it came: publishes the file atomically and destroys the stream. */
KIN_MUST_USE kin_status kin_shard_stream_finish(kin_shard_stream **stream,
                                                kin_shard_written *written, kin_error *error);
/* Removes what was not finished; NULL is fine. */
void kin_shard_stream_destroy(kin_shard_stream **stream);

#endif
