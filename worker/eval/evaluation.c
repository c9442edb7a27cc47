#include "worker/eval/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/values.h"
#include "worker/encode/blas.h"

/* Queries whose scores are held at once: 60 MB at 60,000 rows. */
#define QUERY_BLOCK 256
/* Rows that are read at once: 8 MB at 2,048 dimensions. */
#define ROW_BLOCK 1024

struct kin_evaluation {
    const kin_split *split;
    kin_evaluation_options options;
    kin_metrics_rows rows;
    double *harmonics;
    kin_ranking *ranking;
    uint8_t *marks; /* [database] */
    uint32_t *near; /* [queries][near]; NULL: not known */
};

kin_status kin_evaluation_new(kin_evaluation **evaluation, const kin_split *split,
                              const kin_evaluation_options *options, kin_error *error)
{
    uint64_t count = split->database.count;
    *evaluation = NULL;
    if (count >= UINT32_MAX)
        return kin_fail(error, KIN_LIMIT, "%llu rows to search; an evaluation takes up to %u",
                        (unsigned long long)count, UINT32_MAX - 1);
    kin_evaluation *made = kin_calloc(1, sizeof *made);
    made->split = split;
    made->options = *options;
    if (made->options.near > count) made->options.near = (uint32_t)count;
    if (made->options.near_first > count) made->options.near_first = count;
    made->ranking = kin_ranking_new((size_t)count);
    made->marks = kin_calloc((size_t)count, 1);
    if (split->database.labels != NULL) {
        made->harmonics = kin_malloc((count + 1) * sizeof *made->harmonics);
        kin_metrics_harmonics(made->harmonics, (size_t)count);
    }
    made->rows =
        (kin_metrics_rows){.labels = split->database.labels,
                           .sizes = split->class_sizes,
                           .harmonics = made->harmonics,
                           .count = (size_t)count,
                           .first = (size_t)(options->first < count ? options->first : count)};
    *evaluation = made;
    return KIN_OK;
}

void kin_evaluation_destroy(kin_evaluation **evaluation)
{
    if (*evaluation == NULL) return;
    kin_ranking_destroy(&(*evaluation)->ranking);
    free((*evaluation)->harmonics);
    free((*evaluation)->marks);
    free((*evaluation)->near);
    free(*evaluation);
    *evaluation = NULL;
}

static void tick(const kin_evaluation *evaluation, double fraction)
{
    if (evaluation->options.tick != NULL)
        evaluation->options.tick(evaluation->options.user, fraction);
}

/* The ranking of query q is there. */
static void add_query(kin_evaluation *evaluation, uint64_t q, kin_measured *measured)
{
    const kin_part *queries = &evaluation->split->queries;
    if (queries->labels != NULL)
        kin_metrics_add(&measured->metrics, &evaluation->rows, queries->labels[q],
                        evaluation->ranking);
    if (evaluation->near == NULL) return;
    measured->near_found += (double)kin_metrics_found(
        kin_ranking_order(evaluation->ranking), (size_t)evaluation->options.near_first,
        evaluation->near + q * evaluation->options.near, evaluation->options.near,
        evaluation->marks);
}

static void begin(kin_measured *measured)
{
    *measured = (kin_measured){.values_mean_precision = NAN,
                               .values_precision_first = NAN,
                               .classified = NAN,
                               .seconds = -(double)kin_clock_ns() * 1e-9};
}

static void finish(const kin_evaluation *evaluation, kin_measured *measured)
{
    double pairs = (double)evaluation->split->queries.count * evaluation->options.near;
    kin_metrics_finish(&measured->metrics);
    measured->near_found = evaluation->near == NULL ? NAN : measured->near_found / pairs;
    measured->seconds += (double)kin_clock_ns() * 1e-9;
}

static kin_status read_vectors(const kin_vectors *vectors, uint64_t first, uint64_t count,
                               float *out, kin_error *error)
{
    if (vectors->memory == NULL)
        return kin_dataset_gather(vectors->part->dataset, vectors->part->rows + first, count, out,
                                  error);
    memcpy(out, vectors->memory + first * vectors->dimensions,
           count * vectors->dimensions * sizeof *out);
    return KIN_OK;
}

/* Where scores are made: a block of queries against all rows. */
typedef struct score_work {
    float *queries; /* [QUERY_BLOCK][dimensions] */
    float *rows;    /* [ROW_BLOCK][dimensions] */
    float *piece;   /* [QUERY_BLOCK][ROW_BLOCK] */
    float *scores;  /* [QUERY_BLOCK][database] */
} score_work;

/* scores of the queries [count] in work->queries. */
static kin_status score_rows(kin_evaluation *evaluation, const kin_vectors *database,
                             uint64_t count, score_work *work, kin_error *error)
{
    size_t total = evaluation->rows.count, dimensions = database->dimensions;
    kin_status status = KIN_OK;
    for (size_t first = 0; status == KIN_OK && first < total; first += ROW_BLOCK) {
        size_t rows = total - first < ROW_BLOCK ? total - first : ROW_BLOCK;
        status = read_vectors(database, first, rows, work->rows, error);
        if (status != KIN_OK) break;
        kin_ranking_normalize(work->rows, rows, database->dimensions);
        kin_blas_multiply_floats(false, true, (size_t)count, rows, dimensions, work->queries,
                                 work->rows, 0, work->piece);
        for (uint64_t q = 0; q < count; q++)
            memcpy(work->scores + q * total + first, work->piece + q * rows,
                   rows * sizeof *work->scores);
    }
    return status;
}

static void rank_block(kin_evaluation *evaluation, uint64_t first, uint64_t count,
                       const float *scores, uint32_t *near, kin_measured *measured)
{
    size_t total = evaluation->rows.count;
    for (uint64_t q = 0; q < count; q++) {
        kin_ranking_by_score(evaluation->ranking, scores + q * total, total);
        add_query(evaluation, first + q, measured);
        if (near != NULL)
            memcpy(near + (first + q) * evaluation->options.near,
                   kin_ranking_order(evaluation->ranking), evaluation->options.near * sizeof *near);
    }
}

kin_status kin_evaluation_cosine(kin_evaluation *evaluation, const kin_vectors *database,
                                 const kin_vectors *queries, bool remember, kin_measured *measured,
                                 kin_error *error)
{
    size_t total = evaluation->rows.count, dimensions = database->dimensions;
    uint64_t asked = evaluation->split->queries.count;
    score_work work = {.queries = kin_malloc(QUERY_BLOCK * dimensions * sizeof(float)),
                       .rows = kin_malloc(ROW_BLOCK * dimensions * sizeof(float)),
                       .piece = kin_malloc(QUERY_BLOCK * ROW_BLOCK * sizeof(float)),
                       .scores = kin_malloc(QUERY_BLOCK * total * sizeof(float))};
    uint32_t *near = remember ? kin_malloc(asked * evaluation->options.near * sizeof *near) : NULL;
    kin_status status = KIN_OK;
    kin_blas_init();
    begin(measured);
    for (uint64_t first = 0; status == KIN_OK && first < asked; first += QUERY_BLOCK) {
        uint64_t count = asked - first < QUERY_BLOCK ? asked - first : QUERY_BLOCK;
        tick(evaluation, (double)first / (double)asked);
        status = read_vectors(queries, first, count, work.queries, error);
        if (status != KIN_OK) break;
        kin_ranking_normalize(work.queries, count, queries->dimensions);
        status = score_rows(evaluation, database, count, &work, error);
        if (status == KIN_OK) rank_block(evaluation, first, count, work.scores, near, measured);
    }
    finish(evaluation, measured);
    if (remember) {
        free(evaluation->near);
        evaluation->near = near;
    }
    free(work.queries);
    free(work.rows);
    free(work.piece);
    free(work.scores);
    return status;
}

void kin_evaluation_codes(kin_evaluation *evaluation, const uint64_t *codes,
                          const uint64_t *queries, size_t width, kin_measured *measured)
{
    uint64_t asked = evaluation->split->queries.count;
    begin(measured);
    for (uint64_t q = 0; q < asked; q++) {
        if (q % QUERY_BLOCK == 0) tick(evaluation, (double)q / (double)asked);
        kin_ranking_by_code(evaluation->ranking, codes, evaluation->rows.count, width,
                            queries + q * width);
        add_query(evaluation, q, measured);
    }
    finish(evaluation, measured);
}

void kin_evaluation_rerank(kin_evaluation *evaluation, const uint64_t *codes,
                           const uint64_t *queries, size_t width, const kin_rerank_values *values,
                           uint64_t first, kin_measured *measured)
{
    uint64_t asked = evaluation->split->queries.count;
    size_t total = evaluation->rows.count, count = first < total ? (size_t)first : total;
    uint32_t *scores = kin_malloc(count * sizeof *scores);
    begin(measured);
    for (uint64_t q = 0; q < asked; q++) {
        const int16_t *question = values->asked + q * values->dimensions;
        if (q % QUERY_BLOCK == 0) tick(evaluation, (double)q / (double)asked);
        kin_ranking_by_code(evaluation->ranking, codes, total, width, queries + q * width);
        const uint32_t *order = kin_ranking_order(evaluation->ranking);
        for (size_t i = 0; i < count; i++)
            scores[i] = kin_values_distance(question,
                                            values->stored + (size_t)order[i] * values->dimensions,
                                            values->dimensions);
        kin_ranking_rerank(evaluation->ranking, scores, count);
        add_query(evaluation, q, measured);
    }
    finish(evaluation, measured);
    free(scores);
}

void kin_evaluation_random(kin_evaluation *evaluation, uint64_t seed, kin_measured *measured)
{
    size_t total = evaluation->rows.count;
    float *scores = kin_malloc(total * sizeof *scores);
    kin_random random = {.state = seed};
    begin(measured);
    for (uint64_t q = 0; q < evaluation->split->queries.count; q++) {
        for (size_t i = 0; i < total; i++)
            scores[i] = (float)(kin_random_u64(&random) >> 40);
        kin_ranking_by_score(evaluation->ranking, scores, total);
        add_query(evaluation, q, measured);
    }
    finish(evaluation, measured);
    free(scores);
}
