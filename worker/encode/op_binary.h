/* Operators of two tensors that are broadcast to each other. */
#ifndef WORKER_ENCODE_OP_BINARY_H
#define WORKER_ENCODE_OP_BINARY_H

#include "worker/encode/op_elementwise.h"

/* What an operator does with a row of elements; a step is 0 or 1. */
typedef struct kin_binary {
    void (*floats)(void *out, const float *a, int64_t a_step, const float *b, int64_t b_step,
                   int64_t count);
    void (*doubles)(void *out, const double *a, int64_t a_step, const double *b, int64_t b_step,
                    int64_t count);
    /* a and b are elements extended to 64 bits, and the result is cut to the type again. */
    uint64_t (*integer)(uint64_t a, uint64_t b, bool is_signed);
    uint32_t types; /* floats or doubles NULL: not for reals; integer NULL: not for the others */
    bool compares;  /* the result is of type bool */
} kin_binary;

/* Two inputs of one type; attribute: what the operator knows beside the broadcasts of opset 6, or
 * NULL. */
kin_status kin_binary_infer(kin_op_call *call, const kin_binary *binary,
                            const kin_op_attribute *attribute, kin_error *error);
void kin_binary_run(const kin_op_call *call, const kin_binary *binary);

/* Both of one type, and broadcast to out's shape. out may be a. */
void kin_binary_apply(const kin_binary *binary, kin_tensor *out, const kin_tensor *a,
                      const kin_tensor *b);

/* The shape that inputs 0 and 1 broadcast to, by the rules of the node's opset. */
KIN_MUST_USE kin_status kin_binary_shape(const kin_op_call *call, kin_shape *result,
                                         kin_error *error);
/* Input 1 with the shape that broadcasts to input 0 by numpy's rules, whatever the opset. */
kin_tensor kin_binary_second(const kin_op_call *call);

/* A loop of `expression` over a and b of type T to results of type R. */
#define KIN_BINARY_LOOP(function, T, R, expression)                                    \
    static void function(void *result, const T *a_row, int64_t a_step, const T *b_row, \
                         int64_t b_step, int64_t count)                                \
    {                                                                                  \
        R *out = result;                                                               \
        for (int64_t i = 0; i < count; i++) {                                          \
            T a = a_row[i * a_step], b = b_row[i * b_step];                            \
            out[i] = (R)(expression);                                                  \
        }                                                                              \
    }

/* name_infer and name_run of a kin_binary `name`. */
#define KIN_BINARY_OP(name)                                             \
    static kin_status name##_infer(kin_op_call *call, kin_error *error) \
    {                                                                   \
        return kin_binary_infer(call, &name, NULL, error);              \
    }                                                                   \
    static void name##_run(const kin_op_call *call)                     \
    {                                                                   \
        kin_binary_run(call, &name);                                    \
    }

#endif
