/* The sections of a shard file. Specification: proto/SHARD.md. Pure functions of bytes. */
#ifndef PROTO_SHARD_FORMAT_H
#define PROTO_SHARD_FORMAT_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/code/code.h"
#include "proto/container.h"

#define KIN_SHARD_VERSION 1

/* Section names, in the order of the file. */
#define KIN_SHARD_META "meta"        /* kin_shard_meta */
#define KIN_SHARD_CODES "codes"      /* u64 [count][bits / 64] */
#define KIN_SHARD_IDS "ids"          /* u64 [count] */
#define KIN_SHARD_KEY_ENDS "keyends" /* u64 [count]: where each row's key ends in "keys" */
#define KIN_SHARD_KEYS "keys"
#define KIN_SHARD_THUMBNAIL_ENDS "thumbend" /* u64 [count], or no bytes: no thumbnails */
#define KIN_SHARD_THUMBNAILS "thumbs"       /* JPEG files, one behind the other */

typedef struct kin_shard_meta {
    uint64_t count;
    uint32_t bits;
    uint32_t number;      /* within the generation */
    kin_code first, last; /* range of the code space, both ends included */
} kin_shard_meta;

#define KIN_SHARD_META_BYTES 80

/* bytes [KIN_SHARD_META_BYTES] of the section. */
void kin_shard_meta_build(const kin_shard_meta *meta, uint8_t *bytes);

/* A shard's sections, borrowed from the container's bytes; numbers are in this machine's order. */
typedef struct kin_shard_view {
    kin_container container;
    kin_shard_meta meta;
    const uint64_t *words;
    const uint64_t *ids;
    const uint64_t *key_ends;
    const char *keys;
    const uint64_t *thumbnail_ends; /* NULL: no thumbnails */
    const uint8_t *thumbnails;
} kin_shard_view;

/* Checks header and tables, every block except those of thumbnails, the sizes of all sections, that
 * ends never fall, that rows ascend by (code, id) within the range. data is aligned to 8. */
KIN_MUST_USE kin_status kin_shard_view_parse(kin_shard_view *view, const void *data, size_t bytes,
                                             const char *name, kin_error *error);

#endif
