/* One operator of worker/encode/op.h, called by hand: attributes, inputs, infer, run, outputs. */
#ifndef TESTS_SUPPORT_OP_TRIAL_H
#define TESTS_SUPPORT_OP_TRIAL_H

#include "worker/encode/graph.h"
#include "worker/encode/op.h"
#include "worker/encode/tensor.h"

#define OP_TRIAL_INPUTS_MAX 9
#define OP_TRIAL_OUTPUTS_MAX 3

typedef struct op_trial {
    const kin_op *op;
    kin_graph *graph; /* holds the node */
    kin_node *node;
    uint32_t input_count, output_count;
    kin_tensor inputs[OP_TRIAL_INPUTS_MAX]; /* type NONE: left out */
    kin_tensor outputs[OP_TRIAL_OUTPUTS_MAX];
    kin_error error;
} op_trial;

/* The operator must exist; output_count is 1 to begin with. */
void op_trial_init(op_trial *trial, const char *op, int64_t opset);
void op_trial_fini(op_trial *trial);

void op_trial_int(op_trial *trial, const char *name, int64_t value);
void op_trial_float(op_trial *trial, const char *name, float value);
void op_trial_string(op_trial *trial, const char *name, const char *value);

/* Adds an input; values [its count] become elements of that type. NULL: zeros. Its memory ends
 * where the last element does. */
kin_tensor *op_trial_input(op_trial *trial, kin_type type, kin_shape shape, const double *values);
void op_trial_no_input(op_trial *trial);

/* Infers, with no data but that of inputs in the set `constants` (bit i: input i), and runs. */
kin_status op_trial_run(op_trial *trial, uint32_t constants);

/* Fails the test unless it runs and output i is this, to within tolerance (not a number is equal to
 * itself). */
void op_trial_expect(op_trial *trial, uint32_t i, kin_type type, kin_shape shape,
                     const double *values, double tolerance);
/* Fails the test unless infer refuses with a sentence that has `words` in it. */
void op_trial_refused(op_trial *trial, const char *words);

/* SHAPE(2, 3) is [2][3]; SCALAR is []. VALUES(1, 2) are doubles. */
kin_shape op_trial_shape(const int *dims, uint32_t rank);
#define SHAPE(...) op_trial_shape((int[]){__VA_ARGS__}, sizeof(int[]){__VA_ARGS__} / sizeof(int))
#define SCALAR ((kin_shape){.rank = 0})
#define VALUES(...) ((double[]){__VA_ARGS__})

#endif
