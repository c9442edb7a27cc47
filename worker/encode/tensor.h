/* Tensors: a type, a shape, and elements that lie one behind the other, the last dimension fastest.
 */
#ifndef WORKER_ENCODE_TENSOR_H
#define WORKER_ENCODE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Einsum-free exports of transformers have 6; windows of windows need 8. */
#define KIN_TENSOR_RANK_MAX 8
/* Elements of one tensor: 4 GiB of floats are more than any network we know holds at once. */
#define KIN_TENSOR_ELEMENTS_MAX ((int64_t)1 << 30)

/* Element types; the numbers are those of ONNX's TensorProto.DataType. */
typedef enum kin_type {
    KIN_TYPE_NONE = 0,
    KIN_TYPE_FLOAT = 1,
    KIN_TYPE_UINT8 = 2,
    KIN_TYPE_INT8 = 3,
    KIN_TYPE_UINT16 = 4,
    KIN_TYPE_INT16 = 5,
    KIN_TYPE_INT32 = 6,
    KIN_TYPE_INT64 = 7,
    KIN_TYPE_BOOL = 9, /* one byte, 0 or 1 */
    KIN_TYPE_FLOAT16 = 10,
    KIN_TYPE_DOUBLE = 11,
    KIN_TYPE_UINT32 = 12,
    KIN_TYPE_UINT64 = 13,
    KIN_TYPE_BFLOAT16 = 16
} kin_type;

/* Bytes of an element; 0 for a type that is not listed above. */
size_t kin_type_bytes(kin_type type);
/* "float", "int64", ...: ONNX's words; "unknown" for others. */
const char *kin_type_name(kin_type type);

typedef struct kin_shape {
    uint32_t rank;                     /* 0: a scalar, of one element */
    int64_t dims[KIN_TENSOR_RANK_MAX]; /* [rank], each 0 or more */
} kin_shape;

/* Plain data; data may be NULL where only type and shape are known. */
typedef struct kin_tensor {
    kin_type type;
    kin_shape shape;
    void *data;
} kin_tensor;

/* A shape of rank 0 to 8: kin_shape_of(2, 3, 4) is [3][4]. */
kin_shape kin_shape_of(uint32_t rank, ...);
int64_t kin_shape_count(const kin_shape *shape);
/* The product of the dimensions [from, until). */
int64_t kin_shape_product(const kin_shape *shape, uint32_t from, uint32_t until);
bool kin_shape_equal(const kin_shape *a, const kin_shape *b);
/* Whether rank, dimensions and the number of elements are within the limits. */
bool kin_shape_valid(const kin_shape *shape);
/* "[1][3][224][224]"; text [KIN_SHAPE_TEXT_BYTES]. Returns text. */
#define KIN_SHAPE_TEXT_BYTES 192
const char *kin_shape_text(const kin_shape *shape, char *text);
/* strides [rank] in elements. */
void kin_shape_strides(const kin_shape *shape, int64_t *strides);
/* axis of [-rank, rank) to [0, rank); false where it is out of range. */
bool kin_shape_axis(const kin_shape *shape, int64_t axis, uint32_t *normal);

static inline int64_t kin_tensor_count(const kin_tensor *tensor)
{
    return kin_shape_count(&tensor->shape);
}
size_t kin_tensor_bytes(const kin_tensor *tensor);

/* Element i as a number, whatever the type (float16 and bfloat16 too). */
double kin_tensor_get(const kin_tensor *tensor, int64_t i);
/* As an integer: exact for int64; floats are cut. */
int64_t kin_tensor_get_int(const kin_tensor *tensor, int64_t i);
/* Stores a number as an element, converted as C does. */
void kin_tensor_set(kin_tensor *tensor, int64_t i, double value);

float kin_half_to_float(uint16_t half);
uint16_t kin_float_to_half(float value); /* to nearest, ties to even */
float kin_bfloat16_to_float(uint16_t value);

#endif
