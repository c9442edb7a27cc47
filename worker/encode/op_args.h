/* What operators of shape and movement read beside their tensors: integers, axes, indices. */
#ifndef WORKER_ENCODE_OP_ARGS_H
#define WORKER_ENCODE_OP_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/encode/op.h"

/* The longest list that any operator takes is the sizes of a Split. */
#define KIN_INTS_MAX KIN_NODE_OUTPUTS_MAX

typedef struct kin_ints {
    bool given;
    uint32_t count;
    int64_t values[KIN_INTS_MAX]; /* [count] */
} kin_ints;

/* Input i must be there and of a type that we hold. */
KIN_MUST_USE kin_status kin_op_given(const kin_op_call *call, uint32_t i, const kin_tensor **tensor,
                                     kin_error *error);

/* The integers of an attribute; not given: none. */
KIN_MUST_USE kin_status kin_ints_of_attribute(const kin_op_call *call, const char *name,
                                              kin_ints *ints, kin_error *error);
/* The integers of input i, a constant of int32 or int64 with one dimension or none. */
KIN_MUST_USE kin_status kin_ints_of_input(const kin_op_call *call, uint32_t i, const char *name,
                                          kin_ints *ints, kin_error *error);
/* The attribute of that name before opset `since`, input i from then on. */
KIN_MUST_USE kin_status kin_op_ints(const kin_op_call *call, const char *name, uint32_t i,
                                    int64_t since, kin_ints *ints, kin_error *error);

/* The attribute of that name as an axis of the shape. */
KIN_MUST_USE kin_status kin_op_axis(const kin_op_call *call, const char *name, int64_t otherwise,
                                    const kin_shape *shape, uint32_t *axis, kin_error *error);
/* Axes as a set, bit i for axis i. KIN_BAD_INPUT where one is out of range or there twice. */
KIN_MUST_USE kin_status kin_op_axes(const kin_ints *axes, const kin_shape *shape, uint32_t *set,
                                    kin_error *error);
/* Input i must hold indices: int32 or int64. */
KIN_MUST_USE kin_status kin_op_indices(const kin_op_call *call, uint32_t i,
                                       const kin_tensor **tensor, kin_error *error);

/* Output i, or NULL where there is nothing to do: nobody wants it, or it is empty. */
kin_tensor *kin_op_result(const kin_op_call *call, uint32_t i);

/* An index of [-dim, dim) to [0, dim); the nearest one where it is out of range. dim is 1 or more.
 */
static inline int64_t kin_index_wrap(int64_t index, int64_t dim)
{
    if (index < 0) index += dim;
    if (index < 0) return 0;
    return index < dim ? index : dim - 1;
}

#endif
