/* Codes with their ids, as they are sorted, cut and exchanged: rows of words + 1 numbers, first the
 * code's words, then the id. */
#ifndef WORKER_INDEX_ROWS_H
#define WORKER_INDEX_ROWS_H

#include <stdint.h>

#include "common/code/code.h"

/* Zeroed is empty. Owns data. */
typedef struct kin_rows {
    uint64_t *data; /* [count][words + 1] */
    uint64_t count;
    unsigned words; /* bits / 64 of a code */
} kin_rows;

static inline const uint64_t *kin_row(const kin_rows *rows, uint64_t i)
{
    return rows->data + i * (rows->words + 1);
}

/* Room for `count` rows. */
void kin_rows_init(kin_rows *rows, unsigned bits, uint64_t count);
void kin_rows_fini(kin_rows *rows);

/* Sorts by (code, id). tick is called between passes over the rows. Needs as much memory again
 * while it runs. Method: radix sort, least significant byte first; bytes that are the same in all
 * rows cost no pass. */
void kin_rows_sort(kin_rows *rows, void (*tick)(void *user), void *user);

/* How many of sorted rows have a code that comes before code, or that does not come after it. */
uint64_t kin_rows_before(const kin_rows *rows, const kin_code *code);
uint64_t kin_rows_through(const kin_rows *rows, const kin_code *code);

/* Of sorted rows: how many distinct codes there are, and the rows of the commonest one. */
void kin_rows_distinct(const kin_rows *rows, uint64_t *distinct, uint64_t *largest);

#endif
