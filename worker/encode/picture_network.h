/* A network that takes pictures and gives vectors: input, taps, pooling and centring as a spec
 * says. A tap of four dimensions is a map, pooled to a number a channel, and one of three is
 * tokens, pooled to a number a column, unless the model says that its channels lie elsewhere. */
#ifndef WORKER_ENCODE_PICTURE_NETWORK_H
#define WORKER_ENCODE_PICTURE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/image/image.h"
#include "common/image/raster.h"
#include "proto/network_file.h"
#include "worker/encode/graph.h"

/* One thread at a time; clones share the weights. */
typedef struct kin_picture_network kin_picture_network;

/* KIN_BAD_INPUT, KIN_LIMIT, KIN_CORRUPT name the model. Spec and means are copied. A model whose
 * means are not learned yet gives its taps as they are pooled, for learning them. */
KIN_MUST_USE kin_status kin_picture_network_open(kin_picture_network **network,
                                                 const kin_network_model *model, kin_error *error);
/* Whether the means of its taps are still to be learned. */
bool kin_picture_network_wants_means(const kin_picture_network *network);
/* Whether its taps are centred, or to be centred. */
bool kin_picture_network_is_centred(const kin_picture_network *network);
/* As kin_network_clone. */
kin_picture_network *kin_picture_network_clone(kin_picture_network *network);
void kin_picture_network_close(kin_picture_network **network);

uint32_t kin_picture_network_dimensions(const kin_picture_network *network);
/* Bytes that it holds with one clone. */
uint64_t kin_picture_network_memory(const kin_picture_network *network);
/* The raster that the spec wants of a picture. */
kin_raster_spec kin_picture_network_raster(const kin_network_spec *spec);

/* How many pictures it takes at a time. */
uint32_t kin_picture_network_pictures(const kin_picture_network *network);

/* rasters [count] of that size -> vectors [count], stride numbers from one to the next; up to as
 * many as it takes at a time. Allocates nothing. */
void kin_picture_network_run(kin_picture_network *network, const kin_image *rasters, uint32_t count,
                             float *vectors, size_t stride);

/* The tensor that is tapped where nobody says another: what the classifier's last layer takes (a
 * Gemm, or a MatMul with a bias, that only a softmax or the like stands behind); the first output
 * of a model that ends otherwise. NULL for a model without outputs. */
const char *kin_picture_network_default_tap(const kin_graph *graph);

#endif
