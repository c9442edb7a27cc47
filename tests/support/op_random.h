/* What tests of operators over indices add to op_trial: lists of integers, random tensors, and
 * walks over all indices of a shape. */
#ifndef TESTS_SUPPORT_OP_RANDOM_H
#define TESTS_SUPPORT_OP_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/random.h"
#include "tests/support/op_trial.h"

void op_random_ints(op_trial *trial, const char *name, uint32_t count, const int64_t *values);

/* Adds an input of random numbers: in [-1, 1) for floats and doubles, whole ones of [-8, 8), or of
 * [0, 16) for types without sign, for others. */
kin_tensor *op_random_input(op_trial *trial, kin_type type, kin_shape shape, kin_random *random);

/* A whole number of [low, high]. */
int64_t op_random_between(kin_random *random, int64_t low, int64_t high);

/* Runs, or fails the test with the sentence. constants as in op_trial_run. */
void op_random_run(op_trial *trial, uint32_t constants);
/* Fails the test unless infer refuses with a sentence. */
void op_random_refused(op_trial *trial, uint32_t constants);

/* Goes to the next index of dims [rank], last dimension fastest; it starts as zeros. False behind
 * the last one, where it is zeros again. */
bool op_index_next(int64_t *index, const int64_t *dims, uint32_t rank);
/* The element of a shape at an index. */
int64_t op_index_at(const kin_shape *shape, const int64_t *index);

#endif
