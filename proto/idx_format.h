/* IDX files, as LeCun's MNIST and its successors are kept: arrays of bytes, big-endian sizes before
 * them. Pure functions of (pointer, length). */
#ifndef PROTO_IDX_FORMAT_H
#define PROTO_IDX_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Pictures in colour have four dimensions. */
#define KIN_IDX_RANK_MAX 4
#define KIN_IDX_HEADER_BYTES_MAX (4 + 4 * KIN_IDX_RANK_MAX)

/*  OFFSET  SIZE      DESCRIPTION
 *  0       2         zero
 *  2       1         type of the elements: 8, unsigned bytes; no other is read
 *  3       1         rank: 1 to KIN_IDX_RANK_MAX
 *  4       4 x rank  dimensions, big-endian
 *  then    product   elements, the last dimension fastest */
typedef struct kin_idx {
    uint32_t rank;
    uint32_t dims[KIN_IDX_RANK_MAX]; /* [rank] */
    uint64_t row_bytes;              /* of one of the dims[0] rows */
    uint64_t data_bytes;             /* = dims[0] * row_bytes */
    uint32_t header_bytes;           /* where the elements start */
} kin_idx;

/* Reads the header at the start of data; what is behind it may be missing. KIN_BAD_INPUT for what
 * is no IDX file of bytes, KIN_LIMIT above KIN_IDX_BYTES_MAX. name is for sentences. */
KIN_MUST_USE kin_status kin_idx_parse(kin_idx *idx, const void *data, size_t bytes,
                                      const char *name, kin_error *error);

#endif
