#include "worker/eval/ranking.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* A float's 32 bits in three passes. */
#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define PASSES 3

struct kin_ranking {
    size_t rows;
    uint32_t *order, *other; /* [rows] */
    uint32_t *keys, *other_keys;
    uint16_t *distances; /* [rows] */
    uint32_t starts[KIN_RANKING_DISTANCES + 1];
    bool by_code;
};

kin_ranking *kin_ranking_new(size_t rows)
{
    kin_ranking *ranking = kin_calloc(1, sizeof *ranking);
    KIN_CHECK(rows <= UINT32_MAX);
    ranking->rows = rows;
    ranking->order = kin_malloc(rows * sizeof *ranking->order);
    ranking->other = kin_malloc(rows * sizeof *ranking->other);
    ranking->keys = kin_malloc(rows * sizeof *ranking->keys);
    ranking->other_keys = kin_malloc(rows * sizeof *ranking->other_keys);
    ranking->distances = kin_malloc(rows * sizeof *ranking->distances);
    return ranking;
}

void kin_ranking_destroy(kin_ranking **ranking)
{
    if (*ranking == NULL) return;
    free((*ranking)->order);
    free((*ranking)->other);
    free((*ranking)->keys);
    free((*ranking)->other_keys);
    free((*ranking)->distances);
    free(*ranking);
    *ranking = NULL;
}

static void measure(const uint64_t *words, size_t count, size_t width, const uint64_t *query,
                    uint16_t *distances)
{
    for (size_t i = 0; i < count; i++) {
        unsigned distance = 0;
        for (size_t w = 0; w < width; w++)
            distance += (unsigned)__builtin_popcountll(words[i * width + w] ^ query[w]);
        distances[i] = (uint16_t)distance;
    }
}

void kin_ranking_by_code(kin_ranking *ranking, const uint64_t *words, size_t count, size_t width,
                         const uint64_t *query)
{
    uint32_t next[KIN_RANKING_DISTANCES], *starts = ranking->starts;
    KIN_CHECK(count <= ranking->rows && width * 64 <= KIN_CODE_BITS_MAX);
    ranking->by_code = true;
    measure(words, count, width, query, ranking->distances);
    memset(starts, 0, sizeof ranking->starts);
    for (size_t i = 0; i < count; i++)
        starts[ranking->distances[i] + 1]++;
    for (size_t d = 0; d < KIN_RANKING_DISTANCES; d++) {
        next[d] = starts[d];
        starts[d + 1] += starts[d];
    }
    for (size_t i = 0; i < count; i++)
        ranking->order[next[ranking->distances[i]]++] = (uint32_t)i;
}

/* Unsigned numbers that ascend where the scores descend; -0 is 0. */
static uint32_t key_of(float score)
{
    uint32_t bits;
    if (score == 0) score = 0;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

static void swap(uint32_t **a, uint32_t **b)
{
    uint32_t *kept = *a;
    *a = *b;
    *b = kept;
}

/* Puts the first `count` of the order into that of their keys, stably. */
static void sort_keys(kin_ranking *ranking, size_t count)
{
    static const uint32_t mask = DIGITS - 1;
    uint32_t places[PASSES][DIGITS];
    memset(places, 0, sizeof places);
    for (size_t i = 0; i < count; i++)
        for (unsigned p = 0; p < PASSES; p++)
            places[p][ranking->keys[i] >> (p * DIGIT_BITS) & mask]++;
    for (unsigned p = 0; p < PASSES; p++) {
        uint32_t sum = 0;
        for (size_t digit = 0; digit < DIGITS; digit++) {
            uint32_t here = places[p][digit];
            places[p][digit] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++) {
            uint32_t key = ranking->keys[i], to = places[p][key >> (p * DIGIT_BITS) & mask]++;
            ranking->other_keys[to] = key;
            ranking->other[to] = ranking->order[i];
        }
        swap(&ranking->keys, &ranking->other_keys);
        swap(&ranking->order, &ranking->other);
    }
}

void kin_ranking_by_score(kin_ranking *ranking, const float *scores, size_t count)
{
    KIN_CHECK(count <= ranking->rows);
    ranking->by_code = false;
    for (size_t i = 0; i < count; i++) {
        ranking->keys[i] = key_of(scores[i]);
        ranking->order[i] = (uint32_t)i;
    }
    sort_keys(ranking, count);
}

void kin_ranking_rerank(kin_ranking *ranking, const uint32_t *scores, size_t count)
{
    size_t left = (ranking->rows - count) * sizeof *ranking->order;
    KIN_CHECK(ranking->by_code && count <= ranking->rows);
    ranking->by_code = false;
    memcpy(ranking->keys, scores, count * sizeof *scores);
    /* Sorting swaps the two orders: what stays behind is to be in both. */
    memcpy(ranking->other + count, ranking->order + count, left);
    sort_keys(ranking, count);
}

const uint32_t *kin_ranking_order(const kin_ranking *ranking)
{
    return ranking->order;
}

const uint32_t *kin_ranking_starts(const kin_ranking *ranking)
{
    return ranking->by_code ? ranking->starts : NULL;
}

void kin_ranking_normalize(float *vectors, uint64_t count, uint32_t dimensions)
{
    for (uint64_t i = 0; i < count; i++) {
        float *vector = vectors + i * dimensions;
        double squares = 0;
        for (uint32_t j = 0; j < dimensions; j++)
            squares += (double)vector[j] * vector[j];
        float scale = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
        for (uint32_t j = 0; j < dimensions; j++)
            vector[j] *= scale;
    }
}
