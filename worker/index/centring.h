/* The means that a network's taps are centred by (sidecars' "centre"): of pictures spread evenly
 * over the list, described once before everything else. Nothing here depends on the number of
 * ranks. */
#ifndef WORKER_INDEX_CENTRING_H
#define WORKER_INDEX_CENTRING_H

#include "worker/index/build_state.h"

/* Pictures whose mean is taken: it is then known to a thirtieth of the spread, for some seconds. */
#define KIN_CENTRING_PICTURES 1024

/* All ranks together, where kin_features_want_means: learns the means, or finds them learned
 * already; build->network is then whole (on rank 0; gone elsewhere) and build->features are of it.
 * Ends the job where that fails. */
void kin_centring_learn(kin_build_state *build);

#endif
