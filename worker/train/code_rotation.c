#include "worker/train/code_rotation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/train/itq.h"
#include "worker/train/moments.h"
#include "worker/train/pca.h"

/* As in the paper. */
#define ITERATIONS 50
/* A direction whose variance is below this part of the largest is rounding: it counts as constant.
 */
#define VARIANCE_FLOOR 1e-8

/* factors [bits]: what each direction of the projected slices is multiplied by. */
static kin_status find_factors(const kin_train_context *context, const kin_itq_slice *slices,
                               size_t bits, uint64_t count, double whitening, double *factors,
                               kin_error *error)
{
    size_t owned = kin_train_owned_slices(context);
    double *sums = kin_calloc(owned * bits, sizeof *sums), largest = 0;
    for (size_t s = 0; s < owned; s++)
        for (size_t i = 0; i < slices[s].count * bits; i++)
            sums[s * bits + i % bits] += slices[s].projected[i] * slices[s].projected[i];
    kin_status status = context->sum_slices(context->user, sums, bits, factors, error);
    free(sums);
    if (status != KIN_OK) return status;
    for (size_t b = 0; b < bits; b++)
        largest = fmax(largest, factors[b]);
    for (size_t b = 0; b < bits; b++)
        factors[b] =
            factors[b] > VARIANCE_FLOOR * largest ? pow(factors[b] / (double)count, -whitening) : 0;
    return KIN_OK;
}

static void multiply_columns(const kin_itq_slice *slice, size_t bits, const double *factors)
{
    for (size_t i = 0; i < slice->count * bits; i++)
        slice->projected[i] *= factors[i % bits];
}

/* How far the bits of what is turned are from a half of ones each. */
static kin_status find_balance(const kin_train_context *context, const kin_itq_slice *slices,
                               size_t bits, uint64_t count, const double *turned, double *balance,
                               kin_error *error)
{
    size_t owned = kin_train_owned_slices(context);
    double *ones = kin_calloc(owned * bits, sizeof *ones), sum = 0;
    double *block = kin_malloc(KIN_TRAIN_BLOCK_ROWS * bits * sizeof *block);
    double *total = kin_calloc(bits, sizeof *total);
    for (size_t s = 0; s < owned; s++)
        for (size_t i = 0; i < slices[s].count; i += KIN_TRAIN_BLOCK_ROWS) {
            size_t left = slices[s].count - i;
            size_t rows = left < KIN_TRAIN_BLOCK_ROWS ? left : KIN_TRAIN_BLOCK_ROWS;
            kin_blas_multiply(KIN_TRAIN_BLOCK_ROWS, bits, bits, slices[s].projected + i * bits,
                              turned, block);
            for (size_t j = 0; j < rows * bits; j++)
                ones[s * bits + j % bits] += block[j] > 0;
        }
    kin_status status = context->sum_slices(context->user, ones, bits, total, error);
    for (size_t b = 0; b < bits; b++)
        sum += fabs(total[b] / (double)count - 0.5);
    *balance = sum / (double)bits;
    free(ones);
    free(block);
    free(total);
    return status;
}

/* The sample on the directions, whitened; then the rotation. */
static kin_status turn(const kin_train_context *context, const kin_train_source *codes,
                       double whitening, kin_code_rotation_start first, uint64_t seed,
                       kin_code_rotation *rotation, double *directions, double *turned,
                       double start, double end, kin_error *error)
{
    size_t bits = codes->dimensions, owned = kin_train_owned_slices(context);
    kin_itq_slice *slices = kin_calloc(owned, sizeof *slices);
    double *factors = kin_calloc(bits, sizeof *factors), losses[ITERATIONS] = {0};
    for (size_t s = 0; s < owned; s++) {
        slices[s] = kin_pca_project(codes, kin_train_slice(context, codes->count, s), bits,
                                    rotation->mean, directions);
        context->tick(context->user, start);
    }
    kin_status status =
        find_factors(context, slices, bits, codes->count, whitening, factors, error);
    for (size_t s = 0; status == KIN_OK && s < owned; s++)
        multiply_columns(&slices[s], bits, factors);
    /* Vectors on the directions, times the directions, are the layer's own again. */
    const double *axes = first == KIN_ROTATION_AXES ? directions : NULL;
    if (status == KIN_OK)
        status = kin_itq_learn(context, slices, bits, axes, seed, ITERATIONS, turned, losses, start,
                               end, error);
    if (status == KIN_OK)
        status =
            find_balance(context, slices, bits, codes->count, turned, &rotation->balance, error);
    rotation->loss = losses[ITERATIONS - 1] / ((double)codes->count * (double)bits);
    for (size_t i = 0; i < bits * bits; i++)
        directions[i] *= factors[i / bits];
    for (size_t s = 0; s < owned; s++)
        free(slices[s].projected);
    free(slices);
    free(factors);
    return status;
}

kin_status kin_code_rotation_learn(const kin_train_context *context, const kin_train_source *codes,
                                   double whitening, kin_code_rotation_start first, uint64_t seed,
                                   kin_code_rotation *rotation, double start, double end,
                                   kin_error *error)
{
    size_t bits = codes->dimensions;
    double *directions = kin_malloc(bits * bits * sizeof *directions);
    double *turned = kin_malloc(bits * bits * sizeof *turned);
    rotation->mean = kin_calloc(bits, sizeof *rotation->mean);
    rotation->planes = kin_calloc(bits * bits, sizeof *rotation->planes);
    kin_status status = kin_train_mean(context, codes, rotation->mean, error);
    if (status == KIN_OK)
        status =
            kin_pca_learn(context, codes, rotation->mean, bits, directions, start, start, error);
    if (status == KIN_OK)
        status = turn(context, codes, whitening, first, seed, rotation, directions, turned, start,
                      end, error);
    if (status == KIN_OK)
        kin_blas_multiply_transposed(bits, bits, bits, turned, bits, directions, bits,
                                     rotation->planes, bits);
    free(directions);
    free(turned);
    return status;
}

void kin_code_rotation_tell(const kin_code_rotation *rotation, const kin_train_context *context,
                            const kin_train_options *options, kin_buffer *curve)
{
    kin_train_epoch told = {.phase = "rotation",
                            .epoch = 1,
                            .epochs = 1,
                            .loss = rotation->loss,
                            .error = NAN,
                            .balance = rotation->balance,
                            .rate = NAN,
                            .held_out = NAN};
    if (context->rank == 0 && options->log != NULL) options->log(options->user, &told);
    kin_buffer_printf(curve, "rotation\t1\t%.6g\tnan\t%.4g\tnan\tnan\n", rotation->loss,
                      rotation->balance);
}

void kin_code_rotation_apply(const kin_code_rotation *rotation, size_t bits, size_t inputs,
                             float *parameters)
{
    float *turned = kin_malloc(bits * (inputs + 1) * sizeof *turned);
    double *row = kin_malloc((inputs + 1) * sizeof *row);
    for (size_t i = 0; i < bits; i++) {
        memset(row, 0, (inputs + 1) * sizeof *row);
        for (size_t b = 0; b < bits; b++) {
            double factor = rotation->planes[i * bits + b];
            const float *from = parameters + b * inputs;
            for (size_t j = 0; j < inputs; j++)
                row[j] += factor * (double)from[j];
            row[inputs] += factor * ((double)parameters[bits * inputs + b] - rotation->mean[b]);
        }
        for (size_t j = 0; j < inputs; j++)
            turned[i * inputs + j] = (float)row[j];
        turned[bits * inputs + i] = (float)row[inputs];
    }
    memcpy(parameters, turned, bits * (inputs + 1) * sizeof *turned);
    free(turned);
    free(row);
}

void kin_code_rotation_fini(kin_code_rotation *rotation)
{
    free(rotation->mean);
    free(rotation->planes);
    *rotation = (kin_code_rotation){0};
}

size_t kin_code_rotation_bytes(size_t bits, size_t slices, size_t vectors)
{
    size_t numbers = (vectors + slices * KIN_TRAIN_BLOCK_ROWS) * bits +
                     KIN_TRAIN_BLOCK_ROWS * bits * 4 + (slices + 20) * (bits * bits + 64 * bits);
    return numbers * sizeof(double) + (kin_train_covariance_numbers(bits, slices) +
                                       kin_blas_eigenvectors_numbers(bits, bits)) *
                                          sizeof(double);
}
