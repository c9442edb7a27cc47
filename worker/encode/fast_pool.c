#include "worker/encode/fast_pool.h"

#include "common/base/check.h"
#include "worker/encode/fuse_match.h"
#include "worker/encode/gemm_kernel.h"
#include "worker/encode/layout.h"
#include "worker/encode/op.h"
#include "worker/encode/window.h"

static kin_status no_scratch(kin_op_call *call, kin_error *error)
{
    (void)call;
    (void)error;
    return KIN_OK;
}

static kin_window window_of(const kin_op_call *call)
{
    const kin_shape *x = &call->inputs[0]->shape;
    kin_shape nchw = {.rank = 4, .dims = {x->dims[0], x->dims[3], x->dims[1], x->dims[2]}};
    kin_window window;
    kin_status status = kin_window_read(&window, KIN_WINDOW_POOL, call->node, &nchw, NULL, NULL);
    KIN_CHECK(status == KIN_OK); /* infer has read it */
    return window;
}

/* Adds a tap; runs those that are there where no more fit. */
static void add_tap(const kin_kernels *kernels, kin_pool_taps *pool, const float *tap)
{
    if (pool->count == KIN_POOL_TAPS) {
        float divisor = pool->divisor;
        pool->divisor = 0;
        kernels->pool(pool);
        pool->divisor = divisor;
        pool->goes_on = true;
        pool->count = 0;
    }
    pool->taps[pool->count++] = tap;
}

/* The taps of the picture x that are on an output. Returns their number. */
static int64_t pool_one(const kin_kernels *kernels, const kin_window_axis *h,
                        const kin_window_axis *w, int64_t oy, int64_t ox, const float *x,
                        kin_pool_taps *pool)
{
    int64_t y_first, y_until, x_first, x_until;
    kin_window_taps(h, oy, &y_first, &y_until);
    kin_window_taps(w, ox, &x_first, &x_until);
    int64_t top = kin_window_start(h, oy), left = kin_window_start(w, ox);
    for (int64_t ky = y_first; ky < y_until; ky++)
        for (int64_t kx = x_first; kx < x_until; kx++) {
            int64_t row = top + ky * h->dilation, column = left + kx * w->dilation;
            add_tap(kernels, pool, x + (size_t)(row * w->input + column) * pool->channels);
        }
    return (y_until - y_first) * (x_until - x_first);
}

/* Taps of a window that are on the input or its padding. */
static int64_t padded_taps(const kin_window_axis *axis, int64_t o)
{
    int64_t start = kin_window_start(axis, o), count = 0;
    for (int64_t k = 0; k < axis->kernel; k++)
        count += start + k * axis->dilation < axis->input + axis->pad_end;
    return count;
}

static void run_pool(const kin_op_call *call, bool maximum)
{
    const kin_kernels *kernels = kin_kernels_here();
    kin_window window = window_of(call);
    const kin_window_axis *h = &window.axes[1], *w = &window.axes[2];
    const kin_shape *in = &call->inputs[0]->shape, *out = &call->outputs[0]->shape;
    bool with_padding = kin_node_int(call->node, "count_include_pad", 0) != 0;
    size_t channels = (size_t)in->dims[3];
    float *y = call->outputs[0]->data;
    for (int64_t n = 0; n < in->dims[0]; n++) {
        const float *x = (const float *)call->inputs[0]->data + n * kin_shape_product(in, 1, 4);
        for (int64_t oy = 0; oy < out->dims[1]; oy++)
            for (int64_t ox = 0; ox < out->dims[2]; ox++, y += channels) {
                kin_pool_taps pool = {.channels = channels, .maximum = maximum, .y = y};
                int64_t count = pool_one(kernels, h, w, oy, ox, x, &pool);
                if (with_padding && !maximum) count = padded_taps(h, oy) * padded_taps(w, ox);
                if (!maximum) pool.divisor = (float)count;
                kernels->pool(&pool);
            }
    }
}

static void run_max_pool(const kin_op_call *call)
{
    run_pool(call, true);
}

static void run_average_pool(const kin_op_call *call)
{
    run_pool(call, false);
}

static void run_global(const kin_op_call *call, bool maximum)
{
    const kin_kernels *kernels = kin_kernels_here();
    const kin_shape *in = &call->inputs[0]->shape;
    size_t channels = (size_t)in->dims[3], area = (size_t)(in->dims[1] * in->dims[2]);
    const float *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data;
    for (int64_t n = 0; n < in->dims[0]; n++, y += channels) {
        kin_pool_taps pool = {
            .channels = channels, .maximum = maximum, .divisor = maximum ? 0 : (float)area, .y = y};
        for (size_t i = 0; i < area; i++, x += channels)
            add_tap(kernels, &pool, x);
        kernels->pool(&pool);
    }
}

static void run_global_max(const kin_op_call *call)
{
    run_global(call, true);
}

static void run_global_average(const kin_op_call *call)
{
    run_global(call, false);
}

static const kin_op pools[] = {
    {.name = KIN_NHWC_MAX_POOL, .infer = no_scratch, .run = run_max_pool},
    {.name = KIN_NHWC_AVERAGE_POOL, .infer = no_scratch, .run = run_average_pool},
    {.name = KIN_NHWC_GLOBAL_MAX_POOL, .infer = no_scratch, .run = run_global_max},
    {.name = KIN_NHWC_GLOBAL_AVERAGE_POOL, .infer = no_scratch, .run = run_global_average},
};

void kin_fast_prepare_pool(kin_node *node)
{
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        if (kin_match_op(node, pools[i].name)) node->implementation = &pools[i];
}
