/* Builds whose feature vectors are not computed of pictures: --features INDEX or FILE.npy. What the
 * stages of a build do differently then. */
#ifndef WORKER_INDEX_GIVEN_FEATURES_H
#define WORKER_INDEX_GIVEN_FEATURES_H

#include "worker/index/build_state.h"
#include "worker/index/inputs.h"

/* Rank 0, before it looks for a build to go on with: opens the features where their name is made of
 * what they are (FILE.npy, which is read and checked whole). Nothing otherwise. */
KIN_MUST_USE kin_status kin_given_name(kin_build_state *build, kin_error *error);

/* Rank 0, for a build that begins: opens the features as kin_given_open does, and adds the inputs.
 * Writes down which generation of an index they are of (building/origin), so that the build goes on
 * with it whatever CURRENT names by then. */
KIN_MUST_USE kin_status kin_given_list(kin_build_state *build, kin_inputs *inputs,
                                       kin_error *error);

/* All ranks together, once the list is there: opens build->features, if they are not open, and sets
 * what else of build depends on them. */
KIN_MUST_USE kin_status kin_given_open(kin_build_state *build, kin_error *error);

#endif
