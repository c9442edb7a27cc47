#include "worker/train/train.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/code.h"
#include "proto/encoder_file.h"
#include "worker/encode/blas.h"
#include "worker/train/itq.h"
#include "worker/train/moments.h"

/* Shares of the work, for the fraction that tick is told; roughly their times. */
#define COVARIANCE_END 0.5
#define EIGENVECTORS_END 0.6

static kin_status check_options(const kin_train_options *options, kin_error *error)
{
    if (strcmp(options->method, "itq") != 0 && strcmp(options->method, "lsh") != 0)
        return kin_fail(error, KIN_BAD_INPUT, "there is no hasher '%s'; there are: itq, lsh",
                        options->method);
    if (!kin_code_bits_valid(options->bits))
        return kin_fail(error, KIN_BAD_INPUT, "%u bits; a code has 64, 128 or 256", options->bits);
    if (options->dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "features of %u dimensions; the limit is %u",
                        (unsigned)options->dimensions, (unsigned)KIN_FEATURE_DIMENSIONS_MAX);
    if (options->bits > options->dimensions)
        return kin_fail(error, KIN_BAD_INPUT,
                        "a code of %u bits cannot be learned from features of %u dimensions; take "
                        "fewer bits or other features",
                        options->bits, (unsigned)options->dimensions);
    return KIN_OK;
}

/* An eigenvector's sign is LAPACK's whim: make the component of largest magnitude positive. */
static void fix_signs(double *vectors, size_t count, size_t dimensions)
{
    for (size_t i = 0; i < count; i++) {
        double *vector = vectors + i * dimensions;
        size_t largest = 0;
        for (size_t j = 1; j < dimensions; j++)
            if (fabs(vector[j]) > fabs(vector[largest])) largest = j;
        if (vector[largest] < 0)
            for (size_t j = 0; j < dimensions; j++)
                vector[j] = -vector[j];
    }
}

static void tick_covariance_end(void *user)
{
    const kin_train_context *context = user;
    context->tick(context->user, COVARIANCE_END);
}

/* The principal directions [bits][dimensions] of the sample, the same on every rank. */
static kin_status learn_directions(const kin_train_context *context,
                                   const kin_train_options *options, const kin_train_source *source,
                                   const double *mean, double *directions, kin_error *error)
{
    size_t dimensions = source->dimensions, bits = options->bits, size = bits * dimensions;
    bool root = context->rank == 0;
    double *covariance = root ? kin_malloc(dimensions * dimensions * sizeof(double)) : NULL;
    kin_status status =
        kin_train_covariance(context, source, mean, covariance, 0, COVARIANCE_END, error);
    /* The last number says whether LAPACK converged: every rank must fail or none. */
    double *message = kin_calloc(size + 1, sizeof *message);
    if (status == KIN_OK && root) {
        double *values = kin_malloc(bits * sizeof *values);
        message[size] = kin_blas_eigenvectors(dimensions, bits, covariance, values, message,
                                              tick_covariance_end, (void *)context);
        fix_signs(message, bits, dimensions);
        free(values);
    }
    free(covariance);
    context->tick(context->user, EIGENVECTORS_END);
    if (status == KIN_OK)
        status = context->broadcast(context->user, message, (size + 1) * sizeof *message, error);
    if (status == KIN_OK && message[size] == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "the eigenvectors of the training sample cannot be computed; try the "
                          "method lsh");
    memcpy(directions, message, size * sizeof *directions);
    free(message);
    return status;
}

/* Centred vectors on the directions; the caller frees projected. */
static kin_itq_slice project_slice(const kin_train_source *source, kin_train_run run, size_t bits,
                                   const double *mean, const double *transposed_directions)
{
    size_t dimensions = source->dimensions;
    size_t blocks = (run.count + KIN_TRAIN_BLOCK_ROWS - 1) / KIN_TRAIN_BLOCK_ROWS;
    kin_itq_slice result = {.count = run.count};
    result.projected = kin_malloc(blocks * KIN_TRAIN_BLOCK_ROWS * bits * sizeof(double));
    double *block = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *block);
    float *scratch = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *scratch);
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * KIN_TRAIN_BLOCK_ROWS, rows = run.count - first;
        if (rows > KIN_TRAIN_BLOCK_ROWS) rows = KIN_TRAIN_BLOCK_ROWS;
        const float *vectors = kin_source_run(source, run.first + first, rows, scratch);
        kin_train_centre_block(vectors, rows, dimensions, mean, block);
        kin_blas_multiply(KIN_TRAIN_BLOCK_ROWS, bits, dimensions, block, transposed_directions,
                          result.projected + first * bits);
    }
    free(scratch);
    free(block);
    return result;
}

static void transpose(size_t rows, size_t columns, const double *matrix, double *transposed)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            transposed[j * rows + i] = matrix[i * columns + j];
}

/* planes [bits][dimensions] by PCA and iterative quantization. */
static kin_status learn_itq(const kin_train_context *context, const kin_train_options *options,
                            const kin_train_source *source, const double *mean, double *planes,
                            kin_error *error)
{
    size_t dimensions = source->dimensions, bits = options->bits;
    size_t owned = kin_train_owned_slices(context);
    double *directions = kin_malloc(bits * dimensions * sizeof *directions);
    double *transposed = kin_malloc(bits * dimensions * sizeof *transposed);
    double *rotation = kin_malloc(bits * bits * sizeof *rotation);
    kin_itq_slice *projected = kin_calloc(owned, sizeof *projected);
    kin_status status = learn_directions(context, options, source, mean, directions, error);
    if (status == KIN_OK) {
        transpose(bits, dimensions, directions, transposed);
        for (size_t s = 0; s < owned; s++) {
            projected[s] = project_slice(source, kin_train_slice(context, source->count, s), bits,
                                         mean, transposed);
            context->tick(context->user, EIGENVECTORS_END);
        }
        status = kin_itq_learn(context, projected, bits, options->seed, options->iterations,
                               rotation, NULL, EIGENVECTORS_END, 1, error);
    }
    if (status == KIN_OK) {
        memset(planes, 0, bits * dimensions * sizeof *planes);
        kin_blas_multiply_transposed(bits, dimensions, bits, rotation, bits, directions, dimensions,
                                     planes, dimensions);
    }
    for (size_t s = 0; s < owned; s++)
        free(projected[s].projected);
    free(projected);
    free(rotation);
    free(transposed);
    free(directions);
    return status;
}

/* Random hyperplanes: Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC
 * 2002. Here they go through the mean, so that each halves the sample about evenly. */
static void draw_lsh(const kin_train_options *options, double *planes)
{
    kin_random random = {.state = options->seed};
    size_t count = (size_t)options->bits * options->dimensions;
    for (size_t i = 0; i < count; i++)
        planes[i] = kin_random_gaussian(&random);
}

/* A text that does not fit fills its zeroed array to the end, which the format refuses by name. */
static void set_text(char *field, size_t bytes, const char *text)
{
    memcpy(field, text, strnlen(text, bytes));
}

/* Rounds the planes, puts them through the mean, and writes the file. */
static kin_status write_file(const kin_train_options *options, uint64_t training_count,
                             const double *mean, const double *planes, kin_buffer *file,
                             kin_error *error)
{
    size_t dimensions = options->dimensions, bits = options->bits;
    float *rounded = kin_malloc(bits * dimensions * sizeof *rounded);
    float *thresholds = kin_malloc(bits * sizeof *thresholds);
    for (size_t i = 0; i < bits; i++) {
        double threshold = 0;
        for (size_t j = 0; j < dimensions; j++) {
            rounded[i * dimensions + j] = (float)planes[i * dimensions + j];
            threshold += (double)rounded[i * dimensions + j] * mean[j];
        }
        thresholds[i] = (float)threshold;
    }
    kin_encoder_card card = {.dimensions = options->dimensions,
                             .bits = options->bits,
                             .seed = options->seed,
                             .training_count = training_count};
    if (strcmp(options->method, "itq") == 0) card.iterations = options->iterations;
    set_text(card.method, sizeof card.method, options->method);
    set_text(card.features, sizeof card.features, options->features);
    set_text(card.decoder, sizeof card.decoder, options->decoder);
    set_text(card.blas, sizeof card.blas, kin_blas_core_name());
    kin_status status = kin_encoder_file_build(file, &card, rounded, thresholds, error);
    free(rounded);
    free(thresholds);
    return status;
}

/* Rank 0's file, or its failure, to every rank. */
static kin_status share_file(const kin_train_context *context, kin_status status,
                             const kin_buffer *made, kin_buffer *file, kin_error *error)
{
    uint64_t bytes = status == KIN_OK ? made->bytes : 0;
    kin_status shared = context->broadcast(context->user, &bytes, sizeof bytes, error);
    if (shared != KIN_OK || status != KIN_OK) return shared != KIN_OK ? shared : status;
    if (bytes == 0)
        return kin_fail(error, KIN_BAD_INPUT, "rank 0 could not write the encoder file");
    uint8_t *target = kin_buffer_reserve(file, bytes);
    if (context->rank == 0) memcpy(target, made->data, bytes);
    shared = context->broadcast(context->user, target, bytes, error);
    if (shared == KIN_OK) file->bytes += bytes;
    return shared;
}

size_t kin_train_memory(const kin_train_options *options, int rank, size_t slices, size_t vectors)
{
    size_t dimensions = options->dimensions, bits = options->bits;
    size_t block = KIN_TRAIN_BLOCK_ROWS * dimensions;
    size_t planes = 5 * bits * dimensions + 4 * dimensions * slices;
    size_t covariance = kin_train_covariance_numbers(dimensions, slices) + block;
    if (rank == 0) covariance += kin_blas_eigenvectors_numbers(dimensions, bits);
    size_t quantization = (vectors + slices * KIN_TRAIN_BLOCK_ROWS) * bits + block +
                          (slices + 16) * (bits * bits + 64 * bits);
    if (strcmp(options->method, "lsh") == 0) covariance = quantization = 0;
    return (planes + (covariance > quantization ? covariance : quantization)) * sizeof(double);
}

kin_status kin_train(const kin_train_context *context, const kin_train_options *options,
                     const kin_train_source *source, kin_buffer *file, kin_error *error)
{
    KIN_CHECK(context->ranks >= 1 && context->rank >= 0 && context->rank < context->ranks);
    KIN_CHECK(source->dimensions == options->dimensions);
    kin_status status = check_options(options, error);
    if (status != KIN_OK) return status;
    kin_blas_init();
    double *mean = kin_malloc(options->dimensions * sizeof *mean);
    double *planes = kin_malloc((size_t)options->bits * options->dimensions * sizeof *planes);
    kin_buffer made = {0};
    status = kin_train_mean(context, source, mean, error);
    if (status != KIN_OK) goto done;
    if (strcmp(options->method, "lsh") == 0)
        draw_lsh(options, planes);
    else
        status = learn_itq(context, options, source, mean, planes, error);
    if (status != KIN_OK) goto done;
    if (context->rank == 0) status = write_file(options, source->count, mean, planes, &made, error);
    status = share_file(context, status, &made, file, error);
    context->tick(context->user, 1);
done:
    kin_buffer_fini(&made);
    free(planes);
    free(mean);
    return status;
}
