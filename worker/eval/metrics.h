/* How good rankings are, as papers on hashing measure it. Sums over queries, in the order in which
 * queries are added. */
#ifndef WORKER_EVAL_METRICS_H
#define WORKER_EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/eval/ranking.h"

/* Recall levels of the precision-recall curve: 1/20, 2/20, ..., 1. */
#define KIN_CURVE_POINTS 20
/* The radius in which a lookup in a hash table finds: the usual one. */
#define KIN_LOOKUP_RADIUS 2

/* Means over queries once kin_metrics_finish was called, sums before. Rows are relevant whose class
 * is the query's; a query without any is left out and counted. Zeroed is a good start. */
typedef struct kin_metrics {
    uint64_t queries;            /* that count */
    uint64_t without_relevant;   /* that do not */
    double mean_precision;       /* mAP: of the ranking by (distance, row) */
    double mean_precision_ties;  /* mAP expected where equal distances come in any order */
    double mean_precision_first; /* mAP@k: over the relevant rows among the first k */
    double precision_first;      /* precision@k */
    double recall_first;         /* recall@k */
    double precision_radius;     /* precision within the radius; 0 for a query that finds nothing */
    double empty_radius;         /* share of queries that find nothing within it */
    double curve[KIN_CURVE_POINTS]; /* precision where recall reaches the level */
} kin_metrics;

/* What a query is measured against. */
typedef struct kin_metrics_rows {
    const uint32_t *labels;  /* [count] */
    const uint64_t *sizes;   /* [classes]: rows of each class */
    const double *harmonics; /* [count + 1], from kin_metrics_harmonics */
    size_t count;
    size_t first; /* k, at most count */
} kin_metrics_rows;

/* numbers [count + 1]: 1 + 1/2 + ... + 1/i at i. */
void kin_metrics_harmonics(double *numbers, size_t count);

/* Adds a query of class label; ranking is of all rows. The figures of ties and radius are NaN where
 * a ranking by score is added.
 *
 * Ties: McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in
 * the Presence of Tied Scores", ECIR 2008. mAP@k divides by the relevant rows among the first k, as
 * the published code of HashNet (Cao et al., ICCV 2017) and its successors does. */
void kin_metrics_add(kin_metrics *metrics, const kin_metrics_rows *rows, uint32_t label,
                     const kin_ranking *ranking);

void kin_metrics_finish(kin_metrics *metrics);

/* Of the rows near [count], how many are among the first `first` of an order. marks [rows]: zeros,
 * and zeros afterwards. */
size_t kin_metrics_found(const uint32_t *order, size_t first, const uint32_t *near, size_t count,
                         uint8_t *marks);

#endif
