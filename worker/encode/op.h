/* Operators: ONNX's words as plain loops. Each is the definition that everything faster is tested
 * against, what constants are folded with, and what runs under KINDRED_ENGINE=reference. */
#ifndef WORKER_ENCODE_OP_H
#define WORKER_ENCODE_OP_H

#include "common/base/status.h"
#include "worker/encode/graph.h"
#include "worker/encode/tensor.h"

/* One use of an operator. `infer` gets inputs with type and shape (data only where the value is a
 * constant) and fills type and shape of outputs; `run` gets all data and fills the outputs'. */
typedef struct kin_op_call {
    const kin_node *node;
    uint32_t input_count, output_count;
    const kin_tensor **inputs; /* [input_count]; NULL: left out */
    kin_tensor **outputs;      /* [output_count]; NULL: nobody wants it */
    size_t scratch_bytes;      /* infer may ask for it; 64-aligned */
    void *scratch;
} kin_op_call;

typedef struct kin_op {
    const char *name; /* ONNX's operator type; NULL ends a table */
    uint32_t inputs_min, inputs_max, outputs_max;
    /* Checks attributes, types and shapes, and says what comes out. Every size is checked here with
     * kin_op_output. KIN_BAD_INPUT or KIN_LIMIT with what is wrong ("axis 4 of a tensor of rank
     * 4"); the caller puts node and operator in front of it. */
    kin_status (*infer)(kin_op_call *call, kin_error *error);
    /* Cannot fail, allocates nothing, and trusts what infer has checked. What depends on values
     * that infer could not see (indices) is clamped or wrapped so that no access is out of bounds.
     */
    void (*run)(const kin_op_call *call);
} kin_op;

/* The operator of that name, or NULL. */
const kin_op *kin_op_find(const char *name);
/* All of them, a table after the other, for listing: NULL behind the last. */
const kin_op *kin_op_at(uint32_t index);

/* The tables, each ended by a NULL name; op_table.c joins them. */
extern const kin_op kin_unary_ops[];       /* op_unary.c: Abs ... Tanh */
extern const kin_op kin_activation_ops[];  /* op_activation.c: Clip, Elu ... ThresholdedRelu */
extern const kin_op kin_binary_ops[];      /* op_binary.c: broadcasting arithmetic */
extern const kin_op kin_compare_ops[];     /* op_compare.c: comparisons, logic, Where */
extern const kin_op kin_cast_ops[];        /* op_cast.c: Cast, CastLike */
extern const kin_op kin_quantize_ops[];    /* op_quantize.c: (De)QuantizeLinear */
extern const kin_op kin_reduce_ops[];      /* op_reduce.c: Reduce* */
extern const kin_op kin_reduce_axis_ops[]; /* op_reduce_axis.c: ArgMax, CumSum, TopK ... */
extern const kin_op kin_normalize_ops[];   /* op_normalize.c: softmaxes, LRN, LpNormalization */
extern const kin_op kin_normalize_moments_ops[]; /* op_normalize_moments.c: Batch, Layer ... */
extern const kin_op kin_matrix_ops[];            /* op_matrix.c: Gemm, MatMul, Det */
extern const kin_op kin_einsum_ops[];            /* op_einsum.c */
extern const kin_op kin_convolve_ops[];          /* op_convolve.c: Conv, ConvTranspose */
extern const kin_op kin_pool_ops[];              /* op_pool.c */
extern const kin_op kin_shape_ops[];             /* op_shape.c: Shape, Reshape, Squeeze ... */
extern const kin_op kin_fill_ops[];              /* op_fill.c: Constant, Range, Expand ... */
extern const kin_op kin_move_ops[];              /* op_move.c: Transpose, Concat, Slice ... */
extern const kin_op kin_pad_ops[];               /* op_pad.c: Pad, Trilu */
extern const kin_op kin_gather_ops[];            /* op_gather.c: Gather*, OneHot, Compress ... */
extern const kin_op kin_scatter_ops[];           /* op_scatter.c: Scatter* */
extern const kin_op kin_resize_ops[];            /* op_resize.c: Resize, Upsample */

/* --- For operators --------------------------------------------------------------------------- */

/* Output i becomes this; KIN_LIMIT where it is too large. Outputs that nobody wants are fine. */
KIN_MUST_USE kin_status kin_op_output(kin_op_call *call, uint32_t i, kin_type type,
                                      const kin_shape *shape, kin_error *error);
/* Input i, or NULL where it is left out or not given at all. */
const kin_tensor *kin_op_input(const kin_op_call *call, uint32_t i);
/* Input i must be a constant for us (a shape, axes, sizes): KIN_BAD_INPUT where it is not. Sets
 * *tensor to NULL where it is left out. `what` is ONNX's name of it. */
KIN_MUST_USE kin_status kin_op_constant(const kin_op_call *call, uint32_t i, const char *what,
                                        const kin_tensor **tensor, kin_error *error);
/* Input i must be there and of that type. */
KIN_MUST_USE kin_status kin_op_require(const kin_op_call *call, uint32_t i, kin_type type,
                                       kin_error *error);
/* The shape that two shapes broadcast to (ONNX's multidirectional rule); false: they do not. */
bool kin_op_broadcast(const kin_shape *a, const kin_shape *b, kin_shape *result);

/* Walks a broadcast: strides [rank of result] in elements, 0 where `from` is stretched. */
void kin_op_broadcast_strides(const kin_shape *from, const kin_shape *result, int64_t *strides);

#endif
