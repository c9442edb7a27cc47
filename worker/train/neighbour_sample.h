/* What neighbourhood-contrastive hashing learns from: the evened principal components of a sample,
 * and its graph of nearest neighbours. */
#ifndef WORKER_TRAIN_NEIGHBOUR_SAMPLE_H
#define WORKER_TRAIN_NEIGHBOUR_SAMPLE_H

#include <stddef.h>

#include "worker/train/context.h"
#include "worker/train/neighbour_options.h"
#include "worker/train/source.h"

typedef struct kin_neighbour_sample {
    size_t count, components;
    size_t neighbours; /* of each; 0 for a single vector */
    float *rows;       /* [count][components], the mean of all squares 1 */
    float *lengths;    /* [count]: of the rows */
    uint32_t *ids;     /* [count][neighbours] */
    /* How a vector becomes a row. */
    float *weights; /* [components][dimensions] */
    float *biases;  /* [components] */
} kin_neighbour_sample;

/* The same on every rank. mean [dimensions] is the source's. Collective; ticks up to end.
 */
KIN_MUST_USE kin_status kin_neighbour_sample_make(const kin_train_context *context,
                                                  const kin_neighbour_options *options,
                                                  const kin_train_source *source,
                                                  const double *mean, kin_neighbour_sample *sample,
                                                  double end, kin_error *error);
void kin_neighbour_sample_fini(kin_neighbour_sample *sample);

/* directions [count][components]: of rows ids [count], of length 1, or zeros. */
void kin_neighbour_directions(const kin_neighbour_sample *sample, const uint32_t *ids, size_t count,
                              float *directions);

/* Bytes that making one takes at most. */
size_t kin_neighbour_sample_bytes(const kin_neighbour_options *options, size_t count,
                                  size_t dimensions, int rank, size_t slices);

#endif
