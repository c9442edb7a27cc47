#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "worker/search/hamming.h"
#include "worker/search/search.h"

/* Codes between two looks at the clock: about 0.1 ms. */
#define DEADLINE_CODES 65536

/* One block for one query: candidates by the kernel, the few that are left by the heap. A code at
 * the bound's very distance may still get in by its smaller id, so the bound is included. */
static void scan_block(const kin_codes_view *codes, const uint64_t *words, uint64_t first,
                       uint32_t count, kin_search_query *query, kin_hamming_kernel kernel)
{
    kin_candidate candidates[KIN_HAMMING_BLOCK];
    uint32_t bound = kin_topk_bound(query->topk);
    if (query->count_within || bound > query->within) bound = query->within;
    uint32_t found = kernel(words, count, query->code.word, bound, candidates);
    if (query->count_within) query->within_count += found;
    for (uint32_t i = 0; i < found; i++) {
        if (query->histogram != NULL) query->histogram[candidates[i].distance]++;
        uint64_t row = first + candidates[i].row;
        kin_topk_push(query->topk, &(kin_hit){.id = kin_codes_id(codes, row),
                                              .distance = candidates[i].distance,
                                              .shard = codes->shard,
                                              .row = row});
    }
}

/* The codes of rows [first, first + count) as words; those of tables are unpacked. */
static const uint64_t *block_words(const kin_codes_view *codes, uint64_t first, uint32_t count,
                                   uint32_t *hint, uint64_t *unpacked)
{
    unsigned words = codes->bits / 64;
    if (codes->words != NULL) return codes->words + first * words;
    for (uint32_t i = 0; i < count; i++) {
        kin_code code;
        kin_codes_code(codes, first + i, hint, &code);
        memcpy(unpacked + (size_t)i * words, code.word, codes->bits / 8);
    }
    return unpacked;
}

static bool is_late(kin_search_query *query)
{
    if (query->status == KIN_OK && query->deadline_ns != INT64_MAX &&
        kin_clock_ns() > query->deadline_ns)
        query->status = KIN_DEADLINE;
    return query->status != KIN_OK;
}

void kin_search_scan(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                     kin_cpu_level level)
{
    KIN_CHECK(count <= KIN_SEARCH_QUERIES_MAX);
    kin_hamming_kernel kernel = kin_hamming_kernel_get(codes->bits / 64, level);
    uint64_t unpacked[KIN_HAMMING_BLOCK * KIN_CODE_WORDS_MAX];
    uint32_t hint = 0;
    for (uint32_t i = 0; i < count; i++)
        queries[i].status = KIN_OK;
    for (uint64_t first = 0; first < codes->count; first += KIN_HAMMING_BLOCK) {
        uint64_t left = codes->count - first;
        uint32_t block = left < KIN_HAMMING_BLOCK ? (uint32_t)left : KIN_HAMMING_BLOCK;
        bool look = first % DEADLINE_CODES == 0;
        const uint64_t *words = block_words(codes, first, block, &hint, unpacked);
        for (uint32_t i = 0; i < count; i++) {
            if (look ? is_late(&queries[i]) : queries[i].status != KIN_OK) continue;
            scan_block(codes, words, first, block, &queries[i], kernel);
        }
    }
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
