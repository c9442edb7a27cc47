/* Codes that were made elsewhere: a .npy of uint8 [n][bits / 8], the same bytes without a header,
 * or a synthetic set. */
#ifndef WORKER_INDEX_CODE_SOURCE_H
#define WORKER_INDEX_CODE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/code/synthetic.h"

/* Zeroed is closed. Plain data; read by one thread. */
typedef struct kin_code_source {
    const char *name; /* as it was given; borrowed */
    const char *path; /* of the file; NULL: synthetic */
    unsigned bits;
    uint64_t count;
    uint64_t offset;     /* of the first code in the file */
    uint64_t file_bytes; /* and when it was changed: another file is not gone on with */
    int64_t changed_ns;
    int descriptor;           /* -1 without a file */
    kin_synthetic *synthetic; /* NULL: a file */
    char kind;                /* of a synthetic set */
} kin_code_source;

/* name: FILE.npy, raw:BITS:FILE or synthetic:KIND:BITS:COUNT; borrowed. KIN_BAD_INPUT and KIN_LIMIT
 * say what is wrong with name or file; no codes at all are KIN_BAD_INPUT, too. */
KIN_MUST_USE kin_status kin_code_source_open(kin_code_source *source, const char *name,
                                             kin_error *error);
/* The codes of a synthetic set, which were written to a file as raw ones. path is borrowed. */
KIN_MUST_USE kin_status kin_code_source_open_made(kin_code_source *source,
                                                  const kin_code_source *set, const char *path,
                                                  kin_error *error);
void kin_code_source_close(kin_code_source *source);

/* words [count][bits / 64] of rows first and on. KIN_IO, too, where the file has become shorter. */
KIN_MUST_USE kin_status kin_code_source_read(const kin_code_source *source, uint64_t first,
                                             uint64_t count, uint64_t *words, kin_error *error);

/* These rows will be read soon: a file that is not in memory is on its way. */
void kin_code_source_expect(const kin_code_source *source, uint64_t first, uint64_t count);

/* Codes to the bytes of a file and back, in place: words [count]. */
void kin_code_source_swap(uint64_t *words, uint64_t count);

#endif
