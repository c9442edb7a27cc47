/* The container that every file of Kindred is: named sections, checksummed blocks.
 * Specification: proto/CONTAINER.md. Reading is a pure function of (pointer, length). */
#ifndef PROTO_CONTAINER_H
#define PROTO_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/status.h"

/* What a file is. The value is its four letters, little-endian. */
typedef enum kin_file_kind {
    KIN_FILE_SHARD = 0x44524853,    /* SHRD: codes, ids, keys, thumbnails of one range */
    KIN_FILE_MANIFEST = 0x494e414d, /* MANI: what a generation is made of */
    KIN_FILE_ENCODER = 0x4f434e45,  /* ENCO: features and hasher */
    KIN_FILE_LEDGER = 0x4744454c,   /* LEDG: rejected inputs and why */
    KIN_FILE_LIST = 0x5453494c,     /* LIST: the frozen list of inputs */
    KIN_FILE_PART = 0x54524150,     /* PART: one chunk of a build */
    KIN_FILE_NETWORK = 0x5754454e,  /* NETW: models of networks and how they are used */
    KIN_FILE_TASK = 0x4b534154      /* TASK: what a task of an import has written */
} kin_file_kind;

#define KIN_CONTAINER_HEADER_BYTES 4096
#define KIN_CONTAINER_BLOCK_BYTES 65536
#define KIN_CONTAINER_SECTIONS_MAX 40
#define KIN_SECTION_NAME_BYTES 8 /* letters, NUL-padded */
#define KIN_SECTION_ALIGNMENT 64

typedef struct kin_section {
    char name[KIN_SECTION_NAME_BYTES + 1];
    uint64_t offset; /* from the start of the file */
    uint64_t bytes;
} kin_section;

/* A parsed header over mapped bytes; borrows them. Plain data. */
typedef struct kin_container {
    const uint8_t *data;
    uint64_t bytes;
    kin_file_kind kind;
    uint32_t version;
    uint32_t section_count;
    kin_section section[KIN_CONTAINER_SECTIONS_MAX];
    uint64_t block_table_offset;
    uint64_t block_count;
} kin_container;

/* Checks header, section table and block table (not the blocks): magic, kind, version <=
 * version_max, sizes, order, reserved zeros, checksums. name is for sentences. KIN_CORRUPT,
 * KIN_MISMATCH. */
KIN_MUST_USE kin_status kin_container_parse(kin_container *container, const void *data,
                                            size_t bytes, kin_file_kind kind, uint32_t version_max,
                                            const char *name, kin_error *error);

/* Tells a file, of which data is the start, from every other: digest of the header, which holds the
 * checksum of the block table, which holds those of the blocks. */
kin_digest kin_container_digest(const void *data);

/* Checks the blocks that hold [offset, offset + bytes). */
KIN_MUST_USE kin_status kin_container_check_range(const kin_container *container, uint64_t offset,
                                                  uint64_t bytes, const char *name,
                                                  kin_error *error);

/* Checks every block. */
KIN_MUST_USE kin_status kin_container_check_all(const kin_container *container, const char *name,
                                                kin_error *error);

/* A section's start; its size in *bytes; NULL where there is none of that name. */
const uint8_t *kin_container_section(const kin_container *container, const char *section_name,
                                     uint64_t *bytes);

/* Writes a container section by section to a file (streaming: nothing is held but the block table).
 * The same calls give the same bytes. */
typedef struct kin_container_writer kin_container_writer;

KIN_MUST_USE kin_status kin_container_writer_open(kin_container_writer **writer, const char *path,
                                                  kin_file_kind kind, uint32_t version,
                                                  kin_error *error);
/* Ends the section before, aligns, and starts one. */
KIN_MUST_USE kin_status kin_container_writer_section(kin_container_writer *writer,
                                                     const char *section_name, kin_error *error);
KIN_MUST_USE kin_status kin_container_writer_append(kin_container_writer *writer, const void *data,
                                                    size_t bytes, kin_error *error);
/* Writes tables and header, publishes atomically (kin_file_writer_publish), destroys the writer. */
KIN_MUST_USE kin_status kin_container_writer_publish(kin_container_writer **writer,
                                                     kin_error *error);
/* Removes what was not published; NULL is fine. */
void kin_container_writer_destroy(kin_container_writer **writer);

/* The same container built in memory: sections are given at once. */
typedef struct kin_section_source {
    const char *name;
    const void *data;
    size_t bytes;
} kin_section_source;

void kin_container_build(kin_buffer *out, kin_file_kind kind, uint32_t version,
                         const kin_section_source *sections, uint32_t section_count);

/* header [KIN_CONTAINER_HEADER_BYTES] of a file whose sections and block table are known. */
void kin_container_header(uint8_t *header, kin_file_kind kind, uint32_t version,
                          const kin_section *sections, uint32_t section_count,
                          uint64_t table_offset, const void *table, size_t table_bytes);

#endif
