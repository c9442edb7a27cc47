/* Sorting of plain codes for the tables of a shard. */
#ifndef WORKER_SHARD_CODE_SORT_H
#define WORKER_SHARD_CODE_SORT_H

#include <stdint.h>

/* Sorts codes [count][bits / 64] by their first top_bits bits, stably. scratch is as large. Codes
 * that were in order before they were all turned left by r bits are in order again after sorting
 * by bits - r: the others are in order already. Method: radix sort, least significant digit first,
 * 11 bits at a time; digits that are the same in all codes cost no pass. */
void kin_code_sort(uint64_t *codes, uint64_t *scratch, uint64_t count, unsigned bits,
                   unsigned top_bits);

#endif
