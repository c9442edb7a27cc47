/* A deep autoencoder with a binary code layer: Hinton and Salakhutdinov, "Reducing the
 * Dimensionality of Data with Neural Networks", Science 2006; Salakhutdinov and Hinton, "Semantic
 * Hashing", IJAR 2009; Krizhevsky and Hinton, "Using Very Deep Autoencoders for Content-Based Image
 * Retrieval", ESANN 2011.
 *
 * A stack of restricted Boltzmann machines is learned layer by layer (worker/train/rbm.h), unrolled
 * into an encoder and a decoder, and fine-tuned by back-propagation. Numbers spread over [0, 1]
 * (pixels) are binary visible units with cross entropy as loss, others Gaussian ones with squared
 * error (worker/train/visible.h).
 *
 * What is reconstructed is not the picture but where a random walk from it on the graph of nearest
 * neighbours ends, another end each time; a walk of no steps is the picture itself. Wang, Huang,
 * Wang and Wang, "Generalized Autoencoder: A Neural Network Framework for Dimensionality
 * Reduction", CVPR workshops 2014. Parts of the input may be left out: Vincent et al., "Extracting
 * and Composing Robust Features with Denoising Autoencoders", ICML 2008 (option input_dropout).
 *
 * The code layer is linear, and turned after learning so that its signs lose little
 * (worker/train/code_rotation.h); or logistic, with noise before it that makes it saturate, and
 * each bit drawn towards a half of ones. */
#ifndef WORKER_TRAIN_AUTOENCODER_H
#define WORKER_TRAIN_AUTOENCODER_H

#include "worker/train/linear.h"

/* Of more than KIN_NEIGHBOUR_SAMPLE_MAX vectors, so many are taken, evenly spaced, where walks are
 * more than no steps. */
kin_train_method kin_learn_autoencoder;

/* Bytes that it allocates at most, for count vectors. */
size_t kin_autoencoder_memory(const kin_train_options *options, size_t count, int rank,
                              size_t slices);

#endif
