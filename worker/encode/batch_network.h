/* A network on several pictures: what comes before its large fully connected layers sees one
 * picture after the other, whose activations then stay in the cache; these layers, whose weights do
 * not, see all pictures together. Results do not depend on how many there are. */
#ifndef WORKER_ENCODE_BATCH_NETWORK_H
#define WORKER_ENCODE_BATCH_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/network.h"

/* More share the reading of the weights; beyond it, products are no longer held up by that. */
#define KIN_BATCH_PICTURES 16

/* One thread at a time; clones share the weights. */
typedef struct kin_batch_network kin_batch_network;

/* options: as kin_network_open's, for one picture ([1] first in the input's shape); the model has
 * one input. name is for sentences. */
KIN_MUST_USE kin_status kin_batch_network_open(kin_batch_network **network, const void *onnx,
                                               size_t bytes, const char *name,
                                               const kin_network_options *options,
                                               kin_error *error);
/* As kin_network_clone. */
kin_batch_network *kin_batch_network_clone(kin_batch_network *network);
void kin_batch_network_close(kin_batch_network **network);

/* How many pictures it takes at a time: 1, or KIN_BATCH_PICTURES where that is faster. */
uint32_t kin_batch_network_pictures(const kin_batch_network *network);
uint32_t kin_batch_network_output_count(const kin_batch_network *network);
/* Type and shape of output i for one picture. */
const kin_tensor *kin_batch_network_output(const kin_batch_network *network, uint32_t i);

/* Bytes of weights as they are held, and of the activations of this network or one clone. */
uint64_t kin_batch_network_weight_bytes(const kin_batch_network *network);
uint64_t kin_batch_network_activation_bytes(const kin_batch_network *network);

/* Fill the input with a picture's numbers, then put it as picture n; for n from 0 up, then finish
 * with their number. Rows are valid until the next put. Allocates nothing. */
kin_tensor *kin_batch_network_input(kin_batch_network *network);
void kin_batch_network_put(kin_batch_network *network, uint32_t n);
void kin_batch_network_finish(kin_batch_network *network, uint32_t count);
/* Output i of picture n. */
const float *kin_batch_network_row(const kin_batch_network *network, uint32_t i, uint32_t n);

#endif
