/* The frozen list of a build's inputs, sorted by key; the position is the id. Specification:
 * proto/LIST.md. */
#ifndef PROTO_LIST_FORMAT_H
#define PROTO_LIST_FORMAT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/reason.h"
#include "common/base/status.h"
#include "proto/container.h"

/* Of an input that is a file of its own, not a member of an archive. */
#define KIN_LIST_NO_MEMBER UINT64_MAX

typedef struct kin_list_row {
    const char *key; /* borrowed, not NUL-terminated */
    uint32_t key_bytes;
    const char *path; /* the file to open, NUL-terminated when got from a list; the key where
                       * path_bytes is 0 (it is then NUL-terminated too) */
    uint32_t path_bytes;
    uint64_t member;   /* ordinal of the archive's member, or KIN_LIST_NO_MEMBER */
    uint64_t offset;   /* of the member's data in an archive that is not compressed, else
                        * KIN_LIST_NO_MEMBER */
    uint64_t bytes;    /* size when listed */
    kin_reason reason; /* NONE, or why it is rejected already */
} kin_list_row;

/* Rows gathered in order, then built into a file's bytes. Zeroed is empty. */
typedef struct kin_list_builder {
    kin_buffer rows; /* fixed-size */
    kin_buffer text; /* keys and paths, each with a NUL behind it */
    uint64_t count;
} kin_list_builder;

/* key: strictly after the one before (memcmp, then length). */
void kin_list_builder_add(kin_list_builder *builder, const kin_list_row *row);

/* options: a digest of all that must be equal for a build to go on. */
void kin_list_builder_finish(kin_list_builder *builder, const kin_digest *options,
                             uint64_t links_not_followed, kin_buffer *out);
/* The bytes of a file of so many inputs whose keys and paths, each with its NUL, are text_bytes. */
uint64_t kin_list_file_bytes(uint64_t count, uint64_t text_bytes);
void kin_list_builder_fini(kin_list_builder *builder);

/* A parsed list; borrows data. */
typedef struct kin_list {
    kin_container container;
    const uint8_t *rows, *text;
    uint64_t text_bytes;
    uint64_t count;
    kin_digest options;
    uint64_t links_not_followed;
} kin_list;

KIN_MUST_USE kin_status kin_list_parse(kin_list *list, const void *data, size_t bytes,
                                       const char *name, kin_error *error);
kin_list_row kin_list_get(const kin_list *list, uint64_t id);

/* The order of keys: bytes, then length. <0, 0, >0. */
int kin_key_compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes);

#endif
