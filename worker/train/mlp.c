#include "worker/train/mlp.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/train/floats.h"
#include "worker/train/layer.h"

struct kin_mlp {
    size_t inputs, layer_count, parameters, statistics, width_max;
    kin_layer *layers;
};

struct kin_mlp_work {
    size_t rows_max, rows, layer_count;
    const float *input;
    float **outputs;      /* of each layer [rows_max][outputs] */
    kin_layer_kept *kept; /* of each layer */
    float *gradients[2];  /* [rows_max][width_max] */
};

kin_mlp *kin_mlp_new(size_t inputs, const kin_layer_spec *layers, size_t count)
{
    kin_mlp *mlp = kin_calloc(1, sizeof *mlp);
    mlp->inputs = mlp->width_max = inputs;
    mlp->layer_count = count;
    mlp->layers = kin_calloc(count, sizeof *mlp->layers);
    for (size_t i = 0; i < count; i++) {
        kin_layer *layer = &mlp->layers[i];
        *layer = (kin_layer){.kind = layers[i].kind,
                             .inputs = inputs,
                             .outputs = inputs,
                             .rate = layers[i].rate,
                             .parameters_at = mlp->parameters,
                             .statistics_at = mlp->statistics};
        if (layer->kind == KIN_LAYER_AFFINE) {
            layer->outputs = layers[i].outputs;
            mlp->parameters += layer->outputs * (inputs + 1);
        } else if (layer->kind == KIN_LAYER_BATCH_NORM) {
            mlp->parameters += 2 * inputs;
            mlp->statistics += 2 * inputs;
        }
        inputs = layer->outputs;
        if (inputs > mlp->width_max) mlp->width_max = inputs;
    }
    return mlp;
}

void kin_mlp_destroy(kin_mlp **mlp)
{
    if (*mlp == NULL) return;
    free((*mlp)->layers);
    free(*mlp);
    *mlp = NULL;
}

size_t kin_mlp_inputs(const kin_mlp *mlp)
{
    return mlp->inputs;
}

size_t kin_mlp_outputs(const kin_mlp *mlp)
{
    return mlp->layer_count == 0 ? mlp->inputs : mlp->layers[mlp->layer_count - 1].outputs;
}

size_t kin_mlp_parameters(const kin_mlp *mlp)
{
    return mlp->parameters;
}

size_t kin_mlp_statistics(const kin_mlp *mlp)
{
    return mlp->statistics;
}

size_t kin_mlp_layer_count(const kin_mlp *mlp)
{
    return mlp->layer_count;
}

const kin_layer *kin_mlp_layer(const kin_mlp *mlp, size_t i)
{
    return &mlp->layers[i];
}

static bool rectifier_follows(const kin_mlp *mlp, size_t i)
{
    for (i++; i < mlp->layer_count && mlp->layers[i].kind == KIN_LAYER_BATCH_NORM; i++)
        ;
    return i < mlp->layer_count && mlp->layers[i].kind == KIN_LAYER_RELU;
}

void kin_mlp_init(const kin_mlp *mlp, uint64_t seed, float *parameters, float *statistics)
{
    kin_random random = {.state = seed};
    for (size_t i = 0; i < mlp->layer_count; i++) {
        const kin_layer *layer = &mlp->layers[i];
        float *own = parameters + layer->parameters_at;
        if (layer->kind == KIN_LAYER_AFFINE) {
            size_t weights = layer->outputs * layer->inputs;
            double deviation =
                sqrt((rectifier_follows(mlp, i) ? 2.0 : 1.0) / (double)layer->inputs);
            for (size_t j = 0; j < weights; j++)
                own[j] = (float)(deviation * kin_random_gaussian(&random));
            memset(own + weights, 0, layer->outputs * sizeof *own);
        } else if (layer->kind == KIN_LAYER_BATCH_NORM) {
            for (size_t j = 0; j < layer->inputs; j++) {
                own[j] = 1;
                own[layer->inputs + j] = 0;
                statistics[layer->statistics_at + j] = 0;
                statistics[layer->statistics_at + layer->inputs + j] = 1;
            }
        }
    }
}

kin_mlp_work *kin_mlp_work_new(const kin_mlp *mlp, size_t rows_max)
{
    kin_mlp_work *work = kin_calloc(1, sizeof *work);
    work->rows_max = rows_max;
    work->layer_count = mlp->layer_count;
    work->outputs = kin_calloc(mlp->layer_count, sizeof *work->outputs);
    work->kept = kin_calloc(mlp->layer_count, sizeof *work->kept);
    for (size_t i = 0; i < mlp->layer_count; i++) {
        work->outputs[i] = kin_malloc(rows_max * mlp->layers[i].outputs * sizeof(float));
        kin_layer_kept_init(&work->kept[i], &mlp->layers[i], rows_max);
    }
    for (int i = 0; i < 2; i++)
        work->gradients[i] = kin_malloc(rows_max * mlp->width_max * sizeof(float));
    return work;
}

void kin_mlp_work_destroy(kin_mlp_work **work)
{
    if (*work == NULL) return;
    for (size_t i = 0; i < (*work)->layer_count; i++) {
        free((*work)->outputs[i]);
        kin_layer_kept_fini(&(*work)->kept[i]);
    }
    for (int i = 0; i < 2; i++)
        free((*work)->gradients[i]);
    free((*work)->outputs);
    free((*work)->kept);
    free(*work);
    *work = NULL;
}

size_t kin_mlp_work_bytes(const kin_mlp *mlp, size_t rows_max)
{
    size_t floats = 2 * mlp->width_max * rows_max;
    for (size_t i = 0; i < mlp->layer_count; i++)
        floats += mlp->layers[i].outputs * (2 * rows_max + 1); /* what is kept is no larger */
    return floats * sizeof(float);
}

const float *kin_mlp_forward(const kin_mlp *mlp, kin_mlp_work *work, const float *parameters,
                             const float *statistics, const float *input, size_t rows,
                             bool training, uint64_t seed)
{
    KIN_CHECK(rows <= work->rows_max);
    work->rows = rows;
    work->input = input;
    for (size_t i = 0; i < mlp->layer_count; i++) {
        const kin_layer *layer = &mlp->layers[i];
        const float *own = parameters + layer->parameters_at;
        if (training)
            kin_layer_forward(layer, &work->kept[i], own, input, rows, seed + i, work->outputs[i]);
        else
            kin_layer_infer(layer, own, statistics + layer->statistics_at, input, rows,
                            work->outputs[i]);
        input = work->outputs[i];
    }
    return input;
}

const float *kin_mlp_output(const kin_mlp *mlp, const kin_mlp_work *work, size_t i)
{
    KIN_CHECK(i < mlp->layer_count);
    return work->outputs[i];
}

void kin_mlp_backward(const kin_mlp *mlp, kin_mlp_work *work, const float *parameters,
                      float *output_gradient, float *gradient, float *batch_statistics,
                      float *input_gradient)
{
    float *down = output_gradient;
    for (size_t i = mlp->layer_count; i-- > 0;) {
        const kin_layer *layer = &mlp->layers[i];
        const float *input = i == 0 ? work->input : work->outputs[i - 1];
        float *next = down;
        if (layer->kind == KIN_LAYER_AFFINE) {
            next = down == work->gradients[0] ? work->gradients[1] : work->gradients[0];
            if (i == 0) next = input_gradient;
        }
        kin_layer_backward(
            layer, &work->kept[i], parameters + layer->parameters_at, input, work->outputs[i],
            work->rows, down, next, gradient + layer->parameters_at,
            batch_statistics == NULL ? NULL : batch_statistics + layer->statistics_at);
        down = next;
    }
    if (input_gradient != NULL && down != input_gradient)
        memcpy(input_gradient, down, work->rows * mlp->inputs * sizeof *down);
}
