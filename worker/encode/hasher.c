#include "worker/encode/hasher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/code/values.h"
#include "worker/encode/hash.h"

/* Vectors that pass the layers together: weights come from memory once for all of them. */
#define BLOCK_ROWS 32

/* A layer in memory: rows padded with zeros to whole lanes. */
typedef struct layer {
    size_t inputs, outputs, stride; /* of a row of weights, and of an input vector */
    kin_layer_activation activation;
    float *weights; /* [outputs][stride] */
    float *biases;  /* [outputs] */
} layer;

struct kin_hasher {
    unsigned bits;
    kin_hasher_input input;
    kin_head_kind head_kind;
    size_t layer_count, stride_max;
    layer layers[KIN_HASHER_LAYERS_MAX];
    layer head;
    float *thresholds;
    uint32_t class_count;
    char **class_names;
    kin_hash_function *products;
};

static layer load_layer(const kin_encoder_layer *file)
{
    layer made = {.inputs = file->inputs,
                  .outputs = file->outputs,
                  .stride = kin_hash_padded(file->inputs),
                  .activation = file->activation};
    made.weights = kin_calloc(made.outputs * made.stride, sizeof(float));
    made.biases = kin_calloc(made.outputs, sizeof(float));
    for (size_t i = 0; i < made.outputs; i++)
        kin_encoder_file_floats(file->weights + i * made.inputs * sizeof(float), made.inputs,
                                made.weights + i * made.stride);
    if (file->biases != NULL) kin_encoder_file_floats(file->biases, made.outputs, made.biases);
    return made;
}

kin_hasher *kin_hasher_new(const kin_encoder_file *file)
{
    kin_hasher *hasher = kin_calloc(1, sizeof *hasher);
    hasher->bits = file->card.bits;
    hasher->input = file->card.input;
    hasher->layer_count = file->card.layer_count;
    hasher->products = kin_hash_here();
    for (size_t i = 0; i < hasher->layer_count; i++) {
        hasher->layers[i] = load_layer(&file->layer[i]);
        if (hasher->layers[i].stride > hasher->stride_max)
            hasher->stride_max = hasher->layers[i].stride;
    }
    size_t code = kin_hash_padded(hasher->bits);
    if (code > hasher->stride_max) hasher->stride_max = code;
    hasher->thresholds = kin_calloc(hasher->bits, sizeof(float));
    if (file->thresholds != NULL)
        kin_encoder_file_floats(file->thresholds, hasher->bits, hasher->thresholds);
    hasher->head_kind = file->card.head;
    if (hasher->head_kind == KIN_HEAD_NONE) return hasher;
    hasher->head = load_layer(&file->head);
    hasher->class_count = file->card.class_count;
    hasher->class_names = kin_calloc(hasher->class_count, sizeof *hasher->class_names);
    const char *name = file->class_names;
    for (uint32_t i = 0; i < hasher->class_count; i++, name += strlen(name) + 1)
        hasher->class_names[i] = kin_strdup(name);
    return hasher;
}

kin_hasher *kin_hasher_new_back(const kin_encoder_file *file)
{
    kin_encoder_file back = {
        .card = {.bits = file->card.dimensions, .layer_count = file->back_count}};
    if (file->back_count == 0) return NULL;
    memcpy(back.layer, file->back, sizeof back.layer);
    return kin_hasher_new(&back);
}

void kin_hasher_destroy(kin_hasher **hasher)
{
    if (*hasher == NULL) return;
    for (size_t i = 0; i < (*hasher)->layer_count; i++) {
        free((*hasher)->layers[i].weights);
        free((*hasher)->layers[i].biases);
    }
    free((*hasher)->head.weights);
    free((*hasher)->head.biases);
    for (uint32_t i = 0; i < (*hasher)->class_count; i++)
        free((*hasher)->class_names[i]);
    free((*hasher)->class_names);
    free((*hasher)->thresholds);
    free(*hasher);
    *hasher = NULL;
}

uint32_t kin_hasher_dimensions(const kin_hasher *hasher)
{
    return (uint32_t)hasher->layers[0].inputs;
}

unsigned kin_hasher_bits(const kin_hasher *hasher)
{
    return hasher->bits;
}

uint32_t kin_hasher_classes(const kin_hasher *hasher)
{
    return hasher->class_count;
}

const char *kin_hasher_class_name(const kin_hasher *hasher, uint32_t i)
{
    return hasher->class_names[i];
}

/* in [rows][stride of the layer] -> out [rows][out_stride]. */
static void run_layer(const kin_hasher *hasher, const layer *l, const float *in, size_t rows,
                      float *out, size_t out_stride)
{
    hasher->products(l->weights, l->stride, l->outputs, in, l->stride, rows, out, out_stride);
    for (size_t i = 0; i < rows; i++) {
        float *row = out + i * out_stride;
        for (size_t j = 0; j < l->outputs; j++)
            row[j] += l->biases[j];
        kin_hash_activate(l->activation, row, l->outputs);
    }
}

/* Rows become of length 1; zeros stay. */
static void make_unit(const kin_hasher *hasher, float *rows, size_t count, size_t stride)
{
    for (size_t i = 0; i < count; i++) {
        float *row = rows + i * stride, square, length;
        hasher->products(row, stride, 1, row, stride, 1, &square, 1);
        length = sqrtf(square);
        for (size_t j = 0; length > 0 && j < stride; j++)
            row[j] /= length;
    }
}

/* Room for a block of rows on its way through the layers. */
typedef struct block {
    float *in, *out; /* [BLOCK_ROWS or fewer][stride_max] */
} block;

static block block_new(const kin_hasher *hasher, size_t count)
{
    size_t floats = (count < BLOCK_ROWS ? count : BLOCK_ROWS) * hasher->stride_max;
    return (block){kin_calloc(floats, sizeof(float)), kin_calloc(floats, sizeof(float))};
}

static void block_fini(block *room)
{
    free(room->in);
    free(room->out);
}

/* vectors [rows][dimensions] through all layers; the code layer is at room->in
 * [rows][kin_hash_padded(bits)], zeros beyond bits. */
static void run_block(const kin_hasher *hasher, const float *vectors, size_t rows, block *room)
{
    const layer *first = &hasher->layers[0];
    for (size_t i = 0; i < rows; i++) {
        float *row = room->in + i * first->stride;
        memcpy(row, vectors + i * first->inputs, first->inputs * sizeof *row);
        memset(row + first->inputs, 0, (first->stride - first->inputs) * sizeof *row);
    }
    if (hasher->input == KIN_INPUT_UNIT) make_unit(hasher, room->in, rows, first->stride);
    for (size_t l = 0; l < hasher->layer_count; l++) {
        const layer *here = &hasher->layers[l];
        size_t stride = kin_hash_padded(here->outputs);
        run_layer(hasher, here, room->in, rows, room->out, stride);
        for (size_t i = 0; i < rows; i++)
            memset(room->out + i * stride + here->outputs, 0,
                   (stride - here->outputs) * sizeof(float));
        float *swap = room->in;
        room->in = room->out;
        room->out = swap;
    }
}

/* Calls take for each block of vectors, whose code layer is at values [rows][stride]. */
static void run(const kin_hasher *hasher, const float *vectors, size_t count,
                void (*take)(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                             void *results),
                void *results)
{
    block room = block_new(hasher, count);
    for (size_t first = 0; first < count; first += BLOCK_ROWS) {
        size_t rows = count - first < BLOCK_ROWS ? count - first : BLOCK_ROWS;
        run_block(hasher, vectors + first * hasher->layers[0].inputs, rows, &room);
        take(hasher, &room, first, rows, results);
    }
    block_fini(&room);
}

static void take_values(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                        void *results)
{
    float *values = results;
    size_t stride = kin_hash_padded(hasher->bits);
    for (size_t i = 0; i < rows; i++)
        memcpy(values + (first + i) * hasher->bits, room->in + i * stride,
               hasher->bits * sizeof *values);
}

static void take_codes(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                       void *results)
{
    kin_code *codes = results;
    size_t stride = kin_hash_padded(hasher->bits);
    for (size_t i = 0; i < rows; i++) {
        memset(&codes[first + i], 0, sizeof *codes);
        for (unsigned b = 0; b < hasher->bits; b++)
            if (room->in[i * stride + b] > hasher->thresholds[b])
                kin_code_set_bit(&codes[first + i], b);
    }
}

static void take_stored(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                        void *results)
{
    int8_t *stored = results;
    for (size_t i = 0; i < rows; i++)
        kin_values_store(room->in + i * kin_hash_padded(hasher->bits), hasher->thresholds,
                         hasher->bits, stored + (first + i) * hasher->bits);
}

static void take_asked(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                       void *results)
{
    int16_t *asked = results;
    for (size_t i = 0; i < rows; i++)
        kin_values_ask(room->in + i * kin_hash_padded(hasher->bits), hasher->thresholds,
                       hasher->bits, asked + (first + i) * hasher->bits);
}

/* Scores [rows] of the head become probabilities [class_count]. */
static void make_probabilities(const kin_hasher *hasher, const float *scores, float *probabilities)
{
    uint32_t classes = hasher->class_count;
    double sum = 0, top = -INFINITY;
    if (hasher->head_kind == KIN_HEAD_LOGISTIC && classes == 2) {
        double second = 1 / (1 + kin_hash_exponential(-(double)scores[0]));
        probabilities[0] = (float)(1 - second);
        probabilities[1] = (float)second;
        return;
    }
    for (uint32_t c = 0; c < classes; c++)
        if (scores[c] > top) top = scores[c];
    for (uint32_t c = 0; c < classes; c++) {
        double p = scores[c];
        if (hasher->head_kind == KIN_HEAD_SOFTMAX) p = kin_hash_exponential(p - top);
        if (hasher->head_kind == KIN_HEAD_LOGISTIC) p = 1 / (1 + kin_hash_exponential(-p));
        if (hasher->head_kind == KIN_HEAD_LINEAR) p = p < 0 ? 0 : p > 1 ? 1 : p;
        probabilities[c] = (float)p;
        sum += p;
    }
    for (uint32_t c = 0; c < classes; c++)
        probabilities[c] = sum > 0 ? (float)(probabilities[c] / sum) : 1 / (float)classes;
}

static void take_classes(const kin_hasher *hasher, block *room, size_t first, size_t rows,
                         void *results)
{
    float *probabilities = results;
    size_t outputs = hasher->head.outputs;
    float *scores = kin_malloc(rows * outputs * sizeof *scores);
    run_layer(hasher, &hasher->head, room->in, rows, scores, outputs);
    for (size_t i = 0; i < rows; i++)
        make_probabilities(hasher, scores + i * outputs,
                           probabilities + (first + i) * hasher->class_count);
    free(scores);
}

void kin_hasher_values(const kin_hasher *hasher, const float *vectors, size_t count, float *values)
{
    run(hasher, vectors, count, take_values, values);
}

void kin_hasher_store(const kin_hasher *hasher, const float *vectors, size_t count, int8_t *stored)
{
    run(hasher, vectors, count, take_stored, stored);
}

void kin_hasher_ask(const kin_hasher *hasher, const float *vectors, size_t count, int16_t *asked)
{
    run(hasher, vectors, count, take_asked, asked);
}

void kin_hasher_hash(const kin_hasher *hasher, const float *vectors, size_t count, kin_code *codes)
{
    run(hasher, vectors, count, take_codes, codes);
}

void kin_hasher_classify(const kin_hasher *hasher, const float *vectors, size_t count,
                         float *probabilities)
{
    if (hasher->class_count > 0) run(hasher, vectors, count, take_classes, probabilities);
}

uint32_t kin_hasher_likeliest(const float *probabilities, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (probabilities[c] > probabilities[best]) best = c;
    return best;
}
