#include "proto/shard_check.h"

#include "common/base/limits.h"
#include "common/code/values.h"

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT, "%s: the shard contradicts its format: %s", name, what);
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

static bool starts_valid(const kin_code_table *table)
{
    uint64_t buckets = (uint64_t)1 << table->bucket_bits, before = 0;
    for (uint64_t bucket = 0; bucket <= buckets; bucket++) {
        uint64_t start = table->start_bytes == 4 ? ((const uint32_t *)table->starts)[bucket]
                                                 : ((const uint64_t *)table->starts)[bucket];
        if (start < before || (bucket == 0 && start != 0)) return false;
        before = start;
    }
    return before == table->count;
}

kin_status kin_shard_check_pieces(const kin_shard_view *view, const char *name, kin_error *error)
{
    uint64_t count = view->meta.count;
    if (view->key_ends != NULL &&
        !ends_valid(view->key_ends, count, KIN_KEY_BYTES_MAX, view->key_bytes))
        return refuse(error, name, "the ends of keys");
    if (view->thumbnail_ends != NULL &&
        !ends_valid(view->thumbnail_ends, count, KIN_THUMBNAIL_BYTES_MAX, view->thumbnail_bytes))
        return refuse(error, name, "the ends of thumbnails");
    for (uint32_t j = 0; j < view->meta.table_count; j++)
        if (!starts_valid(&view->codes.table[j]))
            return refuse(error, name, "the starts of buckets");
    return KIN_OK;
}

/* Whether the values of a row have the bits of its code, as far as there are values. */
static bool values_valid(const kin_shard_view *view, uint64_t row, const kin_code *code)
{
    uint32_t dimensions = view->meta.value_dimensions;
    kin_code of_values;
    if (dimensions == 0) return true;
    kin_values_code(view->values + row * dimensions, dimensions, &of_values);
    return kin_code_compare(&of_values, code) == 0;
}

static kin_status check_rows(const kin_shard_view *view, const char *name, kin_error *error)
{
    kin_code before = {0}, code;
    uint32_t bucket = 0;
    for (uint64_t row = 0; row < view->meta.count; row++) {
        kin_codes_code(&view->codes, row, &bucket, &code);
        int order = row == 0 ? -1 : kin_code_compare(&before, &code);
        if (order > 0 ||
            (order == 0 && kin_codes_id(&view->codes, row - 1) >= kin_codes_id(&view->codes, row)))
            return refuse(error, name, "rows are not in order of code and id");
        if ((row == 0 && kin_code_compare(&code, &view->meta.first) < 0) ||
            (row + 1 == view->meta.count && kin_code_compare(&code, &view->meta.last) > 0))
            return refuse(error, name, "a code is outside of its range");
        if (!values_valid(view, row, &code))
            return refuse(error, name, "the values of a row have other signs than its code");
        before = code;
    }
    return KIN_OK;
}

/* SplitMix64's mixing of a code's words: sums of it tell multisets of codes apart. */
static uint64_t mix(const kin_code *code)
{
    uint64_t mixed = 0;
    for (int i = 0; i < KIN_CODE_WORDS_MAX; i++) {
        uint64_t z = code->word[i] + mixed + 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        mixed = z ^ (z >> 31);
    }
    return mixed;
}

/* Sorted, no bit set where the bucket's are, zero behind the last entry; the sum of its codes. */
static bool table_valid(const kin_code_table *table, uint64_t *sum)
{
    kin_code before = {0}, rotated, code;
    uint32_t bucket = 0;
    for (uint64_t entry = 0; entry < table->count; entry++) {
        kin_table_entry(table, entry, kin_table_bucket(table, entry, &bucket), &rotated);
        if ((entry > 0 && kin_code_compare(&before, &rotated) > 0) ||
            kin_table_tail(table, entry) > kin_table_tail_mask(table->bucket_bits))
            return false;
        before = code = rotated;
        kin_code_rotate_back(&code, table->bits, table->rotation);
        *sum += mix(&code);
    }
    for (uint64_t entry = table->count; entry % KIN_TABLE_GROUP != 0; entry++) {
        kin_table_entry(table, entry, 0, &rotated);
        if (kin_code_compare(&rotated, &(kin_code){0}) != 0) return false;
    }
    return true;
}

kin_status kin_shard_check_order(const kin_shard_view *view, const char *name, kin_error *error)
{
    uint64_t first_sum = 0;
    for (uint32_t j = 0; j < view->meta.table_count; j++) {
        uint64_t sum = 0;
        if (!table_valid(&view->codes.table[j], &sum))
            return refuse(error, name, "a table is not in order");
        if (j == 0) first_sum = sum;
        if (sum != first_sum) return refuse(error, name, "its tables hold different codes");
    }
    return check_rows(view, name, error);
}
