#include "worker/encode/tensor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

size_t kin_type_bytes(kin_type type)
{
    switch (type) {
    case KIN_TYPE_UINT8:
    case KIN_TYPE_INT8:
    case KIN_TYPE_BOOL:
        return 1;
    case KIN_TYPE_UINT16:
    case KIN_TYPE_INT16:
    case KIN_TYPE_FLOAT16:
    case KIN_TYPE_BFLOAT16:
        return 2;
    case KIN_TYPE_FLOAT:
    case KIN_TYPE_INT32:
    case KIN_TYPE_UINT32:
        return 4;
    case KIN_TYPE_INT64:
    case KIN_TYPE_DOUBLE:
    case KIN_TYPE_UINT64:
        return 8;
    default:
        return 0;
    }
}

const char *kin_type_name(kin_type type)
{
    static const char *const names[] = {
        [KIN_TYPE_FLOAT] = "float",       [KIN_TYPE_UINT8] = "uint8",
        [KIN_TYPE_INT8] = "int8",         [KIN_TYPE_UINT16] = "uint16",
        [KIN_TYPE_INT16] = "int16",       [KIN_TYPE_INT32] = "int32",
        [KIN_TYPE_INT64] = "int64",       [KIN_TYPE_BOOL] = "bool",
        [KIN_TYPE_FLOAT16] = "float16",   [KIN_TYPE_DOUBLE] = "double",
        [KIN_TYPE_UINT32] = "uint32",     [KIN_TYPE_UINT64] = "uint64",
        [KIN_TYPE_BFLOAT16] = "bfloat16",
    };
    return kin_type_bytes(type) > 0 ? names[type] : "unknown";
}

kin_shape kin_shape_of(uint32_t rank, ...)
{
    kin_shape shape = {.rank = rank};
    va_list dims;
    KIN_CHECK(rank <= KIN_TENSOR_RANK_MAX);
    va_start(dims, rank);
    for (uint32_t i = 0; i < rank; i++)
        shape.dims[i] = va_arg(dims, int);
    va_end(dims);
    return shape;
}

int64_t kin_shape_product(const kin_shape *shape, uint32_t from, uint32_t until)
{
    int64_t product = 1;
    for (uint32_t i = from; i < until; i++)
        product *= shape->dims[i];
    return product;
}

int64_t kin_shape_count(const kin_shape *shape)
{
    return kin_shape_product(shape, 0, shape->rank);
}

bool kin_shape_equal(const kin_shape *a, const kin_shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

bool kin_shape_valid(const kin_shape *shape)
{
    if (shape->rank > KIN_TENSOR_RANK_MAX) return false;
    int64_t product = 1;
    for (uint32_t i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i];
        if (dim < 0 || dim > KIN_TENSOR_ELEMENTS_MAX) return false;
        if (dim > 0 && product > KIN_TENSOR_ELEMENTS_MAX / dim) return false;
        product *= dim == 0 ? 1 : dim; /* the others' product is bounded even so */
    }
    return true;
}

const char *kin_shape_text(const kin_shape *shape, char *text)
{
    size_t at = 0;
    text[0] = 0;
    if (shape->rank == 0) snprintf(text, KIN_SHAPE_TEXT_BYTES, "[]");
    for (uint32_t i = 0; i < shape->rank && i < KIN_TENSOR_RANK_MAX; i++)
        at += (size_t)snprintf(text + at, KIN_SHAPE_TEXT_BYTES - at, "[%lld]",
                               (long long)shape->dims[i]);
    return text;
}

void kin_shape_strides(const kin_shape *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (uint32_t i = shape->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

bool kin_shape_axis(const kin_shape *shape, int64_t axis, uint32_t *normal)
{
    int64_t rank = shape->rank;
    if (axis < -rank || axis >= rank) return false;
    *normal = (uint32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

size_t kin_tensor_bytes(const kin_tensor *tensor)
{
    return (size_t)kin_tensor_count(tensor) * kin_type_bytes(tensor->type);
}

float kin_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31;
    uint32_t mantissa = half & 0x3ff, bits;
    if (exponent == 0) { /* zero or subnormal: mantissa x 2^-24 */
        float value = (float)mantissa * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    if (exponent == 31)
        bits = sign | 0x7f800000 | mantissa << 13;
    else
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t kin_float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00;  /* not a number */
    if (magnitude >= 0x47800000) return sign | 0x7c00; /* 65,536 and more: infinity */
    if (magnitude < 0x38800000) { /* below 2^-14: a multiple of 2^-24, rounded by the addition */
        float small;
        memcpy(&small, &magnitude, sizeof small);
        small += 0.5f; /* the units of 0.5's last place are 2^-24 */
        memcpy(&bits, &small, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13);
}

float kin_bfloat16_to_float(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static uint16_t float_to_bfloat16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double kin_tensor_get(const kin_tensor *tensor, int64_t i)
{
    switch (tensor->type) {
    case KIN_TYPE_FLOAT:
        return ((const float *)tensor->data)[i];
    case KIN_TYPE_DOUBLE:
        return ((const double *)tensor->data)[i];
    case KIN_TYPE_FLOAT16:
        return kin_half_to_float(((const uint16_t *)tensor->data)[i]);
    case KIN_TYPE_BFLOAT16:
        return kin_bfloat16_to_float(((const uint16_t *)tensor->data)[i]);
    case KIN_TYPE_UINT64:
        return (double)((const uint64_t *)tensor->data)[i];
    default:
        return (double)kin_tensor_get_int(tensor, i);
    }
}

int64_t kin_tensor_get_int(const kin_tensor *tensor, int64_t i)
{
    switch (tensor->type) {
    case KIN_TYPE_UINT8:
    case KIN_TYPE_BOOL:
        return ((const uint8_t *)tensor->data)[i];
    case KIN_TYPE_INT8:
        return ((const int8_t *)tensor->data)[i];
    case KIN_TYPE_UINT16:
        return ((const uint16_t *)tensor->data)[i];
    case KIN_TYPE_INT16:
        return ((const int16_t *)tensor->data)[i];
    case KIN_TYPE_INT32:
        return ((const int32_t *)tensor->data)[i];
    case KIN_TYPE_UINT32:
        return ((const uint32_t *)tensor->data)[i];
    case KIN_TYPE_INT64:
        return ((const int64_t *)tensor->data)[i];
    case KIN_TYPE_UINT64:
        return (int64_t)((const uint64_t *)tensor->data)[i];
    default: {
        double value = kin_tensor_get(tensor, i);
        if (!(value > -0x1p63)) return value != value ? 0 : INT64_MIN;
        return value < 0x1p63 ? (int64_t)value : INT64_MAX;
    }
    }
}

/* To the integers from low to high; what is outside becomes the nearest, as no C cast is defined
 * for it. */
static int64_t to_integer(double value, int64_t low, int64_t high)
{
    if (value != value) return 0;
    if (value <= (double)low) return low;
    return value >= (double)high ? high : (int64_t)value;
}

void kin_tensor_set(kin_tensor *tensor, int64_t i, double value)
{
    switch (tensor->type) {
    case KIN_TYPE_FLOAT:
        ((float *)tensor->data)[i] = (float)value;
        break;
    case KIN_TYPE_DOUBLE:
        ((double *)tensor->data)[i] = value;
        break;
    case KIN_TYPE_FLOAT16:
        ((uint16_t *)tensor->data)[i] = kin_float_to_half((float)value);
        break;
    case KIN_TYPE_BFLOAT16:
        ((uint16_t *)tensor->data)[i] = float_to_bfloat16((float)value);
        break;
    case KIN_TYPE_BOOL:
        ((uint8_t *)tensor->data)[i] = value != 0;
        break;
    case KIN_TYPE_UINT8:
        ((uint8_t *)tensor->data)[i] = (uint8_t)to_integer(value, 0, UINT8_MAX);
        break;
    case KIN_TYPE_INT8:
        ((int8_t *)tensor->data)[i] = (int8_t)to_integer(value, INT8_MIN, INT8_MAX);
        break;
    case KIN_TYPE_UINT16:
        ((uint16_t *)tensor->data)[i] = (uint16_t)to_integer(value, 0, UINT16_MAX);
        break;
    case KIN_TYPE_INT16:
        ((int16_t *)tensor->data)[i] = (int16_t)to_integer(value, INT16_MIN, INT16_MAX);
        break;
    case KIN_TYPE_INT32:
        ((int32_t *)tensor->data)[i] = (int32_t)to_integer(value, INT32_MIN, INT32_MAX);
        break;
    case KIN_TYPE_UINT32:
        ((uint32_t *)tensor->data)[i] = (uint32_t)to_integer(value, 0, UINT32_MAX);
        break;
    case KIN_TYPE_INT64:
        ((int64_t *)tensor->data)[i] = to_integer(value, INT64_MIN, INT64_MAX);
        break;
    case KIN_TYPE_UINT64:
        ((uint64_t *)tensor->data)[i] =
            value >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)to_integer(value, 0, INT64_MAX);
        break;
    default:
        KIN_CHECK(false);
    }
}
