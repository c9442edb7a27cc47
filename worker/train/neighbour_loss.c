#include "worker/train/neighbour_loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/encode/convolution.h"
#include "worker/train/descent.h"
#include "worker/train/floats.h"

/* Under the root of a length: a code of zeros has a direction of zeros. */
#define LENGTH_FLOOR 1e-12

struct kin_neighbour_loss {
    const kin_train_context *context;
    size_t rows, bits, width;
    float temperature, quantization, geometry, stretch;
    float *directions; /* [rows][width]; NULL without geometry */
    float *gaps;       /* [owned rows][rows]: cosines of codes beyond those wanted; NULL so, too */
    float *codes;      /* [rows][bits] */
    float *units;      /* [rows][bits]: codes of length 1 */
    float *lengths;    /* [rows] */
    float *sums;       /* [rows]: of a row's weights */
    float *pairs;      /* [rows]: cosines with the partners; of owned rows */
    float *weights;    /* [owned rows][rows]: e^((cosine - 1) / temperature), 0 for itself */
    size_t first;      /* of the owned rows */
};

kin_neighbour_loss *kin_neighbour_loss_new(const kin_train_context *context,
                                           const kin_neighbour_loss_options *options)
{
    size_t rows = options->rows, bits = options->bits;
    KIN_CHECK(rows > 0 && rows % (2 * KIN_BATCH_SLICES) == 0 && options->temperature > 0);
    kin_neighbour_loss *loss = kin_calloc(1, sizeof *loss);
    kin_span owned = kin_batch_owned(context);
    *loss = (kin_neighbour_loss){.context = context,
                                 .rows = rows,
                                 .bits = bits,
                                 .width = options->width,
                                 .temperature = (float)options->temperature,
                                 .quantization = (float)options->quantization,
                                 .geometry = (float)options->geometry,
                                 .stretch = (float)options->stretch,
                                 .first = kin_batch_rows(rows, owned.at).at};
    loss->codes = kin_malloc(rows * bits * sizeof *loss->codes);
    loss->units = kin_malloc(rows * bits * sizeof *loss->units);
    loss->lengths = kin_malloc(rows * sizeof *loss->lengths);
    loss->sums = kin_malloc(rows * sizeof *loss->sums);
    loss->pairs = kin_malloc(rows * sizeof *loss->pairs);
    size_t owned_rows = owned.count * (rows / KIN_BATCH_SLICES);
    loss->weights = kin_calloc(owned_rows * rows, sizeof *loss->weights);
    if (options->geometry > 0) {
        loss->directions = kin_calloc(rows * options->width, sizeof *loss->directions);
        loss->gaps = kin_calloc(owned_rows * rows, sizeof *loss->gaps);
    }
    return loss;
}

void kin_neighbour_loss_destroy(kin_neighbour_loss **loss)
{
    if (*loss == NULL) return;
    free((*loss)->codes);
    free((*loss)->units);
    free((*loss)->lengths);
    free((*loss)->sums);
    free((*loss)->pairs);
    free((*loss)->weights);
    free((*loss)->directions);
    free((*loss)->gaps);
    free(*loss);
    *loss = NULL;
}

size_t kin_neighbour_loss_bytes(const kin_neighbour_loss_options *options)
{
    size_t rows = options->rows, geometry = options->geometry > 0 ? options->width + rows : 0;
    return (2 * options->bits + 3 + rows + geometry) * rows * sizeof(float);
}

float *kin_neighbour_loss_directions(kin_neighbour_loss *loss)
{
    return loss->directions;
}

float *kin_neighbour_loss_codes(kin_neighbour_loss *loss, size_t slice)
{
    return loss->codes + kin_batch_rows(loss->rows, slice).at * loss->bits;
}

static void normalize(kin_neighbour_loss *loss)
{
    for (size_t i = 0; i < loss->rows; i++) {
        const float *code = loss->codes + i * loss->bits;
        float *unit = loss->units + i * loss->bits, sum = (float)LENGTH_FLOOR;
        for (size_t j = 0; j < loss->bits; j++)
            sum += code[j] * code[j];
        loss->lengths[i] = sqrtf(sum);
        for (size_t j = 0; j < loss->bits; j++)
            unit[j] = code[j] / loss->lengths[i];
    }
}

/* The row that row i of the batch is paired with. */
static size_t partner(const kin_span *slice, size_t i)
{
    size_t half = slice->count / 2;
    return i < slice->at + half ? i + half : i - half;
}

/* gaps [slice rows][rows] = cosines of codes - stretched cosines of directions, 0 for itself. */
static void find_gaps(const kin_neighbour_loss *loss, const kin_span *slice, const float *cosines,
                      float *gaps)
{
    kin_blas_multiply_floats(false, true, slice->count, loss->rows, loss->width,
                             loss->directions + slice->at * loss->width, loss->directions, 0, gaps);
    for (size_t i = 0; i < slice->count * loss->rows; i++) {
        float wanted = loss->stretch * gaps[i];
        wanted = wanted > 1 ? 1 : wanted < -1 ? -1 : wanted;
        gaps[i] = cosines[i] - wanted;
    }
    for (size_t i = 0; i < slice->count; i++)
        gaps[i * loss->rows + slice->at + i] = 0;
}

/* The weights of a slice's rows, their sums, and the cosines with partners. */
static void weigh(kin_neighbour_loss *loss, size_t k)
{
    kin_span slice = kin_batch_rows(loss->rows, k);
    size_t rows = loss->rows;
    float *weights = loss->weights + (slice.at - loss->first) * rows;
    kin_blas_multiply_floats(false, true, slice.count, rows, loss->bits,
                             loss->units + slice.at * loss->bits, loss->units, 0, weights);
    if (loss->gaps != NULL)
        find_gaps(loss, &slice, weights, loss->gaps + (slice.at - loss->first) * rows);
    for (size_t i = slice.at; i < slice.at + slice.count; i++) {
        float *row = weights + (i - slice.at) * rows;
        loss->pairs[i] = row[partner(&slice, i)];
        for (size_t j = 0; j < rows; j++)
            row[j] = (row[j] - 1) / loss->temperature;
    }
    kin_activation_apply(&(kin_activation){.kind = KIN_ACTIVATION_EXP}, weights, 1,
                         slice.count * rows, slice.count * rows);
    for (size_t i = slice.at; i < slice.at + slice.count; i++) {
        float *row = weights + (i - slice.at) * rows, sum = 0;
        row[i] = 0;
        for (size_t j = 0; j < rows; j++)
            sum += row[j];
        loss->sums[i] = sum;
    }
}

kin_status kin_neighbour_loss_run(kin_neighbour_loss *loss, kin_error *error)
{
    kin_span owned = kin_batch_owned(loss->context);
    kin_status status = kin_batch_gather(loss->context, loss->rows, loss->bits, loss->codes, error);
    if (status != KIN_OK) return status;
    normalize(loss);
    for (size_t k = owned.at; k < owned.at + owned.count; k++)
        weigh(loss, k);
    return kin_batch_gather(loss->context, loss->rows, 1, loss->sums, error);
}

/* weights [slice rows][rows] become the gradient with respect to the cosines, times rows and
 * temperature: each cosine counts in the loss of both its rows. Returns the sum of squared gaps. */
static double weights_to_gradient(const kin_neighbour_loss *loss, const kin_span *slice,
                                  float *weights)
{
    float pull = 4 * loss->geometry * loss->temperature / (float)loss->rows;
    double squares = 0;
    for (size_t i = slice->at; i < slice->at + slice->count; i++) {
        float *row = weights + (i - slice->at) * loss->rows, inverse = 1 / loss->sums[i];
        for (size_t j = 0; j < loss->rows; j++)
            row[j] *= inverse + 1 / loss->sums[j];
        row[partner(slice, i)] -= 2;
        if (loss->gaps == NULL) continue;
        const float *gaps = loss->gaps + (i - loss->first) * loss->rows;
        float sum = 0;
        for (size_t j = 0; j < loss->rows; j++) {
            row[j] += pull * gaps[j];
            sum += gaps[j] * gaps[j];
        }
        squares += (double)sum;
    }
    return squares;
}

double kin_neighbour_loss_gradient(kin_neighbour_loss *loss, size_t k, float *gradient)
{
    kin_span slice = kin_batch_rows(loss->rows, k);
    size_t rows = loss->rows, bits = loss->bits;
    float *weights = loss->weights + (slice.at - loss->first) * rows;
    float share = 1 / (loss->temperature * (float)rows);
    float corner = 2 * loss->quantization / (float)(rows * bits);
    double contrast = 0, distance = 0;
    double squares = weights_to_gradient(loss, &slice, weights);
    kin_blas_multiply_floats(false, false, slice.count, bits, rows, weights, loss->units, 0,
                             gradient);
    for (size_t i = slice.at; i < slice.at + slice.count; i++) {
        const float *code = loss->codes + i * bits, *unit = loss->units + i * bits;
        float *g = gradient + (i - slice.at) * bits, along = 0;
        for (size_t j = 0; j < bits; j++)
            along += g[j] * unit[j];
        for (size_t j = 0; j < bits; j++) {
            float beyond = fabsf(code[j]) - 1;
            distance += (double)(beyond * beyond);
            g[j] = share * (g[j] - along * unit[j]) / loss->lengths[i] +
                   corner * copysignf(beyond, beyond * code[j]);
        }
        contrast += log((double)loss->sums[i]) + (1 - (double)loss->pairs[i]) / loss->temperature;
    }
    return (contrast + loss->quantization * distance / (double)bits +
            loss->geometry * squares / (double)rows) /
           (double)rows;
}
