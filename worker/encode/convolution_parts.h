/* What the methods of convolution.h share. Internal to them. */
#ifndef WORKER_ENCODE_CONVOLUTION_PARTS_H
#define WORKER_ENCODE_CONVOLUTION_PARTS_H

#include "worker/encode/gemm_kernel.h"

/* What a method holds of the input at a time, so that it stays in the second-level cache. */
#define KIN_CONVOLUTION_CHUNK_BYTES ((size_t)256 << 10)

/* One run, as kin_convolution_run gets it. */
typedef struct kin_convolution_call {
    const float *input;
    size_t input_stride;
    float *output;
    size_t output_stride;
    const float *sum;
    size_t sum_stride;
    void *scratch;
    size_t first, lines; /* of the output: output and sum are of line `first` */
    size_t input_first;  /* the line of the picture that input is */
} kin_convolution_call;

typedef struct kin_method {
    const char *name;
    bool by_lines; /* runs with any lines of the output; else with all of them only */
    void (*prepare)(kin_convolution *convolution);
    void (*run)(const kin_convolution *convolution, const kin_convolution_call *call);
} kin_method;

extern const kin_method kin_method_gemm;                          /* convolution_direct.c */
extern const kin_method kin_method_direct;                        /* convolution_direct.c */
extern const kin_method kin_method_patches;                       /* convolution_direct.c */
extern const kin_method kin_method_depthwise;                     /* convolution_depthwise.c */
extern const kin_method kin_methods_winograd[KIN_WINOGRAD_FORMS]; /* convolution_winograd.c */

/* prepare fills what stands below the line. */
struct kin_convolution {
    const kin_kernels *kernels;
    const kin_method *method;
    kin_convolution_spec spec;  /* its weights and bias are there while it is prepared only */
    size_t group_in, group_out; /* channels of a group */
    size_t out_height, out_width;
    /* --- */
    float *weights;
    size_t weight_floats;
    const float *bias; /* in weights */
    size_t chunk;      /* lines or pixels of the output that are made at a time */
    size_t scratch_bytes;
};

/* Whether it runs with some lines of the output at a time. */
bool kin_convolution_by_lines(const kin_convolution *convolution);
/* Taps [*first, *end) of those at start, start + dilation, ... that lie in [0, size). */
void kin_taps_inside(int64_t start, size_t taps, size_t dilation, size_t size, size_t *first,
                     size_t *end);
/* Input pixels between the first and the last tap of count outputs, both of them counted. */
size_t kin_convolution_extent(size_t count, size_t stride, size_t taps, size_t dilation);
/* Winograd's method where it pays, or NULL. */
const kin_method *kin_winograd_choose(const kin_convolution *convolution);
/* Panels of every group, k in the order of (line, column, channel), and bias behind them. */
void kin_convolution_pack(kin_convolution *convolution);
/* Floats of a group's panels. */
size_t kin_convolution_panel_floats(const kin_convolution *convolution);

#endif
