/* All codes of a shard's first table, for several queries at once. */
#ifndef WORKER_SEARCH_TABLE_SCAN_H
#define WORKER_SEARCH_TABLE_SCAN_H

#include "worker/search/probe.h"

/* A scan goes piece by piece: the buckets that start with the same bits, as many as hold enough
 * entries for a kernel's call together. */
uint32_t kin_table_piece_bits(const kin_code_table *table);

/* Asks memory for what lies some pages behind entries [first, last), past the caches of others. */
void kin_table_ask_ahead(const kin_code_table *table, uint64_t first, uint64_t last);

/* Reads table 0 once for probes [count] of the same shard. What starts with bits that are too far
 * away is left out for each; what was seen in shells is not found again. */
void kin_table_scan(kin_probe *const *probes, uint32_t count);

#endif
