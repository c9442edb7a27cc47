#include "tests/support/op_moved.h"

#include <string.h>

#include "tests/support/op_random.h"
#include "tests/support/test.h"

const kin_type op_moved_types[OP_MOVED_TYPES] = {KIN_TYPE_FLOAT, KIN_TYPE_UINT8,
                                                 KIN_TYPE_INT16, KIN_TYPE_DOUBLE,
                                                 KIN_TYPE_INT64, KIN_TYPE_BFLOAT16};

static void add_list(op_trial *trial, kin_type type, uint32_t count, const int64_t *values)
{
    kin_tensor *tensor = op_trial_input(trial, type, kin_shape_of(1, (int)count), NULL);
    for (uint32_t i = 0; i < count; i++)
        if (type == KIN_TYPE_INT64)
            ((int64_t *)tensor->data)[i] = values[i];
        else
            ((int32_t *)tensor->data)[i] = (int32_t)values[i];
}

void op_moved_list(op_trial *trial, uint32_t count, const int64_t *values)
{
    add_list(trial, KIN_TYPE_INT64, count, values);
}

void op_moved_list32(op_trial *trial, uint32_t count, const int64_t *values)
{
    add_list(trial, KIN_TYPE_INT32, count, values);
}

void op_moved_input(op_trial *trial, kin_type type, const kin_shape *shape, kin_random *random)
{
    kin_tensor *tensor = op_trial_input(trial, type, *shape, NULL);
    for (size_t i = 0; i < kin_tensor_bytes(tensor); i++)
        ((uint8_t *)tensor->data)[i] = (uint8_t)kin_random_below(random, 256);
}

kin_shape op_moved_shape(kin_random *random, uint32_t rank, int64_t low, int64_t high)
{
    kin_shape shape = {.rank = rank};
    for (uint32_t i = 0; i < rank; i++)
        shape.dims[i] = op_random_between(random, low, high);
    return shape;
}

void op_moved_expect(const op_trial *trial, uint32_t i, uint32_t input, const kin_shape *shape,
                     op_moved_source source, const void *context, const void *fill)
{
    const kin_tensor *from = &trial->inputs[input], *to = &trial->outputs[i];
    int64_t at[KIN_TENSOR_RANK_MAX] = {0};
    char made[KIN_SHAPE_TEXT_BYTES], expected[KIN_SHAPE_TEXT_BYTES];
    assert_int_equal(to->type, from->type);
    if (!kin_shape_equal(&to->shape, shape))
        fail_msg("%s: %s, not %s", trial->op->name, kin_shape_text(&to->shape, made),
                 kin_shape_text(shape, expected));
    if (kin_shape_count(shape) == 0) return;
    size_t bytes = kin_type_bytes(to->type);
    const char *element = to->data;
    do {
        int64_t place = source(context, at);
        assert_true(place < kin_tensor_count(from) && (place >= 0 || fill != NULL));
        const void *wanted = place < 0 ? fill : (const char *)from->data + (size_t)place * bytes;
        if (memcmp(element, wanted, bytes) != 0)
            fail_msg("%s: element %lld of %s is not element %lld of %s", trial->op->name,
                     (long long)op_index_at(shape, at), kin_shape_text(shape, made),
                     (long long)place, kin_shape_text(&from->shape, expected));
        element += bytes;
    } while (op_index_next(at, shape->dims, shape->rank));
}
