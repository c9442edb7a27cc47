#include "worker/train/visible.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "worker/train/moments.h"

/* Numbers in [0, 1] are probabilities where they vary by at least this part of what coins of their
 * means do: pixels of Fashion-MNIST by 0.53, of openclipart by 0.45 to 0.61; built-in features, in
 * [0, 1] only because rows of length 1 have no negative number, by 0.02: cross entropy would hardly
 * tell them apart. */
#define SPREAD_MIN 0.1

/* The variances of coins of such means, summed. */
static double spread_of_coins(const double *mean, size_t dimensions)
{
    double sum = 0;
    for (size_t j = 0; j < dimensions; j++)
        sum += mean[j] * (1 - mean[j]);
    return sum;
}

kin_status kin_visible_look(kin_visible *visible, const kin_train_context *context,
                            const kin_train_source *source, const double *mean, bool binary_allowed,
                            kin_error *error)
{
    size_t owned = kin_train_owned_slices(context), dimensions = source->dimensions;
    double *sums = kin_calloc(owned * 2, sizeof *sums), total[2] = {0};
    float *scratch = kin_malloc(KIN_TRAIN_BLOCK_ROWS * dimensions * sizeof *scratch);
    for (size_t s = 0; s < owned; s++) {
        kin_train_run run = kin_train_slice(context, source->count, s);
        for (uint64_t i = 0; i < run.count; i += KIN_TRAIN_BLOCK_ROWS) {
            uint64_t left = run.count - i;
            size_t rows = left < KIN_TRAIN_BLOCK_ROWS ? (size_t)left : KIN_TRAIN_BLOCK_ROWS;
            const float *block = kin_source_run(source, run.first + i, rows, scratch);
            for (size_t r = 0; r < rows; r++)
                for (size_t j = 0; j < dimensions; j++) {
                    double value = block[r * dimensions + j], centred = value - mean[j];
                    sums[2 * s] += centred * centred;
                    sums[2 * s + 1] += value < 0 || value > 1;
                }
        }
        context->tick(context->user, 0);
    }
    kin_status status = context->sum_slices(context->user, sums, 2, total, error);
    double deviation = sqrt(total[0] / ((double)source->count * (double)dimensions));
    double least = SPREAD_MIN * spread_of_coins(mean, dimensions) * (double)source->count;
    visible->binary = binary_allowed && total[1] == 0 && total[0] >= least;
    visible->scale = visible->binary || !(deviation > 0) ? 1 : 1 / deviation;
    visible->mean = visible->binary ? NULL : mean;
    free(scratch);
    free(sums);
    return status;
}

void kin_visible_rows(const kin_visible *visible, const float *rows, size_t count,
                      size_t dimensions, float *out)
{
    float scale = (float)visible->scale;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < dimensions; j++) {
            float mean = visible->mean == NULL ? 0 : (float)visible->mean[j];
            out[i * dimensions + j] = (rows[i * dimensions + j] - mean) * scale;
        }
}
