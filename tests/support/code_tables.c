#include "tests/support/code_tables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/memory.h"
#include "proto/shard_format.h"
#include "worker/shard/code_sort.h"

/* Large pages where the system gives them: a table of a shard is random access. */
static void *allocate(size_t bytes)
{
    size_t page = (size_t)2 << 20;
    if (bytes < page) return kin_calloc(bytes + 1, 1);
    void *memory = aligned_alloc(page, (bytes + page - 1) / page * page);
    if (memory == NULL) abort();
    madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    return memory;
}

static void fill_table(kin_code_table *table, const uint64_t *codes)
{
    unsigned words = table->bits / 64;
    uint64_t buckets = (uint64_t)1 << table->bucket_bits;
    uint8_t *groups = allocate((size_t)kin_table_groups(table->count) * table->group_bytes);
    uint32_t *starts = allocate((size_t)(buckets + 1) * sizeof *starts);
    for (uint64_t row = 0; row < table->count; row += KIN_TABLE_GROUP) {
        uint64_t group[KIN_TABLE_GROUP * KIN_CODE_WORDS_MAX] = {0}, left = table->count - row;
        size_t here = left < KIN_TABLE_GROUP ? (size_t)left : KIN_TABLE_GROUP;
        memcpy(group, codes + row * words, here * words * sizeof *codes);
        kin_table_pack(group, table->bits, table->bucket_bits,
                       groups + row / KIN_TABLE_GROUP * table->group_bytes);
    }
    for (uint64_t row = 0; row < table->count; row++)
        starts[(codes[row * words] >> 32 >> (32 - table->bucket_bits)) + 1]++;
    for (uint64_t bucket = 0; bucket < buckets; bucket++)
        starts[bucket + 1] += starts[bucket];
    table->groups = groups;
    table->starts = starts;
}

kin_codes_view code_tables_make(const uint64_t *words, const uint64_t *ids, uint64_t count,
                                unsigned bits, uint32_t tables, uint32_t bucket_bits)
{
    kin_shard_meta meta = {.count = count, .bits = bits};
    kin_shard_plan(&meta, tables, UINT64_MAX);
    kin_codes_view view = {.table_count = tables, .id_bytes = 8, .count = count, .bits = bits};
    uint64_t *copy = allocate((size_t)count * 8);
    uint64_t *codes = kin_malloc((size_t)count * bits / 8 + 1);
    uint64_t *scratch = kin_malloc((size_t)count * bits / 8 + 1);
    if (count > 0) memcpy(copy, ids, (size_t)count * 8);
    view.ids = (const uint8_t *)copy;
    for (uint32_t j = 0; j < tables; j++) {
        kin_code_table *table = &view.table[j];
        *table = (kin_code_table){.count = count,
                                  .bits = bits,
                                  .rotation = meta.table[j].rotation,
                                  .bucket_bits = meta.table[j].bucket_bits,
                                  .start_bytes = 4};
        if (bucket_bits <= KIN_TABLE_BUCKET_BITS_MAX) table->bucket_bits = bucket_bits;
        table->tail_bytes = kin_table_tail_bytes(table->bucket_bits);
        table->group_bytes = kin_table_group_bytes(bits, table->bucket_bits);
        for (uint64_t row = 0; row < count; row++) {
            kin_code code;
            kin_code_from_words(&code, words + row * (bits / 64), bits);
            kin_code_rotate(&code, bits, table->rotation);
            memcpy(codes + row * (bits / 64), code.word, bits / 8);
        }
        kin_code_sort(codes, scratch, count, bits, bits - table->rotation);
        fill_table(table, codes);
    }
    free(codes);
    free(scratch);
    return view;
}

void code_tables_free(kin_codes_view *view)
{
    for (uint32_t j = 0; j < view->table_count; j++) {
        free((void *)view->table[j].groups);
        free((void *)view->table[j].starts);
    }
    free((void *)view->ids);
    memset(view, 0, sizeof *view);
}
