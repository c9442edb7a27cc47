/* Codes learned with labels: a small network to b numbers in (-1, 1) and, on them, a head that
 * tells the classes, learned jointly (Lin et al., "Deep Learning of Binary Hash Codes for Fast
 * Image Retrieval", CVPRW 2015; Yang, Lin and Chen, "Supervised Learning of Semantics-Preserving
 * Hash via Deep Convolutional Neural Networks", TPAMI 2018). The head is softmax (maximum entropy),
 * logistic (each class against the others; two classes by one number) or linear (least squares).
 * Noise before the tanh drives it to its ends, so that the signs tell what the numbers do. */
#ifndef WORKER_TRAIN_SUPERVISED_H
#define WORKER_TRAIN_SUPERVISED_H

#include "worker/train/linear.h"

kin_train_method kin_learn_supervised;

/* Labels that can be learned from: there, below class_count, of two classes at least. */
KIN_MUST_USE kin_status kin_supervised_check(const kin_train_options *options,
                                             const kin_train_source *source, kin_error *error);

#endif
