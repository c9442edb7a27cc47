#include "worker/encode/onnx_tensor.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/onnx_external.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ONNX's raw data are little-endian");

/* ONNX's numbers that are no kin_type. */
#define TYPE_STRING 8
#define LOCATION_EXTERNAL 1

bool kin_onnx_is(const ProtobufCBinaryData *text, const char *word)
{
    return text->len == strlen(word) && memcmp(text->data, word, text->len) == 0;
}

const char *kin_onnx_label(const ProtobufCBinaryData *text, char *label)
{
    size_t bytes = text->len < KIN_ONNX_LABEL_BYTES ? text->len : KIN_ONNX_LABEL_BYTES - 1;
    for (size_t i = 0; i < bytes; i++)
        label[i] = text->data[i] >= ' ' && text->data[i] <= '~' ? (char)text->data[i] : '?';
    label[bytes] = 0;
    if (bytes < text->len) memcpy(label + bytes - 3, "...", 3);
    return label;
}

/* One of a message's places for elements: an array that can be taken out of it. */
typedef struct place {
    const char *field;
    void **elements;
    size_t *count;
    size_t element_bytes;
} place;

enum { PLACE_RAW, PLACE_FLOAT, PLACE_INT32, PLACE_INT64, PLACE_DOUBLE, PLACE_UINT64, PLACES };

static void find_places(KinOnnx__Tensor *message, place *places)
{
    places[PLACE_RAW] =
        (place){"raw_data", (void **)&message->raw_data.data, &message->raw_data.len, 1};
    places[PLACE_FLOAT] = (place){"float_data", (void **)&message->float_data,
                                  &message->n_float_data, sizeof *message->float_data};
    places[PLACE_INT32] = (place){"int32_data", (void **)&message->int32_data,
                                  &message->n_int32_data, sizeof *message->int32_data};
    places[PLACE_INT64] = (place){"int64_data", (void **)&message->int64_data,
                                  &message->n_int64_data, sizeof *message->int64_data};
    places[PLACE_DOUBLE] = (place){"double_data", (void **)&message->double_data,
                                   &message->n_double_data, sizeof *message->double_data};
    places[PLACE_UINT64] = (place){"uint64_data", (void **)&message->uint64_data,
                                   &message->n_uint64_data, sizeof *message->uint64_data};
}

/* Where ONNX puts elements of a type that are not raw. */
static int typed_place(kin_type type)
{
    switch (type) {
    case KIN_TYPE_FLOAT:
        return PLACE_FLOAT;
    case KIN_TYPE_INT64:
        return PLACE_INT64;
    case KIN_TYPE_DOUBLE:
        return PLACE_DOUBLE;
    case KIN_TYPE_UINT32:
    case KIN_TYPE_UINT64:
        return PLACE_UINT64;
    default:
        return PLACE_INT32;
    }
}

static void *take(place *from)
{
    void *elements = *from->elements;
    *from->elements = NULL;
    *from->count = 0;
    return elements;
}

/* int32_data to elements of one or two bytes; false where a value does not fit. Halves are there as
 * their bits. */
static bool narrow_int32(kin_tensor *tensor, const int32_t *values, size_t count)
{
    bool is_signed = tensor->type == KIN_TYPE_INT8 || tensor->type == KIN_TYPE_INT16;
    int32_t range = kin_type_bytes(tensor->type) == 1 ? 256 : 65536;
    int32_t low = is_signed ? -range / 2 : 0;
    tensor->data = kin_malloc(count * kin_type_bytes(tensor->type));
    for (size_t i = 0; i < count; i++) {
        if (values[i] < low || values[i] >= low + range) return false;
        if (range == 256)
            ((uint8_t *)tensor->data)[i] = (uint8_t)values[i];
        else
            ((uint16_t *)tensor->data)[i] = (uint16_t)values[i];
    }
    return true;
}

static bool narrow_uint64(kin_tensor *tensor, const uint64_t *values, size_t count)
{
    uint32_t *elements = tensor->data = kin_malloc(count * sizeof *elements);
    for (size_t i = 0; i < count; i++) {
        if (values[i] > UINT32_MAX) return false;
        elements[i] = (uint32_t)values[i];
    }
    return true;
}

/* The elements out of the message, which holds them in one place and as many as the shape says. */
static kin_status take_inline(kin_tensor *tensor, KinOnnx__Tensor *message, kin_error *error)
{
    place places[PLACES];
    char shape[KIN_SHAPE_TEXT_BYTES];
    size_t count = (size_t)kin_tensor_count(tensor), bytes = kin_type_bytes(tensor->type);
    find_places(message, places);
    int used = *places[PLACE_RAW].count > 0 ? PLACE_RAW : typed_place(tensor->type);
    for (int i = 0; i < PLACES; i++)
        if (i != used && *places[i].count > 0)
            return kin_fail(error, KIN_CORRUPT, "%s has data where %s elements have none",
                            places[i].field, kin_type_name(tensor->type));
    place *from = &places[used];
    size_t expected = used == PLACE_RAW ? count * bytes : count;
    if (*from->count != expected)
        return kin_fail(error, KIN_CORRUPT, "%s has %zu %s, but %s %s takes %zu", from->field,
                        *from->count, used == PLACE_RAW ? "bytes" : "elements",
                        kin_type_name(tensor->type), kin_shape_text(&tensor->shape, shape),
                        expected);
    bool fits = true;
    if (count == 0)
        tensor->data = kin_calloc(0, 1);
    else if (used == PLACE_RAW || from->element_bytes == bytes)
        tensor->data = take(from);
    else if (used == PLACE_UINT64)
        fits = narrow_uint64(tensor, message->uint64_data, count);
    else
        fits = narrow_int32(tensor, message->int32_data, count);
    if (fits) return KIN_OK;
    return kin_fail(error, KIN_CORRUPT, "%s has a value that is no %s", from->field,
                    kin_type_name(tensor->type));
}

/* Type and shape, checked; what we do not read is refused. */
static kin_status read_head(kin_tensor *tensor, const KinOnnx__Tensor *message, kin_error *error)
{
    *tensor = (kin_tensor){.type = (kin_type)message->data_type};
    if (message->data_type == TYPE_STRING || message->n_string_data > 0)
        return kin_fail(error, KIN_BAD_INPUT, "tensors of strings are not supported");
    if (kin_type_bytes(tensor->type) == 0)
        return kin_fail(error, KIN_BAD_INPUT, "element type %d is not supported",
                        (int)message->data_type);
    if (message->has_segment)
        return kin_fail(error, KIN_BAD_INPUT, "tensors in segments are not supported");
    if (message->n_dims > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "%zu dimensions; a tensor has up to %d", message->n_dims,
                        KIN_TENSOR_RANK_MAX);
    tensor->shape.rank = (uint32_t)message->n_dims;
    for (size_t i = 0; i < message->n_dims; i++)
        tensor->shape.dims[i] = message->dims[i];
    char text[KIN_SHAPE_TEXT_BYTES];
    if (!kin_shape_valid(&tensor->shape))
        return kin_fail(error, KIN_LIMIT, "shape %s is negative or too large",
                        kin_shape_text(&tensor->shape, text));
    return KIN_OK;
}

static bool has_inline_data(KinOnnx__Tensor *message)
{
    place places[PLACES];
    find_places(message, places);
    for (int i = 0; i < PLACES; i++)
        if (*places[i].count > 0) return true;
    return false;
}

bool kin_onnx_tensor_is_external(const KinOnnx__Tensor *message)
{
    return message->data_location == LOCATION_EXTERNAL;
}

kin_status kin_onnx_tensor_take(kin_tensor *tensor, KinOnnx__Tensor *message,
                                kin_onnx_source *source, kin_error *error)
{
    kin_status status = read_head(tensor, message, error);
    if (status != KIN_OK) return status;
    if (kin_onnx_tensor_is_external(message)) {
        if (has_inline_data(message))
            return kin_fail(error, KIN_CORRUPT, "has data both here and in another file");
        status =
            kin_onnx_external_read(&tensor->data, kin_tensor_bytes(tensor), message, source, error);
    } else if (message->data_location != 0) {
        return kin_fail(error, KIN_BAD_INPUT, "data location %d is not supported",
                        (int)message->data_location);
    } else {
        status = take_inline(tensor, message, error);
    }
    if (status != KIN_OK) {
        free(tensor->data);
        tensor->data = NULL;
        return status;
    }
    if (tensor->type == KIN_TYPE_BOOL) {
        uint8_t *elements = tensor->data;
        for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
            elements[i] = elements[i] != 0;
    }
    return KIN_OK;
}
