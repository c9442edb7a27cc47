/* Exact Hamming search over the codes of mapped shards. */
#ifndef WORKER_SEARCH_SEARCH_H
#define WORKER_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/cpu.h"
#include "common/base/status.h"
#include "common/code/codes_view.h"
#include "common/code/topk.h"

/* Queries that a worker takes together, and that a call takes. */
#define KIN_SEARCH_QUERIES_PER_PASS 8
#define KIN_SEARCH_QUERIES_MAX 64

/* One query of a call. */
typedef struct kin_search_query {
    kin_code code;
    uint32_t within;     /* hits farther than this many bits are not hits; bits for any */
    kin_topk *topk;      /* receives the hits; may hold some already, whose bound prunes */
    bool count_within;   /* count all codes within, also those beyond k (slower: nothing prunes) */
    bool any_ties;       /* of hits at the k-th distance any will do: not those of the least ids */
    int64_t deadline_ns; /* kin_clock_ns time; INT64_MAX for none */
    uint64_t *histogram; /* [within + 1], added to: codes at each distance; NULL: not wanted, else
                            count_within */
    uint64_t within_count; /* result: added to, if count_within */
    kin_status status;     /* result: KIN_OK, or KIN_DEADLINE with topk incomplete */
} kin_search_query;

/* How a query was answered on a shard. */
typedef enum kin_search_way {
    KIN_SEARCH_TABLES, /* buckets near the query's, until nothing nearer can be elsewhere */
    KIN_SEARCH_SCAN,   /* all codes but those whose first bits are too far */
    KIN_SEARCH_WAYS
} kin_search_way;

/* What was foreseen when the way was chosen, against what it took. */
#define KIN_SEARCH_RATIOS 9
typedef struct kin_search_counters {
    uint64_t queries[KIN_SEARCH_WAYS]; /* on a shard each */
    uint64_t entries;                  /* looked at */
    uint64_t buckets;
    /* Time taken over time foreseen: [i] counts ratios from 2^(i - 4.5) to 2^(i - 3.5); the first
     * and the last also those beyond. Queries that share a scan are not in it. */
    uint64_t ratios[KIN_SEARCH_RATIOS];
} kin_search_counters;

/* The memory of one thread's searches, about 0.2 MB for each of queries_max (up to
 * KIN_SEARCH_QUERIES_MAX) queries a call. level: kin_cpu_level_get(), or a lower one in tests. */
typedef struct kin_search_scratch kin_search_scratch;
kin_search_scratch *kin_search_scratch_new(kin_cpu_level level, uint32_t queries_max);
void kin_search_scratch_destroy(kin_search_scratch **scratch);
const kin_search_counters *kin_search_scratch_counters(const kin_search_scratch *scratch);

/* For tests and figures: KIN_SEARCH_TABLES never scans, KIN_SEARCH_SCAN scans after `shells`
 * shells; KIN_SEARCH_WAYS leaves it to the cost again. */
void kin_search_scratch_force(kin_search_scratch *scratch, kin_search_way way, uint32_t shells);

/* Pushes every hit of every query (count up to queries_max) that can be among its k first: exactly
 * what a scan of all codes would leave in the query's topk (with any_ties: hits of the same
 * distances). Allocates nothing. Deadlines are looked at about every 0.1 ms.
 * Method: multi-index hashing, Norouzi, Punjani and Fleet, TPAMI 2014, over the shard's tables; see
 * README.md. */
void kin_search_run(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                    kin_search_scratch *scratch);

/* The same by looking at every code, whatever tables there are (count up to
 * KIN_SEARCH_QUERIES_MAX): the check of the former. any_ties makes no difference. */
void kin_search_scan(const kin_codes_view *codes, kin_search_query *queries, uint32_t count,
                     kin_cpu_level level);

/* The next part of it for one query, of `most` codes and what is left of a piece, for those who
 * have better to do in between: *place is 0 for the first one, and UINT64_MAX when it was the last.
 */
void kin_search_scan_part(const kin_codes_view *codes, kin_search_query *query, kin_cpu_level level,
                          uint64_t most, uint64_t *place);

/* First and one-past-last row of a code (equal range), by binary search. */
void kin_search_bucket(const kin_codes_view *codes, const kin_code *code, uint64_t *first,
                       uint64_t *last);

#endif
