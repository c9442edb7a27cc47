/* Where indices point to: what Gather* and Scatter* share. */
#ifndef WORKER_ENCODE_OP_GATHER_H
#define WORKER_ENCODE_OP_GATHER_H

#include "worker/encode/op.h"

/* Whether indices for single elements (GatherElements, ScatterElements) lie within the data, their
 * values aside. */
KIN_MUST_USE kin_status kin_gather_check_elements(const kin_shape *data, const kin_shape *indices,
                                                  uint32_t axis, kin_error *error);
/* The element of data that element i of such indices points to. */
int64_t kin_gather_element(const kin_shape *data, const kin_tensor *indices, uint32_t axis,
                           int64_t i);

/* The same for indices of tuples (GatherND, ScatterND): each points to a block of the data that
 * is made of the dimensions behind the first `batch` ones and as many as a tuple has. */
KIN_MUST_USE kin_status kin_gather_check_tuples(const kin_shape *data, const kin_shape *indices,
                                                uint32_t batch, kin_error *error);
/* The block within its batch, in blocks. */
int64_t kin_gather_tuple(const kin_shape *data, const kin_tensor *indices, uint32_t batch,
                         int64_t tuple);

#endif
