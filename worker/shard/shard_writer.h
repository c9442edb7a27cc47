/* Writes one shard file from rows that come in order; memory does not grow with keys or
 * thumbnails. */
#ifndef WORKER_SHARD_SHARD_WRITER_H
#define WORKER_SHARD_SHARD_WRITER_H

#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/code.h"

/* The rows of a shard in order of (code, id), and where their keys and thumbnails come from. */
typedef struct kin_shard_rows {
    uint32_t number; /* of the shard within the generation */
    unsigned bits;
    kin_code first, last; /* range of the code space, both ends included */
    uint64_t count;
    const uint64_t *words; /* [count][bits / 64] */
    const uint64_t *ids;   /* [count] */
    void *user;
    /* Borrowed until the next call; called for rows 0..count-1 in order, possibly more than once
     * over. */
    kin_status (*key)(void *user, uint64_t row, const char **key, uint32_t *bytes,
                      kin_error *error);
    kin_status (*thumbnail)(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                            kin_error *error); /* NULL: the shard has no thumbnails */
    void (*tick)(void *user);                  /* called now and then; may be NULL */
} kin_shard_rows;

/* What was written. */
typedef struct kin_shard_written {
    uint64_t bytes;
    kin_digest digest; /* kin_container_digest */
} kin_shard_written;

/* Writes path atomically. KIN_CHECKs the order of rows. */
KIN_MUST_USE kin_status kin_shard_write(const char *path, const kin_shard_rows *rows,
                                        kin_shard_written *written, kin_error *error);

#endif
