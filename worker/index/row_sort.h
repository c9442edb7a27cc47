/* Rows sorted where they lie: an import's rows fill the memory that it may use. */
#ifndef WORKER_INDEX_ROW_SORT_H
#define WORKER_INDEX_ROW_SORT_H

#include <stdint.h>

/* What sorts need beside the rows: 2 MB. For one thread. */
typedef struct kin_row_sorter kin_row_sorter;

/* tick is called now and then. */
kin_row_sorter *kin_row_sorter_new(void (*tick)(void *user), void *user);
void kin_row_sorter_destroy(kin_row_sorter **sorter);

/* Sorts rows [count][words] as numbers of `words` words (up to a code and an id), the first one the
 * highest: codes, or codes with ids behind them. Method: radix sort, most significant digit first;
 * many rows are permuted in place (McIlroy, Bostic, McIlroy, Computing Systems 1993), those that
 * fit into the sorter by way of it, by as many bits as give bins of a few rows; insertion does the
 * rest. */
void kin_row_sort(kin_row_sorter *sorter, uint64_t *rows, uint64_t count, unsigned words);

#endif
