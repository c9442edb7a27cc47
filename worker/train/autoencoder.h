/* A deep autoencoder with a binary code layer: Hinton and Salakhutdinov, "Reducing the
 * Dimensionality of Data with Neural Networks", Science 2006; Salakhutdinov and Hinton, "Semantic
 * Hashing", IJAR 2009; Krizhevsky and Hinton, "Using Very Deep Autoencoders for Content-Based Image
 * Retrieval", ESANN 2011.
 *
 * A stack of restricted Boltzmann machines is learned layer by layer (worker/train/rbm.h), unrolled
 * into an encoder and a decoder, and fine-tuned by back-propagation. Noise before the code layer's
 * logistic makes it saturate; each bit is drawn towards a half of ones. Numbers in [0, 1] (pixels)
 * are binary visible units with cross entropy as loss, others Gaussian ones with squared error. */
#ifndef WORKER_TRAIN_AUTOENCODER_H
#define WORKER_TRAIN_AUTOENCODER_H

#include "worker/train/linear.h"

kin_train_method kin_learn_autoencoder;

#endif
