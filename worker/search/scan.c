#include "common/base/check.h"
#include "common/base/clock.h"
#include "worker/search/hamming.h"
#include "worker/search/search.h"
#include "worker/search/table_scan.h"

/* Codes between two looks at the clock: about 0.1 ms. */
#define DEADLINE_CODES 65536

/* What one query still wants. A code at the bound's very distance may still get in by its smaller
 * id, so the bound is included. */
static uint32_t bound_of(const kin_search_query *query)
{
    uint32_t bound = kin_topk_bound(query->topk);
    return query->count_within || bound > query->within ? query->within : bound;
}

static void take(const kin_codes_view *codes, kin_search_query *query, uint64_t row,
                 uint32_t distance)
{
    if (query->count_within) query->within_count++;
    if (query->histogram != NULL) query->histogram[distance]++;
    kin_topk_push(query->topk, &(kin_hit){.id = kin_codes_id(codes, row),
                                          .distance = distance,
                                          .shard = codes->shard,
                                          .row = row});
}

/* One block of words for one query: candidates by the kernel, the few that are left by the heap. */
static void scan_block(const kin_codes_view *codes, uint64_t first, uint32_t count,
                       kin_search_query *query, kin_hamming_kernel kernel)
{
    kin_candidate candidates[KIN_HAMMING_BLOCK];
    const uint64_t *words = codes->words + first * (codes->bits / 64);
    uint32_t found = kernel(words, count, query->code.word, bound_of(query), candidates);
    for (uint32_t i = 0; i < found; i++)
        take(codes, query, first + candidates[i].row, candidates[i].distance);
}

static bool is_late(kin_search_query *query)
{
    if (query->status == KIN_OK && query->deadline_ns != INT64_MAX &&
        kin_clock_ns() > query->deadline_ns)
        query->status = KIN_DEADLINE;
    return query->status != KIN_OK;
}

/* From row *place on, `most` codes or some more; *place goes on, to UINT64_MAX in the end. */
static void scan_words(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                       kin_cpu_level level, uint64_t most, uint64_t *place)
{
    kin_hamming_kernel kernel = kin_hamming_kernel_get(codes->bits / 64, level);
    uint64_t first = *place;
    for (; first < codes->count && first - *place < most; first += KIN_HAMMING_BLOCK) {
        uint64_t left = codes->count - first;
        uint32_t block = left < KIN_HAMMING_BLOCK ? (uint32_t)left : KIN_HAMMING_BLOCK;
        bool look = first % DEADLINE_CODES == 0;
        for (uint32_t i = 0; i < count; i++) {
            if (look ? is_late(&queries[i]) : queries[i].status != KIN_OK) continue;
            scan_block(codes, first, block, &queries[i], kernel);
        }
    }
    *place = first < codes->count ? first : UINT64_MAX;
}

/* Entries of one bucket or several, whose first bits are a prefix. */
typedef struct piece {
    uint64_t first;
    uint32_t count, prefix, more; /* more: bits of a bucket behind the prefix */
} piece;

/* A piece for one query. The kernel leaves out the bucket's bits. */
static void scan_piece(const kin_codes_view *codes, const piece *at, kin_search_query *query,
                       const kin_group_query *groups, kin_group_kernel kernel)
{
    const kin_code_table *table = &codes->table[0];
    kin_candidate candidates[KIN_RUN_MAX];
    uint32_t own = kin_table_bucket_of(&query->code, table->bucket_bits);
    uint32_t distance = (uint32_t)__builtin_popcount(at->prefix ^ own >> at->more);
    uint32_t bound = bound_of(query), hint = at->prefix << at->more;
    if (distance > bound) return;
    uint32_t found = kernel(table->groups + at->first / KIN_TABLE_GROUP * table->group_bytes,
                            (uint32_t)(at->first % KIN_TABLE_GROUP), at->count, groups,
                            bound - distance, candidates);
    for (uint32_t i = 0; i < found; i++) {
        uint64_t row = at->first + candidates[i].row;
        uint32_t bucket = kin_table_bucket(table, row, &hint);
        uint32_t whole = (uint32_t)__builtin_popcount(bucket ^ own) + candidates[i].distance;
        if (whole <= bound_of(query)) take(codes, query, row, whole);
    }
}

/* Of tables, the first one holds every code, in the order of rows. From piece *place on, as above.
 */
static void scan_table(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                       kin_cpu_level level, uint64_t most, uint64_t *place)
{
    const kin_code_table *table = &codes->table[0];
    kin_group_kernel kernel = kin_group_kernel_get(table, level);
    kin_group_query groups[KIN_SEARCH_QUERIES_MAX];
    uint32_t bits = kin_table_piece_bits(table), more = table->bucket_bits - bits;
    uint64_t looked = 0;
    for (uint32_t i = 0; i < count; i++)
        kin_group_query_set(&groups[i], table, &queries[i].code);
    uint32_t prefix = (uint32_t)*place;
    for (; prefix >> bits == 0 && looked < most; prefix++) {
        uint64_t first, last;
        kin_table_range(table, (uint64_t)prefix << more, (uint64_t)1 << more, &first, &last);
        for (uint32_t entries; first < last; first += entries) {
            entries = last - first < KIN_RUN_MAX ? (uint32_t)(last - first) : KIN_RUN_MAX;
            piece at = {.first = first, .count = entries, .prefix = prefix, .more = more};
            bool look = looked / DEADLINE_CODES != (looked + entries) / DEADLINE_CODES;
            looked += entries;
            kin_table_ask_ahead(table, first, first + entries);
            for (uint32_t i = 0; i < count; i++) {
                if (look ? is_late(&queries[i]) : queries[i].status != KIN_OK) continue;
                scan_piece(codes, &at, &queries[i], &groups[i], kernel);
            }
        }
    }
    *place = prefix >> bits == 0 ? prefix : UINT64_MAX;
}

static void scan_from(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                      kin_cpu_level level, uint64_t most, uint64_t *place)
{
    KIN_CHECK(count <= KIN_SEARCH_QUERIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        queries[i].status = KIN_OK;
        is_late(&queries[i]);
    }
    if (codes->table_count > 0)
        scan_table(codes, queries, count, level, most, place);
    else
        scan_words(codes, queries, count, level, most, place);
}

void kin_search_scan(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                     kin_cpu_level level)
{
    uint64_t place = 0;
    scan_from(codes, queries, count, level, UINT64_MAX, &place);
}

void kin_search_scan_part(const kin_codes_view *codes, kin_search_query *query, kin_cpu_level level,
                          uint64_t most, uint64_t *place)
{
    scan_from(codes, query, 1, level, most, place);
}

/* The first row whose code is not before code (after = false), or is behind it (after = true). */
static uint64_t lower_bound(const kin_codes_view *codes, const kin_code *code, bool after)
{
    uint64_t low = 0, high = codes->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        kin_code at;
        uint32_t hint = 0;
        kin_codes_code(codes, middle, &hint, &at);
        int order = kin_code_compare(&at, code);
        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kin_search_bucket(const kin_codes_view *codes, const kin_code *code, uint64_t *first,
                       uint64_t *last)
{
    if (codes->table_count > 0) {
        kin_table_find(&codes->table[0], code, first, last);
        return;
    }
    *first = lower_bound(codes, code, false);
    *last = lower_bound(codes, code, true);
}
