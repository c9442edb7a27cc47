/* Pools on [n][h][w][c]: channels side by side, as convolutions leave them. */
#ifndef WORKER_ENCODE_FAST_POOL_H
#define WORKER_ENCODE_FAST_POOL_H

#include "worker/encode/graph.h"

/* Gives the pools of layout.h their implementation; leaves every other node alone. */
void kin_fast_prepare_pool(kin_node *node);

#endif
