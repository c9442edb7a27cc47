#include "worker/train/rbm_stack.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/train/rbm.h"

enum { SEED_RBM = 100, DEPTH_MAX = KIN_HASHER_LAYERS_MAX };

struct kin_rbm_stack {
    const size_t *widths;
    size_t depth;
    bool linear;
    const kin_visible *visible;
    size_t level;                 /* of the machine that learns now */
    float *parameters[DEPTH_MAX]; /* of those before it */
    float *input, *levels[2], *scratch;
};

static kin_rbm machine(const kin_rbm_stack *stack, size_t l)
{
    return (kin_rbm){stack->widths[l], stack->widths[l + 1], l == 0 && !stack->visible->binary,
                     l + 1 == stack->depth && stack->linear};
}

static void widest(const size_t *widths, size_t depth, size_t rows, size_t *hidden, size_t *scratch)
{
    *hidden = *scratch = 0;
    for (size_t l = 0; l < depth; l++) {
        size_t floats = kin_rbm_scratch(&(kin_rbm){widths[l], widths[l + 1], false, false}, rows);
        if (floats > *scratch) *scratch = floats;
        if (widths[l + 1] > *hidden) *hidden = widths[l + 1];
    }
}

kin_rbm_stack *kin_rbm_stack_new(const size_t *widths, size_t depth, bool linear,
                                 const kin_visible *visible, size_t rows)
{
    KIN_CHECK(depth <= DEPTH_MAX);
    kin_rbm_stack *stack = kin_calloc(1, sizeof *stack);
    size_t hidden, scratch;
    stack->widths = widths;
    stack->depth = depth;
    stack->linear = linear;
    stack->visible = visible;
    widest(widths, depth, rows, &hidden, &scratch);
    stack->input = kin_malloc(rows * widths[0] * sizeof(float));
    stack->levels[0] = kin_malloc(rows * hidden * sizeof(float));
    stack->levels[1] = kin_malloc(rows * hidden * sizeof(float));
    stack->scratch = kin_malloc(scratch * sizeof(float));
    return stack;
}

void kin_rbm_stack_destroy(kin_rbm_stack **stack)
{
    if (*stack == NULL) return;
    for (size_t l = 0; l < DEPTH_MAX; l++)
        free((*stack)->parameters[l]);
    free((*stack)->input);
    free((*stack)->levels[0]);
    free((*stack)->levels[1]);
    free((*stack)->scratch);
    free(*stack);
    *stack = NULL;
}

const float *kin_rbm_stack_parameters(const kin_rbm_stack *stack, size_t l)
{
    KIN_CHECK(l < stack->depth && stack->parameters[l] != NULL);
    return stack->parameters[l];
}

size_t kin_rbm_stack_bytes(const size_t *widths, size_t depth, size_t rows)
{
    size_t hidden, floats;
    widest(widths, depth, rows, &hidden, &floats);
    floats += rows * (widths[0] + 2 * hidden);
    for (size_t l = 0; l < depth; l++)
        floats += kin_rbm_parameters(&(kin_rbm){widths[l], widths[l + 1], false, false});
    return floats * sizeof(float);
}

/* What the machines that are learned make of a slice: the next one's visible units. */
static const float *climb(kin_rbm_stack *stack, const kin_fit_slice *slice)
{
    const float *visible = stack->input;
    kin_visible_rows(stack->visible, slice->rows, slice->count, stack->widths[0], stack->input);
    for (size_t l = 0; l < stack->level; l++) {
        kin_rbm below = machine(stack, l);
        kin_rbm_up(&below, stack->parameters[l], visible, slice->count, stack->levels[l % 2]);
        visible = stack->levels[l % 2];
    }
    return visible;
}

static void learn_slice(void *user, const float *values, const kin_fit_slice *slice,
                        float *gradient)
{
    kin_rbm_stack *stack = user;
    kin_rbm rbm = machine(stack, stack->level);
    double weight = 1 / (double)slice->batch_rows;
    const float *visible = climb(stack, slice);
    double error = kin_rbm_divergence(&rbm, values, visible, slice->count, weight, slice->seed,
                                      stack->scratch, gradient) *
                   weight;
    float *extras = gradient + kin_rbm_parameters(&rbm);
    extras[KIN_FIT_LOSS] = (float)error;
    extras[KIN_FIT_ERROR] = (float)(error / (double)rbm.visible);
}

kin_status kin_rbm_stack_learn(kin_rbm_stack *stack, const kin_train_context *context,
                               const kin_train_options *options, const kin_train_source *source,
                               const kin_fit_split *split, double start, double end,
                               kin_keeper *keeper, kin_buffer *curve, kin_error *error)
{
    static const char *const names[] = {"rbm 1", "rbm 2", "rbm 3", "rbm 4", "rbm 5",
                                        "rbm 6", "rbm 7", "rbm 8", "rbm 9"};
    kin_status status = KIN_OK;
    double step = (end - start) / (double)stack->depth;
    for (size_t l = 0; status == KIN_OK && l < stack->depth; l++) {
        kin_rbm rbm = machine(stack, l);
        size_t parameters = kin_rbm_parameters(&rbm);
        float *values = kin_calloc(parameters + KIN_FIT_ONES, sizeof *values);
        kin_rbm_init(&rbm, kin_train_seed(options->seed, SEED_RBM, l), values);
        kin_fit_problem problem = {.user = stack,
                                   .parameters = parameters,
                                   .decayed = &(kin_span){0, rbm.visible * rbm.hidden},
                                   .decayed_count = 1,
                                   .decay = 2e-4,
                                   .slice = learn_slice};
        /* Gaussian units want a rate that is one or two orders smaller (Hinton 2010). */
        bool gaussian = rbm.gaussian || rbm.linear;
        kin_fit_plan plan = {.name = names[l],
                             .phase = (unsigned)l,
                             .epochs = options->pretrain_epochs,
                             .batch = options->batch,
                             .patience = UINT32_MAX,
                             .rate = options->pretrain_rate * (gaussian ? 0.02 : 1),
                             .constant_rate = true,
                             .method = KIN_DESCENT_MOMENTUM,
                             .momentum = 0.9,
                             .start = start + step * (double)l,
                             .end = start + step * (double)(l + 1)};
        stack->level = l;
        stack->parameters[l] = values;
        status =
            kin_fit(context, options, source, split, &problem, &plan, keeper, values, curve, error);
    }
    return status;
}
