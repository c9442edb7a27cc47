/* What operators that work element by element share: checks, and walks through broadcasts. */
#ifndef WORKER_ENCODE_OP_ELEMENTWISE_H
#define WORKER_ENCODE_OP_ELEMENTWISE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/encode/op.h"

/* Sets of types. */
#define KIN_TYPE_BIT(type) (1u << (type))
#define KIN_TYPES_REAL                                              \
    (KIN_TYPE_BIT(KIN_TYPE_FLOAT) | KIN_TYPE_BIT(KIN_TYPE_DOUBLE) | \
     KIN_TYPE_BIT(KIN_TYPE_FLOAT16) | KIN_TYPE_BIT(KIN_TYPE_BFLOAT16))
#define KIN_TYPES_SIGNED                                                                         \
    (KIN_TYPE_BIT(KIN_TYPE_INT8) | KIN_TYPE_BIT(KIN_TYPE_INT16) | KIN_TYPE_BIT(KIN_TYPE_INT32) | \
     KIN_TYPE_BIT(KIN_TYPE_INT64))
#define KIN_TYPES_UNSIGNED                                          \
    (KIN_TYPE_BIT(KIN_TYPE_UINT8) | KIN_TYPE_BIT(KIN_TYPE_UINT16) | \
     KIN_TYPE_BIT(KIN_TYPE_UINT32) | KIN_TYPE_BIT(KIN_TYPE_UINT64))
#define KIN_TYPES_INTEGER (KIN_TYPES_SIGNED | KIN_TYPES_UNSIGNED)
#define KIN_TYPES_BOOL KIN_TYPE_BIT(KIN_TYPE_BOOL)
#define KIN_TYPES_NUMBER (KIN_TYPES_REAL | KIN_TYPES_INTEGER)
#define KIN_TYPES_ALL (KIN_TYPES_NUMBER | KIN_TYPES_BOOL)

bool kin_type_in(kin_type type, uint32_t types);

/* Input i must be there, of one of these types. */
KIN_MUST_USE kin_status kin_op_require_types(const kin_op_call *call, uint32_t i, uint32_t types,
                                             kin_error *error);
/* Inputs i and j, both there, must be of one type. */
KIN_MUST_USE kin_status kin_op_require_same(const kin_op_call *call, uint32_t i, uint32_t j,
                                            kin_error *error);

/* An attribute that an operator knows. */
typedef struct kin_op_attribute {
    const char *name;
    kin_attribute_kind kind;
} kin_op_attribute;

/* The node must have a first output, and every attribute of it must be one of known [count]: what
 * we do not know might mean that something else is to be computed. */
KIN_MUST_USE kin_status kin_op_require_node(const kin_op_call *call, const kin_op_attribute *known,
                                            uint32_t count, kin_error *error);

/* Stores the lower bits of value as an element of an integer type or bool. */
void kin_tensor_set_bits(kin_tensor *tensor, int64_t i, uint64_t value);

/* --- Walking a broadcast: the result in order, in rows as long as they can be ---------------- */

#define KIN_ROWS_OPERANDS_MAX 3

typedef struct kin_rows {
    int64_t at;                             /* the row's first element in the result */
    int64_t length;                         /* elements of a row */
    int64_t offsets[KIN_ROWS_OPERANDS_MAX]; /* the row's first element in each operand */
    int64_t steps[KIN_ROWS_OPERANDS_MAX];   /* 0 or 1: from one element to the next */
    uint32_t operand_count, rank;           /* rank, dims, strides: what lies outside of rows */
    int64_t index[KIN_TENSOR_RANK_MAX], dims[KIN_TENSOR_RANK_MAX];
    int64_t strides[KIN_ROWS_OPERANDS_MAX][KIN_TENSOR_RANK_MAX];
} kin_rows;

/* Each of shapes [operand_count] must broadcast to result. False: there is no row (any more). */
bool kin_rows_first(kin_rows *rows, const kin_shape *result, const kin_shape *const *shapes,
                    uint32_t operand_count);
bool kin_rows_next(kin_rows *rows);

#endif
