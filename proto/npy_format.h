/* NumPy's .npy files (format versions 1 to 3: numpy.lib.format): arrays that other programs give us
 * and take from us. Pure functions of (pointer, length). */
#ifndef PROTO_NPY_FORMAT_H
#define PROTO_NPY_FORMAT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

#define KIN_NPY_RANK_MAX 8

/* A parsed file; data is borrowed from the bytes that were parsed, at any alignment. */
typedef struct kin_npy {
    char kind;           /* 'f' float, 'i' integer, 'u' unsigned, 'b' boolean */
    uint32_t item_bytes; /* 1, 2, 4, 8 */
    uint32_t rank;
    uint64_t dims[KIN_NPY_RANK_MAX]; /* [rank] */
    uint64_t count;                  /* elements: the product of dims */
    const uint8_t *data; /* [count] little-endian elements, the last dimension fastest */
} kin_npy;

/* KIN_BAD_INPUT with what is wrong: no .npy, Fortran order, big-endian, another type, a file that
 * is shorter or longer than its shape says. name is for sentences. */
KIN_MUST_USE kin_status kin_npy_parse(kin_npy *npy, const void *data, size_t bytes,
                                      const char *name, kin_error *error);

/* Appends the header of a file of that type ("<f4", "|u1", "<i8") and shape; a multiple of 64
 * bytes, as long for any first dimension. The elements follow. */
void kin_npy_build_header(kin_buffer *out, const char *type, const uint64_t *dims, uint32_t rank);

#endif
