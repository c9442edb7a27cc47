#include "worker/train/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/train/itq.h"
#include "worker/train/moments.h"
#include "worker/train/pca.h"

/* The principal directions' share of the work. */
#define DIRECTIONS_END 0.6
#define PI 3.14159265358979323846

kin_status kin_learn_lsh(const kin_train_context *context, const kin_train_options *options,
                         const kin_train_source *source, const double *mean, kin_draft *draft,
                         kin_error *error)
{
    (void)context;
    (void)error;
    kin_random random = {.state = options->seed};
    size_t count = (size_t)options->bits * source->dimensions;
    double *planes = kin_malloc(count * sizeof *planes);
    for (size_t i = 0; i < count; i++)
        planes[i] = kin_random_gaussian(&random);
    kin_draft_planes(draft, options->bits, source->dimensions, planes, mean);
    free(planes);
    return KIN_OK;
}

kin_status kin_learn_pcah(const kin_train_context *context, const kin_train_options *options,
                          const kin_train_source *source, const double *mean, kin_draft *draft,
                          kin_error *error)
{
    double *planes = kin_malloc((size_t)options->bits * source->dimensions * sizeof *planes);
    kin_status status = kin_pca_learn(context, source, mean, options->bits, planes, 0, 1, error);
    if (status == KIN_OK) kin_draft_planes(draft, options->bits, source->dimensions, planes, mean);
    free(planes);
    return status;
}

kin_status kin_learn_itq(const kin_train_context *context, const kin_train_options *options,
                         const kin_train_source *source, const double *mean, kin_draft *draft,
                         kin_error *error)
{
    size_t dimensions = source->dimensions, bits = options->bits;
    size_t owned = kin_train_owned_slices(context);
    double *directions = kin_malloc(bits * dimensions * sizeof *directions);
    double *rotation = kin_malloc(bits * bits * sizeof *rotation);
    double *planes = kin_calloc(bits * dimensions, sizeof *planes);
    kin_itq_slice *projected = kin_calloc(owned, sizeof *projected);
    kin_status status =
        kin_pca_learn(context, source, mean, bits, directions, 0, DIRECTIONS_END, error);
    if (status == KIN_OK) {
        for (size_t s = 0; s < owned; s++) {
            projected[s] = kin_pca_project(source, kin_train_slice(context, source->count, s), bits,
                                           mean, directions);
            context->tick(context->user, DIRECTIONS_END);
        }
        status = kin_itq_learn(context, projected, bits, NULL, options->seed, options->iterations,
                               rotation, NULL, DIRECTIONS_END, 1, error);
    }
    if (status == KIN_OK) {
        kin_blas_multiply_transposed(bits, dimensions, bits, rotation, bits, directions, dimensions,
                                     planes, dimensions);
        kin_draft_planes(draft, bits, dimensions, planes, mean);
        draft->iterations = options->iterations;
    }
    for (size_t s = 0; s < owned; s++)
        free(projected[s].projected);
    free(projected);
    free(rotation);
    free(directions);
    free(planes);
    return status;
}

/* Ranges of the sample on the directions: slice s's are written to row s of a table of zeros, whose
 * sum over slices is the table. */
static kin_status find_ranges(const kin_train_context *context, const kin_train_source *source,
                              const double *mean, size_t bits, const double *directions,
                              double *low, double *high, kin_error *error)
{
    size_t owned = kin_train_owned_slices(context), width = 2 * bits * KIN_TRAIN_SLICES;
    double *tables = kin_calloc(owned * width, sizeof *tables);
    double *total = kin_malloc(width * sizeof *total);
    for (size_t i = 0; i < owned; i++) {
        kin_itq_slice slice = kin_pca_project(source, kin_train_slice(context, source->count, i),
                                              bits, mean, directions);
        size_t s = (size_t)context->rank + i * (size_t)context->ranks;
        double *own = tables + i * width + 2 * bits * s;
        for (size_t r = 0; r < slice.count; r++)
            for (size_t j = 0; j < bits; j++) {
                double x = slice.projected[r * bits + j];
                if (x < own[j]) own[j] = x; /* 0, the mean, is within every range */
                if (x > own[bits + j]) own[bits + j] = x;
            }
        free(slice.projected);
        context->tick(context->user, 1);
    }
    kin_status status = context->sum_slices(context->user, tables, width, total, error);
    memset(low, 0, bits * sizeof *low);
    memset(high, 0, bits * sizeof *high);
    for (size_t s = 0; status == KIN_OK && s < KIN_TRAIN_SLICES; s++)
        for (size_t j = 0; j < bits; j++) {
            low[j] = fmin(low[j], total[2 * bits * s + j]);
            high[j] = fmax(high[j], total[2 * bits * s + bits + j]);
        }
    free(tables);
    free(total);
    return status;
}

/* A candidate: the k-th eigenfunction along a direction. */
typedef struct wave {
    double frequency;
    size_t direction;
    unsigned k;
} wave;

static int compare_waves(const void *a, const void *b)
{
    const wave *x = a, *y = b;
    if (x->frequency != y->frequency) return x->frequency < y->frequency ? -1 : 1;
    return x->direction != y->direction ? (x->direction < y->direction ? -1 : 1)
                                        : (int)x->k - (int)y->k;
}

/* The layer of the `bits` waves of lowest frequency: sin(pi / 2 + w (x - low)), x = direction .
 * (v - mean). A direction without extent has no wave but a constant. */
static void draft_waves(kin_draft *draft, const kin_train_source *source, size_t bits,
                        const double *mean, const double *directions, const double *low,
                        const double *high)
{
    size_t dimensions = source->dimensions;
    wave *waves = kin_malloc(bits * bits * sizeof *waves);
    for (size_t j = 0; j < bits; j++)
        for (unsigned k = 1; k <= bits; k++) {
            double extent = high[j] - low[j];
            waves[j * bits + k - 1] = (wave){extent > 0 ? k * PI / extent : INFINITY, j, k};
        }
    qsort(waves, bits * bits, sizeof *waves, compare_waves);
    kin_draft_layer *layer =
        kin_draft_add(draft, (uint32_t)dimensions, (uint32_t)bits, KIN_ACTIVATE_SINE);
    draft->thresholds = kin_calloc(bits, sizeof *draft->thresholds);
    for (size_t i = 0; i < bits; i++) {
        double w = isfinite(waves[i].frequency) ? waves[i].frequency : 0, shift = 0;
        const double *direction = directions + waves[i].direction * dimensions;
        for (size_t j = 0; j < dimensions; j++) {
            layer->weights[i * dimensions + j] = (float)(w * direction[j]);
            shift += direction[j] * mean[j];
        }
        layer->biases[i] = (float)(PI / 2 - w * (shift + low[waves[i].direction]));
    }
    free(waves);
}

kin_status kin_learn_sh(const kin_train_context *context, const kin_train_options *options,
                        const kin_train_source *source, const double *mean, kin_draft *draft,
                        kin_error *error)
{
    size_t bits = options->bits;
    double *directions = kin_malloc(bits * source->dimensions * sizeof *directions);
    double *low = kin_malloc(bits * sizeof *low), *high = kin_malloc(bits * sizeof *high);
    kin_status status = kin_pca_learn(context, source, mean, bits, directions, 0, 1, error);
    if (status == KIN_OK)
        status = find_ranges(context, source, mean, bits, directions, low, high, error);
    if (status == KIN_OK) draft_waves(draft, source, bits, mean, directions, low, high);
    free(directions);
    free(low);
    free(high);
    return status;
}
