/* Neighbourhood-contrastive hashing: codes of pictures that short walks on the graph of nearest
 * neighbours connect are drawn together, those of all others are driven apart.
 *
 * The features' principal components, evened by a power of their variance, span a graph of nearest
 * neighbours. A picture's partner is where a random walk on it ends, so that what is drawn together
 * are regions that many steps connect, not pairs. Two hidden layers and a code layer of hyperbolic
 * tangents descend on the normalised-temperature cross entropy of a batch of such pairs
 * (neighbour_loss.h). Then the layer under the tangents is centred and turned, from the axes that
 * it has learned, so that the signs of its principal directions lose little (code_rotation.h). No
 * labels.
 *
 * After: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping",
 * CVPR 2006 (pairs from a graph of neighbours); Perozzi et al., "DeepWalk", KDD 2014 (pairs from
 * walks); Chen et al., ICML 2020 (the loss); Li et al., "Neighborhood Preserving Hashing", ICCV
 * 2019 and Qiu et al., "Unsupervised Hashing with Contrastive Information Bottleneck", IJCAI 2021
 * (codes by neighbours and by contrast). */
#ifndef WORKER_TRAIN_NEIGHBOUR_H
#define WORKER_TRAIN_NEIGHBOUR_H

#include <stddef.h>

#include "worker/train/linear.h"
#include "worker/train/neighbour_options.h"

/* With options->neighbour (NULL: KIN_NEIGHBOUR_OPTIONS_DEFAULT). Four layers: the components, two
 * rectified ones, the code layer. The curve has a line for each epoch that was asked for, or each
 * twentieth of the steps, then one of the turn. Goes on from a checkpoint. With options->held_out
 * (0 unless told: every picture is a place on the graph), so many pictures are neither anchors nor
 * partners, the values are those of the line with the least loss on them, and patience counts
 * lines. Of more than KIN_NEIGHBOUR_SAMPLE_MAX vectors, so many are taken, evenly spaced.
 * KIN_BAD_INPUT where an option is out of its range, or the loss no number any more. */
kin_train_method kin_learn_neighbour;

/* KIN_BAD_INPUT, naming the option, where one is out of its range. */
KIN_MUST_USE kin_status kin_neighbour_options_check(const kin_neighbour_options *options,
                                                    kin_error *error);

/* Bytes that it allocates at most, for count vectors. */
size_t kin_neighbour_memory(const kin_train_options *options, size_t count, int rank,
                            size_t slices);

#endif
