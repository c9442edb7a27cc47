#include "worker/train/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/encode/convolution.h"
#include "worker/train/floats.h"

/* Added to a variance, as everybody does. */
#define EPSILON 1e-5f

void kin_layer_kept_init(kin_layer_kept *kept, const kin_layer *layer, size_t rows_max)
{
    *kept = (kin_layer_kept){0};
    if (layer->kind == KIN_LAYER_BATCH_NORM) {
        kept->normal = kin_malloc(rows_max * layer->inputs * sizeof *kept->normal);
        kept->deviations = kin_malloc(3 * layer->inputs * sizeof *kept->deviations);
    }
    if (layer->kind == KIN_LAYER_DROPOUT) kept->mask = kin_malloc(rows_max * layer->inputs);
}

void kin_layer_kept_fini(kin_layer_kept *kept)
{
    free(kept->normal);
    free(kept->deviations);
    free(kept->mask);
    *kept = (kin_layer_kept){0};
}

static void affine(const kin_layer *layer, const float *parameters, const float *input, size_t rows,
                   float *output)
{
    kin_floats_fill_rows(output, rows, layer->outputs, parameters + layer->outputs * layer->inputs);
    kin_blas_multiply_floats(false, true, rows, layer->outputs, layer->inputs, input, parameters, 1,
                             output);
}

static void affine_back(const kin_layer *layer, const float *parameters, const float *input,
                        size_t rows, const float *up, float *down, float *gradient)
{
    kin_blas_multiply_floats(true, false, layer->outputs, layer->inputs, rows, up, input, 0,
                             gradient);
    kin_floats_column_sums(up, rows, layer->outputs, gradient + layer->outputs * layer->inputs);
    if (down != NULL)
        kin_blas_multiply_floats(false, false, rows, layer->inputs, layer->outputs, up, parameters,
                                 0, down);
}

/* mean and variance [columns] of matrix's columns, in two passes. */
static void moments(const float *matrix, size_t rows, size_t columns, float *mean, float *variance)
{
    float share = 1 / (float)rows;
    kin_floats_column_sums(matrix, rows, columns, mean);
    kin_floats_scale(mean, share, columns);
    memset(variance, 0, columns * sizeof *variance);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            float centred = matrix[i * columns + j] - mean[j];
            variance[j] += centred * centred;
        }
    kin_floats_scale(variance, share, columns);
}

static void batch_norm(const kin_layer *layer, kin_layer_kept *kept, const float *parameters,
                       const float *input, size_t rows, float *output)
{
    size_t n = layer->inputs;
    float *inverse = kept->deviations, *mean = inverse + n, *variance = mean + n;
    const float *scale = parameters, *shift = parameters + n;
    moments(input, rows, n, mean, variance);
    for (size_t j = 0; j < n; j++)
        inverse[j] = 1 / sqrtf(variance[j] + EPSILON);
    for (size_t i = 0; i < rows * n; i += n)
        for (size_t j = 0; j < n; j++) {
            float normal = (input[i + j] - mean[j]) * inverse[j];
            kept->normal[i + j] = normal;
            output[i + j] = normal * scale[j] + shift[j];
        }
}

/* dx = scale / (rows deviation) (rows dy - sum dy - normal sum(dy normal)) */
static void batch_norm_back(const kin_layer *layer, const kin_layer_kept *kept,
                            const float *parameters, size_t rows, float *gradients, float *gradient,
                            float *batch_statistics)
{
    size_t n = layer->inputs;
    float *scale_gradient = gradient, *shift_gradient = gradient + n, share = 1 / (float)rows;
    const float *inverse = kept->deviations;
    kin_floats_column_sums(gradients, rows, n, shift_gradient);
    memset(scale_gradient, 0, n * sizeof *scale_gradient);
    for (size_t i = 0; i < rows * n; i += n)
        for (size_t j = 0; j < n; j++)
            scale_gradient[j] += gradients[i + j] * kept->normal[i + j];
    for (size_t i = 0; i < rows * n; i += n)
        for (size_t j = 0; j < n; j++)
            gradients[i + j] =
                parameters[j] * inverse[j] *
                (gradients[i + j] -
                 share * (shift_gradient[j] + kept->normal[i + j] * scale_gradient[j]));
    if (batch_statistics == NULL) return;
    memcpy(batch_statistics, inverse + n, n * sizeof *batch_statistics);
    float unbiased = rows > 1 ? (float)rows / (float)(rows - 1) : 1;
    for (size_t j = 0; j < n; j++)
        batch_statistics[n + j] = inverse[2 * n + j] * unbiased;
}

static void batch_norm_infer(const kin_layer *layer, const float *parameters,
                             const float *statistics, const float *input, size_t rows,
                             float *output)
{
    size_t n = layer->inputs;
    for (size_t j = 0; j < n; j++) {
        float scale = parameters[j] / sqrtf(statistics[n + j] + EPSILON);
        float shift = parameters[n + j] - statistics[j] * scale;
        for (size_t i = 0; i < rows; i++)
            output[i * n + j] = input[i * n + j] * scale + shift;
    }
}

/* Four inputs a number of 64 bits: 16 decide. */
static void dropout(const kin_layer *layer, kin_layer_kept *kept, const float *input, size_t rows,
                    uint64_t seed, float *output)
{
    size_t count = rows * layer->inputs;
    uint64_t limit = (uint64_t)lrint(layer->rate * 65536);
    float scale = 65536 / (float)(65536 - limit);
    kin_random random = {.state = seed};
    for (size_t i = 0; i < count; i += 4) {
        uint64_t bits = kin_random_u64(&random);
        for (size_t j = i; j < i + 4 && j < count; j++, bits >>= 16) {
            kept->mask[j] = (bits & 0xffff) >= limit;
            output[j] = kept->mask[j] ? input[j] * scale : 0;
        }
    }
}

static void dropout_back(const kin_layer *layer, const kin_layer_kept *kept, size_t rows,
                         float *gradients)
{
    uint64_t limit = (uint64_t)lrint(layer->rate * 65536);
    float scale = 65536 / (float)(65536 - limit);
    for (size_t i = 0; i < rows * layer->inputs; i++)
        gradients[i] = kept->mask[i] ? gradients[i] * scale : 0;
}

static void sign_back(const float *input, size_t count, float *gradients)
{
    for (size_t i = 0; i < count; i++)
        if (fabsf(input[i]) > 1) gradients[i] = 0;
}

static void activate(kin_activation_kind kind, const float *input, size_t count, float *output)
{
    memcpy(output, input, count * sizeof *output);
    kin_activation_apply(&(kin_activation){.kind = kind}, output, 1, count, count);
}

/* Layers that have no parameters and are the same in training and after it. */
static void without_parameters(const kin_layer *layer, const float *input, size_t rows,
                               float *output)
{
    size_t count = rows * layer->inputs;
    if (layer->kind == KIN_LAYER_RELU)
        kin_floats_relu(output, input, count);
    else if (layer->kind == KIN_LAYER_LOGISTIC)
        activate(KIN_ACTIVATION_SIGMOID, input, count, output);
    else if (layer->kind == KIN_LAYER_TANH)
        activate(KIN_ACTIVATION_TANH, input, count, output);
    else if (layer->kind == KIN_LAYER_SIGN)
        for (size_t i = 0; i < count; i++)
            output[i] = input[i] > 0 ? 1 : -1;
    else
        memcpy(output, input, count * sizeof *output);
}

void kin_layer_forward(const kin_layer *layer, kin_layer_kept *kept, const float *parameters,
                       const float *input, size_t rows, uint64_t seed, float *output)
{
    if (layer->kind == KIN_LAYER_AFFINE)
        affine(layer, parameters, input, rows, output);
    else if (layer->kind == KIN_LAYER_BATCH_NORM)
        batch_norm(layer, kept, parameters, input, rows, output);
    else if (layer->kind == KIN_LAYER_DROPOUT)
        dropout(layer, kept, input, rows, seed, output);
    else if (layer->kind == KIN_LAYER_NOISE)
        kin_floats_add_noise(output, input, rows * layer->inputs, layer->rate, seed);
    else
        without_parameters(layer, input, rows, output);
}

void kin_layer_infer(const kin_layer *layer, const float *parameters, const float *statistics,
                     const float *input, size_t rows, float *output)
{
    if (layer->kind == KIN_LAYER_AFFINE)
        affine(layer, parameters, input, rows, output);
    else if (layer->kind == KIN_LAYER_BATCH_NORM)
        batch_norm_infer(layer, parameters, statistics, input, rows, output);
    else
        without_parameters(layer, input, rows, output);
}

void kin_layer_backward(const kin_layer *layer, const kin_layer_kept *kept, const float *parameters,
                        const float *input, const float *output, size_t rows, float *up,
                        float *down, float *gradient, float *batch_statistics)
{
    size_t count = rows * layer->outputs;
    switch (layer->kind) {
    case KIN_LAYER_AFFINE:
        affine_back(layer, parameters, input, rows, up, down, gradient);
        break;
    case KIN_LAYER_BATCH_NORM:
        batch_norm_back(layer, kept, parameters, rows, up, gradient, batch_statistics);
        break;
    case KIN_LAYER_RELU:
        kin_floats_relu_back(up, output, count);
        break;
    case KIN_LAYER_LOGISTIC:
        kin_floats_logistic_back(up, output, count);
        break;
    case KIN_LAYER_TANH:
        kin_floats_tanh_back(up, output, count);
        break;
    case KIN_LAYER_DROPOUT:
        dropout_back(layer, kept, rows, up);
        break;
    case KIN_LAYER_SIGN:
        sign_back(input, count, up);
        break;
    case KIN_LAYER_NOISE:
        break;
    }
}
