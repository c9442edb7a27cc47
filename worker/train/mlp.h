/* A chain of layers that learns (multi-layer perceptron): forward and backward on mini-batches.
 *
 * Values are single precision; the caller owns them: parameters (what descends) and statistics
 * (running means of batch norms). All products go through BLAS with shapes that depend on rows and
 * layers alone. One thread at a time per work. */
#ifndef WORKER_TRAIN_MLP_H
#define WORKER_TRAIN_MLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kin_layer_kind {
    KIN_LAYER_AFFINE,     /* y = W x + b, W [outputs][inputs] */
    KIN_LAYER_BATCH_NORM, /* Ioffe and Szegedy, ICML 2015; statistics of the rows of one call, so
                             that nothing is exchanged (Hoffer et al., NIPS 2017) */
    KIN_LAYER_RELU,
    KIN_LAYER_LOGISTIC,
    KIN_LAYER_TANH,
    KIN_LAYER_DROPOUT, /* each input is 0 with probability rate, else divided by 1 - rate
                          (Srivastava et al., JMLR 2014) */
    KIN_LAYER_NOISE,   /* adds noise of standard deviation rate */
    KIN_LAYER_SIGN     /* -1 or 1; the gradient goes straight through where |x| <= 1 (Bengio et
                          al., 2013) */
} kin_layer_kind;

typedef struct kin_layer_spec {
    kin_layer_kind kind;
    size_t outputs; /* of an affine layer; the others have as many as inputs */
    double rate;    /* of dropout and noise */
} kin_layer_spec;

/* A layer in its chain; places are offsets into the values. */
typedef struct kin_layer {
    kin_layer_kind kind;
    size_t inputs, outputs;
    double rate;
    size_t parameters_at; /* affine: W then b; batch norm: scale then shift */
    size_t statistics_at; /* batch norm: mean then variance */
} kin_layer;

typedef struct kin_mlp kin_mlp;

kin_mlp *kin_mlp_new(size_t inputs, const kin_layer_spec *layers, size_t count);
void kin_mlp_destroy(kin_mlp **mlp);

size_t kin_mlp_inputs(const kin_mlp *mlp);
size_t kin_mlp_outputs(const kin_mlp *mlp);
size_t kin_mlp_parameters(const kin_mlp *mlp);
size_t kin_mlp_statistics(const kin_mlp *mlp);
size_t kin_mlp_layer_count(const kin_mlp *mlp);
const kin_layer *kin_mlp_layer(const kin_mlp *mlp, size_t i);

/* Weights are Gaussian with variance 2 / inputs where a rectifier follows (He et al., ICCV 2015),
 * else 1 / inputs; biases 0, scales 1; statistics 0 and 1. */
void kin_mlp_init(const kin_mlp *mlp, uint64_t seed, float *parameters, float *statistics);

/* What forward leaves for backward, for up to rows_max rows. */
typedef struct kin_mlp_work kin_mlp_work;

kin_mlp_work *kin_mlp_work_new(const kin_mlp *mlp, size_t rows_max);
void kin_mlp_work_destroy(kin_mlp_work **work);
size_t kin_mlp_work_bytes(const kin_mlp *mlp, size_t rows_max);

/* input [rows][inputs], borrowed until backward. Training: batch norms use the statistics of these
 * rows, dropout and noise draw from seed; else batch norms use `statistics`, and there is neither
 * dropout nor noise. Returns the output [rows][outputs], the work's. */
const float *kin_mlp_forward(const kin_mlp *mlp, kin_mlp_work *work, const float *parameters,
                             const float *statistics, const float *input, size_t rows,
                             bool training, uint64_t seed);

/* The output [rows][its outputs] of layer i in the last forward. */
const float *kin_mlp_output(const kin_mlp *mlp, const kin_mlp_work *work, size_t i);

/* After a forward with training: from output_gradient [rows][outputs] (used up: overwritten) to
 * gradient [parameters], overwritten, batch_statistics [statistics] (mean and unbiased variance of
 * these rows; NULL where there is no batch norm) and input_gradient [rows][inputs] unless NULL. */
void kin_mlp_backward(const kin_mlp *mlp, kin_mlp_work *work, const float *parameters,
                      float *output_gradient, float *gradient, float *batch_statistics,
                      float *input_gradient);

#endif
