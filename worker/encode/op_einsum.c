#include <ctype.h>
#include <string.h>

#include "worker/encode/op_elementwise.h"

/* Einsum: "ij,jk->ik" multiplies what has the same letters, and sums over the letters that the
 * result does not have. Dimensions that an ellipsis stands for broadcast; they are labels too. */

#define OPERANDS_MAX 8
#define LETTERS 52
#define ELLIPSIS LETTERS /* labels from here on: dimensions of the ellipsis, its last one last */
#define LABELS_MAX (LETTERS + KIN_TENSOR_RANK_MAX)
/* Plain loops do a hundred million products a second: minutes, not days. */
#define WORK_MAX ((int64_t)1 << 34)

typedef struct term {
    uint32_t rank; /* without the ellipsis */
    bool has_ellipsis;
    uint32_t ellipsis_at;                 /* labels in front of it */
    uint8_t letters[KIN_TENSOR_RANK_MAX]; /* [rank] */
} term;

/* One loop for each label in use: those of the result, then those that are summed over. */
typedef struct einsum_plan {
    uint32_t operand_count;
    term operands[OPERANDS_MAX], result;
    int64_t label_dims[LABELS_MAX]; /* -1: not in use */
    kin_shape shape;                /* of the result */
    uint32_t loop_count;
    int64_t dims[LABELS_MAX];                  /* [loop_count] */
    int64_t strides[OPERANDS_MAX][LABELS_MAX]; /* [operand_count][loop_count] */
} einsum_plan;

/* --- The equation ---------------------------------------------------------------------------- */

/* Reads one term, up to ',' or '-' or the end. */
static kin_status parse_term(const char **equation, term *made, kin_error *error)
{
    const char *at = *equation;
    *made = (term){.rank = 0};
    for (; *at != 0 && *at != ',' && *at != '-'; at++) {
        if (*at == ' ') continue;
        if (strncmp(at, "...", 3) == 0 && !made->has_ellipsis) {
            made->has_ellipsis = true;
            made->ellipsis_at = made->rank;
            at += 2;
            continue;
        }
        bool lower = *at >= 'a' && *at <= 'z', upper = *at >= 'A' && *at <= 'Z';
        if (!lower && !upper)
            return kin_fail(error, KIN_BAD_INPUT, "its equation has a '%c' where a letter must be",
                            isprint((unsigned char)*at) ? *at : '?');
        if (made->rank == KIN_TENSOR_RANK_MAX)
            return kin_fail(error, KIN_LIMIT, "its equation has a term of more than %d letters",
                            KIN_TENSOR_RANK_MAX);
        /* Upper case first: the order of a result that the equation does not give. */
        made->letters[made->rank++] = (uint8_t)(upper ? *at - 'A' : *at - 'a' + 26);
    }
    *equation = at;
    return KIN_OK;
}

/* Without "->": letters that are there once, in alphabetical order, behind the ellipsis. */
static kin_status implicit_result(einsum_plan *plan, kin_error *error)
{
    uint32_t times[LETTERS] = {0};
    term *result = &plan->result;
    *result = (term){.rank = 0};
    for (uint32_t o = 0; o < plan->operand_count; o++) {
        if (plan->operands[o].has_ellipsis) result->has_ellipsis = true;
        for (uint32_t i = 0; i < plan->operands[o].rank; i++)
            times[plan->operands[o].letters[i]]++;
    }
    for (uint8_t letter = 0; letter < LETTERS; letter++) {
        if (times[letter] != 1) continue;
        if (result->rank == KIN_TENSOR_RANK_MAX)
            return kin_fail(error, KIN_LIMIT, "its result has a rank above %d",
                            KIN_TENSOR_RANK_MAX);
        result->letters[result->rank++] = letter;
    }
    return KIN_OK;
}

static kin_status parse_equation(einsum_plan *plan, const char *equation, uint32_t operand_count,
                                 kin_error *error)
{
    kin_status status = KIN_OK;
    plan->operand_count = operand_count;
    for (uint32_t o = 0; o < operand_count; o++) {
        status = parse_term(&equation, &plan->operands[o], error);
        if (status != KIN_OK) return status;
        bool last = o + 1 == operand_count;
        if (last ? *equation == ',' : *equation != ',')
            return kin_fail(error, KIN_BAD_INPUT, "its equation has %s than its %u inputs",
                            last ? "more terms" : "fewer terms", operand_count);
        if (!last) equation++;
    }
    if (*equation == 0) return implicit_result(plan, error);
    if (equation[1] != '>')
        return kin_fail(error, KIN_BAD_INPUT, "its equation has a '-' without '>'");
    equation += 2;
    status = parse_term(&equation, &plan->result, error);
    if (status == KIN_OK && *equation != 0)
        status = kin_fail(error, KIN_BAD_INPUT, "its equation goes on behind its result");
    return status;
}

/* --- Dimensions ------------------------------------------------------------------------------ */

/* The label of dimension d of a tensor of that rank. */
static uint32_t label_of(const term *of, uint32_t rank, uint32_t d)
{
    uint32_t ellipsis = rank - of->rank; /* dimensions that it stands for */
    if (!of->has_ellipsis || d < of->ellipsis_at) return of->letters[d];
    if (d >= of->ellipsis_at + ellipsis) return of->letters[d - ellipsis];
    return ELLIPSIS + KIN_TENSOR_RANK_MAX - ellipsis + (d - of->ellipsis_at);
}

static kin_status measure_operand(einsum_plan *plan, uint32_t o, const kin_shape *shape,
                                  kin_error *error)
{
    const term *of = &plan->operands[o];
    if (of->has_ellipsis ? shape->rank < of->rank : shape->rank != of->rank)
        return kin_fail(error, KIN_BAD_INPUT, "its input %u has rank %u; its equation says %u", o,
                        shape->rank, of->rank);
    for (uint32_t d = 0; d < shape->rank; d++) {
        uint32_t label = label_of(of, shape->rank, d);
        int64_t *dim = &plan->label_dims[label];
        bool broadcasts = label >= ELLIPSIS && (*dim == 1 || shape->dims[d] == 1);
        if (*dim >= 0 && *dim != shape->dims[d] && !broadcasts)
            return kin_fail(error, KIN_BAD_INPUT,
                            "a label of its equation stands for dimensions of %lld and %lld",
                            (long long)*dim, (long long)shape->dims[d]);
        if (*dim < 0 || *dim == 1) *dim = shape->dims[d];
    }
    return KIN_OK;
}

/* Adds the loop of a label; used says which have one. */
static void add_loop(einsum_plan *plan, const kin_op_call *call, uint32_t label, bool *used)
{
    uint32_t loop = plan->loop_count++;
    used[label] = true;
    plan->dims[loop] = plan->label_dims[label];
    for (uint32_t o = 0; o < plan->operand_count; o++) {
        const kin_shape *shape = &call->inputs[o]->shape;
        int64_t strides[KIN_TENSOR_RANK_MAX];
        kin_shape_strides(shape, strides);
        plan->strides[o][loop] = 0;
        /* A letter that is there twice is a diagonal: both strides. */
        for (uint32_t d = 0; d < shape->rank; d++)
            if (label_of(&plan->operands[o], shape->rank, d) == label && shape->dims[d] != 1)
                plan->strides[o][loop] += strides[d];
    }
}

static kin_status plan_result(einsum_plan *plan, const kin_op_call *call, bool *used,
                              kin_error *error)
{
    const term *result = &plan->result;
    uint32_t ellipsis = 0;
    for (uint32_t i = 0; i < KIN_TENSOR_RANK_MAX && result->has_ellipsis; i++)
        if (plan->label_dims[ELLIPSIS + i] >= 0) ellipsis++;
    plan->shape.rank = result->rank + ellipsis;
    if (plan->shape.rank > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "its result has a rank above %d", KIN_TENSOR_RANK_MAX);
    for (uint32_t d = 0; d < plan->shape.rank; d++) {
        uint32_t label = label_of(result, plan->shape.rank, d);
        if (plan->label_dims[label] < 0 || used[label])
            return kin_fail(error, KIN_BAD_INPUT, "the result of its equation has a letter %s",
                            used[label] ? "twice" : "that no input has");
        plan->shape.dims[d] = plan->label_dims[label];
        add_loop(plan, call, label, used);
    }
    return KIN_OK;
}

static kin_status make_plan(einsum_plan *plan, const kin_op_call *call, kin_error *error)
{
    bool used[LABELS_MAX] = {false};
    int64_t work = 1;
    *plan = (einsum_plan){.operand_count = 0};
    for (uint32_t label = 0; label < LABELS_MAX; label++)
        plan->label_dims[label] = -1;
    kin_status status =
        parse_equation(plan, kin_node_string(call->node, "equation", ""), call->input_count, error);
    for (uint32_t o = 0; status == KIN_OK && o < call->input_count; o++)
        status = measure_operand(plan, o, &call->inputs[o]->shape, error);
    if (status == KIN_OK) status = plan_result(plan, call, used, error);
    if (status != KIN_OK) return status;
    for (uint32_t label = 0; label < LABELS_MAX; label++)
        if (plan->label_dims[label] >= 0 && !used[label]) add_loop(plan, call, label, used);
    for (uint32_t l = 0; l < plan->loop_count; l++) {
        if (plan->dims[l] > 0 && work > WORK_MAX / plan->dims[l])
            return kin_fail(error, KIN_LIMIT, "its equation takes more than 2^34 products");
        work *= plan->dims[l] == 0 ? 1 : plan->dims[l];
    }
    return KIN_OK;
}

static kin_status einsum_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {{"equation", KIN_ATTRIBUTE_STRING}};
    static const uint32_t types =
        KIN_TYPE_BIT(KIN_TYPE_FLOAT) | KIN_TYPE_BIT(KIN_TYPE_DOUBLE) | KIN_TYPES_INTEGER;
    einsum_plan plan;
    kin_status status = kin_op_require_node(call, known, 1, error);
    if (status == KIN_OK && (call->input_count == 0 || call->input_count > OPERANDS_MAX))
        status = kin_fail(error, KIN_LIMIT, "it has %u inputs; it takes 1 to %d", call->input_count,
                          OPERANDS_MAX);
    for (uint32_t i = 0; status == KIN_OK && i < call->input_count; i++) {
        status = kin_op_require_types(call, i, types, error);
        if (status == KIN_OK) status = kin_op_require_same(call, 0, i, error);
    }
    if (status == KIN_OK) status = make_plan(&plan, call, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &plan.shape, error);
}

/* --- Running --------------------------------------------------------------------------------- */

/* Steps the innermost of the loops [from, until) that does not start anew; false: all did. */
static bool step(const einsum_plan *plan, uint32_t from, uint32_t until, int64_t *index,
                 int64_t *offsets)
{
    for (uint32_t l = until; l-- > from;) {
        bool carry = ++index[l] == plan->dims[l];
        for (uint32_t o = 0; o < plan->operand_count; o++)
            offsets[o] += plan->strides[o][l] * (carry ? 1 - plan->dims[l] : 1);
        if (!carry) return true;
        index[l] = 0;
    }
    return false;
}

/* The sum of products over the loops behind the result's, from where offsets stand; offsets are
 * then as before. */
#define SUM_OF_PRODUCTS(function, T)                                                    \
    static T function(const einsum_plan *plan, const kin_op_call *call, int64_t *index, \
                      int64_t *offsets)                                                 \
    {                                                                                   \
        T sum = 0;                                                                      \
        do {                                                                            \
            T product = ((const T *)call->inputs[0]->data)[offsets[0]];                 \
            for (uint32_t o = 1; o < plan->operand_count; o++)                          \
                product *= ((const T *)call->inputs[o]->data)[offsets[o]];              \
            sum += product;                                                             \
        } while (step(plan, plan->shape.rank, plan->loop_count, index, offsets));       \
        return sum;                                                                     \
    }
SUM_OF_PRODUCTS(sum_of_floats, float)
SUM_OF_PRODUCTS(sum_of_doubles, double)

static uint64_t sum_of_integers(const einsum_plan *plan, const kin_op_call *call, int64_t *index,
                                int64_t *offsets)
{
    uint64_t sum = 0;
    do {
        uint64_t product = 1;
        for (uint32_t o = 0; o < plan->operand_count; o++)
            product *= (uint64_t)kin_tensor_get_int(call->inputs[o], offsets[o]);
        sum += product;
    } while (step(plan, plan->shape.rank, plan->loop_count, index, offsets));
    return sum;
}

static void einsum_run(const kin_op_call *call)
{
    kin_tensor *out = call->outputs[0];
    int64_t index[LABELS_MAX] = {0}, offsets[OPERANDS_MAX] = {0}, at = 0;
    einsum_plan plan;
    bool empty = false;
    if (kin_tensor_count(out) == 0 || make_plan(&plan, call, NULL) != KIN_OK) return;
    for (uint32_t l = 0; l < plan.loop_count; l++)
        empty = empty || plan.dims[l] == 0;
    if (empty) {
        memset(out->data, 0, kin_tensor_bytes(out));
        return;
    }
    do {
        if (out->type == KIN_TYPE_FLOAT)
            ((float *)out->data)[at++] = sum_of_floats(&plan, call, index, offsets);
        else if (out->type == KIN_TYPE_DOUBLE)
            ((double *)out->data)[at++] = sum_of_doubles(&plan, call, index, offsets);
        else
            kin_tensor_set_bits(out, at++, sum_of_integers(&plan, call, index, offsets));
    } while (step(&plan, 0, plan.shape.rank, index, offsets));
}

const kin_op kin_einsum_ops[] = {
    {"Einsum", 1, OPERANDS_MAX, 1, einsum_infer, einsum_run},
    {.name = NULL},
};
