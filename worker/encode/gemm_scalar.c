/* Kernels for any machine: four floats at a time, multiplied and added one after the other. */
#include "worker/encode/activation_body.h"
#include "worker/encode/depthwise_body.h"
#include "worker/encode/pool_body.h"
#include "worker/encode/row_body.h"
#include "worker/encode/tile_body.h"
#include "worker/encode/winograd_body.h"

const kin_kernels kin_kernels_scalar = {
    .name = "scalar",
    .lanes = LANES,
    .tile_rows = TILE_ROWS,
    .column_step = LANES_HALF,
    .tiles = TILE_WIDTHS,
    .depthwise = depthwise_run,
    .winograd = WINOGRAD,
    .pool = pool_run,
    .activate = activate_run,
    .softmax = row_softmax,
    .norm = row_norm,
};
