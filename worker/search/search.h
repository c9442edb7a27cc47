/* Exact Hamming search over the codes of mapped shards. */
#ifndef WORKER_SEARCH_SEARCH_H
#define WORKER_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/cpu.h"
#include "common/base/status.h"
#include "common/code/codes_view.h"
#include "common/code/topk.h"

#define KIN_SEARCH_QUERIES_PER_PASS 8

/* One query of a pass. */
typedef struct kin_search_query {
    kin_code code;
    uint32_t within;     /* hits farther than this many bits are not hits; bits for any */
    kin_topk *topk;      /* receives the hits; may hold some already, whose bound prunes */
    bool count_within;   /* count all codes within, also those beyond k (slower: nothing prunes) */
    int64_t deadline_ns; /* kin_clock_ns time; INT64_MAX for none */
    uint64_t within_count; /* result: added to, if count_within */
    kin_status status;     /* result: KIN_OK, or KIN_DEADLINE with topk incomplete */
} kin_search_query;

/* Pushes every hit of every query (count up to KIN_SEARCH_QUERIES_PER_PASS) that can be among its k
 * first, reading the codes once. Allocates nothing. Deadlines are looked at every 64 Ki codes.
 * level: kin_cpu_level_get(), or a lower one in tests. */
void kin_search_scan(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                     kin_cpu_level level);

/* First and one-past-last row of a code (equal range), by binary search. */
void kin_search_bucket(const kin_codes_view *codes, const kin_code *code, uint64_t *first,
                       uint64_t *last);

#endif
