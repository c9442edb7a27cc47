#include "proto/ledger.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"

#define LEDGER_VERSION 1

/* proto/LEDGER.md: a row of the section "rows". */
enum {
    ROW_ID = 0,            /* u64 */
    ROW_TEXT_OFFSET = 8,   /* u64: the key, and behind it the detail */
    ROW_KEY_BYTES = 16,    /* u32 */
    ROW_DETAIL_BYTES = 20, /* u32 */
    ROW_REASON = 24,       /* u32 */
    ROW_RESERVED = 28,     /* u32, zero */
    ROW_BYTES = 32
};

void kin_ledger_builder_add(kin_ledger_builder *builder, const kin_ledger_row *row)
{
    KIN_CHECK(row->reason > KIN_REASON_NONE && row->reason < KIN_REASON_COUNT);
    uint8_t bytes[ROW_BYTES] = {0};
    kin_store_le64(bytes + ROW_ID, row->id);
    kin_store_le64(bytes + ROW_TEXT_OFFSET, builder->text.bytes);
    kin_store_le32(bytes + ROW_KEY_BYTES, row->key_bytes);
    kin_store_le32(bytes + ROW_DETAIL_BYTES, row->detail_bytes);
    kin_store_le32(bytes + ROW_REASON, (uint32_t)row->reason);
    kin_buffer_append(&builder->rows, bytes, sizeof bytes);
    kin_buffer_append(&builder->text, row->key, row->key_bytes);
    kin_buffer_append(&builder->text, row->detail, row->detail_bytes);
    builder->count++;
}

void kin_ledger_builder_finish(kin_ledger_builder *builder, kin_buffer *out)
{
    const kin_section_source sections[] = {
        {"rows", builder->rows.data, builder->rows.bytes},
        {"text", builder->text.data, builder->text.bytes},
    };
    kin_container_build(out, KIN_FILE_LEDGER, LEDGER_VERSION, sections, 2);
}

void kin_ledger_builder_fini(kin_ledger_builder *builder)
{
    kin_buffer_fini(&builder->rows);
    kin_buffer_fini(&builder->text);
    builder->count = 0;
}

static kin_status check_rows(const kin_ledger *ledger, const char *name, kin_error *error)
{
    uint64_t text_end = 0;
    for (uint64_t i = 0; i < ledger->count; i++) {
        const uint8_t *row = ledger->rows + i * ROW_BYTES;
        uint64_t offset = kin_load_le64(row + ROW_TEXT_OFFSET);
        uint64_t key_bytes = kin_load_le32(row + ROW_KEY_BYTES);
        uint64_t text_bytes = key_bytes + kin_load_le32(row + ROW_DETAIL_BYTES);
        uint32_t reason = kin_load_le32(row + ROW_REASON);
        bool in_order = i == 0 || kin_load_le64(row - ROW_BYTES + ROW_ID) < kin_load_le64(row);
        if (!in_order || offset != text_end || text_bytes > ledger->text_bytes - offset ||
            key_bytes > KIN_KEY_BYTES_MAX || reason == KIN_REASON_NONE ||
            reason >= KIN_REASON_COUNT || kin_load_le32(row + ROW_RESERVED) != 0)
            return kin_fail(error, KIN_CORRUPT, "%s: row %llu of the ledger contradicts its format",
                            name, (unsigned long long)i);
        text_end = offset + text_bytes;
    }
    if (text_end != ledger->text_bytes)
        return kin_fail(error, KIN_CORRUPT, "%s: the ledger has text that no row owns", name);
    return KIN_OK;
}

kin_status kin_ledger_parse(kin_ledger *ledger, const void *data, size_t bytes, const char *name,
                            kin_error *error)
{
    memset(ledger, 0, sizeof *ledger);
    kin_container *container = &ledger->container;
    kin_status status =
        kin_container_parse(container, data, bytes, KIN_FILE_LEDGER, LEDGER_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(container, name, error);
    if (status != KIN_OK) return status;
    uint64_t row_bytes;
    ledger->rows = kin_container_section(container, "rows", &row_bytes);
    ledger->text = kin_container_section(container, "text", &ledger->text_bytes);
    if (ledger->rows == NULL || ledger->text == NULL || row_bytes % ROW_BYTES != 0)
        return kin_fail(error, KIN_CORRUPT, "%s: the ledger's sections contradict its format",
                        name);
    ledger->count = row_bytes / ROW_BYTES;
    return check_rows(ledger, name, error);
}

kin_ledger_row kin_ledger_get(const kin_ledger *ledger, uint64_t index)
{
    KIN_CHECK(index < ledger->count);
    const uint8_t *row = ledger->rows + index * ROW_BYTES;
    const char *text = (const char *)ledger->text + kin_load_le64(row + ROW_TEXT_OFFSET);
    uint32_t key_bytes = kin_load_le32(row + ROW_KEY_BYTES);
    return (kin_ledger_row){
        .id = kin_load_le64(row + ROW_ID),
        .reason = (kin_reason)kin_load_le32(row + ROW_REASON),
        .key = text,
        .key_bytes = key_bytes,
        .detail = text + key_bytes,
        .detail_bytes = kin_load_le32(row + ROW_DETAIL_BYTES),
    };
}
