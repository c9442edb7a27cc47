#include "worker/train/itq.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/train/moments.h"

/* rotation = the rotation nearest to target on rank 0, then everywhere. */
static kin_status solve_rotation(const kin_train_context *context, double *target, size_t bits,
                                 double *rotation, kin_error *error)
{
    size_t size = bits * bits;
    /* The last number says whether LAPACK converged: every rank must fail or none. */
    double *message = kin_calloc(size + 1, sizeof *message);
    if (context->rank == 0) message[size] = kin_blas_nearest_rotation(bits, target, message);
    kin_status status =
        context->broadcast(context->user, message, (size + 1) * sizeof *message, error);
    if (status == KIN_OK && message[size] == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "the singular value decomposition of the training sample failed; try "
                          "another seed or the method lsh");
    memcpy(rotation, message, size * sizeof *rotation);
    free(message);
    return status;
}

/* A rotation drawn evenly from all: the one nearest to a Gaussian matrix. */
static kin_status random_rotation(const kin_train_context *context, size_t bits, uint64_t seed,
                                  double *rotation, kin_error *error)
{
    kin_random random = {.state = seed};
    double *gaussian = kin_malloc(bits * bits * sizeof *gaussian);
    for (size_t i = 0; i < bits * bits; i++)
        gaussian[i] = kin_random_gaussian(&random);
    kin_status status = solve_rotation(context, gaussian, bits, rotation, error);
    free(gaussian);
    return status;
}

/* sums [bits * bits + 1] of one slice: V^T B and, last, |B - V R|^2; B = sign(V R). */
static void quantize(const kin_itq_slice *slice, size_t bits, const double *rotation,
                     double *rotated, double *sums)
{
    double *loss = &sums[bits * bits];
    memset(sums, 0, (bits * bits + 1) * sizeof *sums);
    for (size_t i = 0; i < slice->count; i += KIN_TRAIN_BLOCK_ROWS) {
        const double *block = slice->projected + i * bits;
        size_t rows =
            slice->count - i < KIN_TRAIN_BLOCK_ROWS ? slice->count - i : KIN_TRAIN_BLOCK_ROWS;
        kin_blas_multiply(KIN_TRAIN_BLOCK_ROWS, bits, bits, block, rotation, rotated);
        for (size_t j = 0; j < rows * bits; j++) {
            double sign = rotated[j] > 0 ? 1 : -1;
            *loss += (sign - rotated[j]) * (sign - rotated[j]);
            rotated[j] = sign;
        }
        /* Rows of padding are zeros in V: whatever their signs are, they add nothing. */
        kin_blas_multiply_transposed(bits, bits, KIN_TRAIN_BLOCK_ROWS, block, bits, rotated, bits,
                                     sums, bits);
    }
}

kin_status kin_itq_learn(const kin_train_context *context, const kin_itq_slice *slices, size_t bits,
                         const double *first, uint64_t seed, uint32_t iterations, double *rotation,
                         double *loss, double start, double end, kin_error *error)
{
    size_t owned = kin_train_owned_slices(context), width = bits * bits + 1;
    double *sums = kin_malloc(owned * width * sizeof *sums);
    double *total = kin_malloc(width * sizeof *total);
    double *rotated = kin_malloc(KIN_TRAIN_BLOCK_ROWS * bits * sizeof *rotated);
    kin_status status = KIN_OK;
    if (first == NULL)
        status = random_rotation(context, bits, seed, rotation, error);
    else
        memcpy(rotation, first, bits * bits * sizeof *rotation);
    for (uint32_t i = 0; status == KIN_OK && i < iterations; i++) {
        for (size_t s = 0; s < owned; s++) {
            quantize(&slices[s], bits, rotation, rotated, sums + s * width);
            context->tick(context->user, start + (end - start) * i / iterations);
        }
        status = context->sum_slices(context->user, sums, width, total, error);
        if (status != KIN_OK) break;
        if (loss != NULL) loss[i] = total[width - 1];
        status = solve_rotation(context, total, bits, rotation, error);
    }
    free(sums);
    free(total);
    free(rotated);
    return status;
}
