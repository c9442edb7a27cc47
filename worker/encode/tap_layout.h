/* Where the channels of a tensor are: ONNX's operators on maps have them second, but exports of
 * TensorFlow, and of networks that normalise over channels, turn maps around on the way. */
#ifndef WORKER_ENCODE_TAP_LAYOUT_H
#define WORKER_ENCODE_TAP_LAYOUT_H

#include "worker/encode/graph.h"

typedef enum kin_tap_layout {
    KIN_TAP_UNKNOWN,
    KIN_TAP_CHANNELS_SECOND, /* [n][c]..., as convolutions and pools give them */
    KIN_TAP_CHANNELS_LAST    /* [n]...[c], as products with learned weights do */
} kin_tap_layout;

/* Of a value, as the operators say that it comes from: the last that decides (a convolution, a
 * pool, a product), transpositions behind it, the input. The graph is as it was read; its nodes are
 * in order. */
kin_tap_layout kin_tap_layout_of(const kin_graph *graph, uint32_t value);

#endif
