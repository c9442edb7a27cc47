#include "worker/index/row_sort.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/check.h"
#include "common/code/code.h"

#define RADIX 256
/* Below so many rows, insertion is faster than counting 256 bins. */
#define FEW_ROWS 32
/* So many rows stay in the cache while they are gone over once more. */
#define NEAR_ROWS 4096
/* Rows that are sorted between two calls of tick. */
#define TICK_ROWS (1u << 22)
/* A code and its id. */
#define WORDS_MAX (KIN_CODE_WORDS_MAX + 1)

/* One sort: words and what it owes to tick. */
typedef struct sorter {
    void (*tick)(void *user);
    void *user;
    uint64_t since_tick;
} sorter;

static inline bool comes_before(const uint64_t *a, const uint64_t *b, unsigned words)
{
    for (unsigned w = 0; w + 1 < words; w++)
        if (a[w] != b[w]) return a[w] < b[w];
    return a[words - 1] < b[words - 1];
}

static inline void insert_all(uint64_t *rows, uint64_t count, unsigned words)
{
    uint64_t held[WORDS_MAX];
    for (uint64_t i = 1; i < count; i++) {
        uint64_t place = i;
        memcpy(held, rows + i * words, words * sizeof *rows);
        for (; place > 0 && comes_before(held, rows + (place - 1) * words, words); place--)
            memcpy(rows + place * words, rows + (place - 1) * words, words * sizeof *rows);
        memcpy(rows + place * words, held, words * sizeof *rows);
    }
}

static inline unsigned digit_of(const uint64_t *row, unsigned byte)
{
    return (unsigned)(row[byte / 8] >> (56 - 8 * (byte % 8))) & (RADIX - 1);
}

/* Puts every row into the bin of its byte; ends [RADIX] says where each bin ends. Returns how many
 * rows the fullest bin has; nothing was moved where these are all. */
static inline uint64_t split(uint64_t *rows, uint64_t count, unsigned words, unsigned byte,
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
            memcpy(held, rows + next[bin] * words, words * sizeof *rows);
            unsigned home = digit_of(held, byte);
            while (home != bin) { /* the row that lies where this one belongs is the next to go */
                uint64_t *place = rows + next[home]++ * words;
                memcpy(other, place, words * sizeof *rows);
                memcpy(place, held, words * sizeof *rows);
                memcpy(held, other, words * sizeof *rows);
                home = digit_of(held, byte);
            }
            memcpy(rows + next[bin]++ * words, held, words * sizeof *rows);
        }
    }
    return fullest;
}

/* words is a constant where this is inlined. */
static inline void sort_level(sorter *s, uint64_t *rows, uint64_t count, unsigned words,
                              unsigned byte,
                              void (*level)(sorter *s, uint64_t *rows, uint64_t count,
                                            unsigned byte))
{
    uint64_t ends[RADIX], start = 0;
    if (count <= FEW_ROWS) {
        insert_all(rows, count, words);
        return;
    }
    uint64_t fullest = count;
    for (; fullest == count; byte++) {
        if (byte == 8 * words) return;
        fullest = split(rows, count, words, byte, ends);
    }
    if (fullest <= FEW_ROWS && count <= NEAR_ROWS) {
        insert_all(rows, count, words); /* bin by bin, in one go: every row is near its place */
        return;
    }
    for (unsigned bin = 0; bin < RADIX && byte < 8 * words; bin++) {
        if (ends[bin] - start > 1) level(s, rows + start * words, ends[bin] - start, byte);
        start = ends[bin];
    }
    s->since_tick += count / 4; /* a row is seen by some four levels */
    if (s->since_tick < TICK_ROWS) return;
    s->since_tick = 0;
    s->tick(s->user);
}

#define DEFINE_LEVEL(words)                                                             \
    static void level_##words(sorter *s, uint64_t *rows, uint64_t count, unsigned byte) \
    {                                                                                   \
        sort_level(s, rows, count, words, byte, level_##words);                         \
    }

DEFINE_LEVEL(1)
DEFINE_LEVEL(2)
DEFINE_LEVEL(3)
DEFINE_LEVEL(4)
DEFINE_LEVEL(5)

void kin_row_sort(uint64_t *rows, uint64_t count, unsigned words, void (*tick)(void *user),
                  void *user)
{
    static void (*const levels[])(sorter *, uint64_t *, uint64_t,
                                  unsigned) = {level_1, level_2, level_3, level_4, level_5};
    sorter s = {.tick = tick, .user = user};
    KIN_CHECK(words >= 1 && words <= WORDS_MAX);
    if (count > 1) levels[words - 1](&s, rows, count, 0);
}
