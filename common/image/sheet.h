/* A sheet of pictures: each row a question and the pictures that answer it. The model is drawn as
 * pixels here and as HTML by coordinator/client/html_sheet.c. */
#ifndef COMMON_IMAGE_SHEET_H
#define COMMON_IMAGE_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/image/image.h"

/* A picture of a row. The last part of its key is its caption, shortened in the middle. */
typedef struct kin_sheet_tile {
    char *key;       /* owned, ends with NUL */
    kin_image image; /* owned; zeroed where there is none */
    kin_buffer jpeg; /* owned; the same picture for HTML */
    uint64_t id;
    uint32_t distance; /* bits */
    char *score;       /* owned; what a hit was re-ranked by, shown beside its distance; or NULL */
    const char *no_image; /* static; shown instead of a picture */
} kin_sheet_tile;

/* A question and its hits, [hit_count] in order. */
typedef struct kin_sheet_row {
    kin_sheet_tile question; /* its id and distance say nothing */
    kin_sheet_tile *hits;    /* owned */
    uint32_t hit_count;
    char *code; /* of the question, hexadecimal; owned, may be NULL */
    char *note; /* one line above the row; owned, may be NULL */
} kin_sheet_row;

/* Zeroed is empty. */
typedef struct kin_sheet {
    char *title;        /* owned */
    char *subtitle;     /* owned */
    uint32_t tile_side; /* of the square that holds a picture; larger pictures are reduced */
    uint32_t columns;   /* hits side by side before a row wraps */
    kin_sheet_row *rows;
    uint32_t row_count;
} kin_sheet;

void kin_sheet_fini(kin_sheet *sheet);

/* Appends a zeroed row with room for hit_count hits, and returns it; valid until the next. */
kin_sheet_row *kin_sheet_add_row(kin_sheet *sheet, uint32_t hit_count);

/* The part of a key behind its last slash (all of it where that would be empty). */
const char *kin_sheet_caption(const char *key);

/* Draws the sheet into *image, which is new. KIN_LIMIT above KIN_SHEET_PIXELS_MAX. */
KIN_MUST_USE kin_status kin_sheet_draw(const kin_sheet *sheet, kin_image *image, kin_error *error);

#endif
