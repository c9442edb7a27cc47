/* What a search has found: how many codes at each distance, which says how far hits can still be,
 * and those among them that may be hits, bounded in number. Ids are looked up late, together. */
#ifndef WORKER_SEARCH_FOUND_H
#define WORKER_SEARCH_FOUND_H

#include "worker/search/search.h"

/* Codes that wait for their ids: when there are more, those that are out are dropped and the others
 * resolved. */
#define KIN_FOUND_MAX 2048

/* Equal codes, one behind the other in a table. */
typedef struct kin_found_run {
    uint64_t entry, count;
    uint32_t bucket;
    uint16_t distance;
    uint8_t table;
} kin_found_run;

typedef struct kin_found {
    const kin_codes_view *codes;
    kin_search_query *query;
    uint32_t count;
    kin_code last; /* turned: the code of the last run */
    bool is_full;  /* there are k hits within bound */
    uint32_t bound;
    uint64_t near;                             /* hits within bound */
    uint64_t histogram[KIN_CODE_BITS_MAX + 1]; /* hits at each distance within bound */
    kin_found_run runs[KIN_FOUND_MAX];
} kin_found;

/* Where codes that wait are in the first table; the memory of one thread. */
typedef struct kin_found_places {
    kin_code code[KIN_FOUND_MAX];
    uint64_t first[KIN_FOUND_MAX], last[KIN_FOUND_MAX];
} kin_found_places;

void kin_found_begin(kin_found *found, const kin_codes_view *codes, kin_search_query *query);

/* How far a code may be and still matter; -1: none matters any more. */
static inline int kin_found_radius(const kin_found *found)
{
    const kin_search_query *query = found->query;
    if (query->count_within || !found->is_full) return (int)query->within;
    int nearer = (int)found->bound - query->any_ties;
    return nearer < (int)query->within ? nearer : (int)query->within;
}

/* An entry of a table, with its turned code, that no call gave before; distance is within
 * kin_found_radius. Entries of a run of equal codes come one behind the other. */
void kin_found_add(kin_found *found, uint32_t table, uint32_t bucket, uint64_t entry,
                   const kin_code *turned, uint32_t distance, kin_found_places *places);

/* The last added code is also that of `more` entries behind its own. */
void kin_found_extend(kin_found *found, uint64_t more);

/* Looks up ids and pushes what may be a hit. */
void kin_found_flush(kin_found *found, kin_found_places *places);

#endif
