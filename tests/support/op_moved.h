/* What tests of operators that move elements add to op_trial: lists as inputs, elements that can be
 * told apart, and where each element of a result must have come from. */
#ifndef TESTS_SUPPORT_OP_MOVED_H
#define TESTS_SUPPORT_OP_MOVED_H

#include <stdint.h>

#include "common/base/random.h"
#include "tests/support/op_trial.h"

/* One type of each size, and the ones of which more is known to go wrong. */
#define OP_MOVED_TYPES 6
extern const kin_type op_moved_types[OP_MOVED_TYPES];

/* Adds a list of int64. */
void op_moved_list(op_trial *trial, uint32_t count, const int64_t *values);
/* The same from int32. */
void op_moved_list32(op_trial *trial, uint32_t count, const int64_t *values);
/* Adds an input whose bytes are random. */
void op_moved_input(op_trial *trial, kin_type type, const kin_shape *shape, kin_random *random);
/* A shape of that rank with dimensions of [low, high]. */
kin_shape op_moved_shape(kin_random *random, uint32_t rank, int64_t low, int64_t high);

/* The element of the input that belongs at an index of the result; -1: it is `fill`. */
typedef int64_t (*op_moved_source)(const void *context, const int64_t *at);

/* Fails the test unless output i has the type of that input, that shape, and its elements from
 * there. fill: an element, or NULL where there is none. */
void op_moved_expect(const op_trial *trial, uint32_t i, uint32_t input, const kin_shape *shape,
                     op_moved_source source, const void *context, const void *fill);

#endif
