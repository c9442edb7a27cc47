#include "worker/search/found.h"

#include <string.h>

/* Counts hits and draws the bound in. */
static void count_hits(kin_found *found, uint32_t distance, uint64_t hits)
{
    uint32_t k = found->query->topk->k;
    if (distance > found->bound) return;
    found->histogram[distance] += hits;
    found->near += hits;
    found->is_full = found->near >= k;
    while (found->bound > 0 && found->near - found->histogram[found->bound] >= k)
        found->near -= found->histogram[found->bound--];
}

static void count_codes(kin_found *found, uint32_t distance, uint64_t codes)
{
    kin_search_query *query = found->query;
    if (query->count_within) {
        query->within_count += codes;
        if (query->histogram != NULL) query->histogram[distance] += codes;
    }
    count_hits(found, distance, codes);
}

void kin_found_begin(kin_found *found, const kin_codes_view *codes, kin_search_query *query)
{
    found->codes = codes;
    found->query = query;
    found->count = 0;
    found->is_full = false;
    found->bound = codes->bits;
    found->near = 0;
    memset(found->histogram, 0, (codes->bits + 1) * sizeof *found->histogram);
    for (uint32_t i = 0; i < query->topk->count; i++)
        count_hits(found, query->topk->heap[i].distance, 1);
}

void kin_found_add(kin_found *found, uint32_t table, uint32_t bucket, uint64_t entry,
                   const kin_code *turned, uint32_t distance, kin_found_places *places)
{
    kin_found_run *last = &found->runs[found->count > 0 ? found->count - 1 : 0];
    bool same = found->count > 0 && last->table == table && last->entry + last->count == entry &&
                last->distance == distance && kin_code_compare(&found->last, turned) == 0;
    if (same) {
        last->count++;
    } else if (!found->is_full || distance <= found->bound) {
        if (found->count == KIN_FOUND_MAX) kin_found_flush(found, places);
        found->runs[found->count++] = (kin_found_run){.entry = entry,
                                                      .count = 1,
                                                      .bucket = bucket,
                                                      .distance = (uint16_t)distance,
                                                      .table = (uint8_t)table};
        found->last = *turned;
    }
    count_codes(found, distance, 1);
}

void kin_found_extend(kin_found *found, uint64_t more)
{
    kin_found_run *last = &found->runs[found->count - 1];
    last->count += more;
    count_codes(found, last->distance, more);
}

/* Drops what is out; of those at the bound, k are enough where any will do. */
static void drop_far(kin_found *found)
{
    uint32_t kept = 0, ties = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const kin_found_run *run = &found->runs[i];
        if (found->is_full && run->distance > found->bound) continue;
        if (found->query->any_ties && found->is_full && run->distance == found->bound &&
            ties++ >= found->query->topk->k)
            continue;
        found->runs[kept++] = *run;
    }
    found->count = kept;
}

/* Rows of one code in order: ids ascend, so that the first that is out ends it. */
static void push_rows(const kin_found *found, uint64_t first, uint64_t last, uint32_t distance)
{
    kin_topk *topk = found->query->topk;
    for (uint64_t row = first; row < last; row++) {
        kin_hit hit = {.id = kin_codes_id(found->codes, row),
                       .distance = distance,
                       .shard = found->codes->shard,
                       .row = row};
        if (topk->count == topk->k && !kin_hit_before(&hit, &topk->heap[0])) break;
        kin_topk_push(topk, &hit);
    }
}

/* Each step asks for what the next one reads, for all codes, so that they wait for memory together
 * and not one after the other. */
void kin_found_flush(kin_found *found, kin_found_places *places)
{
    const kin_code_table *first = &found->codes->table[0];
    drop_far(found);
    for (uint32_t i = 0; i < found->count; i++) {
        const kin_found_run *run = &found->runs[i];
        if (run->table == 0) continue;
        const kin_code_table *table = &found->codes->table[run->table];
        kin_table_entry(table, run->entry, run->bucket, &places->code[i]);
        kin_code_rotate_back(&places->code[i], table->bits, table->rotation);
        uint32_t bucket = kin_table_bucket_of(&places->code[i], first->bucket_bits);
        __builtin_prefetch((const uint8_t *)first->starts + (size_t)bucket * first->start_bytes);
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->runs[i].table == 0) continue;
        uint32_t bucket = kin_table_bucket_of(&places->code[i], first->bucket_bits);
        uint64_t from, to;
        kin_table_range(first, bucket, 1, &from, &to);
        const uint8_t *group =
            first->groups + (from + (to - from) / 2) / KIN_TABLE_GROUP * first->group_bytes;
        for (size_t line = 0; line < first->group_bytes + 64; line += 64)
            __builtin_prefetch(group + line); /* where its binary search begins */
    }
    for (uint32_t i = 0; i < found->count; i++) {
        const kin_found_run *run = &found->runs[i];
        places->first[i] = run->entry;
        places->last[i] = run->entry + run->count;
        if (run->table != 0) { /* the same code as often */
            uint64_t end;
            places->first[i] = kin_table_first(first, &places->code[i], &end);
            places->last[i] = places->first[i] + run->count;
            if (places->last[i] > end) places->last[i] = end;
        }
        __builtin_prefetch(found->codes->ids + places->first[i] * found->codes->id_bytes);
    }
    for (uint32_t i = 0; i < found->count; i++)
        push_rows(found, places->first[i], places->last[i], found->runs[i].distance);
    found->count = 0;
}
