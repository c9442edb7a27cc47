#include "worker/train/descent.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/train/floats.h"

/* Parts begin at multiples of a cache line. */
#define PART_FLOATS 16
/* Nodes of the tree that are open at once: one a level. */
#define LEVELS_MAX 8

/* The sum of slices [index << level, (index + 1) << level). */
typedef struct node {
    unsigned level;
    size_t index;
    float *sums;
} node;

/* Nodes whose siblings are not there yet, in the order of their slices. */
typedef struct tree {
    node open[LEVELS_MAX];
    size_t count;
} tree;

struct kin_descent {
    const kin_train_context *context;
    kin_descent_options options;
    kin_span *decayed;
    size_t values;
    tree own;
    float *buffers[LEVELS_MAX]; /* [values]: of this rank's open nodes */
    size_t pushed;
    float *received;        /* [nodes of all ranks][values of this rank's part] */
    kin_span *sent, *parts; /* [ranks] */
    float *first, *second;  /* moments of this rank's part of the parameters */
    uint64_t steps;
};

kin_span kin_batch_owned(const kin_train_context *context)
{
    kin_span owned = {0, 0};
    for (size_t k = 0; k < KIN_BATCH_SLICES; k++) {
        if ((int)(k * (size_t)context->ranks / KIN_BATCH_SLICES) != context->rank) continue;
        if (owned.count == 0) owned.at = k;
        owned.count++;
    }
    return owned;
}

kin_span kin_batch_rows(size_t rows, size_t k)
{
    size_t first = rows * k / KIN_BATCH_SLICES;
    return (kin_span){first, rows * (k + 1) / KIN_BATCH_SLICES - first};
}

/* The slices of another rank. */
static kin_span owned_by(const kin_train_context *context, int rank)
{
    kin_train_context other = *context;
    other.rank = rank;
    return kin_batch_owned(&other);
}

kin_status kin_batch_gather(const kin_train_context *context, size_t batch_rows, size_t width,
                            float *rows, kin_error *error)
{
    size_t ranks = (size_t)context->ranks;
    if (ranks == 1) return KIN_OK;
    kin_span *sent = kin_calloc(ranks, sizeof *sent), *received = kin_calloc(ranks, sizeof *sent);
    for (size_t r = 0; r < ranks; r++) {
        kin_span owned = owned_by(context, (int)r);
        if (owned.count == 0) continue;
        kin_span last = kin_batch_rows(batch_rows, owned.at + owned.count - 1);
        received[r].at = kin_batch_rows(batch_rows, owned.at).at * width;
        received[r].count = (last.at + last.count) * width - received[r].at;
    }
    for (size_t r = 0; r < ranks; r++)
        sent[r] = received[context->rank];
    kin_status status = context->exchange(context->user, rows, sent, rows, received, error);
    free(sent);
    free(received);
    return status;
}

/* The part of the values that a rank sums and updates. */
static kin_span part_of(size_t values, size_t ranks, size_t rank)
{
    size_t blocks = (values + PART_FLOATS - 1) / PART_FLOATS;
    size_t first = blocks * rank / ranks * PART_FLOATS;
    size_t end = blocks * (rank + 1) / ranks * PART_FLOATS;
    if (end > values) end = values;
    return (kin_span){first < end ? first : end, first < end ? end - first : 0};
}

/* Adds a node of count numbers, and its parents as far as their other halves are there. */
static void push_node(tree *t, node added, size_t count)
{
    while (t->count > 0 && added.index % 2 == 1) {
        node *left = &t->open[t->count - 1];
        if (left->level != added.level || left->index != added.index - 1) break;
        if (added.sums != NULL) kin_floats_add(left->sums, added.sums, count);
        added = (node){left->level + 1, left->index / 2, left->sums};
        t->count--;
    }
    KIN_CHECK(t->count < LEVELS_MAX);
    t->open[t->count++] = added;
}

/* The nodes that are left open when a rank's slices are pushed; without sums. */
static tree shape_of(const kin_train_context *context, int rank)
{
    tree shape = {.count = 0};
    kin_span owned = owned_by(context, rank);
    for (size_t k = owned.at; k < owned.at + owned.count; k++)
        push_node(&shape, (node){0, k, NULL}, 0);
    return shape;
}

kin_descent *kin_descent_new(const kin_train_context *context, const kin_descent_options *options)
{
    kin_descent *descent = kin_calloc(1, sizeof *descent);
    size_t ranks = (size_t)context->ranks, nodes = 0;
    descent->context = context;
    descent->options = *options;
    descent->decayed = kin_calloc(options->decayed_count, sizeof *descent->decayed);
    if (options->decayed_count > 0)
        memcpy(descent->decayed, options->decayed,
               options->decayed_count * sizeof *descent->decayed);
    descent->values = options->parameters + options->statistics + options->extras;
    descent->sent = kin_calloc(ranks, sizeof *descent->sent);
    descent->parts = kin_calloc(ranks, sizeof *descent->parts);
    for (size_t r = 0; r < ranks; r++) {
        descent->parts[r] = part_of(descent->values, ranks, r);
        nodes += shape_of(context, (int)r).count;
    }
    size_t part = descent->parts[context->rank].count;
    if (ranks > 1) descent->received = kin_malloc(nodes * part * sizeof(float));
    descent->first = kin_calloc(part, sizeof(float));
    descent->second = kin_calloc(options->method == KIN_DESCENT_ADAM ? part : 0, sizeof(float));
    return descent;
}

void kin_descent_destroy(kin_descent **descent)
{
    if (*descent == NULL) return;
    for (size_t i = 0; i < LEVELS_MAX; i++)
        free((*descent)->buffers[i]);
    free((*descent)->decayed);
    free((*descent)->received);
    free((*descent)->sent);
    free((*descent)->parts);
    free((*descent)->first);
    free((*descent)->second);
    free(*descent);
    *descent = NULL;
}

/* One more buffer than nodes are open: an open node's sums are its buffer's. */
float *kin_descent_slice(kin_descent *descent)
{
    size_t i = descent->own.count;
    if (descent->buffers[i] == NULL)
        descent->buffers[i] = kin_malloc(descent->values * sizeof(float));
    return descent->buffers[i];
}

void kin_descent_push(kin_descent *descent)
{
    kin_span owned = kin_batch_owned(descent->context);
    KIN_CHECK(descent->pushed < owned.count);
    node leaf = {0, owned.at + descent->pushed++, descent->buffers[descent->own.count]};
    push_node(&descent->own, leaf, descent->values);
}

/* Every rank's open nodes, this rank's part of them; the sum of all is in *sums. */
static kin_status reduce(kin_descent *descent, const float **sums, kin_error *error)
{
    const kin_train_context *context = descent->context;
    size_t ranks = (size_t)context->ranks, rank = (size_t)context->rank, most = 0, at = 0;
    kin_span part = descent->parts[rank];
    kin_status status = KIN_OK;
    tree *shapes = kin_calloc(ranks, sizeof *shapes), all = {.count = 0};
    kin_span *received = kin_calloc(ranks, sizeof *received);
    for (size_t r = 0; r < ranks; r++) {
        shapes[r] = shape_of(context, (int)r);
        if (shapes[r].count > most) most = shapes[r].count;
        for (size_t i = 0; i < shapes[r].count; i++, at += part.count)
            shapes[r].open[i].sums = descent->received + at;
    }
    for (size_t i = 0; status == KIN_OK && i < most; i++) {
        bool sends = i < descent->own.count;
        for (size_t r = 0; r < ranks; r++) {
            descent->sent[r] = sends ? descent->parts[r] : (kin_span){0, 0};
            received[r] = (kin_span){0, 0};
            if (i < shapes[r].count)
                received[r] =
                    (kin_span){(size_t)(shapes[r].open[i].sums - descent->received), part.count};
        }
        const float *send = sends ? descent->own.open[i].sums : descent->received;
        if (sends) memcpy(shapes[rank].open[i].sums, send + part.at, part.count * sizeof *send);
        status = context->exchange(context->user, send, descent->sent, descent->received, received,
                                   error);
    }
    for (size_t r = 0; r < ranks; r++)
        for (size_t i = 0; i < shapes[r].count; i++)
            push_node(&all, shapes[r].open[i], part.count);
    *sums = all.open[0].sums;
    free(received);
    free(shapes);
    return status;
}

/* Parameters [from, until) of this rank's part, which are all decayed or all not. */
static void move_run(const kin_descent *descent, const float *sums, float *values, size_t from,
                     size_t until, double rate, double decay)
{
    const kin_descent_options *o = &descent->options;
    size_t at = from - descent->parts[descent->context->rank].at, count = until - from;
    double steps = (double)descent->steps;
    if (o->method == KIN_DESCENT_MOMENTUM)
        kin_floats_momentum(values + from, descent->first + at, sums + at, count,
                            (float)o->momentum, (float)decay, (float)rate);
    else
        kin_floats_adam(values + from, descent->first + at, descent->second + at, sums + at, count,
                        (float)o->momentum, (float)o->second, (float)(rate * decay),
                        (float)(rate / (1 - pow(o->momentum, steps))),
                        (float)(1 / (1 - pow(o->second, steps))));
}

/* This rank's part of the parameters; decayed spans are ascending. */
static void move_parameters(const kin_descent *descent, const float *sums, float *values,
                            double rate)
{
    kin_span part = descent->parts[descent->context->rank];
    size_t at = part.at, end = part.at + part.count;
    if (end > descent->options.parameters) end = descent->options.parameters;
    for (size_t i = 0; at < end && i < descent->options.decayed_count; i++) {
        size_t from = descent->decayed[i].at, until = from + descent->decayed[i].count;
        if (until <= at) continue;
        if (from > end) from = end;
        if (until > end) until = end;
        if (from > at) move_run(descent, sums, values, at, from, rate, 0);
        if (from < at) from = at;
        move_run(descent, sums, values, from, until, rate, descent->options.decay);
        at = until;
    }
    if (at < end) move_run(descent, sums, values, at, end, rate, 0);
}

static void move_statistics(const kin_descent *descent, const float *sums, float *values)
{
    kin_span part = descent->parts[descent->context->rank];
    size_t statistics = descent->options.parameters;
    size_t extras = statistics + descent->options.statistics;
    float share = (float)descent->options.statistics_at;
    for (size_t i = 0; i < part.count; i++) {
        size_t at = part.at + i;
        if (at >= extras)
            values[at] = sums[i];
        else if (at >= statistics)
            values[at] += share * (sums[i] / KIN_BATCH_SLICES - values[at]);
    }
}

kin_status kin_descent_step(kin_descent *descent, float *values, double rate, kin_error *error)
{
    const kin_train_context *context = descent->context;
    KIN_CHECK(descent->pushed == kin_batch_owned(context).count);
    const float *sums = NULL;
    kin_status status = KIN_OK;
    if (context->ranks == 1)
        sums = descent->own.open[0].sums;
    else
        status = reduce(descent, &sums, error);
    descent->own.count = descent->pushed = 0;
    if (status != KIN_OK) return status;
    descent->steps++;
    move_parameters(descent, sums, values, rate);
    move_statistics(descent, sums, values);
    if (context->ranks == 1) return KIN_OK;
    for (int r = 0; r < context->ranks; r++)
        descent->sent[r] = descent->parts[context->rank];
    return context->exchange(context->user, values, descent->sent, values, descent->parts, error);
}

/* The state: steps (8 bytes), then the moments of all values. */
size_t kin_descent_state_bytes(const kin_descent *descent)
{
    size_t moments = descent->options.method == KIN_DESCENT_ADAM ? 2 : 1;
    return 8 + moments * descent->values * sizeof(float);
}

kin_status kin_descent_save(kin_descent *descent, kin_buffer *state, kin_error *error)
{
    const kin_train_context *context = descent->context;
    kin_span part = descent->parts[context->rank];
    float *all = kin_malloc(descent->values * sizeof *all);
    float *const moments[] = {descent->first, descent->second};
    kin_status status = KIN_OK;
    kin_buffer_append_le64(state, descent->steps);
    for (int r = 0; r < context->ranks; r++)
        descent->sent[r] = part;
    for (int i = 0; status == KIN_OK && i < 2; i++) {
        if (i == 1 && descent->options.method != KIN_DESCENT_ADAM) break;
        memcpy(all + part.at, moments[i], part.count * sizeof *all);
        if (context->ranks > 1)
            status =
                context->exchange(context->user, all, descent->sent, all, descent->parts, error);
        kin_buffer_append(state, all, descent->values * sizeof *all);
    }
    free(all);
    return status;
}

void kin_descent_load(kin_descent *descent, const uint8_t *state)
{
    kin_span part = descent->parts[descent->context->rank];
    float *const moments[] = {descent->first, descent->second};
    descent->steps = kin_load_le64(state);
    for (int i = 0; i < 2; i++) {
        if (i == 1 && descent->options.method != KIN_DESCENT_ADAM) break;
        memcpy(moments[i], state + 8 + ((size_t)i * descent->values + part.at) * sizeof *moments[i],
               part.count * sizeof *moments[i]);
    }
}
