#include "worker/eval/quality.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/encode/hasher.h"
#include "worker/eval/metrics.h"
#include "worker/eval/ranking.h"
#include "worker/train/fit.h"

#define BLOCK 256
/* Neighbours by cosine that are to be found. */
#define NEAR 10
/* Among how many hits: of fewer rows, of a tenth. */
#define FIRST 100

typedef struct quality {
    const kin_quality_options *o;
    kin_hasher *hasher;
    uint32_t dimensions;
    size_t width; /* words of a code */
    size_t query_count, count, first;
    bool held_out;           /* queries were not learned from */
    uint64_t *queries, *ids; /* rows of the source: [query_count], [count] */
    float *asked;            /* [query_count][dimensions], of length 1 */
    float *scores;           /* [query_count][count]: cosines */
    uint64_t *query_words, *words;
    uint32_t *query_labels, *labels;
    uint64_t *sizes; /* [classes] */
    uint64_t right;  /* queries whose class the head tells */
} quality;

/* `wanted` of rows [count] evenly; row r of what was taken is row r * all / taken of the source. */
static void choose(const uint64_t *rows, uint64_t count, uint64_t wanted, uint64_t all,
                   uint64_t taken, uint64_t *ids)
{
    for (uint64_t i = 0; i < wanted; i++)
        ids[i] = rows[i * count / wanted] * all / taken;
}

/* Who asks, and who is asked. */
static void choose_rows(quality *q)
{
    kin_fit_split split;
    uint64_t all = q->o->source->count, taken;
    q->held_out = kin_train_held_out(q->o->train, all, &split, &taken);
    if (!q->held_out) { /* every tenth, or fewer */
        uint64_t step = taken / KIN_QUALITY_QUERIES < 10 ? 10 : taken / KIN_QUALITY_QUERIES;
        split.learned_count = split.held_out_count = 0;
        for (uint64_t i = 0; i < taken; i++)
            if (i % step == step / 2)
                split.held_out[split.held_out_count++] = i;
            else
                split.learned[split.learned_count++] = i;
    }
    q->query_count = split.held_out_count < KIN_QUALITY_QUERIES ? (size_t)split.held_out_count
                                                                : KIN_QUALITY_QUERIES;
    q->count = split.learned_count < KIN_QUALITY_DATABASE ? (size_t)split.learned_count
                                                          : KIN_QUALITY_DATABASE;
    q->queries = kin_malloc(q->query_count * sizeof *q->queries);
    q->ids = kin_malloc(q->count * sizeof *q->ids);
    choose(split.held_out, split.held_out_count, q->query_count, all, taken, q->queries);
    choose(split.learned, split.learned_count, q->count, all, taken, q->ids);
    kin_fit_split_fini(&split);
    q->first = q->count / 10 < FIRST ? q->count / 10 : FIRST;
}

static void make_room(quality *q)
{
    q->asked = kin_malloc(q->query_count * q->dimensions * sizeof *q->asked);
    q->scores = kin_malloc(q->query_count * q->count * sizeof *q->scores);
    q->query_words = kin_calloc(q->query_count * q->width, sizeof *q->query_words);
    q->words = kin_calloc(q->count * q->width, sizeof *q->words);
    if (q->o->labels == NULL) return;
    q->query_labels = kin_malloc(q->query_count * sizeof *q->query_labels);
    q->labels = kin_malloc(q->count * sizeof *q->labels);
    q->sizes = kin_calloc(q->o->class_count, sizeof *q->sizes);
    for (size_t i = 0; i < q->query_count; i++)
        q->query_labels[i] = q->o->labels[q->queries[i]];
    for (size_t i = 0; i < q->count; i++) {
        q->labels[i] = q->o->labels[q->ids[i]];
        if (q->labels[i] < q->o->class_count) q->sizes[q->labels[i]]++;
    }
}

/* Vectors of rows, their codes, then of length 1. */
static void look_at(quality *q, const uint64_t *rows, size_t count, float *vectors, uint64_t *words)
{
    kin_code codes[BLOCK];
    kin_source_rows(q->o->source, rows, count, vectors);
    kin_hasher_hash(q->hasher, vectors, count, codes);
    for (size_t i = 0; i < count; i++)
        memcpy(words + i * q->width, codes[i].word, q->width * sizeof *words);
    if (q->o->tick != NULL) q->o->tick(q->o->user);
}

/* The share of queries whose class the head finds. */
static void classify(quality *q)
{
    uint32_t classes = kin_hasher_classes(q->hasher);
    if (classes == 0 || q->o->labels == NULL) return;
    float *shares = kin_malloc(q->query_count * classes * sizeof *shares);
    kin_hasher_classify(q->hasher, q->asked, q->query_count, shares);
    for (size_t i = 0; i < q->query_count; i++)
        q->right += kin_hasher_likeliest(shares + i * classes, classes) == q->query_labels[i];
    free(shares);
}

static void look_at_all(quality *q)
{
    float *block = kin_calloc((size_t)BLOCK * q->dimensions, sizeof *block);
    float *cosines = kin_malloc(q->query_count * BLOCK * sizeof *cosines);
    for (size_t i = 0; i < q->query_count; i += BLOCK) {
        size_t rows = q->query_count - i < BLOCK ? q->query_count - i : BLOCK;
        look_at(q, q->queries + i, rows, q->asked + i * q->dimensions,
                q->query_words + i * q->width);
    }
    classify(q);
    kin_ranking_normalize(q->asked, q->query_count, q->dimensions);
    for (size_t i = 0; i < q->count; i += BLOCK) {
        size_t rows = q->count - i < BLOCK ? q->count - i : BLOCK;
        look_at(q, q->ids + i, rows, block, q->words + i * q->width);
        kin_ranking_normalize(block, rows, q->dimensions);
        kin_blas_multiply_floats(false, true, q->query_count, BLOCK, q->dimensions, q->asked, block,
                                 0, cosines);
        for (size_t n = 0; n < q->query_count; n++)
            memcpy(q->scores + n * q->count + i, cosines + n * BLOCK, rows * sizeof *cosines);
    }
    free(cosines);
    free(block);
}

/* Means over queries: the share of near ones found; what classes say. */
static void rank(quality *q, double *found, kin_metrics *metrics)
{
    kin_ranking *ranking = kin_ranking_new(q->count);
    uint8_t *marks = kin_calloc(q->count, 1);
    double *harmonics = kin_malloc((q->count + 1) * sizeof *harmonics);
    kin_metrics_harmonics(harmonics, q->count);
    const kin_metrics_rows rows = {.labels = q->labels,
                                   .sizes = q->sizes,
                                   .harmonics = harmonics,
                                   .count = q->count,
                                   .first = q->first};
    *found = 0;
    for (size_t i = 0; i < q->query_count; i++) {
        uint32_t near[NEAR];
        kin_ranking_by_score(ranking, q->scores + i * q->count, q->count);
        memcpy(near, kin_ranking_order(ranking), sizeof near);
        kin_ranking_by_code(ranking, q->words, q->count, q->width, q->query_words + i * q->width);
        *found +=
            (double)kin_metrics_found(kin_ranking_order(ranking), q->first, near, NEAR, marks);
        if (q->labels != NULL && q->query_labels[i] < q->o->class_count)
            kin_metrics_add(metrics, &rows, q->query_labels[i], ranking);
        if (q->o->tick != NULL) q->o->tick(q->o->user);
    }
    *found /= (double)q->query_count * NEAR;
    if (q->labels != NULL) kin_metrics_finish(metrics);
    free(harmonics);
    free(marks);
    kin_ranking_destroy(&ranking);
}

static void write_lines(const quality *q, double found, const kin_metrics *metrics,
                        kin_buffer *text)
{
    kin_buffer_printf(text, "queries\t%zu\nqueries-are\t%s\ndatabase\t%zu\n", q->query_count,
                      q->held_out ? "held-out" : "learned-from", q->count);
    kin_buffer_printf(text, "first\t%zu\nnear\t%d\nnear-found\t%.4f\n", q->first, NEAR, found);
    if (q->labels != NULL && metrics->queries > 0)
        kin_buffer_printf(text, "map\t%.4f\nprecision\t%.4f\n", metrics->mean_precision,
                          metrics->precision_first);
    if (q->labels != NULL && kin_hasher_classes(q->hasher) > 0)
        kin_buffer_printf(text, "classes-right\t%.4f\n", (double)q->right / (double)q->query_count);
}

kin_status kin_quality_measure(const kin_quality_options *options, kin_buffer *text,
                               kin_error *error)
{
    quality q = {.o = options, .dimensions = options->source->dimensions};
    kin_encoder_file parsed;
    kin_metrics metrics = {0};
    double found;
    kin_status status =
        kin_encoder_file_parse(&parsed, options->file, options->bytes, "the new encoder", error);
    if (status != KIN_OK || options->source->count < KIN_QUALITY_ROWS_MIN) return status;
    kin_blas_init();
    q.hasher = kin_hasher_new(&parsed);
    q.width = kin_stored_bits(parsed.card.bits) / 64;
    choose_rows(&q);
    if (q.query_count > 0 && q.count >= NEAR) {
        make_room(&q);
        look_at_all(&q);
        rank(&q, &found, &metrics);
        write_lines(&q, found, &metrics, text);
    }
    kin_hasher_destroy(&q.hasher);
    free(q.queries);
    free(q.ids);
    free(q.asked);
    free(q.scores);
    free(q.query_words);
    free(q.words);
    free(q.query_labels);
    free(q.labels);
    free(q.sizes);
    return KIN_OK;
}

size_t kin_quality_bytes(size_t dimensions)
{
    size_t rows = KIN_QUALITY_QUERIES + KIN_QUALITY_DATABASE;
    return (KIN_QUALITY_QUERIES + BLOCK) * dimensions * sizeof(float) +
           KIN_QUALITY_QUERIES * (KIN_QUALITY_DATABASE + BLOCK) * sizeof(float) +
           rows * (KIN_CODE_BITS_MAX / 8 + 16) + KIN_QUALITY_DATABASE * 32;
}
