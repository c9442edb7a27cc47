#include "worker/train/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"

/* Rows of the covariance that are exchanged at once: 128 x 2,048 doubles are 2 MB a slice. */
#define BAND_ROWS 128

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t kin_train_owned_slices(const kin_train_context *context)
{
    size_t owned = 0;
    for (int s = context->rank; s < KIN_TRAIN_SLICES; s += context->ranks)
        owned++;
    return owned;
}

void kin_train_centre_block(const float *vectors, size_t count, size_t dimensions,
                            const double *mean, double *block)
{
    KIN_CHECK(count <= KIN_TRAIN_BLOCK_ROWS);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < dimensions; j++)
            block[i * dimensions + j] = (double)vectors[i * dimensions + j] - mean[j];
    memset(block + count * dimensions, 0,
           (KIN_TRAIN_BLOCK_ROWS - count) * dimensions * sizeof *block);
}

kin_train_run kin_train_slice(const kin_train_context *context, uint64_t count, size_t i)
{
    uint64_t s = (uint64_t)context->rank + i * (uint64_t)context->ranks;
    uint64_t first = count * s / KIN_TRAIN_SLICES, end = count * (s + 1) / KIN_TRAIN_SLICES;
    return (kin_train_run){first, end - first};
}

kin_status kin_train_mean(const kin_train_context *context, const kin_train_source *source,
                          double *mean, kin_error *error)
{
    size_t owned = kin_train_owned_slices(context), dimensions = source->dimensions;
    if (source->count == 0)
        return kin_fail(error, KIN_BAD_INPUT, "there is no picture to learn the encoder from");
    double *sums = kin_calloc(owned * dimensions, sizeof *sums);
    double *total = kin_calloc(dimensions, sizeof *total);
    float *scratch = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *scratch);
    for (size_t s = 0; s < owned; s++) {
        double *sum = sums + s * dimensions;
        kin_train_run run = kin_train_slice(context, source->count, s);
        for (uint64_t i = 0; i < run.count; i += KIN_TRAIN_BLOCK_ROWS) {
            size_t rows = smaller(run.count - i, KIN_TRAIN_BLOCK_ROWS);
            const float *block = kin_source_run(source, run.first + i, rows, scratch);
            for (size_t r = 0; r < rows; r++)
                for (size_t j = 0; j < dimensions; j++)
                    sum[j] += (double)block[r * dimensions + j];
        }
        context->tick(context->user, 0);
    }
    kin_status status = context->sum_slices(context->user, sums, dimensions, total, error);
    for (size_t j = 0; status == KIN_OK && j < dimensions; j++) {
        mean[j] = total[j] / (double)source->count;
        if (!isfinite(mean[j]))
            status = kin_fail(error, KIN_BAD_INPUT,
                              "feature %zu of the training sample is not a finite number", j);
    }
    free(sums);
    free(total);
    free(scratch);
    return status;
}

/* Rows [first, first + rows) of one slice's covariance, from the diagonal's column on: band
 * [rows][dimensions - first]. */
static void add_band(const kin_train_source *source, kin_train_run run, const double *mean,
                     size_t first, size_t rows, float *scratch, double *block, double *band)
{
    size_t dimensions = source->dimensions, columns = dimensions - first;
    for (uint64_t i = 0; i < run.count; i += KIN_TRAIN_BLOCK_ROWS) {
        size_t count = smaller(run.count - i, KIN_TRAIN_BLOCK_ROWS);
        const float *vectors = kin_source_run(source, run.first + i, count, scratch);
        kin_train_centre_block(vectors, count, dimensions, mean, block);
        kin_blas_multiply_transposed(rows, columns, KIN_TRAIN_BLOCK_ROWS, block + first, dimensions,
                                     block + first, dimensions, band, columns);
    }
}

size_t kin_train_covariance_numbers(size_t dimensions, size_t slices)
{
    return 2 * KIN_TRAIN_BLOCK_ROWS * dimensions +
           (slices + 1) * smaller(BAND_ROWS, dimensions) * dimensions;
}

kin_status kin_train_covariance(const kin_train_context *context, const kin_train_source *source,
                                const double *mean, double *covariance, double start, double end,
                                kin_error *error)
{
    size_t owned = kin_train_owned_slices(context), dimensions = source->dimensions;
    float *scratch = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *scratch);
    size_t band_size = smaller(BAND_ROWS, dimensions) * dimensions;
    double *block = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *block);
    double *bands = kin_malloc(owned * band_size * sizeof *bands);
    double *total = kin_malloc(band_size * sizeof *total);
    kin_status status = KIN_OK;
    for (size_t first = 0; status == KIN_OK && first < dimensions; first += BAND_ROWS) {
        size_t rows = smaller(BAND_ROWS, dimensions - first), columns = dimensions - first;
        double fraction = start + (end - start) * (double)first / (double)dimensions;
        memset(bands, 0, owned * rows * columns * sizeof *bands);
        for (size_t s = 0; s < owned; s++) {
            add_band(source, kin_train_slice(context, source->count, s), mean, first, rows, scratch,
                     block, bands + s * rows * columns);
            context->tick(context->user, fraction);
        }
        status = context->sum_slices(context->user, bands, rows * columns, total, error);
        for (size_t i = 0; status == KIN_OK && covariance != NULL && i < rows; i++)
            memcpy(covariance + (first + i) * dimensions + first, total + i * columns,
                   columns * sizeof *total);
    }
    free(scratch);
    free(block);
    free(bands);
    free(total);
    return status;
}
