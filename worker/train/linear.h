/* Methods that look at the sample's mean and directions: one layer each. */
#ifndef WORKER_TRAIN_LINEAR_H
#define WORKER_TRAIN_LINEAR_H

#include "worker/train/draft.h"

/* A method: fills the draft, the same on every rank. mean [dimensions] is the sample's. */
typedef kin_status kin_train_method(const kin_train_context *context,
                                    const kin_train_options *options,
                                    const kin_train_source *source, const double *mean,
                                    kin_draft *draft, kin_error *error);

/* Random hyperplanes: Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC
 * 2002. Here they go through the mean, so that each halves the sample about evenly. */
kin_train_method kin_learn_lsh;

/* The signs of the principal components: Wang, Kumar and Chang, "Semi-Supervised Hashing for
 * Scalable Image Retrieval", CVPR 2010 (the unsupervised part, known as PCAH). */
kin_train_method kin_learn_pcah;

/* Principal components, rotated: worker/train/itq.h. */
kin_train_method kin_learn_itq;

/* Spectral hashing: Weiss, Torralba and Fergus, NIPS 2008. The bits are the signs of the
 * eigenfunctions of lowest frequency of a uniform distribution over the box that the principal
 * components of the sample fill: sin(pi / 2 + pi k (x - low) / (high - low)). */
kin_train_method kin_learn_sh;

#endif
