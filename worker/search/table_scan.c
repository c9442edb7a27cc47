#include "worker/search/table_scan.h"

/* Entries that buckets of one prefix hold together on average: a kernel call's worth. */
#define PIECE_ENTRIES 768
/* How far ahead memory is asked for, past the caches that others use. */
#define AHEAD_BYTES 4096

uint32_t kin_table_piece_bits(const kin_code_table *table)
{
    uint32_t bits = 0;
    while (bits < table->bucket_bits && table->count >> (bits + 1) >= PIECE_ENTRIES)
        bits++;
    return bits;
}

void kin_table_ask_ahead(const kin_code_table *table, uint64_t first, uint64_t last)
{
    const uint8_t *end = table->groups + kin_table_groups(table->count) * table->group_bytes;
    const uint8_t *from =
        table->groups + first / KIN_TABLE_GROUP * table->group_bytes + AHEAD_BYTES;
    const uint8_t *to = table->groups + last / KIN_TABLE_GROUP * table->group_bytes + AHEAD_BYTES;
    if (to > end) to = end;
    for (; from < to; from += 64)
        __builtin_prefetch(from, 0, 0);
}

/* Whether the probe still wants codes at this distance. */
static inline bool wants(const kin_probe *probe, uint32_t distance)
{
    return probe->query->status == KIN_OK && (int)distance <= kin_found_radius(&probe->found);
}

void kin_table_scan(kin_probe *const *probes, uint32_t count)
{
    const kin_code_table *table = &probes[0]->codes->table[0];
    uint32_t prefix_bits = kin_table_piece_bits(table), more = table->bucket_bits - prefix_bits;
    uint32_t own[KIN_SEARCH_QUERIES_MAX];
    for (uint32_t i = 0; i < count; i++)
        own[i] = kin_table_bucket_of(&probes[i]->table[0].turned, prefix_bits);
    for (uint32_t prefix = 0; prefix >> prefix_bits == 0; prefix++) {
        uint64_t first, last;
        bool asked = false;
        kin_table_range(table, (uint64_t)prefix << more, (uint64_t)1 << more, &first, &last);
        for (; first < last; first += KIN_RUN_MAX) {
            uint64_t end = last - first < KIN_RUN_MAX ? last : first + KIN_RUN_MAX;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t distance = (uint32_t)__builtin_popcount(prefix ^ own[i]);
                if (!wants(probes[i], distance)) continue;
                if (!asked) kin_table_ask_ahead(table, first, end);
                asked = true;
                kin_probe_read(probes[i], &(kin_probe_run){.prefix = prefix,
                                                           .prefix_bits = prefix_bits,
                                                           .distance = distance,
                                                           .first = first,
                                                           .last = end,
                                                           .is_scan = true});
            }
            asked = false;
        }
    }
}
