/* Resize and Upsample: every axis for itself says which elements of the input make an element of
 * the result, and with what weights (its taps); an element is the sum over the taps of all axes. */
#include "worker/encode/op_resize.h"

#include <string.h>

#include "common/base/check.h"
#include "worker/encode/op_args.h"
#include "worker/encode/op_element.h"
#include "worker/encode/strided.h"

/* Elements of a row that are summed at once. */
#define CHUNK 256

/* The taps of every element along every axis; they lie in the scratch. */
typedef struct tables {
    const kin_resize *resize;
    const kin_tap *axes[KIN_TENSOR_RANK_MAX]; /* [dim of the result][taps]; NULL: the identity */
    int64_t strides[KIN_TENSOR_RANK_MAX];     /* of the input */
} tables;

/* A row of the result, or a part of one. */
typedef struct part {
    const int64_t *at; /* its coordinates, but for the last */
    int64_t x, count;  /* elements of the last axis */
    double *sums;      /* [count] */
} part;

static kin_status resize_infer(kin_op_call *call, kin_error *error)
{
    kin_resize resize;
    kin_status status = kin_resize_plan(call, &resize, error);
    if (status != KIN_OK) return status;
    size_t taps = 0;
    for (uint32_t i = 0; i < resize.shape.rank; i++)
        if (!resize.axes[i].identity) taps += (size_t)resize.shape.dims[i] * resize.taps;
    call->scratch_bytes = taps * sizeof(kin_tap);
    return kin_op_output(call, 0, call->inputs[0]->type, &resize.shape, error);
}

static void make_tables(const kin_op_call *call, const kin_resize *resize, tables *t)
{
    kin_tap *next = call->scratch;
    *t = (tables){.resize = resize};
    kin_shape_strides(&call->inputs[0]->shape, t->strides);
    for (uint32_t i = 0; i < resize->shape.rank; i++) {
        if (resize->axes[i].identity) continue;
        t->axes[i] = next;
        for (int64_t x = 0; x < resize->shape.dims[i]; x++, next += resize->taps)
            kin_resize_taps(resize, i, x, next);
    }
}

/* Whether ONNX wants the value for what lies outside: at element x of an axis. */
static bool is_outside(const tables *t, uint32_t axis, int64_t x)
{
    return t->axes[axis] != NULL && t->axes[axis][x * t->resize->taps].index < 0;
}

/* Nearest: elements as they are, whatever their type. */
static void copy_row(const tables *t, const kin_tensor *from, const int64_t *at, char *to)
{
    uint32_t last = t->resize->shape.rank - 1;
    int64_t length = t->resize->shape.dims[last], source = 0;
    size_t bytes = kin_type_bytes(from->type);
    for (uint32_t i = 0; i < last; i++)
        source += (t->axes[i] == NULL ? at[i] : t->axes[i][at[i]].index) * t->strides[i];
    const char *row = (const char *)from->data + (size_t)source * bytes;
    const kin_tap *taps = t->axes[last];
    if (taps == NULL) {
        memcpy(to, row, (size_t)length * bytes);
        return;
    }
    for (int64_t x = 0; x < length; x++)
        if (taps[x].index >= 0)
            memcpy(to + (size_t)x * bytes, row + (size_t)taps[x].index * bytes, bytes);
}

/* Adds weight times what a row of the input gives. */
static void add_row(const tables *t, const kin_tensor *from, const part *p, int64_t source,
                    double weight)
{
    uint32_t last = t->resize->shape.rank - 1, taps = t->resize->taps;
    if (t->axes[last] == NULL) {
        for (int64_t i = 0; i < p->count; i++)
            p->sums[i] += weight * kin_element(from, source + p->x + i);
        return;
    }
    const kin_tap *tap = t->axes[last] + p->x * taps;
    for (int64_t i = 0; i < p->count; i++, tap += taps) {
        double sum = 0;
        for (uint32_t k = 0; k < taps; k++)
            if (tap[k].weight != 0) /* 0 times infinity is none */
                sum += tap[k].weight * kin_element(from, source + tap[k].index);
        p->sums[i] += weight * sum;
    }
}

/* Adds the taps of an axis, each with all taps of the axes within it. */
static void add_rows(const tables *t, const kin_tensor *from, const part *p, uint32_t axis,
                     int64_t source, double weight)
{
    if (axis + 1 == t->resize->shape.rank) {
        add_row(t, from, p, source, weight);
        return;
    }
    kin_tap same = {.index = p->at[axis], .weight = 1};
    const kin_tap *taps = t->axes[axis];
    uint32_t count = taps == NULL ? 1 : t->resize->taps;
    taps = taps == NULL ? &same : taps + p->at[axis] * count;
    for (uint32_t k = 0; k < count; k++)
        if (taps[k].weight != 0)
            add_rows(t, from, p, axis + 1, source + taps[k].index * t->strides[axis],
                     weight * taps[k].weight);
}

static void sum_row(const tables *t, const kin_tensor *from, const int64_t *at, kin_tensor *to,
                    int64_t first)
{
    int64_t length = t->resize->shape.dims[t->resize->shape.rank - 1];
    double sums[CHUNK];
    for (int64_t x = 0; x < length; x += CHUNK) {
        part p = {.at = at, .x = x, .count = length - x < CHUNK ? length - x : CHUNK, .sums = sums};
        memset(sums, 0, sizeof sums);
        add_rows(t, from, &p, 0, 0, 1);
        for (int64_t i = 0; i < p.count; i++)
            kin_element_set(to, first + x + i, sums[i]);
    }
}

static void resize_run(const kin_op_call *call)
{
    const kin_tensor *from = call->inputs[0];
    kin_tensor *to = kin_op_result(call, 0);
    kin_resize resize;
    tables t;
    if (to == NULL) return;
    kin_status status = kin_resize_plan(call, &resize, NULL);
    KIN_CHECK(status == KIN_OK);
    make_tables(call, &resize, &t);
    uint32_t last = to->shape.rank - 1;
    int64_t rows = kin_shape_product(&to->shape, 0, last), length = to->shape.dims[last];
    int64_t at[KIN_TENSOR_RANK_MAX];
    for (int64_t row = 0; row < rows; row++) {
        bool outside = false;
        kin_unravel(row, to->shape.dims, last, at);
        for (uint32_t i = 0; i < last; i++)
            outside |= is_outside(&t, i, at[i]);
        if (!outside && resize.mode == KIN_RESIZE_NEAREST)
            copy_row(&t, from, at,
                     (char *)to->data + (size_t)(row * length) * kin_type_bytes(to->type));
        else if (!outside)
            sum_row(&t, from, at, to, row * length);
        for (int64_t x = 0; x < length; x++)
            if (outside || is_outside(&t, last, x))
                kin_element_set(to, row * length + x, (double)resize.extrapolation);
    }
}

const kin_op kin_resize_ops[] = {
    {"Resize", 1, 4, 1, resize_infer, resize_run},
    {"Upsample", 1, 2, 1, resize_infer, resize_run},
    {.name = NULL},
};
