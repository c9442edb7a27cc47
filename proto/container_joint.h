/* Writes a container whose sections' sizes are known before it starts, by several processes at
 * once: each writes spans of the file at their places and keeps the checksums of the blocks that
 * are all its own; one of them joins these and reads back the blocks that nobody wrote alone. */
#ifndef PROTO_CONTAINER_JOINT_H
#define PROTO_CONTAINER_JOINT_H

#include "proto/container.h"
#include "proto/container_placed.h"

/* Of a span of four windows or more, what is on the disk does not stay in memory: its pages are
 * taken for what is written next, instead of new ones, and of those of the file that is read. Fresh
 * pages cost a virtual machine ten times the copying. A shorter span stays, for who reads it next.
 */
#define KIN_CONTAINER_WINDOW_BYTES ((uint64_t)32 << 20)

/* Where everything is. Plain data. */
typedef struct kin_container_joint {
    kin_file_kind kind;
    uint32_t version;
    uint32_t section_count;
    kin_section section[KIN_CONTAINER_SECTIONS_MAX];
    uint64_t block_table_offset;
    uint64_t block_count;
    uint64_t bytes;        /* of the file */
    uint64_t window_bytes; /* what a long span sends to the disk at a time */
} kin_container_joint;

/* sections [section_count <= KIN_CONTAINER_SECTIONS_MAX], in the order of the file. */
void kin_container_joint_plan(kin_container_joint *joint, kin_file_kind kind, uint32_t version,
                              const kin_placed_section *sections, uint32_t section_count);

/* Makes the file, or keeps one of the right size, with what was written; takes its space where the
 * file system can, so that a full disk is seen here. */
KIN_MUST_USE kin_status kin_container_joint_create(const kin_container_joint *joint,
                                                   const char *path, kin_error *error);

/* Blocks in a row, and their checksums, as a span found them. */
typedef struct kin_block_run {
    uint64_t first, count;
    uint64_t *checksums; /* [count]; owned */
} kin_block_run;

void kin_block_run_fini(kin_block_run *run);

/* Bytes [start, end) of the file, from start to end. Holds 1 MB. */
typedef struct kin_container_span kin_container_span;

/* descriptor and path, for sentences, are borrowed. window_bytes: as a joint has it. */
kin_container_span *kin_container_span_new(int descriptor, const char *path, uint64_t start,
                                           uint64_t end, uint64_t window_bytes);
KIN_MUST_USE kin_status kin_container_span_append(kin_container_span *span, const void *data,
                                                  size_t bytes, kin_error *error);
/* All bytes are there: writes what is held, gives the run, destroys the span. */
KIN_MUST_USE kin_status kin_container_span_finish(kin_container_span **span, kin_block_run *run,
                                                  kin_error *error);
void kin_container_span_destroy(kin_container_span **span);

/* A few bytes at their place, in a block that is read back. */
KIN_MUST_USE kin_status kin_container_joint_write(int descriptor, const char *path, uint64_t offset,
                                                  const void *data, size_t bytes, kin_error *error);

/* Everything is written: checksums [block_count] of blocks that are known [block_count]; reads the
 * others, writes tables and header, and syncs. The bytes are those that a kin_container_writer
 * gives. tick may be NULL. */
KIN_MUST_USE kin_status kin_container_joint_finish(const kin_container_joint *joint,
                                                   const char *path, uint64_t *checksums,
                                                   const uint8_t *known, void (*tick)(void *user),
                                                   void *user, kin_error *error);

#endif
