/* Rows sorted where they lie: an import's rows fill the memory that it may use. */
#ifndef WORKER_INDEX_ROW_SORT_H
#define WORKER_INDEX_ROW_SORT_H

#include <stdint.h>

/* Sorts rows [count][words] as numbers of `words` words, the first one the highest: codes, or codes
 * with ids behind them. tick is called now and then. Method: radix sort in place, most significant
 * byte first (McIlroy, Bostic, McIlroy, Computing Systems 1993), insertion where few are left. */
void kin_row_sort(uint64_t *rows, uint64_t count, unsigned words, void (*tick)(void *user),
                  void *user);

#endif
