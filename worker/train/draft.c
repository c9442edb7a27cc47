#include "worker/train/draft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"

/* As in worker/train/layer.c. */
#define EPSILON 1e-5

void kin_draft_fini(kin_draft *draft)
{
    for (uint32_t i = 0; i < draft->layer_count; i++) {
        free(draft->layers[i].weights);
        free(draft->layers[i].biases);
    }
    for (uint32_t i = 0; i < draft->back_count; i++) {
        free(draft->back[i].weights);
        free(draft->back[i].biases);
    }
    free(draft->head.weights);
    free(draft->head.biases);
    free(draft->thresholds);
    kin_buffer_fini(&draft->options);
    kin_buffer_fini(&draft->curve);
    *draft = (kin_draft){0};
}

static kin_draft_layer new_layer(uint32_t inputs, uint32_t outputs, kin_layer_activation activation)
{
    return (kin_draft_layer){inputs, outputs, activation,
                             kin_calloc((size_t)inputs * outputs, sizeof(float)),
                             kin_calloc(outputs, sizeof(float))};
}

kin_draft_layer *kin_draft_add(kin_draft *draft, uint32_t inputs, uint32_t outputs,
                               kin_layer_activation activation)
{
    KIN_CHECK(draft->layer_count < KIN_HASHER_LAYERS_MAX);
    kin_draft_layer *layer = &draft->layers[draft->layer_count++];
    *layer = new_layer(inputs, outputs, activation);
    return layer;
}

void kin_draft_planes(kin_draft *draft, size_t bits, size_t dimensions, const double *planes,
                      const double *mean)
{
    kin_draft_layer *layer =
        kin_draft_add(draft, (uint32_t)dimensions, (uint32_t)bits, KIN_ACTIVATE_NONE);
    draft->thresholds = kin_calloc(bits, sizeof *draft->thresholds);
    for (size_t i = 0; i < bits; i++) {
        double threshold = 0;
        for (size_t j = 0; j < dimensions; j++) {
            float rounded = (float)planes[i * dimensions + j];
            layer->weights[i * dimensions + j] = rounded;
            threshold += (double)rounded * mean[j];
        }
        draft->thresholds[i] = (float)threshold;
    }
}

static void add_affine(kin_draft *draft, const kin_layer *from, const float *parameters)
{
    size_t weights = from->inputs * from->outputs;
    kin_draft_layer *layer =
        kin_draft_add(draft, (uint32_t)from->inputs, (uint32_t)from->outputs, KIN_ACTIVATE_NONE);
    memcpy(layer->weights, parameters, weights * sizeof *parameters);
    memcpy(layer->biases, parameters + weights, from->outputs * sizeof *parameters);
}

static void fold_batch_norm(kin_draft_layer *layer, const float *parameters,
                            const float *statistics)
{
    size_t n = layer->outputs, inputs = layer->inputs;
    for (size_t i = 0; i < n; i++) {
        double scale = parameters[i] / sqrt((double)statistics[n + i] + EPSILON);
        layer->biases[i] =
            (float)(((double)layer->biases[i] - statistics[i]) * scale + parameters[n + i]);
        for (size_t j = 0; j < inputs; j++)
            layer->weights[i * inputs + j] = (float)(layer->weights[i * inputs + j] * scale);
    }
}

void kin_draft_add_mlp(kin_draft *draft, const kin_mlp *mlp, const float *parameters,
                       const float *statistics, size_t first, size_t until)
{
    for (size_t i = first; i < until; i++) {
        const kin_layer *from = kin_mlp_layer(mlp, i);
        const float *own = parameters + from->parameters_at;
        if (from->kind == KIN_LAYER_AFFINE) {
            add_affine(draft, from, own);
            continue;
        }
        if (from->kind == KIN_LAYER_DROPOUT || from->kind == KIN_LAYER_NOISE) continue;
        KIN_CHECK(draft->layer_count > 0);
        kin_draft_layer *last = &draft->layers[draft->layer_count - 1];
        KIN_CHECK(last->activation == KIN_ACTIVATE_NONE);
        if (from->kind == KIN_LAYER_BATCH_NORM)
            fold_batch_norm(last, own, statistics + from->statistics_at);
        else if (from->kind == KIN_LAYER_RELU)
            last->activation = KIN_ACTIVATE_RELU;
        else if (from->kind == KIN_LAYER_LOGISTIC)
            last->activation = KIN_ACTIVATE_LOGISTIC;
        else
            last->activation = KIN_ACTIVATE_TANH;
    }
}

void kin_draft_set_back(kin_draft *draft, const kin_mlp *mlp, const float *parameters,
                        kin_layer_activation last)
{
    kin_draft back = {0};
    kin_draft_add_mlp(&back, mlp, parameters, NULL, 0, kin_mlp_layer_count(mlp));
    back.layers[back.layer_count - 1].activation = last;
    memcpy(draft->back, back.layers, sizeof back.layers);
    draft->back_count = back.layer_count;
}

void kin_draft_standardize(kin_draft *draft, const double *mean, double scale)
{
    kin_draft_layer *layer = &draft->layers[0];
    for (size_t i = 0; i < layer->outputs; i++) {
        double shift = 0;
        float *row = layer->weights + i * layer->inputs;
        for (size_t j = 0; j < layer->inputs; j++) {
            row[j] = (float)(row[j] * scale);
            shift += row[j] * mean[j];
        }
        layer->biases[i] = (float)(layer->biases[i] - shift);
    }
}

/* A text that does not fit fills its zeroed array to the end, which the format refuses by name. */
static void set_text(char *field, size_t bytes, const char *text)
{
    memcpy(field, text, strnlen(text, bytes));
}

static const char *text_of(const kin_buffer *from, kin_buffer *ended)
{
    kin_buffer_append(ended, from->data, from->bytes);
    kin_buffer_append_byte(ended, 0);
    return (const char *)ended->data;
}

static void list_layers(const kin_draft_layer *from, uint32_t count, kin_hasher_layer *layers)
{
    for (uint32_t i = 0; i < count; i++)
        layers[i] = (kin_hasher_layer){from[i].inputs, from[i].outputs, from[i].activation,
                                       from[i].weights, from[i].biases};
}

kin_status kin_draft_write(const kin_draft *draft, const kin_train_options *options,
                           const kin_train_source *source, kin_buffer *file, kin_error *error)
{
    kin_hasher_layer layers[KIN_HASHER_LAYERS_MAX], back[KIN_HASHER_LAYERS_MAX];
    kin_buffer option_text = {0}, curve = {0};
    bool has_head = draft->head_kind != KIN_HEAD_NONE;
    list_layers(draft->layers, draft->layer_count, layers);
    list_layers(draft->back, draft->back_count, back);
    kin_encoder_contents contents = {.card = {.dimensions = options->dimensions,
                                              .bits = options->bits,
                                              .seed = options->seed,
                                              .training_count = source->count,
                                              .iterations = draft->iterations,
                                              .input = draft->input,
                                              .layer_count = draft->layer_count,
                                              .head = draft->head_kind,
                                              .class_count = has_head ? source->class_count : 0,
                                              .data = options->data},
                                     .layers = layers,
                                     .thresholds = draft->thresholds,
                                     .head_weights = draft->head.weights,
                                     .head_biases = draft->head.biases,
                                     .class_names = source->class_names,
                                     .options = text_of(&draft->options, &option_text),
                                     .curve = text_of(&draft->curve, &curve),
                                     .quality = options->quality,
                                     .back = back,
                                     .back_count = draft->back_count};
    kin_encoder_card *card = &contents.card;
    set_text(card->method, sizeof card->method, options->method);
    set_text(card->features, sizeof card->features, options->features);
    set_text(card->decoder, sizeof card->decoder, options->decoder);
    set_text(card->blas, sizeof card->blas, kin_blas_core_name());
    kin_status status = kin_encoder_file_write(file, &contents, error);
    kin_buffer_fini(&option_text);
    kin_buffer_fini(&curve);
    return status;
}
