#include "worker/shard/shard_writer.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/shard_format.h"

/* Rows between two calls of tick. */
#define TICK_ROWS 4096

typedef kin_status (*row_bytes_fn)(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                                   kin_error *error);

static void check_rows(const kin_shard_rows *rows)
{
    unsigned words = rows->bits / 64;
    kin_code before = {0}, code;
    for (uint64_t row = 0; row < rows->count; row++) {
        kin_code_from_words(&code, rows->words + row * words, rows->bits);
        int order = row == 0 ? -1 : kin_code_compare(&before, &code);
        KIN_CHECK(order < 0 || (order == 0 && rows->ids[row - 1] < rows->ids[row]));
        KIN_CHECK(row > 0 || kin_code_compare(&rows->first, &code) <= 0);
        before = code;
    }
    KIN_CHECK(rows->count == 0 || kin_code_compare(&before, &rows->last) <= 0);
}

static void tick(const kin_shard_rows *rows, uint64_t row)
{
    if (rows->tick != NULL && row % TICK_ROWS == 0) rows->tick(rows->user);
}

static kin_status key_bytes(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                            kin_error *error)
{
    const kin_shard_rows *rows = user;
    const char *key = NULL;
    kin_status status = rows->key(rows->user, row, &key, bytes, error);
    *data = (const uint8_t *)key;
    KIN_CHECK(status != KIN_OK || *bytes <= KIN_KEY_BYTES_MAX);
    return status;
}

static kin_status thumbnail_bytes(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                                  kin_error *error)
{
    const kin_shard_rows *rows = user;
    kin_status status = rows->thumbnail(rows->user, row, data, bytes, error);
    KIN_CHECK(status != KIN_OK || *bytes <= KIN_THUMBNAIL_BYTES_MAX);
    return status;
}

/* Two sections: where each row's piece ends, then the pieces. Two passes over get, so that neither
 * is held in memory. */
static kin_status write_pieces(kin_container_writer *writer, kin_shard_rows *rows, row_bytes_fn get,
                               const char *ends_section, const char *section, kin_error *error)
{
    const uint8_t *data;
    uint32_t bytes;
    uint64_t end = 0;
    kin_status status = kin_container_writer_section(writer, ends_section, error);
    for (uint64_t row = 0; status == KIN_OK && row < rows->count; row++) {
        uint8_t number[8];
        status = get(rows, row, &data, &bytes, error);
        if (status != KIN_OK) break;
        end += bytes;
        kin_store_le64(number, end);
        status = kin_container_writer_append(writer, number, sizeof number, error);
        tick(rows, row);
    }
    if (status == KIN_OK) status = kin_container_writer_section(writer, section, error);
    for (uint64_t row = 0; status == KIN_OK && row < rows->count; row++) {
        status = get(rows, row, &data, &bytes, error);
        if (status == KIN_OK && bytes > 0)
            status = kin_container_writer_append(writer, data, bytes, error);
        tick(rows, row);
    }
    return status;
}

static kin_status write_sections(kin_container_writer *writer, kin_shard_rows *rows,
                                 kin_error *error)
{
    uint8_t meta[KIN_SHARD_META_BYTES];
    kin_shard_meta_build(&(kin_shard_meta){.count = rows->count,
                                           .bits = rows->bits,
                                           .number = rows->number,
                                           .first = rows->first,
                                           .last = rows->last},
                         meta);
    const struct {
        const char *name;
        const void *data;
        uint64_t bytes;
    } sections[] = {{KIN_SHARD_META, meta, sizeof meta},
                    {KIN_SHARD_CODES, rows->words, rows->count * (rows->bits / 8)},
                    {KIN_SHARD_IDS, rows->ids, rows->count * 8}};
    kin_status status = KIN_OK;
    for (size_t i = 0; status == KIN_OK && i < sizeof sections / sizeof *sections; i++) {
        status = kin_container_writer_section(writer, sections[i].name, error);
        if (status == KIN_OK)
            status = kin_container_writer_append(writer, sections[i].data,
                                                 (size_t)sections[i].bytes, error);
    }
    if (status == KIN_OK)
        status = write_pieces(writer, rows, key_bytes, KIN_SHARD_KEY_ENDS, KIN_SHARD_KEYS, error);
    if (status != KIN_OK) return status;
    if (rows->thumbnail != NULL)
        return write_pieces(writer, rows, thumbnail_bytes, KIN_SHARD_THUMBNAIL_ENDS,
                            KIN_SHARD_THUMBNAILS, error);
    status = kin_container_writer_section(writer, KIN_SHARD_THUMBNAIL_ENDS, error);
    if (status == KIN_OK)
        status = kin_container_writer_section(writer, KIN_SHARD_THUMBNAILS, error);
    return status;
}

kin_status kin_shard_write(const char *path, const kin_shard_rows *rows, kin_shard_written *written,
                           kin_error *error)
{
    check_rows(rows);
    kin_shard_rows copy = *rows;
    kin_container_writer *writer = NULL;
    kin_status status =
        kin_container_writer_open(&writer, path, KIN_FILE_SHARD, KIN_SHARD_VERSION, error);
    if (status == KIN_OK) status = write_sections(writer, &copy, error);
    if (status == KIN_OK) status = kin_container_writer_publish(&writer, error);
    kin_container_writer_destroy(&writer);
    if (status != KIN_OK) return status;
    kin_mapping mapping; /* what was written is held to the reader's rules */
    status = kin_mapping_open(&mapping, path, error);
    if (status != KIN_OK) return status;
    kin_container container;
    status = kin_container_parse(&container, mapping.data, mapping.bytes, KIN_FILE_SHARD,
                                 KIN_SHARD_VERSION, path, error);
    written->bytes = mapping.bytes;
    if (status == KIN_OK) written->digest = kin_container_digest(mapping.data);
    kin_mapping_close(&mapping);
    return status;
}
