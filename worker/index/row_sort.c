#include "worker/index/row_sort.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/inline.h"
#include "common/base/memory.h"
#include "common/code/code.h"

#define RADIX 256
/* So few rows are inserted one by one. */
#define FEW_ROWS 16
/* Rows by way of the sorter, which the caches hold about: cells of an import have half of it. */
#define SPARE_BYTES ((size_t)4 << 20)
/* Bins have so many rows on average; more bins would leave the caches. */
#define BIN_ROWS 1
#define BIN_BITS_MAX 17
/* Rows that are sorted between two calls of tick. */
#define TICK_ROWS (1u << 22)
/* A code and its id. */
#define WORDS_MAX (KIN_CODE_WORDS_MAX + 1)

struct kin_row_sorter {
    void (*tick)(void *user);
    void *user;
    uint64_t since_tick;
    uint64_t *spare;                  /* [SPARE_BYTES] */
    uint32_t ends[1 << BIN_BITS_MAX]; /* of bins */
};

kin_row_sorter *kin_row_sorter_new(void (*tick)(void *user), void *user)
{
    kin_row_sorter *sorter = kin_calloc(1, sizeof *sorter);
    sorter->tick = tick;
    sorter->user = user;
    sorter->spare = kin_malloc(SPARE_BYTES);
    return sorter;
}

void kin_row_sorter_destroy(kin_row_sorter **sorter)
{
    if (*sorter == NULL) return;
    free((*sorter)->spare);
    free(*sorter);
    *sorter = NULL;
}

KIN_INLINE bool comes_before(const uint64_t *a, const uint64_t *b, unsigned words)
{
    for (unsigned w = 0; w + 1 < words; w++)
        if (a[w] != b[w]) return a[w] < b[w];
    return a[words - 1] < b[words - 1];
}

KIN_INLINE void copy_row(uint64_t *to, const uint64_t *from, unsigned words)
{
    for (unsigned w = 0; w < words; w++)
        to[w] = from[w];
}

/* rows [count], which may be `to`, in order. */
KIN_INLINE void insert_all(uint64_t *to, const uint64_t *rows, uint64_t count, unsigned words)
{
    uint64_t held[WORDS_MAX];
    for (uint64_t place, i = 0; i < count; i++) {
        copy_row(held, rows + i * words, words);
        for (place = i; place > 0 && comes_before(held, to + (place - 1) * words, words); place--)
            copy_row(to + place * words, to + (place - 1) * words, words);
        copy_row(to + place * words, held, words);
    }
}

KIN_INLINE unsigned digit_of(const uint64_t *row, unsigned byte)
{
    return (unsigned)(row[byte / 8] >> (56 - 8 * (byte % 8))) & (RADIX - 1);
}

/* Puts every row into the bin of its byte, in place; ends [RADIX] says where each bin ends. Returns
 * how many rows the fullest bin has; nothing was moved where these are all. */
KIN_INLINE uint64_t split(uint64_t *rows, uint64_t count, unsigned words, unsigned byte,
                          uint64_t *ends)
{
    uint64_t next[RADIX], sum = 0, held[WORDS_MAX], other[WORDS_MAX];
    memset(ends, 0, RADIX * sizeof *ends);
    for (uint64_t i = 0; i < count; i++)
        ends[digit_of(rows + i * words, byte)]++;
    uint64_t fullest = 0;
    for (unsigned bin = 0; bin < RADIX; bin++) {
        next[bin] = sum;
        if (ends[bin] > fullest) fullest = ends[bin];
        sum += ends[bin];
        ends[bin] = sum;
    }
    for (unsigned bin = 0; fullest < count && bin < RADIX; bin++) {
        while (next[bin] < ends[bin]) {
            copy_row(held, rows + next[bin] * words, words);
            unsigned home = digit_of(held, byte);
            while (home != bin) { /* the row that lies where this one belongs is the next to go */
                uint64_t *place = rows + next[home]++ * words;
                copy_row(other, place, words);
                copy_row(place, held, words);
                copy_row(held, other, words);
                home = digit_of(held, byte);
            }
            copy_row(rows + next[bin]++ * words, held, words);
        }
    }
    return fullest;
}

typedef void sort_level(kin_row_sorter *s, uint64_t *rows, uint64_t count, unsigned byte);

/* Rows that were put into bins by bits of one word: sorts bin after bin. */
KIN_INLINE void sort_bins(kin_row_sorter *s, uint64_t *rows, uint64_t count, unsigned words,
                          unsigned word, unsigned shift, sort_level *level)
{
    for (uint64_t first = 0, end; first < count; first = end) {
        uint64_t bin = rows[first * words + word] >> shift;
        for (end = first + 1; end < count && rows[end * words + word] >> shift == bin;)
            end++;
        if (end - first <= FEW_ROWS)
            insert_all(rows + first * words, rows + first * words, end - first, words);
        else
            level(s, rows + first * words, end - first, word * 8);
    }
}

/* Rows that fit into the spare memory, and are equal before word `word`: by the first bits in which
 * any two differ. */
KIN_INLINE void sort_near(kin_row_sorter *s, uint64_t *rows, uint64_t count, unsigned words,
                          unsigned word, sort_level *level)
{
    uint64_t differing = 0;
    for (; word < words; word++) {
        for (uint64_t i = 0; i < count; i++)
            differing |= rows[i * words + word] ^ rows[word];
        if (differing != 0) break;
    }
    if (word == words) return;
    unsigned top = 64 - (unsigned)__builtin_clzll(differing), bits = 1;
    while (bits < BIN_BITS_MAX && bits < top && count >> bits > BIN_ROWS)
        bits++;
    unsigned shift = top - bits, bins = 1u << bits, mask = bins - 1;
    uint32_t sum = 0, fullest = 0;
    memset(s->ends, 0, bins * sizeof *s->ends);
    for (uint64_t i = 0; i < count; i++)
        s->ends[rows[i * words + word] >> shift & mask]++;
    for (unsigned bin = 0; bin < bins; bin++) {
        uint32_t held = s->ends[bin];
        if (held > fullest) fullest = held;
        s->ends[bin] = sum; /* where it starts, to begin with */
        sum += held;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t *row = rows + i * words;
        copy_row(s->spare + (uint64_t)s->ends[row[word] >> shift & mask]++ * words, row, words);
    }
    if (fullest <= FEW_ROWS) {
        insert_all(rows, s->spare, count, words); /* in one go: every row is near its place */
        return;
    }
    memcpy(rows, s->spare, count * words * sizeof *rows);
    sort_bins(s, rows, count, words, word, shift, level);
}

/* Rows that are equal before byte `byte`. words is a constant where this is inlined. */
KIN_INLINE void sort_rows(kin_row_sorter *s, uint64_t *rows, uint64_t count, unsigned words,
                          unsigned byte, sort_level *level)
{
    uint64_t ends[RADIX], start = 0;
    if (count <= FEW_ROWS) {
        insert_all(rows, rows, count, words);
    } else if (count * words * sizeof *rows <= SPARE_BYTES) {
        sort_near(s, rows, count, words, byte / 8, level);
        s->since_tick += count;
    } else {
        uint64_t fullest = count;
        for (; fullest == count; byte++) {
            if (byte == 8 * words) return;
            fullest = split(rows, count, words, byte, ends);
        }
        for (unsigned bin = 0; bin < RADIX && byte < 8 * words; bin++) {
            if (ends[bin] - start > 1) level(s, rows + start * words, ends[bin] - start, byte);
            start = ends[bin];
        }
        s->since_tick += count / 4;
    }
    if (s->since_tick < TICK_ROWS) return;
    s->since_tick = 0;
    s->tick(s->user);
}

#define DEFINE_LEVEL(words)                                                                     \
    static void level_##words(kin_row_sorter *s, uint64_t *rows, uint64_t count, unsigned byte) \
    {                                                                                           \
        sort_rows(s, rows, count, words, byte, level_##words);                                  \
    }

DEFINE_LEVEL(1)
DEFINE_LEVEL(2)
DEFINE_LEVEL(3)
DEFINE_LEVEL(4)
DEFINE_LEVEL(5)

void kin_row_sort(kin_row_sorter *sorter, uint64_t *rows, uint64_t count, unsigned words)
{
    static sort_level *const levels[] = {level_1, level_2, level_3, level_4, level_5};
    KIN_CHECK(words >= 1 && words <= WORDS_MAX);
    if (count > 1) levels[words - 1](sorter, rows, count, 0);
}
