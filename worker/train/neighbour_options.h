/* Options of neighbourhood-contrastive hashing (worker/train/neighbour.h). Plain data. */
#ifndef WORKER_TRAIN_NEIGHBOUR_OPTIONS_H
#define WORKER_TRAIN_NEIGHBOUR_OPTIONS_H

#include <stdint.h>

typedef struct kin_neighbour_options {
    uint32_t neighbours; /* of a picture in the graph; fewer where there are not so many others */
    uint32_t walk;       /* steps to a partner */
    uint32_t components; /* principal ones; fewer where there are not so many dimensions */
    uint32_t batch;      /* pictures of a mini-batch, each with a partner; a multiple of 4 */
    uint32_t epochs;     /* passes over the sample; 0: three, of at least 400 mini-batches in all */
    uint32_t steps;      /* mini-batches, where they are told instead of epochs */
    uint32_t hidden[2];  /* widths of the hidden layers */
    double evening;      /* components are divided by their variance to this power */
    double temperature;  /* of the contrast */
    double geometry;     /* weight of keeping the components' cosines; 0: walks alone count */
    double stretch;      /* of those cosines, which are then clipped to [-1, 1] */
    double quantization; /* weight of the distance to the corners */
    double emphasis;     /* learned, the codes' directions are multiplied by their variance to it */
    double dropout, rate; /* at the input; of Adam, at its highest */
} kin_neighbour_options;

#define KIN_NEIGHBOUR_OPTIONS_DEFAULT               \
    ((kin_neighbour_options){.neighbours = 10,      \
                             .walk = 8,             \
                             .components = 128,     \
                             .batch = 512,          \
                             .hidden = {1024, 512}, \
                             .evening = 0.25,       \
                             .temperature = 0.5,    \
                             .geometry = 0,         \
                             .stretch = 1,          \
                             .quantization = 0.1,   \
                             .emphasis = 0,         \
                             .dropout = 0,          \
                             .rate = 1e-3})

#endif
