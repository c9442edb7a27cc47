#include "worker/train/neighbour_held.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/train/descent.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour_graph.h"

/* Enough that the mean says which epoch is better, few beside what is learned in between. */
#define BATCHES_MAX 8
/* Part of the seed; steps have the small numbers. */
#define SEED_HELD (UINT64_C(1) << 40)

struct kin_neighbour_held {
    kin_neighbour_held_options o;
    kin_train_context alone;
    kin_neighbour_loss *loss;
    kin_mlp_work *work;
    size_t rows;     /* of a slice: anchors, then partners */
    float *inputs;   /* [rows][components] */
    float *gradient; /* [rows][bits], unused */
    uint32_t *ids;   /* [rows] */
};

kin_neighbour_held *kin_neighbour_held_new(const kin_neighbour_held_options *options)
{
    kin_neighbour_held *held = kin_calloc(1, sizeof *held);
    size_t rows = 2 * options->anchors / KIN_BATCH_SLICES;
    const kin_neighbour_options *n = options->options;
    held->o = *options;
    held->alone = kin_train_context_alone();
    kin_neighbour_loss_options loss = {.rows = 2 * options->anchors,
                                       .bits = options->bits,
                                       .width = options->sample->components,
                                       .temperature = n->temperature,
                                       .quantization = n->quantization,
                                       .geometry = n->geometry,
                                       .stretch = n->stretch};
    held->loss = kin_neighbour_loss_new(&held->alone, &loss);
    held->work = kin_mlp_work_new(options->mlp, rows);
    held->rows = rows;
    held->inputs = kin_malloc(rows * options->sample->components * sizeof *held->inputs);
    held->gradient = kin_malloc(rows * options->bits * sizeof *held->gradient);
    held->ids = kin_malloc(rows * sizeof *held->ids);
    return held;
}

void kin_neighbour_held_destroy(kin_neighbour_held **held)
{
    if (*held == NULL) return;
    kin_neighbour_loss_destroy(&(*held)->loss);
    kin_mlp_work_destroy(&(*held)->work);
    free((*held)->inputs);
    free((*held)->gradient);
    free((*held)->ids);
    free(*held);
    *held = NULL;
}

/* Slice k of batch b: who is in it, their components and directions. */
static void draw_slice(kin_neighbour_held *held, size_t b, size_t k)
{
    const kin_neighbour_sample *s = held->o.sample;
    size_t half = held->rows / 2, width = s->components;
    float *directions = kin_neighbour_loss_directions(held->loss);
    for (size_t i = 0; i < half; i++) {
        uint64_t place = b * held->o.anchors + k * half + i;
        kin_random random = {.state = kin_train_seed(held->o.seed, SEED_HELD, place)};
        held->ids[i] = (uint32_t)held->o.ids[place % held->o.count];
        held->ids[half + i] =
            kin_neighbour_walk(s->ids, s->neighbours, held->ids[i], held->o.options->walk, &random);
    }
    for (size_t i = 0; i < held->rows; i++)
        memcpy(held->inputs + i * width, s->rows + held->ids[i] * width, width * sizeof *s->rows);
    if (directions != NULL)
        kin_neighbour_directions(s, held->ids, held->rows, directions + k * held->rows * width);
}

kin_status kin_neighbour_held_loss(kin_neighbour_held *held, const float *parameters,
                                   const float *statistics, double *loss, kin_error *error)
{
    size_t batches = held->o.count / held->o.anchors;
    if (batches < 1) batches = 1;
    if (batches > BATCHES_MAX) batches = BATCHES_MAX;
    *loss = 0;
    for (size_t b = 0; b < batches; b++) {
        for (size_t k = 0; k < KIN_BATCH_SLICES; k++) {
            draw_slice(held, b, k);
            const float *codes = kin_mlp_forward(held->o.mlp, held->work, parameters, statistics,
                                                 held->inputs, held->rows, false, 0);
            memcpy(kin_neighbour_loss_codes(held->loss, k), codes,
                   held->rows * held->o.bits * sizeof *codes);
        }
        kin_status status = kin_neighbour_loss_run(held->loss, error);
        if (status != KIN_OK) return status;
        for (size_t k = 0; k < KIN_BATCH_SLICES; k++)
            *loss += kin_neighbour_loss_gradient(held->loss, k, held->gradient);
    }
    *loss /= (double)batches;
    return KIN_OK;
}
