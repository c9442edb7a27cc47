/* A part: what became of one chunk of inputs, the checkpoint of a build. Specification:
 * proto/PART.md. Pure functions of bytes. */
#ifndef PROTO_PART_FORMAT_H
#define PROTO_PART_FORMAT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/limits.h"
#include "common/base/reason.h"
#include "common/base/status.h"
#include "common/code/code.h"
#include "proto/container.h"

/* What a part says of its pictures: their codes; where the hasher is yet to be learned from them,
 * their feature vectors; or, for an index that re-ranks, their values (common/code/values.h), which
 * say their codes, too. */
typedef enum kin_part_kind {
    KIN_PART_CODES = 0,
    KIN_PART_VECTORS = 1,
    KIN_PART_VALUES = 2
} kin_part_kind;

/* What all rows of a part share. */
typedef struct kin_part_head {
    kin_digest job; /* of the list that the chunk is of: parts of other jobs are not used */
    uint64_t first_id;
    uint32_t count; /* of inputs, up to KIN_CHUNK_PICTURES_MAX */
    kin_part_kind kind;
    uint32_t width; /* bits of a code, or dimensions of a vector or of values */
} kin_part_head;

/* One input: indexed (reason none) with a code or vector, or rejected with a detail. */
typedef struct kin_part_row {
    kin_reason reason;
    const char *detail; /* borrowed, not NUL-terminated */
    uint32_t detail_bytes;
    uint64_t file_bytes;
    const uint8_t *thumbnail; /* borrowed; JPEG */
    uint32_t thumbnail_bytes; /* 0 for none */
    uint32_t value;           /* of an indexed input: which of the part's codes or vectors */
} kin_part_row;

/* A part under construction. Zeroed is empty. */
typedef struct kin_part_builder {
    kin_buffer rows, text, thumbnails;
    uint32_t count, indexed;
} kin_part_builder;

/* Adds the next input; row->value is not looked at: indexed inputs are numbered as they come. */
void kin_part_builder_add(kin_part_builder *builder, const kin_part_row *row);

/* The part's bytes, appended to out; empties the builder and keeps its memory. values: [indexed]
 * [width / 64] code words, or [indexed][width] floats or int8_t. */
void kin_part_builder_finish(kin_part_builder *builder, const kin_part_head *head,
                             const void *values, kin_buffer *out);
/* The bytes of a part of `head`, of which so many pictures are indexed, with so many bytes of
 * thumbnails, and no details. */
uint64_t kin_part_file_bytes(const kin_part_head *head, uint64_t indexed, uint64_t thumbnail_bytes);
void kin_part_builder_fini(kin_part_builder *builder);

/* A parsed part; borrows data. */
typedef struct kin_part {
    kin_container container;
    kin_part_head head;
    const uint8_t *rows, *text, *values, *thumbnails;
    uint64_t text_bytes, thumbnail_bytes;
    uint32_t indexed;
} kin_part;

/* Checks everything but the blocks of the thumbnails. KIN_CORRUPT, KIN_MISMATCH. */
KIN_MUST_USE kin_status kin_part_parse(kin_part *part, const void *data, size_t bytes,
                                       const char *name, kin_error *error);

/* index < head.count. The thumbnail's blocks are the caller's to check (kin_part_check_thumbnail).
 */
kin_part_row kin_part_get(const kin_part *part, uint32_t index);
KIN_MUST_USE kin_status kin_part_check_thumbnail(const kin_part *part, const kin_part_row *row,
                                                 const char *name, kin_error *error);

/* value < indexed: a code of a part of codes or values; a vector [width] of a part of vectors;
 * values [width] of a part of values, borrowed. */
void kin_part_code(const kin_part *part, uint32_t value, kin_code *code);
void kin_part_vector(const kin_part *part, uint32_t value, float *vector);
const int8_t *kin_part_values(const kin_part *part, uint32_t value);

#endif
