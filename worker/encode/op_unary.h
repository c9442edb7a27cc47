/* Operators of one tensor, element by element. */
#ifndef WORKER_ENCODE_OP_UNARY_H
#define WORKER_ENCODE_OP_UNARY_H

#include "worker/encode/op_elementwise.h"

/* What an operator does with a row of elements; alpha and beta are its attributes, if it has any.
 */
typedef struct kin_unary {
    void (*floats)(float *out, const float *in, int64_t count, double alpha, double beta);
    void (*doubles)(double *out, const double *in, int64_t count, double alpha, double beta);
    /* NULL: not for integers. x is an element extended to 64 bits. */
    uint64_t (*integer)(uint64_t x, bool negative);
    uint32_t types;
    const char *alpha_name, *beta_name; /* float attributes; NULL: none */
    float alpha, beta;                  /* without the attribute */
} kin_unary;

kin_status kin_unary_infer(kin_op_call *call, const kin_unary *unary, kin_error *error);
void kin_unary_run(const kin_op_call *call, const kin_unary *unary);

/* A loop of `expression` over x of type T. Functions of libm are those of doubles: rounded to float
 * once, they do not depend on how exact a libm's float functions are. */
#define KIN_UNARY_LOOP(function, T, expression)                                         \
    static void function(T *out, const T *in, int64_t count, double alpha, double beta) \
    {                                                                                   \
        (void)alpha, (void)beta;                                                        \
        for (int64_t i = 0; i < count; i++) {                                           \
            T x = in[i];                                                                \
            out[i] = (T)(expression);                                                   \
        }                                                                               \
    }
#define KIN_UNARY_LOOPS(name, expression)            \
    KIN_UNARY_LOOP(name##_floats, float, expression) \
    KIN_UNARY_LOOP(name##_doubles, double, expression)

/* name_infer and name_run of a kin_unary `name`. */
#define KIN_UNARY_OP(name)                                              \
    static kin_status name##_infer(kin_op_call *call, kin_error *error) \
    {                                                                   \
        return kin_unary_infer(call, &name, error);                     \
    }                                                                   \
    static void name##_run(const kin_op_call *call)                     \
    {                                                                   \
        kin_unary_run(call, &name);                                     \
    }

#endif
