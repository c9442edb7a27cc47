/* Writes one shard file from rows in memory; memory does not grow with keys or thumbnails. */
#ifndef WORKER_SHARD_SHARD_WRITER_H
#define WORKER_SHARD_SHARD_WRITER_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/code/code.h"
#include "worker/shard/shard_stream.h"

/* The rows of a shard in order of (code, id), and where their keys and thumbnails come from. */
typedef struct kin_shard_rows {
    uint32_t number; /* of the shard within the generation */
    unsigned bits;
    kin_code first, last; /* range of the code space, both ends included */
    uint64_t count;
    const uint64_t *words; /* [count][bits / 64] */
    const uint64_t *ids;   /* [count] */
    uint64_t id_max;       /* of the index; 0: the largest of ids */
    uint32_t tables;       /* 0: as many as pay for so many codes */
    void *user;
    /* Borrowed until the next call; called for rows 0..count-1 in order, possibly more than once
     * over. */
    kin_status (*key)(void *user, uint64_t row, const char **key, uint32_t *bytes,
                      kin_error *error); /* NULL: the shard has no keys */
    kin_status (*thumbnail)(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                            kin_error *error); /* NULL: the shard has no thumbnails */
    uint32_t value_dimensions;                 /* 0: the shard has no values */
    kin_status (*values)(void *user, uint64_t row, const int8_t **values, kin_error *error);
    void (*tick)(void *user); /* called now and then; may be NULL */
} kin_shard_rows;

/* Writes path atomically. KIN_CHECKs the order of rows. From the second table on, it holds all
 * codes twice again while it sorts them. */
KIN_MUST_USE kin_status kin_shard_write(const char *path, const kin_shard_rows *rows,
                                        kin_shard_written *written, kin_error *error);

#endif
