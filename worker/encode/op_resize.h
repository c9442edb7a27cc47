/* How Resize and Upsample see an axis: where each element of the result comes from. */
#ifndef WORKER_ENCODE_OP_RESIZE_H
#define WORKER_ENCODE_OP_RESIZE_H

#include "worker/encode/op.h"

/* Elements along an axis that is resized: no picture is as large, and its table of taps stays
 * within 64 MiB. */
#define KIN_RESIZE_DIM_MAX ((int64_t)1 << 20)
#define KIN_RESIZE_TAPS_MAX 4

typedef enum kin_resize_mode {
    KIN_RESIZE_NEAREST,
    KIN_RESIZE_LINEAR,
    KIN_RESIZE_CUBIC
} kin_resize_mode;

/* ONNX's words, in this order, are in op_resize_axis.c. */
typedef enum kin_resize_coordinates {
    KIN_RESIZE_HALF_PIXEL,
    KIN_RESIZE_PYTORCH_HALF_PIXEL,
    KIN_RESIZE_ALIGN_CORNERS,
    KIN_RESIZE_ASYMMETRIC,
    KIN_RESIZE_TF_HALF_PIXEL_FOR_NN,
    KIN_RESIZE_TF_CROP_AND_RESIZE
} kin_resize_coordinates;

typedef enum kin_resize_rounding {
    KIN_RESIZE_ROUND_PREFER_FLOOR,
    KIN_RESIZE_ROUND_PREFER_CEIL,
    KIN_RESIZE_FLOOR,
    KIN_RESIZE_CEIL
} kin_resize_rounding;

typedef struct kin_resize_axis {
    int64_t from;
    bool identity;                 /* every element stays as and where it is */
    double numerator, denominator; /* a step in the result is so much of a step in the input */
    double length;                 /* of the result, before it was cut to a whole number */
    double start, end;             /* of the part that is taken, in parts of the axis */
} kin_resize_axis;

typedef struct kin_resize {
    kin_resize_mode mode;
    kin_resize_coordinates coordinates;
    kin_resize_rounding rounding;
    uint32_t taps; /* of every element along an axis that is resized */
    double cubic_a;
    bool exclude_outside;
    float extrapolation;
    kin_shape shape; /* of the result */
    kin_resize_axis axes[KIN_TENSOR_RANK_MAX];
} kin_resize;

typedef struct kin_tap {
    int64_t index; /* along the axis; -1: outside of what may be asked for (all taps are) */
    double weight;
} kin_tap;

KIN_MUST_USE kin_status kin_resize_plan(const kin_op_call *call, kin_resize *resize,
                                        kin_error *error);
/* taps [resize->taps] of element x along an axis of the result. */
void kin_resize_taps(const kin_resize *resize, uint32_t axis, int64_t x, kin_tap *taps);

#endif
