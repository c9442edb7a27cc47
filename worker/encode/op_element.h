/* What operators over lines and windows of elements share: reading an element whatever its type,
 * and walking over the dimensions that an operator works on. */
#ifndef WORKER_ENCODE_OP_ELEMENT_H
#define WORKER_ENCODE_OP_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/encode/op.h"

/* As kin_tensor_get and kin_tensor_set, quick for floats. */
static inline double kin_element(const kin_tensor *tensor, int64_t i)
{
    return tensor->type == KIN_TYPE_FLOAT ? (double)((const float *)tensor->data)[i]
                                          : kin_tensor_get(tensor, i);
}

static inline void kin_element_set(kin_tensor *tensor, int64_t i, double value)
{
    if (tensor->type == KIN_TYPE_FLOAT)
        ((float *)tensor->data)[i] = (float)value;
    else
        kin_tensor_set(tensor, i, value);
}

/* The order of two elements of one tensor, below, equal or above 0. Exact for every type; a float
 * that is not a number is above all others. */
int kin_element_compare(const kin_tensor *tensor, int64_t a, int64_t b);

/* A tensor as sets of elements: one set for each index of the kept dimensions, made of all indices
 * of the chosen ones. Neighbouring dimensions of one side are merged. */
typedef struct kin_sets {
    kin_shape kept, chosen;
    int64_t kept_strides[KIN_TENSOR_RANK_MAX], chosen_strides[KIN_TENSOR_RANK_MAX];
    int64_t count;  /* sets */
    int64_t length; /* elements of a set */
} kin_sets;

/* chosen: bit i for dimension i. */
void kin_sets_init(kin_sets *sets, const kin_shape *shape, uint32_t chosen);

/* The element of index i, first dimension slowest, of some dimensions. */
int64_t kin_sets_offset(const kin_shape *dims, const int64_t *strides, int64_t i);

/* The first element of a set, and from there to its element i. */
static inline int64_t kin_sets_first(const kin_sets *sets, int64_t set)
{
    return kin_sets_offset(&sets->kept, sets->kept_strides, set);
}

static inline int64_t kin_sets_step(const kin_sets *sets, int64_t i)
{
    if (sets->chosen.rank == 1) return i * sets->chosen_strides[0];
    return kin_sets_offset(&sets->chosen, sets->chosen_strides, i);
}

#endif
