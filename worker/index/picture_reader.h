/* The bytes of an input, wherever they are: a file of its own, or a stretch of an archive. */
#ifndef WORKER_INDEX_PICTURE_READER_H
#define WORKER_INDEX_PICTURE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/reason.h"
#include "proto/list_format.h"

/* Zeroed to begin with (kin_picture_reader_fini ends it). One thread. */
typedef struct kin_picture_reader {
    char *archive; /* path of the archive that is open; NULL for none */
    int descriptor;
} kin_picture_reader;

/* What an input turned out to be before it is decoded. */
typedef struct kin_picture_bytes {
    kin_reason reason;  /* NONE: the bytes are there */
    const char *detail; /* static, or strerror's */
    size_t bytes;
} kin_picture_bytes;

/* Reads row's bytes into data [KIN_PICTURE_BYTES_MAX]. Never waits for a FIFO. */
void kin_picture_read(kin_picture_reader *reader, const kin_list_row *row, uint8_t *data,
                      kin_picture_bytes *result);

void kin_picture_reader_fini(kin_picture_reader *reader);

#endif
