/* All codes of a shard's first table, for several queries at once. */
#ifndef WORKER_SEARCH_TABLE_SCAN_H
#define WORKER_SEARCH_TABLE_SCAN_H

#include "worker/search/probe.h"

/* Reads table 0 once for probes [count] of the same shard. What starts with bits that are too far
 * away is left out for each; what was seen in shells is not found again. */
void kin_table_scan(kin_probe *const *probes, uint32_t count);

#endif
