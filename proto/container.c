#include "proto/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/checksum.h"
#include "common/base/memory.h"

/* The header of a file, before its section table. All numbers little-endian. */
typedef struct disk_header {
    uint8_t magic[8];
    uint32_t kind;
    uint32_t version;
    uint32_t section_count;
    uint32_t block_bytes;
    uint64_t file_bytes;
    uint64_t block_table_offset;
    uint64_t block_table_checksum;
    uint64_t header_checksum; /* of all 4,096 bytes with this field zero */
    uint8_t reserved[8];
} disk_header;

typedef struct disk_section {
    char name[KIN_SECTION_NAME_BYTES];
    uint64_t offset;
    uint64_t bytes;
    uint8_t reserved[8];
} disk_section;

_Static_assert(sizeof(disk_header) == 64, "proto/CONTAINER.md: header of 64 bytes");
_Static_assert(sizeof(disk_section) == 32, "proto/CONTAINER.md: section row of 32 bytes");
_Static_assert(64 + 32 * KIN_CONTAINER_SECTIONS_MAX <= KIN_CONTAINER_HEADER_BYTES,
               "the section table fits into the header");

static const uint8_t magic[8] = {'K', 'I', 'N', 'D', 'R', 'E', 'D', 0x1a};

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT,
                    "%s is damaged: %s; restore it from a copy or build it anew", name, what);
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0) return false;
    return true;
}

static uint64_t header_checksum(const uint8_t *header)
{
    uint8_t copy[KIN_CONTAINER_HEADER_BYTES];
    memcpy(copy, header, sizeof copy);
    memset(copy + offsetof(disk_header, header_checksum), 0, sizeof(uint64_t));
    return kin_checksum(copy, sizeof copy);
}

static uint64_t align_up(uint64_t offset, uint64_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

static uint64_t block_count_of(uint64_t block_table_offset)
{
    uint64_t data_bytes = block_table_offset - KIN_CONTAINER_HEADER_BYTES;
    return (data_bytes + KIN_CONTAINER_BLOCK_BYTES - 1) / KIN_CONTAINER_BLOCK_BYTES;
}

/* What kind, version and sizes say; the numbers are trusted as the header's checksum holds. */
static kin_status parse_header(kin_container *container, kin_file_kind kind, uint32_t version_max,
                               const char *name, kin_error *error)
{
    const uint8_t *data = container->data;
    uint64_t bytes = container->bytes;
    if (bytes < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
        return kin_fail(error, KIN_CORRUPT, "%s is not a file of Kindred", name);
    if (bytes < KIN_CONTAINER_HEADER_BYTES)
        return refuse(error, name, "it is shorter than a header");
    if (kin_load_le64(data + offsetof(disk_header, header_checksum)) != header_checksum(data))
        return refuse(error, name, "the header's checksum is wrong");
    container->kind = kin_load_le32(data + offsetof(disk_header, kind));
    container->version = kin_load_le32(data + offsetof(disk_header, version));
    container->section_count = kin_load_le32(data + offsetof(disk_header, section_count));
    container->block_table_offset = kin_load_le64(data + offsetof(disk_header, block_table_offset));
    if (container->kind != kind)
        return kin_fail(error, KIN_MISMATCH, "%s is of another kind (%.4s instead of %.4s)", name,
                        (const char *)data + offsetof(disk_header, kind), (const char *)&kind);
    if (container->version < 1 || container->version > version_max)
        return kin_fail(error, KIN_MISMATCH,
                        "%s has version %u; this program reads up to version %u: use a newer one",
                        name, container->version, version_max);
    if (kin_load_le64(data + offsetof(disk_header, file_bytes)) != bytes)
        return refuse(error, name, "its size is not the one in its header (cut short?)");
    if (kin_load_le32(data + offsetof(disk_header, block_bytes)) != KIN_CONTAINER_BLOCK_BYTES ||
        container->section_count > KIN_CONTAINER_SECTIONS_MAX ||
        !all_zero(data + offsetof(disk_header, reserved), sizeof((disk_header *)0)->reserved))
        return refuse(error, name, "the header contradicts its format");
    uint64_t table = container->block_table_offset;
    if (table < KIN_CONTAINER_HEADER_BYTES || table > bytes || table % sizeof(uint64_t) != 0)
        return refuse(error, name, "the block table is outside of the file");
    container->block_count = block_count_of(table);
    if ((bytes - table) / sizeof(uint64_t) != container->block_count ||
        (bytes - table) % sizeof(uint64_t) != 0)
        return refuse(error, name, "the block table has another size than the file");
    if (kin_load_le64(data + offsetof(disk_header, block_table_checksum)) !=
        kin_checksum(data + table, (size_t)(bytes - table)))
        return refuse(error, name, "the block table's checksum is wrong");
    return KIN_OK;
}

static bool section_name_valid(const char *name)
{
    size_t length = strnlen(name, KIN_SECTION_NAME_BYTES);
    for (size_t i = 0; i < length; i++)
        if ((name[i] < 'a' || name[i] > 'z') && name[i] != '-') return false;
    return length > 0 && all_zero((const uint8_t *)name + length, KIN_SECTION_NAME_BYTES - length);
}

/* Sections follow each other, each at the next multiple of the alignment. */
static kin_status parse_sections(kin_container *container, const char *name, kin_error *error)
{
    const uint8_t *table = container->data + sizeof(disk_header);
    uint64_t end = KIN_CONTAINER_HEADER_BYTES;
    for (uint32_t i = 0; i < container->section_count; i++) {
        const uint8_t *row = table + i * sizeof(disk_section);
        kin_section *section = &container->section[i];
        memcpy(section->name, row, KIN_SECTION_NAME_BYTES);
        section->name[KIN_SECTION_NAME_BYTES] = 0;
        section->offset = kin_load_le64(row + offsetof(disk_section, offset));
        section->bytes = kin_load_le64(row + offsetof(disk_section, bytes));
        if (!section_name_valid((const char *)row) ||
            !all_zero(row + offsetof(disk_section, reserved), 8))
            return refuse(error, name, "the section table contradicts its format");
        if (section->offset != align_up(end, KIN_SECTION_ALIGNMENT) ||
            section->offset > container->block_table_offset ||
            section->bytes > container->block_table_offset - section->offset)
            return refuse(error, name, "a section is outside of the file");
        end = section->offset + section->bytes;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(container->section[j].name, section->name) == 0)
                return refuse(error, name, "two sections have one name");
    }
    if (container->block_table_offset != align_up(end, KIN_SECTION_ALIGNMENT))
        return refuse(error, name, "there are bytes behind the last section");
    size_t used = sizeof(disk_header) + container->section_count * sizeof(disk_section);
    if (!all_zero(container->data + used, KIN_CONTAINER_HEADER_BYTES - used))
        return refuse(error, name, "the header's unused bytes are not zero");
    return KIN_OK;
}

kin_status kin_container_parse(kin_container *container, const void *data, size_t bytes,
                               kin_file_kind kind, uint32_t version_max, const char *name,
                               kin_error *error)
{
    memset(container, 0, sizeof *container);
    container->data = data;
    container->bytes = bytes;
    kin_status status = parse_header(container, kind, version_max, name, error);
    if (status == KIN_OK) status = parse_sections(container, name, error);
    return status;
}

kin_digest kin_container_digest(const void *data)
{
    return kin_digest_of(data, KIN_CONTAINER_HEADER_BYTES);
}

kin_status kin_container_check_range(const kin_container *container, uint64_t offset,
                                     uint64_t bytes, const char *name, kin_error *error)
{
    uint64_t table = container->block_table_offset;
    KIN_CHECK(offset >= KIN_CONTAINER_HEADER_BYTES && offset <= table && bytes <= table - offset);
    if (bytes == 0) return KIN_OK;
    uint64_t first = (offset - KIN_CONTAINER_HEADER_BYTES) / KIN_CONTAINER_BLOCK_BYTES;
    uint64_t last = (offset + bytes - 1 - KIN_CONTAINER_HEADER_BYTES) / KIN_CONTAINER_BLOCK_BYTES;
    for (uint64_t block = first; block <= last; block++) {
        uint64_t start = KIN_CONTAINER_HEADER_BYTES + block * KIN_CONTAINER_BLOCK_BYTES;
        uint64_t length = table - start;
        if (length > KIN_CONTAINER_BLOCK_BYTES) length = KIN_CONTAINER_BLOCK_BYTES;
        if (kin_checksum(container->data + start, (size_t)length) !=
            kin_load_le64(container->data + table + block * sizeof(uint64_t)))
            return kin_fail(error, KIN_CORRUPT,
                            "%s is damaged: the checksum of block %llu (bytes %llu to %llu) is "
                            "wrong; restore it from a copy or build it anew",
                            name, (unsigned long long)block, (unsigned long long)start,
                            (unsigned long long)(start + length - 1));
    }
    return KIN_OK;
}

kin_status kin_container_check_all(const kin_container *container, const char *name,
                                   kin_error *error)
{
    return kin_container_check_range(container, KIN_CONTAINER_HEADER_BYTES,
                                     container->block_table_offset - KIN_CONTAINER_HEADER_BYTES,
                                     name, error);
}

const uint8_t *kin_container_section(const kin_container *container, const char *section_name,
                                     uint64_t *bytes)
{
    for (uint32_t i = 0; i < container->section_count; i++)
        if (strcmp(container->section[i].name, section_name) == 0) {
            *bytes = container->section[i].bytes;
            return container->data + container->section[i].offset;
        }
    *bytes = 0;
    return NULL;
}

/* What a writer knows: where it is, the sections so far, the checksums of the full blocks. */
typedef struct layout {
    kin_file_kind kind;
    uint32_t version;
    uint32_t section_count;
    kin_section section[KIN_CONTAINER_SECTIONS_MAX];
    uint64_t offset;  /* of the next byte */
    kin_buffer block; /* bytes of the block that is not full yet */
    kin_buffer table; /* checksums of the full blocks */
} layout;

static void layout_init(layout *to, kin_file_kind kind, uint32_t version)
{
    memset(to, 0, sizeof *to);
    to->kind = kind;
    to->version = version;
    to->offset = KIN_CONTAINER_HEADER_BYTES;
}

static void layout_fini(layout *to)
{
    kin_buffer_fini(&to->block);
    kin_buffer_fini(&to->table);
}

static void layout_append(layout *to, const uint8_t *data, size_t bytes)
{
    to->offset += bytes;
    while (bytes > 0) {
        size_t part = KIN_CONTAINER_BLOCK_BYTES - to->block.bytes;
        if (part > bytes) part = bytes;
        kin_buffer_append(&to->block, data, part);
        data += part;
        bytes -= part;
        if (to->block.bytes == KIN_CONTAINER_BLOCK_BYTES) {
            kin_buffer_append_le64(&to->table, kin_checksum(to->block.data, to->block.bytes));
            kin_buffer_clear(&to->block);
        }
    }
}

static void layout_section(layout *to, const char *name)
{
    KIN_CHECK(to->section_count < KIN_CONTAINER_SECTIONS_MAX);
    KIN_CHECK(strlen(name) <= KIN_SECTION_NAME_BYTES);
    kin_section *section = &to->section[to->section_count++];
    snprintf(section->name, sizeof section->name, "%s", name);
    section->offset = to->offset;
}

static void layout_end_section(layout *to)
{
    if (to->section_count == 0) return;
    kin_section *section = &to->section[to->section_count - 1];
    section->bytes = to->offset - section->offset;
}

static uint64_t layout_padding(const layout *to)
{
    return align_up(to->offset, KIN_SECTION_ALIGNMENT) - to->offset;
}

void kin_container_header(uint8_t *header, kin_file_kind kind, uint32_t version,
                          const kin_section *sections, uint32_t section_count,
                          uint64_t table_offset, const void *table, size_t table_bytes)
{
    memset(header, 0, KIN_CONTAINER_HEADER_BYTES);
    memcpy(header, magic, sizeof magic);
    kin_store_le32(header + offsetof(disk_header, kind), kind);
    kin_store_le32(header + offsetof(disk_header, version), version);
    kin_store_le32(header + offsetof(disk_header, section_count), section_count);
    kin_store_le32(header + offsetof(disk_header, block_bytes), KIN_CONTAINER_BLOCK_BYTES);
    kin_store_le64(header + offsetof(disk_header, file_bytes), table_offset + table_bytes);
    kin_store_le64(header + offsetof(disk_header, block_table_offset), table_offset);
    kin_store_le64(header + offsetof(disk_header, block_table_checksum),
                   kin_checksum(table, table_bytes));
    for (uint32_t i = 0; i < section_count; i++) {
        uint8_t *row = header + sizeof(disk_header) + i * sizeof(disk_section);
        memcpy(row, sections[i].name, KIN_SECTION_NAME_BYTES);
        kin_store_le64(row + offsetof(disk_section, offset), sections[i].offset);
        kin_store_le64(row + offsetof(disk_section, bytes), sections[i].bytes);
    }
    kin_store_le64(header + offsetof(disk_header, header_checksum), header_checksum(header));
}

/* The header, once every section is there and the last block is in the table. */
static void layout_header(const layout *to, uint8_t header[KIN_CONTAINER_HEADER_BYTES])
{
    kin_container_header(header, to->kind, to->version, to->section, to->section_count, to->offset,
                         to->table.data, to->table.bytes);
}

static void layout_finish(layout *to)
{
    if (to->block.bytes > 0)
        kin_buffer_append_le64(&to->table, kin_checksum(to->block.data, to->block.bytes));
    kin_buffer_clear(&to->block);
}

struct kin_container_writer {
    layout layout;
    kin_file_writer file;
    char *path;
};

static const uint8_t zeros[KIN_CONTAINER_HEADER_BYTES];

kin_status kin_container_writer_open(kin_container_writer **writer, const char *path,
                                     kin_file_kind kind, uint32_t version, kin_error *error)
{
    kin_container_writer *made = kin_calloc(1, sizeof *made);
    layout_init(&made->layout, kind, version);
    made->path = kin_strdup(path);
    kin_status status = kin_file_writer_open(&made->file, path, error);
    if (status == KIN_OK) status = kin_file_writer_append(&made->file, zeros, sizeof zeros, error);
    if (status != KIN_OK) kin_container_writer_destroy(&made);
    *writer = made;
    return status;
}

kin_status kin_container_writer_append(kin_container_writer *writer, const void *data, size_t bytes,
                                       kin_error *error)
{
    layout_append(&writer->layout, data, bytes);
    return kin_file_writer_append(&writer->file, data, bytes, error);
}

kin_status kin_container_writer_section(kin_container_writer *writer, const char *section_name,
                                        kin_error *error)
{
    layout_end_section(&writer->layout);
    kin_status status =
        kin_container_writer_append(writer, zeros, (size_t)layout_padding(&writer->layout), error);
    layout_section(&writer->layout, section_name);
    return status;
}

kin_status kin_container_writer_publish(kin_container_writer **writer, kin_error *error)
{
    kin_container_writer *done = *writer;
    uint8_t header[KIN_CONTAINER_HEADER_BYTES];
    layout_end_section(&done->layout);
    kin_status status =
        kin_container_writer_append(done, zeros, (size_t)layout_padding(&done->layout), error);
    layout_finish(&done->layout);
    layout_header(&done->layout, header);
    if (status == KIN_OK)
        status = kin_file_writer_append(&done->file, done->layout.table.data,
                                        done->layout.table.bytes, error);
    if (status == KIN_OK)
        status = kin_file_writer_rewrite(&done->file, 0, header, sizeof header, error);
    if (status == KIN_OK) status = kin_file_writer_publish(&done->file, error);
    kin_container_writer_destroy(writer);
    return status;
}

void kin_container_writer_destroy(kin_container_writer **writer)
{
    if (*writer == NULL) return;
    kin_file_writer_discard(&(*writer)->file);
    layout_fini(&(*writer)->layout);
    free((*writer)->path);
    free(*writer);
    *writer = NULL;
}

void kin_container_build(kin_buffer *out, kin_file_kind kind, uint32_t version,
                         const kin_section_source *sections, uint32_t section_count)
{
    layout to;
    size_t start = out->bytes;
    layout_init(&to, kind, version);
    kin_buffer_append(out, zeros, sizeof zeros);
    for (uint32_t i = 0; i <= section_count; i++) {
        size_t padding = (size_t)layout_padding(&to);
        layout_append(&to, zeros, padding);
        kin_buffer_append(out, zeros, padding);
        if (i == section_count) break;
        layout_section(&to, sections[i].name);
        layout_append(&to, sections[i].data, sections[i].bytes);
        kin_buffer_append(out, sections[i].data, sections[i].bytes);
        layout_end_section(&to);
    }
    layout_finish(&to);
    layout_header(&to, out->data + start);
    kin_buffer_append(out, to.table.data, to.table.bytes);
    layout_fini(&to);
}
