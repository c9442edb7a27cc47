/* Zeros that a Pad of its own puts around a map, into the convolution or pool that takes it: torch
 * exports average pools that way. */
#ifndef WORKER_ENCODE_FUSE_PAD_H
#define WORKER_ENCODE_FUSE_PAD_H

#include "worker/encode/fuse_match.h"

/* Before anything else is fused: removes every Pad that convolutions and average pools can do
 * themselves. */
void kin_fuse_pads(kin_graph *graph);

#endif
