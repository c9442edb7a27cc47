#include "worker/encode/op_elementwise.h"

#include <string.h>

#include "common/base/check.h"

bool kin_type_in(kin_type type, uint32_t types)
{
    return kin_type_bytes(type) > 0 && (KIN_TYPE_BIT(type) & types) != 0;
}

kin_status kin_op_require_types(const kin_op_call *call, uint32_t i, uint32_t types,
                                kin_error *error)
{
    const kin_tensor *tensor = kin_op_input(call, i);
    if (tensor == NULL) return kin_fail(error, KIN_BAD_INPUT, "its input %u is missing", i);
    if (!kin_type_in(tensor->type, types))
        return kin_fail(error, KIN_BAD_INPUT, "its input %u is of type %s, which is not supported",
                        i, kin_type_name(tensor->type));
    return KIN_OK;
}

kin_status kin_op_require_same(const kin_op_call *call, uint32_t i, uint32_t j, kin_error *error)
{
    kin_type first = kin_op_input(call, i)->type, second = kin_op_input(call, j)->type;
    if (first != second)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its input %u is of type %s and its input %u of type %s; they must be of "
                        "one type",
                        i, kin_type_name(first), j, kin_type_name(second));
    return KIN_OK;
}

kin_status kin_op_require_node(const kin_op_call *call, const kin_op_attribute *known,
                               uint32_t count, kin_error *error)
{
    if (call->output_count == 0 || call->outputs[0] == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "it has no output");
    for (uint32_t a = 0; a < call->node->attribute_count; a++) {
        const kin_attribute *attribute = &call->node->attributes[a];
        uint32_t k = 0;
        while (k < count && strcmp(known[k].name, attribute->name) != 0)
            k++;
        if (k == count)
            return kin_fail(error, KIN_BAD_INPUT,
                            "its attribute '%.100s' is not supported (opset %lld)", attribute->name,
                            (long long)call->node->opset);
        if (known[k].kind != attribute->kind)
            return kin_fail(error, KIN_BAD_INPUT, "its attribute '%s' is of another kind",
                            attribute->name);
    }
    return KIN_OK;
}

void kin_tensor_set_bits(kin_tensor *tensor, int64_t i, uint64_t value)
{
    switch (kin_type_bytes(tensor->type)) {
    case 1:
        ((uint8_t *)tensor->data)[i] =
            tensor->type == KIN_TYPE_BOOL ? (uint8_t)(value != 0) : (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)tensor->data)[i] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)tensor->data)[i] = (uint32_t)value;
        break;
    default:
        ((uint64_t *)tensor->data)[i] = value;
    }
}

/* Whether dimension `inner` continues `outer`, right behind it, in every operand. */
static bool continues(const kin_rows *rows, int64_t strides[][KIN_TENSOR_RANK_MAX], uint32_t outer,
                      uint32_t inner, int64_t inner_dim)
{
    for (uint32_t o = 0; o < rows->operand_count; o++)
        if (rows->strides[o][outer] != strides[o][inner] * inner_dim) return false;
    return true;
}

bool kin_rows_first(kin_rows *rows, const kin_shape *result, const kin_shape *const *shapes,
                    uint32_t operand_count)
{
    int64_t strides[KIN_ROWS_OPERANDS_MAX][KIN_TENSOR_RANK_MAX];
    KIN_CHECK(operand_count <= KIN_ROWS_OPERANDS_MAX);
    *rows = (kin_rows){.operand_count = operand_count, .length = 1};
    if (kin_shape_count(result) == 0) return false;
    for (uint32_t o = 0; o < operand_count; o++)
        kin_op_broadcast_strides(shapes[o], result, strides[o]);
    for (uint32_t d = 0; d < result->rank; d++) {
        if (result->dims[d] == 1) continue;
        bool merged =
            rows->rank > 0 && continues(rows, strides, rows->rank - 1, d, result->dims[d]);
        uint32_t to = merged ? rows->rank - 1 : rows->rank++;
        rows->dims[to] = merged ? rows->dims[to] * result->dims[d] : result->dims[d];
        for (uint32_t o = 0; o < operand_count; o++)
            rows->strides[o][to] = strides[o][d];
    }
    if (rows->rank == 0) return true;
    rows->rank--;
    rows->length = rows->dims[rows->rank];
    for (uint32_t o = 0; o < operand_count; o++)
        rows->steps[o] = rows->strides[o][rows->rank];
    return true;
}

bool kin_rows_next(kin_rows *rows)
{
    rows->at += rows->length;
    for (uint32_t d = rows->rank; d-- > 0;) {
        bool carry = ++rows->index[d] == rows->dims[d];
        for (uint32_t o = 0; o < rows->operand_count; o++)
            rows->offsets[o] += rows->strides[o][d] * (carry ? 1 - rows->dims[d] : 1);
        if (!carry) return true;
        rows->index[d] = 0;
    }
    return false;
}
