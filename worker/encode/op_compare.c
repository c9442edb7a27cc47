#include "worker/encode/op_binary.h"

/* --- Comparisons: false where something is not a number -------------------------------------- */

#define COMPARISON(name, relation, accepted)                               \
    KIN_BINARY_LOOP(name##_floats, float, uint8_t, a relation b)           \
    KIN_BINARY_LOOP(name##_doubles, double, uint8_t, a relation b)         \
    static uint64_t name##_integer(uint64_t a, uint64_t b, bool is_signed) \
    {                                                                      \
        int64_t x = (int64_t)a, y = (int64_t)b;                            \
        return is_signed ? x relation y : a relation b;                    \
    }                                                                      \
    static const kin_binary name = {.floats = name##_floats,               \
                                    .doubles = name##_doubles,             \
                                    .integer = name##_integer,             \
                                    .types = accepted,                     \
                                    .compares = true};                     \
    KIN_BINARY_OP(name)

COMPARISON(equal, ==, KIN_TYPES_ALL)
COMPARISON(greater, >, KIN_TYPES_NUMBER)
COMPARISON(greater_or_equal, >=, KIN_TYPES_NUMBER)
COMPARISON(less, <, KIN_TYPES_NUMBER)
COMPARISON(less_or_equal, <=, KIN_TYPES_NUMBER)

/* --- Logic: a bool is a byte, and what is not 0 is true --------------------------------------- */

#define LOGIC(name, expression)                                                \
    static uint64_t name##_integer(uint64_t a, uint64_t b, bool is_signed)     \
    {                                                                          \
        (void)is_signed;                                                       \
        return expression;                                                     \
    }                                                                          \
    static const kin_binary name = {                                           \
        .integer = name##_integer, .types = KIN_TYPES_BOOL, .compares = true}; \
    KIN_BINARY_OP(name)

LOGIC(and, a != 0 && b != 0)
LOGIC(or, a != 0 || b != 0)
LOGIC(xor, (a != 0) != (b != 0))

/* --- Where ------------------------------------------------------------------------------------ */

static kin_status where_infer(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, KIN_TYPES_BOOL, error);
    for (uint32_t i = 1; status == KIN_OK && i <= 2; i++)
        status = kin_op_require_types(call, i, KIN_TYPES_ALL, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 1, 2, error);
    if (status != KIN_OK) return status;
    kin_shape result = call->inputs[0]->shape;
    for (uint32_t i = 1; i <= 2; i++) {
        char shape_text[KIN_SHAPE_TEXT_BYTES], result_text[KIN_SHAPE_TEXT_BYTES];
        const kin_shape *shape = &call->inputs[i]->shape;
        if (!kin_op_broadcast(&result, shape, &result))
            return kin_fail(error, KIN_BAD_INPUT, "its inputs of shapes %s and %s do not broadcast",
                            kin_shape_text(&result, result_text),
                            kin_shape_text(shape, shape_text));
    }
    return kin_op_output(call, 0, call->inputs[1]->type, &result, error);
}

/* Elements of a size, whatever their type. */
#define WHERE_ROW(T)                                                                          \
    static void where_##T(const kin_op_call *call, const kin_rows *rows)                      \
    {                                                                                         \
        const uint8_t *condition = (const uint8_t *)call->inputs[0]->data + rows->offsets[0]; \
        const T *x = (const T *)call->inputs[1]->data + rows->offsets[1];                     \
        const T *y = (const T *)call->inputs[2]->data + rows->offsets[2];                     \
        T *out = (T *)call->outputs[0]->data + rows->at;                                      \
        for (int64_t i = 0; i < rows->length; i++)                                            \
            out[i] = condition[i * rows->steps[0]] != 0 ? x[i * rows->steps[1]]               \
                                                        : y[i * rows->steps[2]];              \
    }
WHERE_ROW(uint8_t)
WHERE_ROW(uint16_t)
WHERE_ROW(uint32_t)
WHERE_ROW(uint64_t)

static void where_run(const kin_op_call *call)
{
    const kin_shape *shapes[3];
    size_t bytes = kin_type_bytes(call->outputs[0]->type);
    kin_rows rows;
    for (uint32_t i = 0; i < 3; i++)
        shapes[i] = &call->inputs[i]->shape;
    for (bool more = kin_rows_first(&rows, &call->outputs[0]->shape, shapes, 3); more;
         more = kin_rows_next(&rows)) {
        if (bytes == 1)
            where_uint8_t(call, &rows);
        else if (bytes == 2)
            where_uint16_t(call, &rows);
        else if (bytes == 4)
            where_uint32_t(call, &rows);
        else
            where_uint64_t(call, &rows);
    }
}

const kin_op kin_compare_ops[] = {
    {"And", 2, 2, 1, and_infer, and_run},
    {"Equal", 2, 2, 1, equal_infer, equal_run},
    {"Greater", 2, 2, 1, greater_infer, greater_run},
    {"GreaterOrEqual", 2, 2, 1, greater_or_equal_infer, greater_or_equal_run},
    {"Less", 2, 2, 1, less_infer, less_run},
    {"LessOrEqual", 2, 2, 1, less_or_equal_infer, less_or_equal_run},
    {"Or", 2, 2, 1, or_infer, or_run},
    {"Where", 3, 3, 1, where_infer, where_run},
    {"Xor", 2, 2, 1, xor_infer, xor_run},
    {.name = NULL},
};
