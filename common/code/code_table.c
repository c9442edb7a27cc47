#include "common/code/code_table.h"

#include "common/base/bytes.h"
#include "common/base/inline.h"

/* The top 32 bits fit into a word shift for every number of bucket bits. */
_Static_assert(KIN_TABLE_BUCKET_BITS_MAX < 32, "a bucket is less than half a word");

/* words and tail_bytes are constants where this is inlined. */
KIN_INLINE void pack(const uint64_t *codes, uint32_t words, uint32_t tail_bytes, uint32_t mask,
                     uint8_t *group)
{
    for (uint32_t plane = 0; plane < 2 * words - 1; plane++)
        for (uint32_t lane = 0; lane < KIN_TABLE_GROUP; lane++, group += 4)
            kin_store_le32(
                group, (uint32_t)(codes[lane * words + words - 1 - plane / 2] >> 32 * (plane % 2)));
    for (uint32_t lane = 0; lane < KIN_TABLE_GROUP; lane++) {
        uint32_t tail = (uint32_t)(codes[lane * words] >> 32) & mask;
        if (tail_bytes == 1)
            group[lane] = (uint8_t)tail;
        else if (tail_bytes == 2)
            kin_store_le16(group + (size_t)2 * lane, (uint16_t)tail);
        else
            kin_store_le32(group + (size_t)4 * lane, tail);
    }
}

void kin_table_pack(const uint64_t *codes, uint32_t bits, uint32_t bucket_bits, uint8_t *group)
{
    uint32_t words = bits / 64, mask = kin_table_tail_mask(bucket_bits);
    uint32_t tail_bytes = kin_table_tail_bytes(bucket_bits);
    if (words == 1 && tail_bytes == 1)
        pack(codes, 1, 1, mask, group);
    else if (words == 1 && tail_bytes == 2)
        pack(codes, 1, 2, mask, group);
    else
        pack(codes, words, tail_bytes, mask, group);
}

uint32_t kin_table_bucket(const kin_code_table *table, uint64_t entry, uint32_t *hint)
{
    uint64_t first, last;
    uint32_t low = *hint, high = (uint32_t)1 << table->bucket_bits;
    kin_table_range(table, low, 1, &first, &last);
    if (entry < first) low = 0;
    for (uint32_t step = 1; entry >= last && step <= 8 && low + 1 < high; step++)
        kin_table_range(table, ++low, 1, &first, &last); /* the next buckets, mostly */
    while (entry >= last || entry < first) { /* invariant: the bucket is in [low, high) */
        if (high - low <= 1) break;
        uint32_t middle = low + (high - low) / 2;
        kin_table_range(table, middle, 1, &first, &last);
        if (entry < first)
            high = middle;
        else
            low = middle;
    }
    *hint = low;
    return low;
}

/* The first entry of [first, last) in the bucket that does not come before the code, or (after)
 * that comes behind it. */
static uint64_t bound_of(const kin_code_table *table, uint64_t first, uint64_t last,
                         uint32_t bucket, const kin_code *rotated, bool after)
{
    kin_code at;
    while (first < last) {
        uint64_t middle = first + (last - first) / 2;
        kin_table_entry(table, middle, bucket, &at);
        int order = kin_code_compare(&at, rotated);
        if (order < 0 || (after && order == 0))
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

uint64_t kin_table_first(const kin_code_table *table, const kin_code *rotated, uint64_t *end)
{
    uint32_t bucket = kin_table_bucket_of(rotated, table->bucket_bits);
    uint64_t first;
    kin_table_range(table, bucket, 1, &first, end);
    return bound_of(table, first, *end, bucket, rotated, false);
}

void kin_table_find(const kin_code_table *table, const kin_code *rotated, uint64_t *first,
                    uint64_t *last)
{
    uint32_t bucket = kin_table_bucket_of(rotated, table->bucket_bits);
    kin_table_range(table, bucket, 1, first, last);
    *first = bound_of(table, *first, *last, bucket, rotated, false);
    *last = bound_of(table, *first, *last, bucket, rotated, true);
}

void kin_code_rotate(kin_code *code, uint32_t bits, uint32_t rotation)
{
    kin_code from = *code;
    uint32_t words = bits / 64, skip = rotation / 64 % words, shift = rotation % 64;
    for (uint32_t i = 0; i < words; i++) {
        uint64_t high = from.word[(i + skip) % words], low = from.word[(i + skip + 1) % words];
        code->word[i] = shift == 0 ? high : high << shift | low >> (64 - shift);
    }
}
