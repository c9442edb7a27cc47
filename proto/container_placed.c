#include "proto/container_placed.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* A section and where it has come to. */
typedef struct place {
    uint64_t start, end; /* in the file */
    uint64_t at;         /* of the next byte */
    uint64_t held_from;  /* the block's bytes [held_from, at) are in `held` */
    uint8_t *held;       /* [KIN_CONTAINER_BLOCK_BYTES] */
} place;

struct kin_container_placed {
    kin_file_writer file;
    kin_file_kind kind;
    uint32_t version;
    uint32_t section_count;
    kin_section section[KIN_CONTAINER_SECTIONS_MAX];
    place place[KIN_CONTAINER_SECTIONS_MAX];
    uint64_t table_offset;
    uint64_t block_count;
    uint64_t *table; /* [block_count] */
};

static uint64_t align_up(uint64_t offset)
{
    return (offset + KIN_SECTION_ALIGNMENT - 1) / KIN_SECTION_ALIGNMENT * KIN_SECTION_ALIGNMENT;
}

static uint64_t block_start(uint64_t offset)
{
    return offset - (offset - KIN_CONTAINER_HEADER_BYTES) % KIN_CONTAINER_BLOCK_BYTES;
}

static void place_sections(kin_container_placed *placed, const kin_placed_section *sections)
{
    uint64_t offset = KIN_CONTAINER_HEADER_BYTES;
    for (uint32_t i = 0; i < placed->section_count; i++) {
        place *one = &placed->place[i];
        offset = align_up(offset);
        memcpy(placed->section[i].name, sections[i].name, sizeof sections[i].name);
        placed->section[i].offset = offset;
        placed->section[i].bytes = sections[i].bytes;
        *one = (place){offset, offset + sections[i].bytes, offset, offset, NULL};
        one->held = kin_malloc(KIN_CONTAINER_BLOCK_BYTES);
        offset = one->end;
    }
    placed->table_offset = align_up(offset);
    uint64_t bytes = placed->table_offset - KIN_CONTAINER_HEADER_BYTES;
    placed->block_count =
        bytes / KIN_CONTAINER_BLOCK_BYTES + (bytes % KIN_CONTAINER_BLOCK_BYTES > 0);
    placed->table = kin_calloc(placed->block_count, sizeof *placed->table);
}

kin_status kin_container_placed_open(kin_container_placed **placed, const char *path,
                                     kin_file_kind kind, uint32_t version,
                                     const kin_placed_section *sections, uint32_t section_count,
                                     kin_error *error)
{
    KIN_CHECK(section_count <= KIN_CONTAINER_SECTIONS_MAX);
    kin_container_placed *made = kin_calloc(1, sizeof *made);
    made->kind = kind;
    made->version = version;
    made->section_count = section_count;
    place_sections(made, sections);
    kin_status status = kin_file_writer_open(&made->file, path, error);
    if (status == KIN_OK)
        status = kin_file_writer_extend(
            &made->file, made->table_offset + made->block_count * sizeof *made->table, error);
    if (status != KIN_OK) kin_container_placed_destroy(&made);
    *placed = made;
    return status;
}

/* Writes what is held, which ends a block or the section. A block that is this section's alone gets
 * its checksum now; one with other bytes is read back when all are there. */
static kin_status flush(kin_container_placed *placed, place *one, kin_error *error)
{
    size_t bytes = (size_t)(one->at - one->held_from);
    if (bytes == KIN_CONTAINER_BLOCK_BYTES)
        placed->table[(one->held_from - KIN_CONTAINER_HEADER_BYTES) / KIN_CONTAINER_BLOCK_BYTES] =
            kin_checksum(one->held, bytes);
    kin_status status =
        kin_file_writer_rewrite(&placed->file, one->held_from, one->held, bytes, error);
    one->held_from = one->at;
    return status;
}

kin_status kin_container_placed_append(kin_container_placed *placed, uint32_t section,
                                       const void *data, size_t bytes, kin_error *error)
{
    place *one = &placed->place[section];
    KIN_CHECK(section < placed->section_count && bytes <= one->end - one->at);
    const uint8_t *from = data;
    kin_status status = KIN_OK;
    while (bytes > 0 && status == KIN_OK) {
        uint64_t end = block_start(one->at) + KIN_CONTAINER_BLOCK_BYTES;
        if (end > one->end) end = one->end;
        size_t part = end - one->at < bytes ? (size_t)(end - one->at) : bytes;
        memcpy(one->held + (one->at - one->held_from), from, part);
        one->at += part;
        from += part;
        bytes -= part;
        if (one->at == end) status = flush(placed, one, error);
    }
    return status;
}

/* The block that holds the offset, if it is not the whole work of one section. */
static kin_status check_shared(kin_container_placed *placed, uint64_t offset, kin_error *error)
{
    uint64_t start = block_start(offset), bytes = KIN_CONTAINER_BLOCK_BYTES;
    if (offset == start || start >= placed->table_offset) return KIN_OK;
    if (bytes > placed->table_offset - start) bytes = placed->table_offset - start;
    uint8_t block[KIN_CONTAINER_BLOCK_BYTES];
    kin_status status = kin_file_writer_read(&placed->file, start, block, (size_t)bytes, error);
    placed->table[(start - KIN_CONTAINER_HEADER_BYTES) / KIN_CONTAINER_BLOCK_BYTES] =
        kin_checksum(block, (size_t)bytes);
    return status;
}

kin_status kin_container_placed_publish(kin_container_placed **placed, kin_error *error)
{
    kin_container_placed *done = *placed;
    uint8_t header[KIN_CONTAINER_HEADER_BYTES];
    kin_status status = KIN_OK;
    for (uint32_t i = 0; i < done->section_count; i++)
        KIN_CHECK(done->place[i].at == done->place[i].end);
    for (uint32_t i = 0; i < done->section_count && status == KIN_OK; i++) {
        status = check_shared(done, done->place[i].start, error);
        if (status == KIN_OK) status = check_shared(done, done->place[i].end, error);
    }
    size_t table_bytes = (size_t)(done->block_count * sizeof *done->table);
    kin_container_header(header, done->kind, done->version, done->section, done->section_count,
                         done->table_offset, done->table, table_bytes);
    if (status == KIN_OK && table_bytes > 0)
        status = kin_file_writer_rewrite(&done->file, done->table_offset, done->table, table_bytes,
                                         error);
    if (status == KIN_OK)
        status = kin_file_writer_rewrite(&done->file, 0, header, sizeof header, error);
    if (status == KIN_OK) status = kin_file_writer_publish(&done->file, error);
    kin_container_placed_destroy(placed);
    return status;
}

void kin_container_placed_destroy(kin_container_placed **placed)
{
    if (*placed == NULL) return;
    kin_file_writer_discard(&(*placed)->file);
    for (uint32_t i = 0; i < (*placed)->section_count; i++)
        free((*placed)->place[i].held);
    free((*placed)->table);
    free(*placed);
    *placed = NULL;
}
