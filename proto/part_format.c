#include "proto/part_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/code/values.h"
#include "proto/container_joint.h"

#define PART_VERSION 1

/* Section head. All numbers little-endian. */
typedef struct disk_head {
    uint8_t job[16];
    uint64_t first_id;
    uint32_t count;
    uint32_t kind;
    uint32_t width;
    uint32_t indexed;
    uint8_t reserved[24];
} disk_head;

/* A row of section rows. */
typedef struct disk_row {
    uint32_t reason;
    uint32_t value;
    uint64_t file_bytes;
    uint64_t thumbnail_offset;
    uint32_t thumbnail_bytes;
    uint32_t detail_offset;
    uint32_t detail_bytes;
    uint32_t reserved;
} disk_row;

_Static_assert(sizeof(disk_head) == 64, "proto/PART.md: head of 64 bytes");
_Static_assert(offsetof(disk_head, first_id) == 16 && offsetof(disk_head, width) == 32,
               "proto/PART.md: offsets of the head");
_Static_assert(sizeof(disk_row) == 40, "proto/PART.md: row of 40 bytes");
_Static_assert(offsetof(disk_row, file_bytes) == 8 && offsetof(disk_row, detail_bytes) == 32,
               "proto/PART.md: offsets of a row");

/* The value of a rejected input. */
#define NO_VALUE UINT32_MAX

static size_t value_bytes(kin_part_kind kind, uint32_t width)
{
    if (kind == KIN_PART_VALUES) return width;
    return kind == KIN_PART_CODES ? width / 8 : (size_t)width * sizeof(float);
}

void kin_part_builder_add(kin_part_builder *builder, const kin_part_row *row)
{
    KIN_CHECK(builder->count < KIN_CHUNK_PICTURES_MAX);
    disk_row disk = {
        .reason = htole32((uint32_t)row->reason),
        .value = htole32(row->reason == KIN_REASON_NONE ? builder->indexed : NO_VALUE),
        .file_bytes = htole64(row->file_bytes),
        .thumbnail_offset = htole64(builder->thumbnails.bytes),
        .thumbnail_bytes = htole32(row->thumbnail_bytes),
        .detail_offset = htole32((uint32_t)builder->text.bytes),
        .detail_bytes = htole32(row->detail_bytes),
    };
    kin_buffer_append(&builder->rows, &disk, sizeof disk);
    kin_buffer_append(&builder->text, row->detail, row->detail_bytes);
    kin_buffer_append(&builder->thumbnails, row->thumbnail, row->thumbnail_bytes);
    builder->count++;
    builder->indexed += row->reason == KIN_REASON_NONE;
}

static void clear(kin_part_builder *builder)
{
    kin_buffer_clear(&builder->rows);
    kin_buffer_clear(&builder->text);
    kin_buffer_clear(&builder->thumbnails);
    builder->count = builder->indexed = 0;
}

void kin_part_builder_finish(kin_part_builder *builder, const kin_part_head *head,
                             const void *values, kin_buffer *out)
{
    KIN_CHECK(head->count == builder->count);
    disk_head disk = {
        .first_id = htole64(head->first_id),
        .count = htole32(head->count),
        .kind = htole32((uint32_t)head->kind),
        .width = htole32(head->width),
        .indexed = htole32(builder->indexed),
    };
    memcpy(disk.job, head->job.byte, sizeof disk.job);
    kin_section_source sections[] = {
        {"head", &disk, sizeof disk},
        {"rows", builder->rows.data, builder->rows.bytes},
        {"text", builder->text.data, builder->text.bytes},
        {"values", values, builder->indexed * value_bytes(head->kind, head->width)},
        {"thumbs", builder->thumbnails.data, builder->thumbnails.bytes},
    };
    kin_container_build(out, KIN_FILE_PART, PART_VERSION, sections,
                        sizeof sections / sizeof *sections);
    clear(builder);
}

uint64_t kin_part_file_bytes(const kin_part_head *head, uint64_t indexed, uint64_t thumbnail_bytes)
{
    const kin_placed_section sections[] = {
        {"head", sizeof(disk_head)},
        {"rows", head->count * sizeof(disk_row)},
        {"text", 0},
        {"values", indexed * value_bytes(head->kind, head->width)},
        {"thumbs", thumbnail_bytes},
    };
    kin_container_joint file;
    kin_container_joint_plan(&file, KIN_FILE_PART, PART_VERSION, sections,
                             sizeof sections / sizeof *sections);
    return file.bytes;
}

void kin_part_builder_fini(kin_part_builder *builder)
{
    kin_buffer_fini(&builder->rows);
    kin_buffer_fini(&builder->text);
    kin_buffer_fini(&builder->thumbnails);
    memset(builder, 0, sizeof *builder);
}

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT, "%s is not a part of a build: %s", name, what);
}

/* The section and its size, its blocks checked. */
static kin_status checked_section(const kin_container *container, const char *section,
                                  const uint8_t **data, uint64_t *bytes, const char *name,
                                  kin_error *error)
{
    *data = kin_container_section(container, section, bytes);
    if (*data == NULL) return refuse(error, name, "a section is missing");
    uint64_t offset = (uint64_t)(*data - container->data);
    return kin_container_check_range(container, offset, *bytes, name, error);
}

static bool width_valid(const kin_part_head *head)
{
    if (head->kind == KIN_PART_CODES) return kin_code_bits_valid(head->width);
    return head->width > 0 &&
           head->width <=
               (head->kind == KIN_PART_VALUES ? KIN_CODE_BITS_MAX : KIN_FEATURE_DIMENSIONS_MAX);
}

static kin_status parse_head(kin_part *part, const char *name, kin_error *error)
{
    const uint8_t *data;
    uint64_t bytes;
    kin_status status = checked_section(&part->container, "head", &data, &bytes, name, error);
    if (status != KIN_OK) return status;
    disk_head disk;
    if (bytes != sizeof disk) return refuse(error, name, "its head has another size");
    memcpy(&disk, data, sizeof disk);
    kin_part_head *head = &part->head;
    memcpy(head->job.byte, disk.job, sizeof disk.job);
    head->first_id = le64toh(disk.first_id);
    head->count = le32toh(disk.count);
    head->width = le32toh(disk.width);
    part->indexed = le32toh(disk.indexed);
    uint32_t kind = le32toh(disk.kind);
    if (kind != KIN_PART_CODES && kind != KIN_PART_VECTORS && kind != KIN_PART_VALUES)
        return refuse(error, name, "it holds neither codes nor vectors nor values");
    head->kind = (kin_part_kind)kind;
    if (head->count == 0 || head->count > KIN_CHUNK_PICTURES_MAX)
        return refuse(error, name, "its number of inputs is out of range");
    if (head->first_id > UINT64_MAX - head->count || part->indexed > head->count)
        return refuse(error, name, "its numbers contradict each other");
    if (!width_valid(head))
        return refuse(error, name, "its codes or vectors have an impossible width");
    for (size_t i = 0; i < sizeof disk.reserved; i++)
        if (disk.reserved[i] != 0) return refuse(error, name, "reserved bytes are not zero");
    return KIN_OK;
}

static disk_row load_row(const kin_part *part, uint32_t index)
{
    disk_row row;
    memcpy(&row, part->rows + (size_t)index * sizeof row, sizeof row);
    return row;
}

/* Rows lie one behind the other in the sections of text, values and thumbnails, without gaps. */
static kin_status check_rows(const kin_part *part, const char *name, kin_error *error)
{
    uint64_t text = 0, thumbnails = 0;
    uint32_t indexed = 0;
    for (uint32_t i = 0; i < part->head.count; i++) {
        disk_row row = load_row(part, i);
        uint32_t reason = le32toh(row.reason);
        if (reason >= KIN_REASON_COUNT) return refuse(error, name, "an unknown reason");
        uint32_t value = reason == KIN_REASON_NONE ? indexed++ : NO_VALUE;
        if (le32toh(row.value) != value || row.reserved != 0)
            return refuse(error, name, "a row contradicts its reason");
        if (le32toh(row.detail_offset) != text || le64toh(row.thumbnail_offset) != thumbnails)
            return refuse(error, name, "rows overlap or leave gaps");
        if (le32toh(row.thumbnail_bytes) > KIN_THUMBNAIL_BYTES_MAX)
            return refuse(error, name, "a thumbnail is larger than the limit");
        text += le32toh(row.detail_bytes);
        thumbnails += le32toh(row.thumbnail_bytes);
    }
    if (indexed != part->indexed || text != part->text_bytes || thumbnails != part->thumbnail_bytes)
        return refuse(error, name, "its rows and its sections contradict each other");
    return KIN_OK;
}

kin_status kin_part_parse(kin_part *part, const void *data, size_t bytes, const char *name,
                          kin_error *error)
{
    memset(part, 0, sizeof *part);
    kin_container *container = &part->container;
    kin_status status =
        kin_container_parse(container, data, bytes, KIN_FILE_PART, PART_VERSION, name, error);
    if (status == KIN_OK) status = parse_head(part, name, error);
    uint64_t row_bytes = 0, values = 0;
    if (status == KIN_OK)
        status = checked_section(container, "rows", &part->rows, &row_bytes, name, error);
    if (status == KIN_OK)
        status = checked_section(container, "text", &part->text, &part->text_bytes, name, error);
    if (status == KIN_OK)
        status = checked_section(container, "values", &part->values, &values, name, error);
    if (status != KIN_OK) return status;
    part->thumbnails = kin_container_section(container, "thumbs", &part->thumbnail_bytes);
    if (part->thumbnails == NULL) return refuse(error, name, "a section is missing");
    if (row_bytes != (uint64_t)part->head.count * sizeof(disk_row))
        return refuse(error, name, "its table of rows has another size");
    if (values != part->indexed * (uint64_t)value_bytes(part->head.kind, part->head.width))
        return refuse(error, name, "its codes or vectors have another size");
    return check_rows(part, name, error);
}

kin_part_row kin_part_get(const kin_part *part, uint32_t index)
{
    KIN_CHECK(index < part->head.count);
    disk_row disk = load_row(part, index);
    return (kin_part_row){
        .reason = (kin_reason)le32toh(disk.reason),
        .detail = (const char *)part->text + le32toh(disk.detail_offset),
        .detail_bytes = le32toh(disk.detail_bytes),
        .file_bytes = le64toh(disk.file_bytes),
        .thumbnail = part->thumbnails + le64toh(disk.thumbnail_offset),
        .thumbnail_bytes = le32toh(disk.thumbnail_bytes),
        .value = le32toh(disk.value),
    };
}

kin_status kin_part_check_thumbnail(const kin_part *part, const kin_part_row *row, const char *name,
                                    kin_error *error)
{
    uint64_t offset = (uint64_t)(row->thumbnail - part->container.data);
    return kin_container_check_range(&part->container, offset, row->thumbnail_bytes, name, error);
}

void kin_part_code(const kin_part *part, uint32_t value, kin_code *code)
{
    KIN_CHECK(part->head.kind != KIN_PART_VECTORS && value < part->indexed);
    if (part->head.kind == KIN_PART_VALUES) {
        kin_values_code(kin_part_values(part, value), part->head.width, code);
        return;
    }
    uint64_t words[KIN_CODE_WORDS_MAX];
    uint32_t count = part->head.width / 64;
    for (uint32_t i = 0; i < count; i++)
        words[i] = kin_load_le64(part->values + ((size_t)value * count + i) * sizeof *words);
    kin_code_from_words(code, words, part->head.width);
}

void kin_part_vector(const kin_part *part, uint32_t value, float *vector)
{
    KIN_CHECK(part->head.kind == KIN_PART_VECTORS && value < part->indexed);
    size_t bytes = part->head.width * sizeof *vector;
    memcpy(vector, part->values + value * bytes, bytes);
}

const int8_t *kin_part_values(const kin_part *part, uint32_t value)
{
    KIN_CHECK(part->head.kind == KIN_PART_VALUES && value < part->indexed);
    return (const int8_t *)part->values + (size_t)value * part->head.width;
}
