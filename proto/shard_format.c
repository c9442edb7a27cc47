#include "proto/shard_format.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "shards are mapped as they are: a big-endian machine needs a converting reader");

/* proto/SHARD.md: the section "meta". */
enum {
    META_COUNT = 0,   /* u64 */
    META_BITS = 8,    /* u32 */
    META_NUMBER = 12, /* u32 */
    META_FIRST = 16,  /* 32 bytes: the code, big-endian, zero behind its width */
    META_LAST = 48    /* 32 bytes */
};
_Static_assert(META_LAST + KIN_CODE_BYTES_MAX == KIN_SHARD_META_BYTES, "proto/SHARD.md");

void kin_shard_meta_build(const kin_shard_meta *meta, uint8_t *bytes)
{
    memset(bytes, 0, KIN_SHARD_META_BYTES);
    kin_store_le64(bytes + META_COUNT, meta->count);
    kin_store_le32(bytes + META_BITS, meta->bits);
    kin_store_le32(bytes + META_NUMBER, meta->number);
    kin_code_to_bytes(&meta->first, bytes + META_FIRST, meta->bits);
    kin_code_to_bytes(&meta->last, bytes + META_LAST, meta->bits);
}

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT, "%s: the shard contradicts its format: %s", name, what);
}

static kin_status parse_meta(kin_shard_meta *meta, const kin_container *container, const char *name,
                             kin_error *error)
{
    uint64_t bytes;
    const uint8_t *data = kin_container_section(container, KIN_SHARD_META, &bytes);
    if (data == NULL || bytes != KIN_SHARD_META_BYTES)
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
    return KIN_OK;
}

/* A section of count rows of row_bytes each; false if it is not there or has another size. */
static bool rows_section(const kin_container *container, const char *section, uint64_t count,
                         uint64_t row_bytes, const void **rows)
{
    uint64_t bytes;
    *rows = kin_container_section(container, section, &bytes);
    return *rows != NULL && bytes % row_bytes == 0 && bytes / row_bytes == count;
}

/* Whether ends ascend, no piece has more than limit bytes, and the last is where all ends. */
static bool ends_valid(const uint64_t *ends, uint64_t count, uint64_t limit, uint64_t bytes)
{
    uint64_t before = 0;
    for (uint64_t row = 0; row < count; row++) {
        if (ends[row] < before || ends[row] - before > limit) return false;
        before = ends[row];
    }
    return before == bytes;
}

static kin_status parse_sections(kin_shard_view *view, const char *name, kin_error *error)
{
    const kin_container *container = &view->container;
    uint64_t count = view->meta.count, key_bytes, thumbnail_bytes, thumbnail_end_bytes;
    const void *words, *ids, *key_ends;
    if (!rows_section(container, KIN_SHARD_CODES, count, view->meta.bits / 8, &words) ||
        !rows_section(container, KIN_SHARD_IDS, count, 8, &ids) ||
        !rows_section(container, KIN_SHARD_KEY_ENDS, count, 8, &key_ends))
        return refuse(error, name, "a section has another size than its rows");
    view->words = words;
    view->ids = ids;
    view->key_ends = key_ends;
    view->keys = (const char *)kin_container_section(container, KIN_SHARD_KEYS, &key_bytes);
    const void *thumbnail_ends =
        kin_container_section(container, KIN_SHARD_THUMBNAIL_ENDS, &thumbnail_end_bytes);
    view->thumbnails = kin_container_section(container, KIN_SHARD_THUMBNAILS, &thumbnail_bytes);
    if (view->keys == NULL || thumbnail_ends == NULL || view->thumbnails == NULL)
        return refuse(error, name, "a section is missing");
    if (!ends_valid(view->key_ends, count, KIN_KEY_BYTES_MAX, key_bytes))
        return refuse(error, name, "the ends of keys");
    if (thumbnail_end_bytes > 0) {
        view->thumbnail_ends = thumbnail_ends;
        if (thumbnail_end_bytes / 8 != count || thumbnail_end_bytes % 8 != 0 ||
            !ends_valid(view->thumbnail_ends, count, KIN_THUMBNAIL_BYTES_MAX, thumbnail_bytes))
            return refuse(error, name, "the ends of thumbnails");
    } else if (thumbnail_bytes > 0) {
        return refuse(error, name, "thumbnails without ends");
    }
    return KIN_OK;
}

static kin_status check_order(const kin_shard_view *view, const char *name, kin_error *error)
{
    kin_code before = {0}, code;
    unsigned words = view->meta.bits / 64;
    for (uint64_t row = 0; row < view->meta.count; row++) {
        kin_code_from_words(&code, view->words + row * words, view->meta.bits);
        int order = row == 0 ? -1 : kin_code_compare(&before, &code);
        if (order > 0 || (order == 0 && view->ids[row - 1] >= view->ids[row]))
            return refuse(error, name, "rows are not in order of code and id");
        if ((row == 0 && kin_code_compare(&code, &view->meta.first) < 0) ||
            (row + 1 == view->meta.count && kin_code_compare(&code, &view->meta.last) > 0))
            return refuse(error, name, "a code is outside of its range");
        before = code;
    }
    return KIN_OK;
}

kin_status kin_shard_view_parse(kin_shard_view *view, const void *data, size_t bytes,
                                const char *name, kin_error *error)
{
    KIN_CHECK((uintptr_t)data % 8 == 0);
    memset(view, 0, sizeof *view);
    kin_container *container = &view->container;
    kin_status status =
        kin_container_parse(container, data, bytes, KIN_FILE_SHARD, KIN_SHARD_VERSION, name, error);
    if (status != KIN_OK) return status;
    uint64_t thumbnail_bytes;
    const uint8_t *thumbnails =
        kin_container_section(container, KIN_SHARD_THUMBNAILS, &thumbnail_bytes);
    if (thumbnails == NULL) return refuse(error, name, "a section is missing");
    uint64_t before_thumbnails = (uint64_t)(thumbnails - container->data);
    status = kin_container_check_range(container, KIN_CONTAINER_HEADER_BYTES,
                                       before_thumbnails - KIN_CONTAINER_HEADER_BYTES, name, error);
    if (status == KIN_OK) status = parse_meta(&view->meta, container, name, error);
    if (status == KIN_OK) status = parse_sections(view, name, error);
    if (status == KIN_OK) status = check_order(view, name, error);
    return status;
}
