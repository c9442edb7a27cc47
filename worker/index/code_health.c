#include "worker/index/code_health.h"

#include <math.h>
#include <string.h>

#include "common/base/limits.h"

#define BLOCK_ROWS 64
#define TICK_BLOCKS 4096

/* columns [bits]: bit r of column i is bit i of row first + r, 0 for rows behind the end. */
static void transpose(const kin_rows *rows, uint64_t first, uint64_t *columns)
{
    uint64_t count = rows->count - first < BLOCK_ROWS ? rows->count - first : BLOCK_ROWS;
    memset(columns, 0, rows->words * 64 * sizeof *columns);
    for (uint64_t r = 0; r < count; r++) {
        const uint64_t *row = kin_row(rows, first + r);
        for (unsigned i = 0; i < rows->words * 64; i++)
            columns[i] |= (row[i / 64] >> (63 - i % 64) & 1) << r;
    }
}

void kin_health_count(const kin_rows *rows, uint64_t *pairs, void (*tick)(void *user), void *user)
{
    uint64_t columns[KIN_CODE_BITS_MAX];
    for (uint64_t first = 0; first < rows->count; first += BLOCK_ROWS) {
        transpose(rows, first, columns);
        uint64_t *pair = pairs;
        for (unsigned a = 0; a < rows->words * 64; a++)
            for (unsigned b = 0; b <= a; b++)
                *pair++ += (uint64_t)__builtin_popcountll(columns[a] & columns[b]);
        if (first / BLOCK_ROWS % TICK_BLOCKS == 0) tick(user);
    }
}

/* Pearson's correlation of two bits of n pictures, 1 in a and in b of them, and in both. */
static double phi(double n, double a, double b, double both)
{
    double spread = a * (n - a) * (b * (n - b));
    return spread > 0 ? (n * both - a * b) / sqrt(spread) : 0;
}

static void keep_strongest(kin_manifest *manifest, const kin_manifest_correlation *found)
{
    kin_manifest_correlation *kept = manifest->correlation;
    uint32_t place = manifest->correlation_count;
    while (place > 0 && fabs(kept[place - 1].phi) < fabs(found->phi))
        place--;
    if (place == KIN_MANIFEST_CORRELATIONS_MAX) return;
    if (manifest->correlation_count < KIN_MANIFEST_CORRELATIONS_MAX) manifest->correlation_count++;
    memmove(kept + place + 1, kept + place,
            (manifest->correlation_count - place - 1) * sizeof *kept);
    kept[place] = *found;
}

void kin_health_summarize(const uint64_t *pairs, kin_manifest *manifest)
{
    double n = (double)manifest->indexed;
    manifest->correlation_count = 0;
    for (unsigned a = 0; a < manifest->bits; a++)
        manifest->bit_ones[a] = pairs[kin_health_pair(a, a)];
    for (unsigned a = 0; a < manifest->bits; a++)
        for (unsigned b = a + 1; b < manifest->bits; b++) {
            kin_manifest_correlation found = {.a = a,
                                              .b = b,
                                              .phi = phi(n, (double)manifest->bit_ones[a],
                                                         (double)manifest->bit_ones[b],
                                                         (double)pairs[kin_health_pair(b, a)])};
            if (found.phi != 0) keep_strongest(manifest, &found);
        }
}
