#include "proto/shard_format.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/shard_check.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "shards are mapped as they are: a big-endian machine needs a converting reader");

/* proto/SHARD.md: the section "meta". */
enum {
    META_COUNT = 0,        /* u64 */
    META_BITS = 8,         /* u32 */
    META_NUMBER = 12,      /* u32 */
    META_FIRST = 16,       /* 32 bytes: the code, big-endian, zero behind its width */
    META_LAST = 48,        /* 32 bytes */
    META_TABLES = 80,      /* u32 */
    META_ID_BYTES = 84,    /* u32 */
    META_START_BYTES = 88, /* u32 */
    META_VALUES = 92,      /* u32: zero before version 3 */
    META_TABLE = 96        /* rows of rotation (u16), bucket bits (u16), zero (u32) */
};
#define META_TABLE_BYTES 8
_Static_assert(META_LAST + KIN_CODE_BYTES_MAX == KIN_SHARD_META_BYTES_1, "proto/SHARD.md");
_Static_assert(META_TABLE + KIN_SHARD_META_TABLES * META_TABLE_BYTES == KIN_SHARD_META_BYTES,
               "proto/SHARD.md");
_Static_assert(META_TABLE + KIN_TABLES_MAX * META_TABLE_BYTES == KIN_SHARD_META_BYTES_MAX,
               "proto/SHARD.md");

/* Below so many codes a scan takes less than a tenth of a millisecond. */
#define TABLES_CODES_MIN 65536u
/* From so many codes on, memory decides: starts of 2^24 buckets are less than what a byte less an
 * entry saves. */
#define LARGE_CODES ((uint64_t)1 << 28)
/* Codes of a bucket, on average, at least: two groups. */
#define BUCKET_CODES_MIN 32

/* Bits of buckets that are full enough. */
static uint32_t fill_bits(uint64_t count)
{
    uint32_t bits = 0;
    while (bits < KIN_TABLE_BUCKET_BITS_MAX && count >> (bits + 1) >= BUCKET_CODES_MIN)
        bits++;
    return bits;
}

/* Parts as wide as buckets, which tile the code: wider ones have empty buckets, narrower ones are
 * long to read. Where even all tables that there may be leave out more than an eighth of the code,
 * a scan of one is as fast. Measured: README.md of worker/search. */
uint32_t kin_shard_tables_auto(uint64_t count, uint32_t bits, uint64_t bytes_max)
{
    uint32_t fill = fill_bits(count);
    uint32_t tables = count < TABLES_CODES_MIN ? 1 : (bits + fill / 2) / fill;
    if (tables > KIN_TABLES_MAX)
        tables = KIN_TABLES_MAX * fill >= bits - bits / 8 ? KIN_TABLES_MAX : 1;
    for (; bytes_max > 0 && tables > 1; tables--) {
        kin_shard_meta meta = {.count = count, .bits = bits};
        kin_shard_plan(&meta, tables, count);
        if (kin_shard_search_bytes(&meta) <= bytes_max) break;
    }
    return tables;
}

void kin_shard_plan(kin_shard_meta *meta, uint32_t table_count, uint64_t id_max)
{
    KIN_CHECK(table_count >= 1 && table_count <= KIN_TABLES_MAX);
    meta->table_count = table_count;
    meta->id_bytes = id_max <= UINT32_MAX ? 4 : id_max >> 40 == 0 ? 5 : 8;
    meta->start_bytes = meta->count <= UINT32_MAX ? 4 : 8;
    uint32_t fill = fill_bits(meta->count);
    for (uint32_t j = 0; j < table_count; j++) {
        uint32_t rotation = j * meta->bits / table_count;
        uint32_t part = (j + 1) * meta->bits / table_count - rotation;
        uint32_t bucket_bits = fill < part ? fill : part;
        if (meta->count >= LARGE_CODES) bucket_bits = KIN_TABLE_BUCKET_BITS_MAX;
        meta->table[j].rotation = rotation;
        meta->table[j].bucket_bits = bucket_bits;
    }
}

uint64_t kin_shard_groups_bytes(const kin_shard_meta *meta, uint32_t table)
{
    return kin_table_groups(meta->count) *
           kin_table_group_bytes(meta->bits, meta->table[table].bucket_bits);
}

uint64_t kin_shard_starts_bytes(const kin_shard_meta *meta, uint32_t table)
{
    return (((uint64_t)1 << meta->table[table].bucket_bits) + 1) * meta->start_bytes;
}

uint64_t kin_shard_search_bytes(const kin_shard_meta *meta)
{
    uint64_t bytes = meta->count * meta->id_bytes;
    for (uint32_t j = 0; j < meta->table_count; j++)
        bytes += kin_shard_groups_bytes(meta, j) + kin_shard_starts_bytes(meta, j);
    return bytes;
}

const char *kin_shard_table_section(const char *prefix, uint32_t table, char *name)
{
    snprintf(name, KIN_SECTION_NAME_BYTES + 1, "%s%c", prefix, 'a' + (int)table);
    return name;
}

static void add(kin_placed_section *sections, uint32_t *count, const char *name, uint64_t bytes)
{
    kin_placed_section *section = &sections[(*count)++];
    memset(section, 0, sizeof *section);
    memcpy(section->name, name, strlen(name));
    section->bytes = bytes;
}

uint32_t kin_shard_sections(const kin_shard_meta *meta, kin_shard_pieces keys,
                            kin_shard_pieces thumbnails, kin_placed_section *sections)
{
    char name[KIN_SECTION_NAME_BYTES + 1];
    uint32_t count = 0;
    add(sections, &count, KIN_SHARD_META, kin_shard_meta_bytes(meta));
    add(sections, &count, KIN_SHARD_IDS, meta->count * meta->id_bytes);
    for (uint32_t j = 0; j < meta->table_count; j++) {
        add(sections, &count, kin_shard_table_section(KIN_SHARD_TABLE, j, name),
            kin_shard_groups_bytes(meta, j));
        add(sections, &count, kin_shard_table_section(KIN_SHARD_STARTS, j, name),
            kin_shard_starts_bytes(meta, j));
    }
    add(sections, &count, KIN_SHARD_KEY_ENDS, keys.there ? meta->count * 8 : 0);
    add(sections, &count, KIN_SHARD_KEYS, keys.there ? keys.bytes : 0);
    if (meta->value_dimensions > 0)
        add(sections, &count, KIN_SHARD_VALUES, meta->count * meta->value_dimensions);
    add(sections, &count, KIN_SHARD_THUMBNAIL_ENDS, thumbnails.there ? meta->count * 8 : 0);
    add(sections, &count, KIN_SHARD_THUMBNAILS, thumbnails.there ? thumbnails.bytes : 0);
    return count;
}

uint32_t kin_shard_version(const kin_shard_meta *meta)
{
    return meta->value_dimensions > 0 ? KIN_SHARD_VERSION_VALUES : KIN_SHARD_VERSION;
}

uint32_t kin_shard_meta_bytes(const kin_shard_meta *meta)
{
    return meta->table_count <= KIN_SHARD_META_TABLES ? KIN_SHARD_META_BYTES
                                                      : KIN_SHARD_META_BYTES_MAX;
}

void kin_shard_meta_build(const kin_shard_meta *meta, uint8_t *bytes)
{
    memset(bytes, 0, kin_shard_meta_bytes(meta));
    kin_store_le64(bytes + META_COUNT, meta->count);
    kin_store_le32(bytes + META_BITS, meta->bits);
    kin_store_le32(bytes + META_NUMBER, meta->number);
    kin_code_to_bytes(&meta->first, bytes + META_FIRST, meta->bits);
    kin_code_to_bytes(&meta->last, bytes + META_LAST, meta->bits);
    kin_store_le32(bytes + META_TABLES, meta->table_count);
    kin_store_le32(bytes + META_ID_BYTES, meta->id_bytes);
    kin_store_le32(bytes + META_START_BYTES, meta->start_bytes);
    kin_store_le32(bytes + META_VALUES, meta->value_dimensions);
    for (uint32_t j = 0; j < meta->table_count; j++) {
        uint8_t *row = bytes + META_TABLE + (size_t)META_TABLE_BYTES * j;
        kin_store_le16(row, (uint16_t)meta->table[j].rotation);
        kin_store_le16(row + 2, (uint16_t)meta->table[j].bucket_bits);
    }
}

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT, "%s: the shard contradicts its format: %s", name, what);
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

/* What version 2 adds to meta: its tables. */
static kin_status parse_tables(kin_shard_meta *meta, const uint8_t *data, uint64_t bytes,
                               const char *name, kin_error *error)
{
    meta->table_count = kin_load_le32(data + META_TABLES);
    meta->id_bytes = kin_load_le32(data + META_ID_BYTES);
    meta->start_bytes = kin_load_le32(data + META_START_BYTES);
    if (meta->table_count < 1 || meta->table_count > KIN_TABLES_MAX)
        return refuse(error, name, "there are 1 to 16 tables");
    if (bytes != kin_shard_meta_bytes(meta)) return refuse(error, name, "the size of meta");
    if ((meta->id_bytes != 4 && meta->id_bytes != 5 && meta->id_bytes != 8) ||
        meta->start_bytes != (meta->count <= UINT32_MAX ? 4 : 8) ||
        meta->count >> 56 != 0) /* so that no size below overflows */
        return refuse(error, name, "the width of its numbers");
    for (uint32_t j = 0; j < meta->table_count; j++) {
        const uint8_t *row = data + META_TABLE + (size_t)META_TABLE_BYTES * j;
        meta->table[j].rotation = kin_load_le16(row);
        meta->table[j].bucket_bits = kin_load_le16(row + 2);
        uint32_t before = j == 0 ? 0 : meta->table[j - 1].rotation;
        if (meta->table[j].bucket_bits > KIN_TABLE_BUCKET_BITS_MAX ||
            meta->table[j].rotation >= meta->bits || !all_zero(row + 4, 4) ||
            (j == 0 ? meta->table[j].rotation != 0 : meta->table[j].rotation <= before))
            return refuse(error, name, "a table that cannot be");
    }
    size_t used = META_TABLE + (size_t)META_TABLE_BYTES * meta->table_count;
    if (!all_zero(data + used, bytes - used))
        return refuse(error, name, "meta's unused bytes are not zero");
    return KIN_OK;
}

static kin_status parse_meta(kin_shard_meta *meta, const kin_container *container, const char *name,
                             kin_error *error)
{
    uint64_t bytes;
    const uint8_t *data = kin_container_section(container, KIN_SHARD_META, &bytes);
    if (data == NULL ||
        (container->version == 1 ? bytes != KIN_SHARD_META_BYTES_1 : bytes < KIN_SHARD_META_BYTES))
        return refuse(error, name, "no meta section");
    meta->count = kin_load_le64(data + META_COUNT);
    meta->bits = kin_load_le32(data + META_BITS);
    meta->number = kin_load_le32(data + META_NUMBER);
    if (!kin_code_bits_valid(meta->bits))
        return refuse(error, name, "codes are of 64, 128 or 256 bits");
    if (meta->number >= KIN_SHARDS_MAX) return refuse(error, name, "its number is above the limit");
    kin_code_from_bytes(&meta->first, data + META_FIRST, meta->bits);
    kin_code_from_bytes(&meta->last, data + META_LAST, meta->bits);
    if (kin_code_compare(&meta->first, &meta->last) > 0)
        return refuse(error, name, "its range ends before it starts");
    meta->id_bytes = 8;
    if (container->version == 1) return KIN_OK;
    meta->value_dimensions = kin_load_le32(data + META_VALUES);
    bool has_values = container->version == KIN_SHARD_VERSION_VALUES;
    if (meta->value_dimensions > meta->bits || has_values != (meta->value_dimensions > 0))
        return refuse(error, name, "its values have more dimensions than its codes bits, or none");
    return parse_tables(meta, data, bytes, name, error);
}

/* A section of count rows of row_bytes each; false if it is not there or has another size. */
static bool rows_section(const kin_container *container, const char *section, uint64_t count,
                         uint64_t row_bytes, const void **rows)
{
    uint64_t bytes;
    *rows = kin_container_section(container, section, &bytes);
    return *rows != NULL && bytes % row_bytes == 0 && bytes / row_bytes == count;
}

static kin_status find_table(kin_shard_view *view, uint32_t j, const char *name, kin_error *error)
{
    kin_code_table *table = &view->codes.table[j];
    const kin_shard_meta *meta = &view->meta;
    char section[KIN_SECTION_NAME_BYTES + 1];
    const void *groups;
    *table = (kin_code_table){.count = meta->count,
                              .bits = meta->bits,
                              .rotation = meta->table[j].rotation,
                              .bucket_bits = meta->table[j].bucket_bits,
                              .start_bytes = meta->start_bytes};
    table->tail_bytes = kin_table_tail_bytes(table->bucket_bits);
    table->group_bytes = kin_table_group_bytes(table->bits, table->bucket_bits);
    if (!rows_section(&view->container, kin_shard_table_section(KIN_SHARD_TABLE, j, section),
                      kin_table_groups(meta->count), table->group_bytes, &groups) ||
        !rows_section(&view->container, kin_shard_table_section(KIN_SHARD_STARTS, j, section),
                      ((uint64_t)1 << table->bucket_bits) + 1, table->start_bytes, &table->starts))
        return refuse(error, name, "a table has another size than its rows");
    table->groups = groups;
    return KIN_OK;
}

/* Keys or thumbnails: *ends is NULL where the section has no bytes. */
static kin_status find_pieces(const kin_shard_view *view, const char *ends_section,
                              const char *section, const uint64_t **ends, const uint8_t **pieces,
                              uint64_t *bytes, const char *name, kin_error *error)
{
    uint64_t end_bytes;
    const void *found = kin_container_section(&view->container, ends_section, &end_bytes);
    *pieces = kin_container_section(&view->container, section, bytes);
    if (found == NULL || *pieces == NULL) return refuse(error, name, "a section is missing");
    if (end_bytes % 8 != 0 || (end_bytes / 8 != view->meta.count && end_bytes > 0))
        return refuse(error, name, "a section has another size than its rows");
    *ends = end_bytes > 0 ? found : NULL;
    if (end_bytes == 0 && *bytes > 0) return refuse(error, name, "keys or thumbnails without ends");
    return KIN_OK;
}

static kin_status parse_sections(kin_shard_view *view, const char *name, kin_error *error)
{
    const kin_shard_meta *meta = &view->meta;
    const void *words = NULL, *ids;
    const uint8_t *keys = NULL;
    if (!rows_section(&view->container, KIN_SHARD_IDS, meta->count, meta->id_bytes, &ids) ||
        (meta->table_count == 0 &&
         !rows_section(&view->container, KIN_SHARD_CODES, meta->count, meta->bits / 8, &words)))
        return refuse(error, name, "a section has another size than its rows");
    view->codes = (kin_codes_view){.words = words,
                                   .table_count = meta->table_count,
                                   .id_bytes = meta->id_bytes,
                                   .ids = ids,
                                   .count = meta->count,
                                   .bits = meta->bits,
                                   .shard = meta->number};
    kin_status status = KIN_OK;
    for (uint32_t j = 0; status == KIN_OK && j < meta->table_count; j++)
        status = find_table(view, j, name, error);
    if (status == KIN_OK)
        status = find_pieces(view, KIN_SHARD_KEY_ENDS, KIN_SHARD_KEYS, &view->key_ends, &keys,
                             &view->key_bytes, name, error);
    view->keys = (const char *)keys;
    const void *values = NULL;
    if (status == KIN_OK && meta->value_dimensions > 0 &&
        !rows_section(&view->container, KIN_SHARD_VALUES, meta->count, meta->value_dimensions,
                      &values))
        return refuse(error, name, "a section has another size than its rows");
    view->values = values;
    if (status == KIN_OK)
        status =
            find_pieces(view, KIN_SHARD_THUMBNAIL_ENDS, KIN_SHARD_THUMBNAILS, &view->thumbnail_ends,
                        &view->thumbnails, &view->thumbnail_bytes, name, error);
    if (status == KIN_OK && meta->table_count == 0 && view->key_ends == NULL && meta->count > 0)
        return refuse(error, name, "version 1 has a key for each row");
    return status;
}

/* Every block in front of the thumbnails. */
static kin_status check_blocks(const kin_shard_view *view, const char *name, kin_error *error)
{
    uint64_t before_thumbnails = (uint64_t)(view->thumbnails - view->container.data);
    return kin_container_check_range(&view->container, KIN_CONTAINER_HEADER_BYTES,
                                     before_thumbnails - KIN_CONTAINER_HEADER_BYTES, name, error);
}

kin_status kin_shard_view_parse(kin_shard_view *view, const void *data, size_t bytes,
                                kin_shard_check check, const char *name, kin_error *error)
{
    KIN_CHECK((uintptr_t)data % 8 == 0);
    memset(view, 0, sizeof *view);
    kin_container *container = &view->container;
    kin_status status = kin_container_parse(container, data, bytes, KIN_FILE_SHARD,
                                            KIN_SHARD_VERSION_VALUES, name, error);
    if (status == KIN_OK) status = parse_meta(&view->meta, container, name, error);
    if (status == KIN_OK) status = parse_sections(view, name, error);
    bool is_first = view->meta.table_count == 0;
    if (status == KIN_OK && (is_first || check >= KIN_SHARD_CHECK_BLOCKS)) {
        status = check_blocks(view, name, error);
        if (status == KIN_OK) status = kin_shard_check_pieces(view, name, error);
    }
    if (status == KIN_OK && (is_first || check >= KIN_SHARD_CHECK_ROWS))
        status = kin_shard_check_order(view, name, error);
    return status;
}
