/* One layer, forward and backward: what a chain (mlp) is made of. */
#ifndef WORKER_TRAIN_LAYER_H
#define WORKER_TRAIN_LAYER_H

#include "worker/train/mlp.h"

/* What a layer's forward leaves for its backward. */
typedef struct kin_layer_kept {
    float *normal;     /* batch norm: [rows_max][inputs], mean 0 and variance 1 */
    float *deviations; /* batch norm: [3][inputs]: 1 / deviation, mean, variance */
    uint8_t *mask;     /* dropout: [rows_max][inputs], 1 where an input was kept */
} kin_layer_kept;

void kin_layer_kept_init(kin_layer_kept *kept, const kin_layer *layer, size_t rows_max);
void kin_layer_kept_fini(kin_layer_kept *kept);

/* In training. parameters: the layer's own. input [rows][inputs], output [rows][outputs]. */
void kin_layer_forward(const kin_layer *layer, kin_layer_kept *kept, const float *parameters,
                       const float *input, size_t rows, uint64_t seed, float *output);

/* With statistics [2][inputs] of a batch norm; without dropout and noise. */
void kin_layer_infer(const kin_layer *layer, const float *parameters, const float *statistics,
                     const float *input, size_t rows, float *output);

/* up [rows][outputs] is the output's gradient, down [rows][inputs] gets the input's (NULL: not
 * wanted, of an affine layer); it is up itself except for affine layers. gradient: the layer's own,
 * overwritten; batch_statistics [2][inputs] or NULL. */
void kin_layer_backward(const kin_layer *layer, const kin_layer_kept *kept, const float *parameters,
                        const float *input, const float *output, size_t rows, float *up,
                        float *down, float *gradient, float *batch_statistics);

#endif
