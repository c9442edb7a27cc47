#include "proto/list_format.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/container_joint.h"

#define LIST_VERSION 1

/* proto/LIST.md: the section "meta". */
enum { META_OPTIONS = 0 /* 16 bytes */, META_LINKS = 16 /* u64 */, META_BYTES = 24 };

/* A row of the section "rows". */
enum {
    ROW_TEXT_OFFSET = 0, /* u64: key, NUL, path, NUL (the path and its NUL only if it has bytes) */
    ROW_KEY_BYTES = 8,   /* u32 */
    ROW_PATH_BYTES = 12, /* u32 */
    ROW_MEMBER = 16,     /* u64 */
    ROW_OFFSET = 24,     /* u64 */
    ROW_FILE_BYTES = 32, /* u64 */
    ROW_REASON = 40,     /* u32 */
    ROW_RESERVED = 44,   /* u32, zero */
    ROW_BYTES = 48
};

int kin_key_compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    if (order != 0) return order;
    return a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

void kin_list_builder_add(kin_list_builder *builder, const kin_list_row *row)
{
    KIN_CHECK(row->key_bytes > 0 && row->key_bytes <= KIN_KEY_BYTES_MAX);
    uint8_t bytes[ROW_BYTES] = {0};
    kin_store_le64(bytes + ROW_TEXT_OFFSET, builder->text.bytes);
    kin_store_le32(bytes + ROW_KEY_BYTES, row->key_bytes);
    kin_store_le32(bytes + ROW_PATH_BYTES, row->path_bytes);
    kin_store_le64(bytes + ROW_MEMBER, row->member);
    kin_store_le64(bytes + ROW_OFFSET, row->offset);
    kin_store_le64(bytes + ROW_FILE_BYTES, row->bytes);
    kin_store_le32(bytes + ROW_REASON, (uint32_t)row->reason);
    kin_buffer_append(&builder->rows, bytes, sizeof bytes);
    kin_buffer_append(&builder->text, row->key, row->key_bytes);
    kin_buffer_append_byte(&builder->text, 0);
    if (row->path_bytes > 0) {
        kin_buffer_append(&builder->text, row->path, row->path_bytes);
        kin_buffer_append_byte(&builder->text, 0);
    }
    builder->count++;
}

void kin_list_builder_finish(kin_list_builder *builder, const kin_digest *options,
                             uint64_t links_not_followed, kin_buffer *out)
{
    uint8_t meta[META_BYTES];
    memcpy(meta + META_OPTIONS, options->byte, sizeof options->byte);
    kin_store_le64(meta + META_LINKS, links_not_followed);
    const kin_section_source sections[] = {
        {"meta", meta, sizeof meta},
        {"rows", builder->rows.data, builder->rows.bytes},
        {"text", builder->text.data, builder->text.bytes},
    };
    kin_container_build(out, KIN_FILE_LIST, LIST_VERSION, sections, 3);
}

uint64_t kin_list_file_bytes(uint64_t count, uint64_t text_bytes)
{
    const kin_placed_section sections[] = {
        {"meta", META_BYTES}, {"rows", count * ROW_BYTES}, {"text", text_bytes}};
    kin_container_joint file;
    kin_container_joint_plan(&file, KIN_FILE_LIST, LIST_VERSION, sections, 3);
    return file.bytes;
}

void kin_list_builder_fini(kin_list_builder *builder)
{
    kin_buffer_fini(&builder->rows);
    kin_buffer_fini(&builder->text);
    builder->count = 0;
}

/* Whether row's text is exactly where the row before ended, with its NULs; its end in *end. */
static bool text_valid(const kin_list *list, const uint8_t *row, uint64_t *end)
{
    uint64_t offset = kin_load_le64(row + ROW_TEXT_OFFSET);
    uint64_t key_bytes = kin_load_le32(row + ROW_KEY_BYTES);
    uint64_t path_bytes = kin_load_le32(row + ROW_PATH_BYTES);
    uint64_t bytes = key_bytes + 1 + (path_bytes > 0 ? path_bytes + 1 : 0);
    if (offset != *end || key_bytes == 0 || key_bytes > KIN_KEY_BYTES_MAX ||
        path_bytes > KIN_KEY_BYTES_MAX || bytes > list->text_bytes - offset)
        return false;
    const uint8_t *text = list->text + offset;
    *end = offset + bytes;
    return strnlen((const char *)text, key_bytes + 1) == key_bytes &&
           (path_bytes == 0 ||
            strnlen((const char *)text + key_bytes + 1, path_bytes + 1) == path_bytes);
}

static kin_status check_rows(const kin_list *list, const char *name, kin_error *error)
{
    uint64_t text_end = 0;
    for (uint64_t id = 0; id < list->count; id++) {
        const uint8_t *bytes = list->rows + id * ROW_BYTES;
        bool valid = text_valid(list, bytes, &text_end) &&
                     kin_load_le32(bytes + ROW_REASON) < KIN_REASON_COUNT &&
                     kin_load_le32(bytes + ROW_RESERVED) == 0;
        if (valid && id > 0) {
            kin_list_row row = kin_list_get(list, id), before = kin_list_get(list, id - 1);
            valid = kin_key_compare(before.key, before.key_bytes, row.key, row.key_bytes) < 0;
        }
        if (!valid)
            return kin_fail(error, KIN_CORRUPT, "%s: row %llu of the list contradicts its format",
                            name, (unsigned long long)id);
    }
    if (text_end != list->text_bytes)
        return kin_fail(error, KIN_CORRUPT, "%s: the list has text that no row owns", name);
    return KIN_OK;
}

kin_status kin_list_parse(kin_list *list, const void *data, size_t bytes, const char *name,
                          kin_error *error)
{
    memset(list, 0, sizeof *list);
    kin_container *container = &list->container;
    kin_status status =
        kin_container_parse(container, data, bytes, KIN_FILE_LIST, LIST_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(container, name, error);
    if (status != KIN_OK) return status;
    uint64_t meta_bytes, row_bytes;
    const uint8_t *meta = kin_container_section(container, "meta", &meta_bytes);
    list->rows = kin_container_section(container, "rows", &row_bytes);
    list->text = kin_container_section(container, "text", &list->text_bytes);
    if (meta == NULL || list->rows == NULL || list->text == NULL || meta_bytes != META_BYTES ||
        row_bytes % ROW_BYTES != 0)
        return kin_fail(error, KIN_CORRUPT, "%s: the list's sections contradict its format", name);
    memcpy(list->options.byte, meta + META_OPTIONS, sizeof list->options.byte);
    list->links_not_followed = kin_load_le64(meta + META_LINKS);
    list->count = row_bytes / ROW_BYTES;
    return check_rows(list, name, error);
}

kin_list_row kin_list_get(const kin_list *list, uint64_t id)
{
    KIN_CHECK(id < list->count);
    const uint8_t *row = list->rows + id * ROW_BYTES;
    const char *text = (const char *)list->text + kin_load_le64(row + ROW_TEXT_OFFSET);
    uint32_t key_bytes = kin_load_le32(row + ROW_KEY_BYTES);
    uint32_t path_bytes = kin_load_le32(row + ROW_PATH_BYTES);
    return (kin_list_row){
        .key = text,
        .key_bytes = key_bytes,
        .path = path_bytes > 0 ? text + key_bytes + 1 : text,
        .path_bytes = path_bytes,
        .member = kin_load_le64(row + ROW_MEMBER),
        .offset = kin_load_le64(row + ROW_OFFSET),
        .bytes = kin_load_le64(row + ROW_FILE_BYTES),
        .reason = (kin_reason)kin_load_le32(row + ROW_REASON),
    };
}
