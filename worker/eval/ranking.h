/* The order in which a query finds the rows of a database. */
#ifndef WORKER_EVAL_RANKING_H
#define WORKER_EVAL_RANKING_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

/* Distances that codes can have. */
#define KIN_RANKING_DISTANCES (KIN_CODE_BITS_MAX + 1)

/* Room for rankings of up to `rows` rows; one a thread. */
typedef struct kin_ranking kin_ranking;

kin_ranking *kin_ranking_new(size_t rows);
void kin_ranking_destroy(kin_ranking **ranking);

/* Ranks words [count][width] by (Hamming distance to query [width], row). width: 1 to 4. */
void kin_ranking_by_code(kin_ranking *ranking, const uint64_t *words, size_t count, size_t width,
                         const uint64_t *query);

/* Ranks scores [count], finite, by (score descending, row). A radix sort. */
void kin_ranking_by_score(kin_ranking *ranking, const float *scores, size_t count);

/* Puts the first `count` rows of a ranking by code in the order of (score, distance, row); scores
 * [count] are of these rows, in their order. The others stay behind them. */
void kin_ranking_rerank(kin_ranking *ranking, const uint32_t *scores, size_t count);

/* Row numbers [count] in their order, until the next ranking. */
const uint32_t *kin_ranking_order(const kin_ranking *ranking);

/* starts [KIN_RANKING_DISTANCES + 1]: the rows of distance d are at starts[d] to starts[d + 1] of
 * the order. NULL after a ranking by score or a re-ranking. */
const uint32_t *kin_ranking_starts(const kin_ranking *ranking);

/* Vectors [count][dimensions] to length 1, so that products are cosines; zeros stay. */
void kin_ranking_normalize(float *vectors, uint64_t count, uint32_t dimensions);

#endif
