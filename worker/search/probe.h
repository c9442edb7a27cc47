/* One query on one shard of tables: reading runs of entries, and whole shells of buckets. */
#ifndef WORKER_SEARCH_PROBE_H
#define WORKER_SEARCH_PROBE_H

#include "worker/search/found.h"
#include "worker/search/groups.h"

/* A table as the query sees it. Its part is the first part_bits bits of turned codes; parts of
 * different tables have no bit in common. */
typedef struct kin_probe_table {
    kin_code turned; /* the query's code */
    kin_group_query groups;
    kin_group_kernel kernel;
    uint32_t part_bits;
    uint32_t shells; /* every code whose part is at a distance below this was seen */
} kin_probe_table;

typedef struct kin_probe {
    const kin_codes_view *codes;
    kin_search_query *query;
    kin_probe_table table[KIN_TABLES_MAX];
    kin_found_places *places;
    uint64_t entries, buckets; /* looked at */
    uint64_t look_at;          /* entries and buckets at which the clock is looked at again */
    double foreseen_ns;
    kin_found found;
} kin_probe;

void kin_probe_begin(kin_probe *probe, const kin_codes_view *codes, kin_search_query *query,
                     kin_found_places *places, kin_cpu_level level);

/* Every code within this distance was seen (-1: none is known to be). A code that was not is, in
 * the part of every table, at least as far away as there are shells; parts are disjoint. */
static inline int kin_probe_proven(const kin_probe *probe)
{
    int proven = -1;
    for (uint32_t j = 0; j < probe->codes->table_count; j++)
        proven += (int)probe->table[j].shells;
    return proven;
}

/* Looks at entries [first, last) of a table: those whose bucket starts with prefix_bits bits of
 * prefix, which are at `distance` from the query's. is_scan: they may have been seen through the
 * table itself, too. */
typedef struct kin_probe_run {
    uint32_t table, prefix, prefix_bits, distance;
    uint64_t first, last;
    bool is_scan;
} kin_probe_run;
void kin_probe_read(kin_probe *probe, const kin_probe_run *run);

/* Reads the next shell of a table: all buckets whose part is at that distance. Ends early when
 * nothing that is left can matter, or when time is up (query's status). */
void kin_probe_shell(kin_probe *probe, uint32_t table);

/* Sets the query's status to KIN_DEADLINE when its time is up; looks at the clock now and then. */
bool kin_probe_is_late(kin_probe *probe);

/* Entries of a shell and how many buckets it has; estimated from 32 of them if it has more. */
double kin_probe_shell_entries(const kin_probe *probe, uint32_t table, uint32_t weight,
                               double *buckets);

#endif
