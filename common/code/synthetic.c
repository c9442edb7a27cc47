#include "common/code/synthetic.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/code/code.h"

#define DIMENSIONS 128
#define CLUSTERS_C 4096
#define CLUSTERS_H 65536
/* Rolls of the die that chooses a cluster, and the entries of the table that shortens the way. */
#define ROLL_BITS 32
#define GUIDE_BITS 16
/* A normal number is the sum of four bytes less their mean: within +-510, of this deviation. */
#define NORMAL_MEAN 510
#define NORMAL_DEVIATION 147.80730292923806 /* sqrt(4 (256^2 - 1) / 12) */
/* The largest number of the noise matrix: 128 x 16,383 x 510 stays below 2^31. */
#define NOISE_MAX 16383
/* Each stream of random numbers has a start of its own. */
enum { STREAM_MATRIX = 1, STREAM_CENTRES, STREAM_ROWS, STREAM_QUERIES };

struct kin_synthetic {
    char kind;
    unsigned bits;
    /* Kinds with clusters. The bit b of a row of cluster k is the sign of
     * centre[k][b] + sum over d of noise[b][d] * normal[d]. */
    uint32_t clusters, dimensions; /* dimensions of the noise: 64 where they are enough */
    int16_t *noise;                /* [bits / 64][dimensions / 2][64][2]: as signs() reads it */
    int32_t *centre;               /* [clusters][bits] */
    uint32_t *until;               /* [clusters]: the largest roll that is a cluster's */
    uint32_t *guide; /* [2^GUIDE_BITS]: the first cluster for a roll that starts with these bits */
};

/* Method: splitmix64 (Steele, Lea, Flood, OOPSLA 2014), as a hash and as a sequence. */
static inline uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t next(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

static inline uint64_t start_of(unsigned stream, uint64_t row)
{
    return mix(mix((uint64_t)stream << 56) + row);
}

/* values [count], a multiple of 2: bytes 0, 2, 4, 6 of a number make one, the others another. */
static inline void fill_normals(uint64_t *state, int16_t *values, unsigned count)
{
    const uint64_t even = 0x00ff00ff00ff00ffu, ones = 0x0001000100010001u;
    for (unsigned i = 0; i < count; i += 2) {
        uint64_t random = next(state);
        values[i] = (int16_t)((int)(((random & even) * ones) >> 48) - NORMAL_MEAN);
        values[i + 1] = (int16_t)((int)((((random >> 8) & even) * ones) >> 48) - NORMAL_MEAN);
    }
}

/* projection [bits][DIMENSIONS]: random planes, stretched as the data is. */
static void fill_projection(double *projection, unsigned bits, bool flat)
{
    uint64_t state = start_of(STREAM_MATRIX, 0);
    int16_t normals[DIMENSIONS];
    for (unsigned b = 0; b < bits; b++) {
        fill_normals(&state, normals, DIMENSIONS);
        for (unsigned d = 0; d < DIMENSIONS; d++)
            projection[b * DIMENSIONS + d] =
                normals[d] / NORMAL_DEVIATION / (flat ? 1 : sqrt(1 + d / 8.0));
    }
}

/* Where there are fewer bits than dimensions: lower [bits][bits] with lower x lower^T = projection
 * x projection^T, so that noise of bits dimensions has the same distribution (Cholesky). */
static void fill_lower(const double *projection, unsigned bits, double *lower)
{
    for (unsigned i = 0; i < bits; i++)
        for (unsigned j = 0; j <= i; j++) {
            double sum = 0;
            for (unsigned d = 0; d < DIMENSIONS; d++)
                sum += projection[i * DIMENSIONS + d] * projection[j * DIMENSIONS + d];
            for (unsigned d = 0; d < j; d++)
                sum -= lower[i * bits + d] * lower[j * bits + d];
            lower[i * bits + j] = i == j ? sqrt(sum) : sum / lower[j * bits + j];
        }
}

/* Rounds the noise, matrix [bits][dimensions], to integers; returns the factor. */
static double round_noise(kin_synthetic *s, const double *matrix)
{
    double largest = 0;
    size_t count = (size_t)s->bits * s->dimensions;
    for (size_t i = 0; i < count; i++)
        if (fabs(matrix[i]) > largest) largest = fabs(matrix[i]);
    double factor = NOISE_MAX / largest;
    for (uint32_t b = 0; b < s->bits; b++)
        for (uint32_t d = 0; d < s->dimensions; d++)
            s->noise[(size_t)(b / 64 * s->dimensions + d / 2 * 2) * 64 + b % 64 * 2 + d % 2] =
                (int16_t)floor(matrix[(size_t)b * s->dimensions + d] * factor + 0.5);
    return factor;
}

/* projected [bits] of one centre, whose dimensions have deviation 1 before the spectrum. */
static void fill_centre(const double *projection, unsigned bits, uint32_t k, double factor,
                        int32_t *centre)
{
    uint64_t state = start_of(STREAM_CENTRES, k);
    int16_t normals[DIMENSIONS];
    fill_normals(&state, normals, DIMENSIONS);
    for (unsigned b = 0; b < bits; b++) {
        double sum = 0;
        for (unsigned d = 0; d < DIMENSIONS; d++)
            sum += projection[b * DIMENSIONS + d] * normals[d];
        centre[b] = (int32_t)floor(sum * factor + 0.5);
    }
}

static void fill_weights(kin_synthetic *s)
{
    bool equal = s->kind == 'h';
    const uint64_t unit = (uint64_t)1 << (equal ? 40 : 52); /* the total stays below 2^57 */
    uint64_t total = 0, sum = 0;
    for (uint32_t k = 0; k < s->clusters; k++)
        total += equal ? unit : unit / (k + 20);
    for (uint32_t k = 0; k < s->clusters; k++) {
        sum += equal ? unit : unit / (k + 20);
        s->until[k] = (uint32_t)((sum >> 24) * UINT32_MAX / (total >> 24));
    }
    s->until[s->clusters - 1] = UINT32_MAX;
    uint32_t k = 0;
    for (uint32_t i = 0; i < 1u << GUIDE_BITS; i++) {
        while (s->until[k] < i << (ROLL_BITS - GUIDE_BITS))
            k++;
        s->guide[i] = k;
    }
}

static void make_clusters(kin_synthetic *s)
{
    bool hard = s->kind == 'h';
    double *projection = kin_calloc((size_t)s->bits * DIMENSIONS, sizeof *projection);
    s->clusters = hard ? CLUSTERS_H : CLUSTERS_C;
    s->dimensions = s->bits < DIMENSIONS ? s->bits : DIMENSIONS;
    s->noise = kin_calloc((size_t)s->bits * s->dimensions, sizeof *s->noise);
    s->centre = kin_calloc((size_t)s->clusters * s->bits, sizeof *s->centre);
    s->until = kin_calloc(s->clusters, sizeof *s->until);
    s->guide = kin_calloc((size_t)1 << GUIDE_BITS, sizeof *s->guide);
    fill_projection(projection, s->bits, hard);
    double factor;
    if (s->dimensions < DIMENSIONS) {
        double *lower = kin_calloc((size_t)s->bits * s->bits, sizeof *lower);
        fill_lower(projection, s->bits, lower);
        factor = round_noise(s, lower);
        free(lower);
    } else {
        factor = round_noise(s, projection);
    }
    /* The noise is of deviation 1 here; c wants 0.5, so its centres are twice as far apart. */
    for (uint32_t k = 0; k < s->clusters; k++)
        fill_centre(projection, s->bits, k, hard ? factor : 2 * factor,
                    s->centre + (size_t)k * s->bits);
    fill_weights(s);
    free(projection);
}

kin_status kin_synthetic_new(kin_synthetic **synthetic, char kind, unsigned bits, kin_error *error)
{
    *synthetic = NULL;
    if (kind != 'u' && kind != 'c' && kind != 'n' && kind != 'h')
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is no synthetic set '%c'; there are u (uniform), c (clusters), n "
                        "(near duplicates) and h (hard)",
                        kind);
    if (!kin_code_bits_valid(bits))
        return kin_fail(error, KIN_BAD_INPUT, "codes of %u bits; a code has 64, 128 or 256", bits);
    kin_synthetic *made = kin_calloc(1, sizeof *made);
    *made = (kin_synthetic){.kind = kind, .bits = bits};
    if (kind != 'u') make_clusters(made);
    *synthetic = made;
    return KIN_OK;
}

void kin_synthetic_destroy(kin_synthetic **synthetic)
{
    if (*synthetic == NULL) return;
    free((*synthetic)->noise);
    free((*synthetic)->centre);
    free((*synthetic)->until);
    free((*synthetic)->guide);
    free(*synthetic);
    *synthetic = NULL;
}

/* Whether the 64 sums are above 0. noise [dimensions / 2][64][2], centre [64]. The baseline of
 * x86-64 has an instruction for two products and their sum, which is worth its own lines. */
#ifdef __SSE2__
static uint64_t signs(const int16_t *noise, const int32_t *centre, const int16_t *normals,
                      unsigned dimensions)
{
    uint64_t word = 0;
    for (unsigned half = 0; half < 64; half += 32) { /* 8 registers of sums at a time */
        __m128i sum[8];
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            sum[i] = _mm_loadu_si128((const __m128i *)(centre + half + 4 * i));
        for (unsigned d = 0; d < dimensions; d += 2) {
            int32_t pair;
            memcpy(&pair, normals + d, sizeof pair);
            __m128i both = _mm_set1_epi32(pair);
            const int16_t *row = noise + (size_t)d * 64 + 2 * half;
#pragma GCC unroll 8
            for (unsigned i = 0; i < 8; i++)
                sum[i] = _mm_add_epi32(
                    sum[i], _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(row + 8 * i)), both));
        }
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            __m128i above = _mm_cmpgt_epi32(sum[i], _mm_setzero_si128());
            above = _mm_shuffle_epi32(above, _MM_SHUFFLE(0, 1, 2, 3)); /* the first is on top */
            word = word << 4 | (unsigned)_mm_movemask_ps(_mm_castsi128_ps(above));
        }
    }
    return word;
}
#else
static uint64_t signs(const int16_t *noise, const int32_t *centre, const int16_t *normals,
                      unsigned dimensions)
{
    uint64_t word = 0;
    for (unsigned b = 0; b < 64; b++) {
        int32_t sum = centre[b];
        for (unsigned d = 0; d < dimensions; d += 2) {
            const int16_t *pair = noise + (size_t)d * 64 + 2 * b;
            sum += (int32_t)pair[0] * normals[d] + (int32_t)pair[1] * normals[d + 1];
        }
        word = word << 1 | (sum > 0);
    }
    return word;
}
#endif

static void make_row(const kin_synthetic *s, uint64_t state, uint64_t *words)
{
    unsigned count = s->bits / 64;
    if (s->kind == 'u') {
        for (unsigned w = 0; w < count; w++)
            words[w] = next(&state);
        return;
    }
    int16_t normals[DIMENSIONS];
    uint32_t roll = (uint32_t)(next(&state) >> (64 - ROLL_BITS));
    uint32_t k = s->guide[roll >> (ROLL_BITS - GUIDE_BITS)];
    while (s->until[k] < roll)
        k++;
    fill_normals(&state, normals, s->dimensions);
    const int32_t *centre = s->centre + (size_t)k * s->bits;
    for (unsigned w = 0; w < count; w++)
        words[w] = signs(s->noise + (size_t)w * 64 * s->dimensions, centre + (size_t)w * 64,
                         normals, s->dimensions);
}

void kin_synthetic_codes(const kin_synthetic *synthetic, uint64_t first, uint64_t count,
                         uint64_t *words)
{
    for (uint64_t i = 0; i < count; i++)
        make_row(synthetic, start_of(STREAM_ROWS, first + i), words + i * (synthetic->bits / 64));
}

/* A stored code with 1 to bits / 16 of its bits flipped. */
static void make_near(const kin_synthetic *s, uint64_t stored, uint64_t state, uint64_t *words)
{
    make_row(s, start_of(STREAM_ROWS, next(&state) % stored), words);
    uint64_t flipped[KIN_CODE_WORDS_MAX] = {0};
    uint64_t wanted = 1 + next(&state) % (s->bits / 16);
    while (wanted > 0) {
        unsigned bit = (unsigned)(next(&state) % s->bits);
        uint64_t mask = (uint64_t)1 << bit % 64;
        if ((flipped[bit / 64] & mask) != 0) continue;
        flipped[bit / 64] |= mask;
        words[bit / 64] ^= mask;
        wanted--;
    }
}

void kin_synthetic_queries(const kin_synthetic *synthetic, uint64_t stored, uint64_t first,
                           uint64_t count, uint64_t *words)
{
    KIN_CHECK(stored > 0);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t state = start_of(STREAM_QUERIES, first + i);
        uint64_t *row = words + i * (synthetic->bits / 64);
        if (synthetic->kind == 'n')
            make_near(synthetic, stored, state, row);
        else
            make_row(synthetic, state, row);
    }
}
