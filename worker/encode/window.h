/* Sliding windows: where the kernels of convolutions and pools lie on their input. Read from a node
 * and checked in one place, so that every path (reference, fast, listings) has the same geometry.
 */
#ifndef WORKER_ENCODE_WINDOW_H
#define WORKER_ENCODE_WINDOW_H

#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/tensor.h"

/* Spatial dimensions: depth, height, width. */
#define KIN_WINDOW_AXES 3
/* The largest kernel, stride, dilation and padding along an axis: products of three of them and of
 * a dimension stay far below 2^63, and no network has a side of a million. */
#define KIN_WINDOW_SIDE_MAX ((int64_t)1 << 20)

/* One spatial dimension. Tap k of window o lies on the input's element
 * o * stride - pad_begin + k * dilation, which may be outside of it. */
typedef struct kin_window_axis {
    int64_t input, output; /* elements along this dimension; input is 1 or more */
    int64_t kernel, stride, dilation;
    int64_t pad_begin,
        pad_end; /* auto_pad resolved; a last window of ceil_mode may reach farther */
} kin_window_axis;

typedef struct kin_window {
    uint32_t rank; /* spatial dimensions of the tensors, 1 to 3 */
    /* Depth, height, width. Below rank 3 the first ones are of one element and one tap, so that
     * three loops serve every rank. */
    kin_window_axis axes[KIN_WINDOW_AXES];
} kin_window;

typedef enum kin_window_kind {
    KIN_WINDOW_CONVOLUTION,
    KIN_WINDOW_POOL,      /* reads ceil_mode too; pads are smaller than the window */
    KIN_WINDOW_TRANSPOSED /* ConvTranspose, MaxUnpool: input and output change places */
} kin_window_kind;

/* Reads kernel_shape, strides, dilations, pads and auto_pad (ceil_mode; output_padding and
 * output_shape) of a node.
 *
 * input    [batch][channels][spatial...], 1 to 3 spatial dimensions, none of them 0
 * weights  [..][..][spatial kernel...], with which kernel_shape must agree if it is given; NULL: a
 *          pool, whose kernel_shape must be given
 *
 * KIN_BAD_INPUT or KIN_LIMIT with the attribute and its value. Once it has returned KIN_OK it does
 * so whenever it is called with the same node and shapes. */
KIN_MUST_USE kin_status kin_window_read(kin_window *window, kin_window_kind kind,
                                        const kin_node *node, const kin_shape *input,
                                        const kin_shape *weights, kin_error *error);

/* [batch][channels][outputs of the spatial dimensions...]. */
kin_shape kin_window_output_shape(const kin_window *window, int64_t batch, int64_t channels);

/* Elements of the input, of the output, taps of the kernel; over all spatial dimensions. */
int64_t kin_window_input_count(const kin_window *window);
int64_t kin_window_output_count(const kin_window *window);
int64_t kin_window_kernel_count(const kin_window *window);

/* Elements from the first tap to the last, both included. */
static inline int64_t kin_window_extent(const kin_window_axis *axis)
{
    return (axis->kernel - 1) * axis->dilation + 1;
}

/* The element under the first tap of window o (not of transposed ones). */
static inline int64_t kin_window_start(const kin_window_axis *axis, int64_t o)
{
    return o * axis->stride - axis->pad_begin;
}

/* The taps [*first, *until) of window o that lie on the input; *first == *until for none. */
static inline void kin_window_taps(const kin_window_axis *axis, int64_t o, int64_t *first,
                                   int64_t *until)
{
    int64_t start = kin_window_start(axis, o), from = 0, to = 0;
    if (start < 0) from = (-start + axis->dilation - 1) / axis->dilation;
    if (start < axis->input) to = (axis->input - 1 - start) / axis->dilation + 1;
    *until = to < axis->kernel ? to : axis->kernel;
    *first = from < *until ? from : *until;
}

#endif
