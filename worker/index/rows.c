#include "worker/index/rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

#define RADIX 256

void kin_rows_init(kin_rows *rows, unsigned bits, uint64_t count)
{
    rows->words = bits / 64;
    rows->count = count;
    rows->data = kin_malloc(count * (rows->words + 1) * sizeof *rows->data);
}

void kin_rows_fini(kin_rows *rows)
{
    free(rows->data);
    memset(rows, 0, sizeof *rows);
}

/* One stable pass by the byte at `shift` of number `column`; false where it would change nothing.
 */
static bool sort_pass(const kin_rows *rows, uint64_t *target, unsigned column, unsigned shift)
{
    uint64_t start[RADIX] = {0}, stride = rows->words + 1, sum = 0;
    for (uint64_t i = 0; i < rows->count; i++)
        start[rows->data[i * stride + column] >> shift & (RADIX - 1)]++;
    for (unsigned value = 0; value < RADIX; value++) {
        uint64_t count = start[value];
        if (count == rows->count) return false;
        start[value] = sum;
        sum += count;
    }
    for (uint64_t i = 0; i < rows->count; i++) {
        const uint64_t *row = rows->data + i * stride;
        uint64_t place = start[row[column] >> shift & (RADIX - 1)]++;
        memcpy(target + place * stride, row, stride * sizeof *row);
    }
    return true;
}

void kin_rows_sort(kin_rows *rows, void (*tick)(void *user), void *user)
{
    if (rows->count < 2) return;
    uint64_t *target = kin_malloc(rows->count * (rows->words + 1) * sizeof *target);
    for (unsigned column = rows->words + 1; column-- > 0;) {
        /* The id, which is the last number, is the least significant: it comes first. */
        for (unsigned shift = 0; shift < 64; shift += 8) {
            if (sort_pass(rows, target, column, shift)) {
                uint64_t *sorted = target;
                target = rows->data;
                rows->data = sorted;
            }
            tick(user);
        }
    }
    free(target);
}

static int compare_code(const uint64_t *row, const kin_code *code, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (row[i] != code->word[i]) return row[i] < code->word[i] ? -1 : 1;
    return 0;
}

/* Rows whose code compares with code as less than `bound` does with 0. */
static uint64_t count_below(const kin_rows *rows, const kin_code *code, int bound)
{
    uint64_t low = 0, high = rows->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (compare_code(kin_row(rows, middle), code, rows->words) < bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t kin_rows_before(const kin_rows *rows, const kin_code *code)
{
    return count_below(rows, code, 0);
}

uint64_t kin_rows_through(const kin_rows *rows, const kin_code *code)
{
    return count_below(rows, code, 1);
}

void kin_rows_distinct(const kin_rows *rows, uint64_t *distinct, uint64_t *largest)
{
    uint64_t run = 0;
    *distinct = *largest = 0;
    for (uint64_t i = 0; i < rows->count; i++) {
        bool same = i > 0 && memcmp(kin_row(rows, i - 1), kin_row(rows, i),
                                    rows->words * sizeof *rows->data) == 0;
        run = same ? run + 1 : 1;
        *distinct += !same;
        if (run > *largest) *largest = run;
    }
}
