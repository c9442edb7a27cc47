/* Codes, and vectors that are compared by cosine, measured on one split. */
#ifndef WORKER_EVAL_EVALUATION_H
#define WORKER_EVAL_EVALUATION_H

#include "worker/eval/metrics.h"
#include "worker/eval/split.h"

typedef struct kin_evaluation_options {
    uint64_t first;      /* k of mAP@k, precision@k, recall@k */
    uint32_t near;       /* nearest neighbours by cosine that are to be found again */
    uint64_t near_first; /* among so many of a ranking */
    void (*tick)(void *user, double fraction); /* NULL: none */
    void *user;
} kin_evaluation_options;

/* What was measured of one way to rank. */
typedef struct kin_measured {
    kin_metrics metrics; /* zeroed where there are no classes */
    /* Of the real-valued layer that the codes are the signs of, compared by cosine: mAP and
     * precision@k. NaN where it is not there. */
    double values_mean_precision, values_precision_first;
    /* Share of queries that a hasher's head tells the right class of; NaN where there is no head.
     */
    double classified;
    double near_found; /* share of the nearest by cosine; NaN where they are not known */
    double seconds;    /* of all queries */
} kin_measured;

/* Vectors of a part's rows: those of its data set, or in memory. */
typedef struct kin_vectors {
    const kin_part *part;
    const float *memory; /* [part->count][dimensions], borrowed; NULL: the data set's */
    uint32_t dimensions;
} kin_vectors;

typedef struct kin_evaluation kin_evaluation;

/* split: borrowed. KIN_LIMIT for a database of 2^32 rows. */
KIN_MUST_USE kin_status kin_evaluation_new(kin_evaluation **evaluation, const kin_split *split,
                                           const kin_evaluation_options *options, kin_error *error);
void kin_evaluation_destroy(kin_evaluation **evaluation);

/* Ranks by cosine. remember: the nearest are what near_found of later calls is about. A vector of
 * zeros is at cosine 0 to all. In blocks: beside the scores of 256 queries, no more than a few MB
 * are held. KIN_BAD_INPUT names a row with a number that is not finite. */
KIN_MUST_USE kin_status kin_evaluation_cosine(kin_evaluation *evaluation,
                                              const kin_vectors *database,
                                              const kin_vectors *queries, bool remember,
                                              kin_measured *measured, kin_error *error);

/* Ranks by Hamming distance: codes [database][width], queries [queries][width] words. */
void kin_evaluation_codes(kin_evaluation *evaluation, const uint64_t *codes,
                          const uint64_t *queries, size_t width, kin_measured *measured);

/* What re-ranking compares (common/code/values.h). */
typedef struct kin_rerank_values {
    const int8_t *stored; /* [database][dimensions] */
    const int16_t *asked; /* [queries][dimensions] */
    uint32_t dimensions;
} kin_rerank_values;

/* Ranks by Hamming distance, then the first `first` (at most all) by their asymmetric distance. */
void kin_evaluation_rerank(kin_evaluation *evaluation, const uint64_t *codes,
                           const uint64_t *queries, size_t width, const kin_rerank_values *values,
                           uint64_t first, kin_measured *measured);

/* Ranks by chance. */
void kin_evaluation_random(kin_evaluation *evaluation, uint64_t seed, kin_measured *measured);

#endif
