/* The sections of a shard file. Specification: proto/SHARD.md. Pure functions of bytes. */
#ifndef PROTO_SHARD_FORMAT_H
#define PROTO_SHARD_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/code/code.h"
#include "common/code/codes_view.h"
#include "proto/container.h"
#include "proto/container_placed.h"

/* What is written: without values version 2, with them version 3. Version 1 is still read. */
#define KIN_SHARD_VERSION 2
#define KIN_SHARD_VERSION_VALUES 3

/* Section names, in the order of the file. */
#define KIN_SHARD_META "meta"        /* kin_shard_meta */
#define KIN_SHARD_IDS "ids"          /* [count] of id_bytes */
#define KIN_SHARD_TABLE "codes-"     /* and a letter from 'a': kin_code_table's groups */
#define KIN_SHARD_STARTS "starts-"   /* and the letter: its starts */
#define KIN_SHARD_KEY_ENDS "keyends" /* u64 [count], or no bytes: no keys */
#define KIN_SHARD_KEYS "keys"
#define KIN_SHARD_VALUES "values"           /* version 3: int8 [count][value_dimensions] */
#define KIN_SHARD_THUMBNAIL_ENDS "thumbend" /* u64 [count], or no bytes: no thumbnails */
#define KIN_SHARD_THUMBNAILS "thumbs"       /* JPEG files, one behind the other */
#define KIN_SHARD_CODES "codes"             /* version 1: u64 [count][bits / 64] */

typedef struct kin_shard_meta {
    uint64_t count;
    uint32_t bits;
    uint32_t number;           /* within the generation */
    kin_code first, last;      /* range of the code space, both ends included */
    uint32_t table_count;      /* 0: version 1 */
    uint32_t id_bytes;         /* 4, 5 or 8 */
    uint32_t start_bytes;      /* 4 or 8 */
    uint32_t value_dimensions; /* of common/code/values.h; 0: no values are stored */
    struct {
        uint32_t rotation, bucket_bits;
    } table[KIN_TABLES_MAX];
} kin_shard_meta;

#define KIN_SHARD_META_BYTES 160 /* of up to KIN_SHARD_META_TABLES tables */
#define KIN_SHARD_META_BYTES_MAX 224
#define KIN_SHARD_META_TABLES 8
#define KIN_SHARD_META_BYTES_1 80 /* of version 1 */

/* How many tables make search fast for so many codes: as many as pay, fewer where search would map
 * more than bytes_max (0: no such limit). */
uint32_t kin_shard_tables_auto(uint64_t count, uint32_t bits, uint64_t bytes_max);

/* Fills in what follows from count and bits: rotations, buckets, widths of numbers. table_count is
 * 1 to KIN_TABLES_MAX; id_max is the largest id there may be. */
void kin_shard_plan(kin_shard_meta *meta, uint32_t table_count, uint64_t id_max);

/* Bytes of a table's groups and of its starts. */
uint64_t kin_shard_groups_bytes(const kin_shard_meta *meta, uint32_t table);
uint64_t kin_shard_starts_bytes(const kin_shard_meta *meta, uint32_t table);

/* Bytes of all tables and ids: what search maps. */
uint64_t kin_shard_search_bytes(const kin_shard_meta *meta);

/* name [KIN_SECTION_NAME_BYTES + 1]: KIN_SHARD_TABLE or KIN_SHARD_STARTS with the table's letter.
 */
const char *kin_shard_table_section(const char *prefix, uint32_t table, char *name);

/* Where its sections are in that list. */
#define KIN_SHARD_AT_META 0
#define KIN_SHARD_AT_IDS 1
#define KIN_SHARD_AT_TABLE(j) (2 + 2 * (j))
#define KIN_SHARD_AT_STARTS(j) (3 + 2 * (j))
#define KIN_SHARD_AT_PIECES(tables) (2 + 2 * (tables)) /* ends of keys, keys */
#define KIN_SHARD_AT_VALUES(tables) (4 + 2 * (tables)) /* where there are some */
#define KIN_SHARD_SECTIONS_MAX (7 + 2 * KIN_TABLES_MAX)

/* Keys or thumbnails of all rows together; there: false means that the shard has none. */
typedef struct kin_shard_pieces {
    bool there;
    uint64_t bytes;
} kin_shard_pieces;

/* The sections of the file of a planned shard, in order: sections [KIN_SHARD_SECTIONS_MAX]; returns
 * how many. */
uint32_t kin_shard_sections(const kin_shard_meta *meta, kin_shard_pieces keys,
                            kin_shard_pieces thumbnails, kin_placed_section *sections);

/* The version of its file. */
uint32_t kin_shard_version(const kin_shard_meta *meta);

/* Bytes of the section `meta`, up to KIN_SHARD_META_BYTES_MAX; bytes receives them. */
uint32_t kin_shard_meta_bytes(const kin_shard_meta *meta);
void kin_shard_meta_build(const kin_shard_meta *meta, uint8_t *bytes);

/* A shard's sections, borrowed from the container's bytes; numbers are in this machine's order. */
typedef struct kin_shard_view {
    kin_container container;
    kin_shard_meta meta;
    kin_codes_view codes;
    const uint64_t *key_ends; /* NULL: no keys */
    const char *keys;
    uint64_t key_bytes;
    const int8_t *values;           /* [count][meta.value_dimensions]; NULL: none */
    const uint64_t *thumbnail_ends; /* NULL: no thumbnails */
    const uint8_t *thumbnails;
    uint64_t thumbnail_bytes;
} kin_shard_view;

/* Where a row's piece lies between ends: [*start, *start + bytes), within `all` bytes whatever the
 * file says. Returns bytes. */
static inline uint32_t kin_shard_piece(const uint64_t *ends, uint64_t row, uint64_t all,
                                       uint64_t *start)
{
    uint64_t end = ends[row] < all ? ends[row] : all;
    *start = row == 0 ? 0 : ends[row - 1];
    if (*start > end) *start = end;
    return (uint32_t)(end - *start);
}

/* How much is checked before a view is given. */
typedef enum kin_shard_check {
    KIN_SHARD_CHECK_LAZY,   /* header, meta and the sizes of sections: no page of rows is read */
    KIN_SHARD_CHECK_BLOCKS, /* and every block but those of thumbnails, ends, starts */
    KIN_SHARD_CHECK_ROWS    /* and the order of rows, and that all tables hold the same codes */
} kin_shard_check;

/* Checks header and tables of a container, the sizes of all sections, and what check says. In any
 * case kin_code_table's functions and kin_shard_piece stay within data. Rows of version 1 are
 * always in order. data is aligned to 8. */
KIN_MUST_USE kin_status kin_shard_view_parse(kin_shard_view *view, const void *data, size_t bytes,
                                             kin_shard_check check, const char *name,
                                             kin_error *error);

#endif
