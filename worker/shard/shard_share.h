/* A shard file that several processes write at once: each writes shares, which are ranges of rows
 * of one table, into the same file; one process completes it. What is written does not depend on
 * how the rows were shared. */
#ifndef WORKER_SHARD_SHARD_SHARE_H
#define WORKER_SHARD_SHARD_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "proto/container_joint.h"
#include "worker/shard/shard_stream.h"

/* Where everything of a shard is. Plain data: every process makes it of the same facts. */
typedef struct kin_shard_outline {
    kin_shard_facts facts;
    kin_shard_meta meta;
    kin_container_joint file;
} kin_shard_outline;

/* Also of a shard with values or thumbnails, which shares do not write: its sizes are right. */
void kin_shard_outline_make(kin_shard_outline *outline, const kin_shard_facts *facts);

/* Rows [first_row, first_row + rows) of a table, whose rotated codes are from `start` on. */
typedef struct kin_shard_range {
    uint32_t table;
    uint64_t first_row, rows;
    kin_code start, end;                /* end: the first code behind; not used where `last` */
    bool first, last;                   /* of the table */
    uint64_t first_key_byte, key_bytes; /* of table 0 */
} kin_shard_range;

typedef struct kin_shard_share kin_shard_share;

/* Opens the file that kin_container_joint_create made; path and outline are borrowed. */
KIN_MUST_USE kin_status kin_shard_share_open(kin_shard_share **share, const char *path,
                                             const kin_shard_outline *outline,
                                             const kin_shard_range *range, kin_error *error);
/* The next codes, rotated, which never fall: KIN_CHECKed. codes [count][stride >= bits / 64]: words
 * behind a code's are others'. */
KIN_MUST_USE kin_status kin_shard_share_codes(kin_shard_share *share, const uint64_t *codes,
                                              unsigned stride, uint64_t count, kin_error *error);
/* Of table 0: the ids of the next rows, the first of each ids [count][stride], and the keys, row by
 * row, where the shard has some. */
KIN_MUST_USE kin_status kin_shard_share_ids(kin_shard_share *share, const uint64_t *ids,
                                            unsigned stride, uint64_t count, kin_error *error);
KIN_MUST_USE kin_status kin_shard_share_key(kin_shard_share *share, const void *key, uint32_t bytes,
                                            kin_error *error);
#define KIN_SHARD_SHARE_RUNS 5
/* All of it came: writes what is held, gives the runs of blocks (of no blocks where they are not
 * used), destroys the share. */
KIN_MUST_USE kin_status kin_shard_share_finish(kin_shard_share **share,
                                               kin_block_run runs[KIN_SHARD_SHARE_RUNS],
                                               kin_error *error);
void kin_shard_share_destroy(kin_shard_share **share);

/* All shares are written. Writes what is left, and syncs; see kin_container_joint_finish. */
KIN_MUST_USE kin_status kin_shard_outline_complete(const kin_shard_outline *outline,
                                                   const char *path, uint64_t *checksums,
                                                   const uint8_t *known, void (*tick)(void *user),
                                                   void *user, kin_shard_written *written,
                                                   kin_error *error);

#endif
