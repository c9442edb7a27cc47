/* Convolutions as they run fast: pictures in NHWC, weights packed once, bias, sum and activation
 * applied while the result is still in the cache. One picture at a time, so that a result depends
 * neither on neighbours nor on the number of pictures.
 *
 * Methods: 1x1 as matrix product; Winograd's minimal filters (Lavin and Gray, CVPR 2016) for 3x3,
 * 5x5, and lines of 3 and 7 taps: "winograd4" (tiles of 4x4), 2 (of 2x2), 5, 3, 7, and for 3x3 at
 * stride 2 "winograd/2";
 * im2col and product for the rest; depthwise and grouped ones directly. */
#ifndef WORKER_ENCODE_CONVOLUTION_H
#define WORKER_ENCODE_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kin_activation_kind {
    KIN_ACTIVATION_NONE,
    KIN_ACTIVATION_RELU,
    KIN_ACTIVATION_CLIP,  /* to [low, high] */
    KIN_ACTIVATION_LEAKY, /* low x for x < 0 */
    KIN_ACTIVATION_SIGMOID,
    KIN_ACTIVATION_SILU,         /* x sigmoid(x) */
    KIN_ACTIVATION_HARD_SIGMOID, /* clip(low x + high, 0, 1) */
    KIN_ACTIVATION_HARD_SWISH,   /* x clip(x / 6 + 1/2, 0, 1) */
    KIN_ACTIVATION_GELU,         /* x Phi(x), by erf */
    KIN_ACTIVATION_TANH,
    KIN_ACTIVATION_EXP /* of a softmax */
} kin_activation_kind;

typedef struct kin_activation {
    kin_activation_kind kind;
    float low, high;
} kin_activation;

/* values [rows][columns], stride between rows, in place. */
void kin_activation_apply(const kin_activation *activation, float *values, size_t rows,
                          size_t columns, size_t stride);

typedef struct kin_convolution_spec {
    uint32_t groups;
    uint32_t channels_in, channels_out; /* of all groups together */
    uint32_t height, width;             /* of the input */
    uint32_t kernel_h, kernel_w;
    uint32_t stride_h, stride_w, dilation_h, dilation_w;
    uint32_t pad_top, pad_left, pad_bottom, pad_right; /* of zeros */
    const float *weights; /* [channels_out][channels_in / groups][kernel_h][kernel_w]; borrowed
                             while it is made */
    const float *bias;    /* [channels_out], or NULL */
    kin_activation activation;
} kin_convolution_spec;

typedef struct kin_convolution kin_convolution;

/* Chooses a method and packs the weights. */
kin_convolution *kin_convolution_new(const kin_convolution_spec *spec);
void kin_convolution_destroy(kin_convolution **convolution);
size_t kin_convolution_scratch_bytes(const kin_convolution *convolution);
size_t kin_convolution_weight_bytes(const kin_convolution *convolution);
/* "gemm", "winograd4", "im2col", "depthwise", ...: for listings. */
const char *kin_convolution_method(const kin_convolution *convolution);

/* One picture: input [height][width] pixels of channels_in floats, input_stride floats from pixel
 * to pixel; output likewise. sum, unless NULL, has the output's shape (sum_stride from pixel to
 * pixel) and is added before the activation. scratch is 64-aligned. Allocates nothing. */
void kin_convolution_run(const kin_convolution *convolution, const float *input,
                         size_t input_stride, float *output, size_t output_stride, const float *sum,
                         size_t sum_stride, void *scratch);

#endif
