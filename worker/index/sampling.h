/* The sample: whole chunks, spread evenly over the list, whose feature vectors are kept in their
 * parts until the hasher has been learned from them. Nothing here depends on the number of ranks.
 */
#ifndef WORKER_INDEX_SAMPLING_H
#define WORKER_INDEX_SAMPLING_H

#include "worker/index/build_state.h"

/* sampled [chunk_count]: marks the chunks that hold about `pictures` inputs, one at least. */
void kin_sampling_choose(uint8_t *sampled, uint64_t chunk_count, uint32_t chunk_pictures,
                         uint64_t pictures);

/* The most memory that learning takes on this rank; vectors are read from mapped parts. */
size_t kin_sampling_memory(const kin_build_state *build);
/* The same on rank 0, where it is the most, of a job of so many inputs and ranks. */
size_t kin_sampling_memory_of(const kin_build_state *build, uint64_t inputs, uint64_t ranks);
/* Takes it from the system before the first picture is read; ends the job where that fails. */
void kin_sampling_reserve(kin_build_state *build);

/* All ranks together, once the sample's parts are there: how many vectors they hold, into
 * build->sample_first and sampled_pictures. */
void kin_sampling_count(kin_build_state *build);

/* Whether the hasher that is given (--hasher FILE) was made for these features: KIN_MISMATCH names
 * both. Vectors of other files than its own are fine where they have as many numbers. */
KIN_MUST_USE kin_status kin_sampling_check_given(const kin_build_state *build, kin_error *error);

/* All ranks together: learns the hasher from the sample's parts, or finds it learned already, or
 * takes the one that is given, and opens build->encoder. Ends the job where that fails. */
void kin_sampling_train(kin_build_state *build);

#endif
