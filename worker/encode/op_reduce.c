/* Reductions. Floats are summed in doubles, integers in 64 bits that wrap. */
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/op_elementwise.h"

#include <math.h>

typedef enum reduction {
    L1,
    L2,
    LOG_SUM,
    LOG_SUM_EXP,
    MAX,
    MEAN,
    MIN,
    PROD,
    SUM,
    SUM_SQUARE
} reduction;

/* The axes that a call reduces, as bits. */
static kin_status read_axes(const kin_op_call *call, bool from_input, uint32_t *chosen,
                            kin_error *error)
{
    const kin_shape *shape = &call->inputs[0]->shape;
    kin_ints axes;
    kin_status status = from_input ? kin_op_ints(call, "axes", 1, 13, &axes, error)
                                   : kin_ints_of_attribute(call, "axes", &axes, error);
    if (status != KIN_OK) return status;
    if (axes.count == 0 && kin_node_int(call->node, "noop_with_empty_axes", 0) == 0)
        *chosen = (1u << shape->rank) - 1;
    else
        status = kin_op_axes(&axes, shape, chosen, error);
    return status;
}

static kin_status infer_axes(kin_op_call *call, bool from_input, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"axes", KIN_ATTRIBUTE_INTS},
        {"keepdims", KIN_ATTRIBUTE_INT},
        {"noop_with_empty_axes", KIN_ATTRIBUTE_INT}, /* last: of ReduceSum alone */
    };
    uint32_t chosen;
    kin_status status = kin_op_require_types(call, 0, KIN_TYPES_NUMBER, error);
    if (status == KIN_OK) status = kin_op_require_node(call, known, from_input ? 3 : 2, error);
    if (status == KIN_OK) status = read_axes(call, from_input, &chosen, error);
    if (status != KIN_OK) return status;
    const kin_tensor *input = call->inputs[0];
    if (input->type == KIN_TYPE_UINT64)
        return kin_fail(error, KIN_BAD_INPUT, "its input is of type uint64");
    bool keep = kin_node_int(call->node, "keepdims", 1) != 0;
    kin_shape shape = {.rank = 0};
    for (uint32_t i = 0; i < input->shape.rank; i++) {
        bool reduced = (chosen >> i & 1) != 0;
        if (keep || !reduced) shape.dims[shape.rank++] = reduced ? 1 : input->shape.dims[i];
    }
    return kin_op_output(call, 0, input->type, &shape, error);
}

static kin_status infer(kin_op_call *call, kin_error *error)
{
    return infer_axes(call, false, error);
}

static kin_status infer_sum(kin_op_call *call, kin_error *error)
{
    return infer_axes(call, true, error);
}

/* --- In doubles ------------------------------------------------------------------------------ */

static double add(reduction what, double sum, double value)
{
    switch (what) {
    case L1:
        return sum + fabs(value);
    case L2:
    case SUM_SQUARE:
        return sum + value * value;
    case PROD:
        return sum * value;
    case MAX: /* what is not a number stays */
        return value > sum || value != value ? value : sum;
    case MIN:
        return value < sum || value != value ? value : sum;
    default:
        return sum + value;
    }
}

static double fold(reduction what, double sum, const kin_tensor *input, const kin_sets *sets,
                   int64_t first)
{
    for (int64_t i = 0; i < sets->length; i++)
        sum = add(what, sum, kin_element(input, first + kin_sets_step(sets, i)));
    return sum;
}

/* The largest exponent is taken out, so that no exponential is too large for a double. */
static double log_sum_exp(const kin_tensor *input, const kin_sets *sets, int64_t first)
{
    double most = fold(MAX, -INFINITY, input, sets, first), sum = 0;
    if (!isfinite(most)) return most;
    for (int64_t i = 0; i < sets->length; i++)
        sum += exp(kin_element(input, first + kin_sets_step(sets, i)) - most);
    return log(sum) + most;
}

static double reduce_reals(reduction what, const kin_tensor *input, const kin_sets *sets,
                           int64_t first)
{
    switch (what) {
    case L2:
        return sqrt(fold(what, 0, input, sets, first));
    case LOG_SUM:
        return log(fold(what, 0, input, sets, first));
    case LOG_SUM_EXP:
        return log_sum_exp(input, sets, first);
    case MAX:
        return fold(what, -INFINITY, input, sets, first);
    case MEAN:
        return fold(what, 0, input, sets, first) / (double)sets->length;
    case MIN:
        return fold(what, INFINITY, input, sets, first);
    case PROD:
        return fold(what, 1, input, sets, first);
    default:
        return fold(what, 0, input, sets, first);
    }
}

/* --- In integers ----------------------------------------------------------------------------- */

static bool is_integral(kin_type type, reduction what)
{
    return kin_type_in(type, KIN_TYPES_INTEGER) && what != L2 && what != LOG_SUM &&
           what != LOG_SUM_EXP;
}

/* The least or largest that a type holds: what the maximum or minimum of nothing is. */
static int64_t bound(kin_type type, bool low)
{
    unsigned bits = 8 * (unsigned)kin_type_bytes(type);
    if (kin_type_in(type, KIN_TYPES_UNSIGNED)) return low ? 0 : ((int64_t)1 << bits) - 1;
    int64_t high = (int64_t)(UINT64_MAX >> 1 >> (64 - bits));
    return low ? -high - 1 : high;
}

static uint64_t reduce_integers(reduction what, const kin_tensor *input, const kin_sets *sets,
                                int64_t first)
{
    uint64_t sum = what == PROD ? 1 : 0;
    if (what == MAX || what == MIN) sum = (uint64_t)bound(input->type, what == MAX);
    for (int64_t i = 0; i < sets->length; i++) {
        int64_t value = kin_tensor_get_int(input, first + kin_sets_step(sets, i));
        uint64_t bits = (uint64_t)value;
        if (what == MAX)
            sum = value > (int64_t)sum ? bits : sum;
        else if (what == MIN)
            sum = value < (int64_t)sum ? bits : sum;
        else if (what == PROD)
            sum *= bits;
        else if (what == SUM_SQUARE)
            sum += bits * bits;
        else
            sum += what == L1 && value < 0 ? -bits : bits;
    }
    if (what == MEAN && sets->length > 0) sum = (uint64_t)((int64_t)sum / sets->length);
    return sum;
}

static void reduce(const kin_op_call *call, reduction what)
{
    const kin_tensor *input = call->inputs[0];
    kin_tensor *output = call->outputs[0];
    kin_sets sets;
    uint32_t chosen;
    if (read_axes(call, what == SUM, &chosen, NULL) != KIN_OK) return;
    kin_sets_init(&sets, &input->shape, chosen);
    for (int64_t i = 0; i < sets.count; i++) {
        int64_t first = kin_sets_first(&sets, i);
        if (is_integral(input->type, what))
            kin_tensor_set_bits(output, i, reduce_integers(what, input, &sets, first));
        else
            kin_element_set(output, i, reduce_reals(what, input, &sets, first));
    }
}

static void run_l1(const kin_op_call *call)
{
    reduce(call, L1);
}

static void run_l2(const kin_op_call *call)
{
    reduce(call, L2);
}

static void run_log_sum(const kin_op_call *call)
{
    reduce(call, LOG_SUM);
}

static void run_log_sum_exp(const kin_op_call *call)
{
    reduce(call, LOG_SUM_EXP);
}

static void run_max(const kin_op_call *call)
{
    reduce(call, MAX);
}

static void run_mean(const kin_op_call *call)
{
    reduce(call, MEAN);
}

static void run_min(const kin_op_call *call)
{
    reduce(call, MIN);
}

static void run_prod(const kin_op_call *call)
{
    reduce(call, PROD);
}

static void run_sum(const kin_op_call *call)
{
    reduce(call, SUM);
}

static void run_sum_square(const kin_op_call *call)
{
    reduce(call, SUM_SQUARE);
}

const kin_op kin_reduce_ops[] = {
    {"ReduceL1", 1, 1, 1, infer, run_l1},
    {"ReduceL2", 1, 1, 1, infer, run_l2},
    {"ReduceLogSum", 1, 1, 1, infer, run_log_sum},
    {"ReduceLogSumExp", 1, 1, 1, infer, run_log_sum_exp},
    {"ReduceMax", 1, 1, 1, infer, run_max},
    {"ReduceMean", 1, 1, 1, infer, run_mean},
    {"ReduceMin", 1, 1, 1, infer, run_min},
    {"ReduceProd", 1, 1, 1, infer, run_prod},
    {"ReduceSum", 1, 2, 1, infer_sum, run_sum},
    {"ReduceSumSquare", 1, 1, 1, infer, run_sum_square},
    {.name = NULL},
};
