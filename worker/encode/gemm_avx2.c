/* Kernels for AVX2 with FMA. */
#if defined(__x86_64__)
#include "worker/encode/activation_body.h"
#include "worker/encode/depthwise_body.h"
#include "worker/encode/pool_body.h"
#include "worker/encode/row_body.h"
#include "worker/encode/tile_body.h"
#include "worker/encode/winograd_body.h"

const kin_kernels kin_kernels_avx2 = {
    .name = "avx2",
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
#endif
