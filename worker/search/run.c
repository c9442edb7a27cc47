#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/memory.h"
#include "worker/search/cost.h"
#include "worker/search/search.h"
#include "worker/search/table_scan.h"

/* A part of a scan's time that shells may take even if they promise nothing: what they find bounds
 * the scan, and they may find more than was thought. */
#define TRY_PART 0.05
/* What shells take is foreseen within 1.4 for nine queries of ten: they are read where that is
 * still below what the scan takes, so that queries which have no near codes cost no more than it.
 */
#define SURE_PART 0.75

struct kin_search_scratch {
    kin_cpu_level level;
    uint32_t queries_max;
    kin_search_way forced; /* KIN_SEARCH_WAYS: the cost decides */
    uint32_t forced_shells;
    kin_search_counters counters;
    kin_probe *probes; /* [queries_max] */
    kin_found_places places;
};

kin_search_scratch *kin_search_scratch_new(kin_cpu_level level, uint32_t queries_max)
{
    KIN_CHECK(queries_max >= 1 && queries_max <= KIN_SEARCH_QUERIES_MAX);
    kin_search_scratch *scratch = kin_calloc(1, sizeof *scratch);
    scratch->level = level;
    scratch->queries_max = queries_max;
    scratch->forced = KIN_SEARCH_WAYS;
    scratch->probes = kin_calloc(queries_max, sizeof *scratch->probes);
    return scratch;
}

void kin_search_scratch_destroy(kin_search_scratch **scratch)
{
    if (*scratch == NULL) return;
    free((*scratch)->probes);
    free(*scratch);
    *scratch = NULL;
}

const kin_search_counters *kin_search_scratch_counters(const kin_search_scratch *scratch)
{
    return &scratch->counters;
}

void kin_search_scratch_force(kin_search_scratch *scratch, kin_search_way way, uint32_t shells)
{
    scratch->forced = way;
    scratch->forced_shells = shells;
}

/* Whether the next shell, which takes next_ns, is worth more than going over to the scan now. */
static bool goes_on(const kin_cost *cost, const kin_probe *probe, double spent_ns, double next_ns)
{
    int radius = kin_found_radius(&probe->found), proven = kin_probe_proven(probe);
    if (spent_ns + next_ns <= TRY_PART * cost->scan_ns) return true;
    if ((!probe->found.is_full || radius > (int)cost->typical) && !probe->query->count_within &&
        (int)cost->typical > proven)
        radius = radius < (int)cost->typical ? radius : (int)cost->typical;
    return kin_cost_shells_ns(cost, probe, radius) < SURE_PART * cost->scan_ns;
}

/* Reads shells until nothing can be missing. False: the scan has to do the rest. */
static bool read_shells(const kin_search_scratch *scratch, kin_probe *probe)
{
    kin_cost cost;
    uint32_t shells = 0;
    double spent_ns = 0;
    kin_cost_begin(&cost, probe);
    while (kin_probe_proven(probe) < kin_found_radius(&probe->found)) {
        uint32_t j = kin_cost_cheapest(&cost, probe);
        double next_ns = cost.table[j].next_ns;
        if (scratch->forced == KIN_SEARCH_WAYS && !goes_on(&cost, probe, spent_ns, next_ns))
            return false;
        if (scratch->forced == KIN_SEARCH_SCAN && shells++ == scratch->forced_shells) return false;
        kin_probe_shell(probe, j);
        spent_ns += next_ns;
        if (probe->query->status != KIN_OK || probe->table[j].shells > probe->table[j].part_bits)
            break; /* late, or all codes were seen through one table */
    }
    probe->foreseen_ns = spent_ns;
    return true;
}

static void count(kin_search_scratch *scratch, const kin_probe *probe, kin_search_way way,
                  int64_t taken_ns)
{
    kin_search_counters *counters = &scratch->counters;
    counters->queries[way]++;
    counters->entries += probe->entries;
    counters->buckets += probe->buckets;
    if (taken_ns <= 0 || probe->foreseen_ns <= 0) return;
    double ratio = (double)taken_ns / probe->foreseen_ns * 22.627416997969522; /* 2^4.5 */
    uint32_t at = 0;
    while (at + 1 < KIN_SEARCH_RATIOS && ratio >= 2) {
        ratio /= 2;
        at++;
    }
    counters->ratios[at]++;
}

static void run_words(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                      kin_search_scratch *scratch)
{
    for (uint32_t i = 0; i < count; i++)
        scratch->counters.queries[KIN_SEARCH_SCAN]++;
    scratch->counters.entries += codes->count * count;
    kin_search_scan(codes, queries, count, scratch->level);
}

void kin_search_run(const kin_codes_view *codes, kin_search_query *queries, uint32_t query_count,
                    kin_search_scratch *scratch)
{
    KIN_CHECK(query_count <= scratch->queries_max);
    if (codes->table_count == 0) {
        run_words(codes, queries, query_count, scratch);
        return;
    }
    kin_probe *left[KIN_SEARCH_QUERIES_MAX];
    uint32_t left_count = 0;
    for (uint32_t i = 0; i < query_count; i++) {
        kin_probe *probe = &scratch->probes[i];
        int64_t start_ns = kin_clock_ns();
        queries[i].status = KIN_OK;
        kin_probe_begin(probe, codes, &queries[i], &scratch->places, scratch->level);
        if (!read_shells(scratch, probe)) {
            left[left_count++] = probe;
            continue;
        }
        kin_found_flush(&probe->found, &scratch->places);
        count(scratch, probe, KIN_SEARCH_TABLES, kin_clock_ns() - start_ns);
    }
    if (left_count == 0) return;
    kin_table_scan(left, left_count);
    for (uint32_t i = 0; i < left_count; i++) {
        kin_found_flush(&left[i]->found, &scratch->places);
        count(scratch, left[i], KIN_SEARCH_SCAN, 0);
    }
}
