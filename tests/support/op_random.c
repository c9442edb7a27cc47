#include "tests/support/op_random.h"

#include <string.h>

#include "common/base/memory.h"
#include "tests/support/test.h"

void op_random_ints(op_trial *trial, const char *name, uint32_t count, const int64_t *values)
{
    kin_attribute *attribute = kin_node_add_attribute(trial->node, name, KIN_ATTRIBUTE_INTS);
    attribute->count = count;
    attribute->ints = kin_malloc(count * sizeof *values);
    for (uint32_t i = 0; i < count; i++)
        attribute->ints[i] = values[i];
}

kin_tensor *op_random_input(op_trial *trial, kin_type type, kin_shape shape, kin_random *random)
{
    kin_tensor *tensor = op_trial_input(trial, type, shape, NULL);
    bool real = type == KIN_TYPE_FLOAT || type == KIN_TYPE_DOUBLE;
    bool sign = type != KIN_TYPE_UINT8 && type != KIN_TYPE_UINT32;
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
        kin_tensor_set(tensor, i,
                       real ? kin_random_unit(random) * 2 - 1
                            : (double)op_random_between(random, sign ? -8 : 0, sign ? 7 : 15));
    return tensor;
}

int64_t op_random_between(kin_random *random, int64_t low, int64_t high)
{
    return low + (int64_t)kin_random_below(random, (uint64_t)(high - low + 1));
}

void op_random_run(op_trial *trial, uint32_t constants)
{
    if (op_trial_run(trial, constants) != KIN_OK)
        fail_msg("%s: %s", trial->op->name, trial->error.text);
}

void op_random_refused(op_trial *trial, uint32_t constants)
{
    kin_status status = op_trial_run(trial, constants);
    if (status != KIN_BAD_INPUT && status != KIN_LIMIT)
        fail_msg("%s was not refused", trial->op->name);
    assert_int_not_equal(trial->error.text[0], 0);
}

bool op_index_next(int64_t *index, const int64_t *dims, uint32_t rank)
{
    for (uint32_t i = rank; i-- > 0;) {
        if (++index[i] < dims[i]) return true;
        index[i] = 0;
    }
    return false;
}

int64_t op_index_at(const kin_shape *shape, const int64_t *index)
{
    int64_t at = 0;
    for (uint32_t i = 0; i < shape->rank; i++)
        at = at * shape->dims[i] + index[i];
    return at;
}
