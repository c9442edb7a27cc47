/* Layout: pictures and maps become NHWC, where convolutions, pools and sums are fastest, from the
 * first operator that wants it to the last that can have it; transposes go where the two meet. */
#ifndef WORKER_ENCODE_LAYOUT_H
#define WORKER_ENCODE_LAYOUT_H

#include "worker/encode/graph.h"

/* Operators that exist only behind this pass: as ONNX's, on [n][h][w][c]. kin.Conv and kin.Scale
 * are on NHWC too where their attribute "nhwc" is 1. */
#define KIN_NHWC_MAX_POOL "nhwc.MaxPool"
#define KIN_NHWC_AVERAGE_POOL "nhwc.AveragePool"
#define KIN_NHWC_GLOBAL_MAX_POOL "nhwc.GlobalMaxPool"
#define KIN_NHWC_GLOBAL_AVERAGE_POOL "nhwc.GlobalAveragePool"
/* The same bytes under another shape. */
#define KIN_ALIAS "kin.Alias"

/* Rewrites the graph: behind fusion, all shapes known. */
void kin_graph_layout(kin_graph *graph);

#endif
