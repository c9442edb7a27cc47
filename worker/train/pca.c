#include "worker/train/pca.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/train/moments.h"

/* The covariance's share of the work. */
#define COVARIANCE_SHARE 0.8

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

/* What the solver shows signs of life with. */
typedef struct sign_of_life {
    const kin_train_context *context;
    double fraction;
} sign_of_life;

static void tick(void *user)
{
    const sign_of_life *life = user;
    life->context->tick(life->context->user, life->fraction);
}

kin_status kin_pca_learn(const kin_train_context *context, const kin_train_source *source,
                         const double *mean, size_t bits, double *directions, double start,
                         double end, kin_error *error)
{
    size_t dimensions = source->dimensions, size = bits * dimensions;
    bool root = context->rank == 0;
    double middle = start + (end - start) * COVARIANCE_SHARE;
    double *covariance = root ? kin_malloc(dimensions * dimensions * sizeof(double)) : NULL;
    kin_status status =
        kin_train_covariance(context, source, mean, covariance, start, middle, error);
    /* The last number says whether LAPACK converged: every rank must fail or none. */
    double *message = kin_calloc(size + 1, sizeof *message);
    if (status == KIN_OK && root) {
        double *values = kin_malloc(bits * sizeof *values);
        sign_of_life life = {context, middle};
        message[size] =
            kin_blas_eigenvectors(dimensions, bits, covariance, values, message, tick, &life);
        fix_signs(message, bits, dimensions);
        free(values);
    }
    free(covariance);
    context->tick(context->user, end);
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

kin_itq_slice kin_pca_project(const kin_train_source *source, kin_train_run run, size_t bits,
                              const double *mean, const double *directions)
{
    size_t dimensions = source->dimensions;
    size_t blocks = (run.count + KIN_TRAIN_BLOCK_ROWS - 1) / KIN_TRAIN_BLOCK_ROWS;
    kin_itq_slice result = {.count = run.count};
    result.projected = kin_malloc(blocks * KIN_TRAIN_BLOCK_ROWS * bits * sizeof(double));
    double *transposed = kin_malloc(bits * dimensions * sizeof *transposed);
    double *block = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *block);
    float *scratch = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *scratch);
    for (size_t i = 0; i < bits; i++)
        for (size_t j = 0; j < dimensions; j++)
            transposed[j * bits + i] = directions[i * dimensions + j];
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * KIN_TRAIN_BLOCK_ROWS, rows = run.count - first;
        if (rows > KIN_TRAIN_BLOCK_ROWS) rows = KIN_TRAIN_BLOCK_ROWS;
        const float *vectors = kin_source_run(source, run.first + first, rows, scratch);
        kin_train_centre_block(vectors, rows, dimensions, mean, block);
        kin_blas_multiply(KIN_TRAIN_BLOCK_ROWS, bits, dimensions, block, transposed,
                          result.projected + first * bits);
    }
    free(transposed);
    free(scratch);
    free(block);
    return result;
}
