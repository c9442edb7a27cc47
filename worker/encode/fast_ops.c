#include "worker/encode/fast_ops.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/convolution.h"
#include "worker/encode/fast_pool.h"
#include "worker/encode/fuse.h"
#include "worker/encode/fuse_match.h"
#include "worker/encode/gemm_kernel.h"
#include "worker/encode/layout.h"
#include "worker/encode/window.h"

static kin_status no_scratch(kin_op_call *call, kin_error *error)
{
    (void)call;
    (void)error;
    return KIN_OK;
}

static const float *floats_of(const kin_tensor *tensor)
{
    return tensor == NULL ? NULL : tensor->data;
}

/* --- Convolutions ---------------------------------------------------------------------------- */

static kin_status convolution_scratch(kin_op_call *call, kin_error *error)
{
    (void)error;
    call->scratch_bytes = kin_convolution_scratch_bytes(kin_node_fused(call->node)->prepared);
    return KIN_OK;
}

static void run_convolution(const kin_op_call *call)
{
    const kin_convolution *convolution = kin_node_fused(call->node)->prepared;
    const kin_shape *in = &call->inputs[0]->shape, *out = &call->outputs[0]->shape;
    size_t in_each = (size_t)kin_shape_product(in, 1, 4);
    size_t out_each = (size_t)kin_shape_product(out, 1, 4);
    const float *input = call->inputs[0]->data, *sum = floats_of(call->inputs[3]);
    float *output = call->outputs[0]->data;
    for (int64_t n = 0; n < in->dims[0]; n++) {
        kin_convolution_run(convolution, input, (size_t)in->dims[3], output, (size_t)out->dims[3],
                            sum, (size_t)out->dims[3], call->scratch);
        input += in_each;
        output += out_each;
        if (sum != NULL) sum += out_each;
    }
}

static void destroy_convolution(void *prepared)
{
    kin_convolution *convolution = prepared;
    kin_convolution_destroy(&convolution);
}

static const kin_op fast_convolution = {
    .name = KIN_FUSED_CONVOLUTION, .infer = convolution_scratch, .run = run_convolution};

static void prepare_convolution(kin_graph *graph, kin_node *node)
{
    kin_fused *fused = kin_node_fused(node);
    const kin_shape *nhwc = &graph->values[node->inputs[0]].tensor.shape;
    const kin_shape *weights = &graph->values[node->inputs[1]].tensor.shape;
    kin_shape nchw = {.rank = 4,
                      .dims = {nhwc->dims[0], nhwc->dims[3], nhwc->dims[1], nhwc->dims[2]}};
    kin_window window;
    kin_status status =
        kin_window_read(&window, KIN_WINDOW_CONVOLUTION, node, &nchw, weights, NULL);
    KIN_CHECK(status == KIN_OK); /* infer has read it */
    const kin_window_axis *h = &window.axes[1], *w = &window.axes[2];
    kin_convolution_spec spec = {
        .groups = (uint32_t)kin_node_int(node, "group", 1),
        .channels_in = (uint32_t)nchw.dims[1],
        .channels_out = (uint32_t)weights->dims[0],
        .height = (uint32_t)h->input,
        .width = (uint32_t)w->input,
        .kernel_h = (uint32_t)h->kernel,
        .kernel_w = (uint32_t)w->kernel,
        .stride_h = (uint32_t)h->stride,
        .stride_w = (uint32_t)w->stride,
        .dilation_h = (uint32_t)h->dilation,
        .dilation_w = (uint32_t)w->dilation,
        .pad_top = (uint32_t)h->pad_begin,
        .pad_left = (uint32_t)w->pad_begin,
        .pad_bottom = (uint32_t)h->pad_end,
        .pad_right = (uint32_t)w->pad_end,
        .weights = graph->values[node->inputs[1]].tensor.data,
        .bias = kin_match_floats(graph, node->inputs[2]),
        .activation = fused->activation,
    };
    fused->depth = (uint64_t)kin_shape_product(weights, 1, 4);
    fused->parameters =
        (uint64_t)kin_shape_count(weights) + (spec.bias == NULL ? 0 : spec.channels_out);
    fused->prepared = kin_convolution_new(&spec);
    fused->destroy = destroy_convolution;
    node->implementation = &fast_convolution;
}

/* --- Products -------------------------------------------------------------------------------- */

static void run_linear(const kin_op_call *call)
{
    const kin_fused *fused = kin_node_fused(call->node);
    const kin_shape *x = &call->inputs[0]->shape, *y = &call->outputs[0]->shape;
    size_t depth = (size_t)x->dims[x->rank - 1], columns = (size_t)y->dims[y->rank - 1];
    size_t rows = (size_t)kin_shape_product(y, 0, y->rank - 1);
    kin_gemm(fused->prepared, call->inputs[0]->data, depth, rows, call->outputs[0]->data, columns,
             floats_of(call->inputs[3]), columns, &fused->activation);
}

static void destroy_packed(void *prepared)
{
    kin_packed *packed = prepared;
    kin_packed_destroy(&packed);
}

static const kin_op fast_linear = {
    .name = KIN_FUSED_LINEAR, .infer = no_scratch, .run = run_linear};

static void prepare_linear(kin_graph *graph, kin_node *node)
{
    kin_fused *fused = kin_node_fused(node);
    const kin_shape *x = &graph->values[node->inputs[0]].tensor.shape;
    const kin_shape *y = &graph->values[node->outputs[0]].tensor.shape;
    fused->prepared = kin_packed_new((size_t)x->dims[x->rank - 1], (size_t)y->dims[y->rank - 1],
                                     graph->values[node->inputs[1]].tensor.data, fused->k_stride,
                                     fused->j_stride, kin_match_floats(graph, node->inputs[2]));
    fused->destroy = destroy_packed;
    fused->depth = (uint64_t)x->dims[x->rank - 1];
    fused->parameters =
        (fused->depth + (node->inputs[2] != KIN_VALUE_NONE)) * (uint64_t)y->dims[y->rank - 1];
    node->implementation = &fast_linear;
}

static kin_status matmul_scratch(kin_op_call *call, kin_error *error)
{
    (void)error;
    const kin_shape *b = &call->inputs[1]->shape;
    call->scratch_bytes =
        kin_gemm_scratch_bytes((size_t)b->dims[b->rank - 2], (size_t)b->dims[b->rank - 1]);
    return KIN_OK;
}

/* Both sides of rank 2 or more, with batches that broadcast. */
static void run_matmul(const kin_op_call *call)
{
    const kin_shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    const kin_shape *c = &call->outputs[0]->shape;
    size_t rows = (size_t)a->dims[a->rank - 2], depth = (size_t)a->dims[a->rank - 1];
    size_t columns = (size_t)b->dims[b->rank - 1];
    kin_shape batch = *c, batch_a = *a, batch_b = *b;
    int64_t stride_a[KIN_TENSOR_RANK_MAX], stride_b[KIN_TENSOR_RANK_MAX];
    batch.rank -= 2;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    kin_op_broadcast_strides(&batch_a, &batch, stride_a);
    kin_op_broadcast_strides(&batch_b, &batch, stride_b);
    float *out = call->outputs[0]->data;
    for (int64_t i = 0, count = kin_shape_count(&batch); i < count; i++) {
        int64_t left = i, at_a = 0, at_b = 0;
        for (uint32_t d = batch.rank; d-- > 0; left /= batch.dims[d]) {
            at_a += left % batch.dims[d] * stride_a[d];
            at_b += left % batch.dims[d] * stride_b[d];
        }
        kin_gemm_unpacked(
            (const float *)call->inputs[0]->data + (size_t)at_a * rows * depth, depth, rows, depth,
            (const float *)call->inputs[1]->data + (size_t)at_b * depth * columns, columns, 1,
            columns, out + (size_t)i * rows * columns, columns, call->scratch);
    }
}

static const kin_op fast_matmul = {.name = "MatMul", .infer = matmul_scratch, .run = run_matmul};

static bool is_fast_matmul(const kin_graph *graph, const kin_node *node)
{
    const kin_tensor *a = &graph->values[node->inputs[0]].tensor;
    const kin_tensor *b = &graph->values[node->inputs[1]].tensor;
    return a->type == KIN_TYPE_FLOAT && a->shape.rank >= 2 && b->shape.rank >= 2;
}

/* --- A number a channel ---------------------------------------------------------------------- */

static void run_scale(const kin_op_call *call)
{
    const kin_fused *fused = kin_node_fused(call->node);
    const kin_shape *shape = &call->inputs[0]->shape;
    bool nhwc = kin_node_int(call->node, "nhwc", 0) != 0 || shape->rank == 2;
    const float *x = call->inputs[0]->data;
    const float *scale = call->inputs[1]->data, *shift = call->inputs[2]->data;
    float *y = call->outputs[0]->data;
    size_t channels = (size_t)(nhwc ? shape->dims[shape->rank - 1] : shape->dims[1]);
    size_t count = (size_t)kin_shape_count(shape);
    if (nhwc) {
        for (size_t i = 0; i < count; i += channels)
            for (size_t c = 0; c < channels; c++)
                y[i + c] = x[i + c] * scale[c] + shift[c];
    } else {
        size_t area = (size_t)kin_shape_product(shape, 2, shape->rank);
        for (size_t plane = 0; plane * area < count; plane++)
            for (size_t i = plane * area; i < (plane + 1) * area; i++)
                y[i] = x[i] * scale[plane % channels] + shift[plane % channels];
    }
    kin_activation_apply(&fused->activation, y, 1, count, count);
}

static const kin_op fast_scale = {.name = KIN_FUSED_SCALE, .infer = no_scratch, .run = run_scale};

static void run_activation(const kin_op_call *call)
{
    size_t count = (size_t)kin_tensor_count(call->inputs[0]);
    memcpy(call->outputs[0]->data, call->inputs[0]->data, count * sizeof(float));
    kin_activation_apply(&kin_node_fused(call->node)->activation, call->outputs[0]->data, 1, count,
                         count);
}

static const kin_op fast_activation = {
    .name = KIN_FUSED_ACTIVATION, .infer = no_scratch, .run = run_activation};

/* --- Layer normalisation --------------------------------------------------------------------- */

static void run_norm(const kin_op_call *call)
{
    const kin_fused *fused = kin_node_fused(call->node);
    const kin_shape *shape = &call->inputs[0]->shape;
    size_t width = (size_t)shape->dims[shape->rank - 1];
    size_t rows = (size_t)kin_shape_product(shape, 0, shape->rank - 1);
    const float *scale = call->inputs[1]->data, *shift = floats_of(call->inputs[2]);
    const kin_kernels *kernels = kin_kernels_here();
    for (size_t r = 0; r < rows; r++)
        kernels->norm(&(kin_norm_row){.x = (const float *)call->inputs[0]->data + r * width,
                                      .scale = scale,
                                      .shift = shift,
                                      .count = width,
                                      .epsilon = fused->epsilon,
                                      .y = (float *)call->outputs[0]->data + r * width});
}

static const kin_op fast_norm = {.name = KIN_FUSED_NORM, .infer = no_scratch, .run = run_norm};

/* --- Softmax --------------------------------------------------------------------------------- */

/* Over the last dimension. */
static void run_softmax(const kin_op_call *call)
{
    const kin_kernels *kernels = kin_kernels_here();
    const kin_shape *shape = &call->inputs[0]->shape;
    size_t width = (size_t)shape->dims[shape->rank - 1];
    size_t count = (size_t)kin_shape_count(shape);
    const float *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data;
    for (size_t row = 0; row < count; row += width)
        kernels->softmax(x + row, y + row, width);
}

static const kin_op fast_softmax = {.name = "Softmax", .infer = no_scratch, .run = run_softmax};

/* Before opset 13 a softmax is over all dimensions from its axis on. */
static bool is_fast_softmax(const kin_graph *graph, const kin_node *node)
{
    const kin_tensor *x = &graph->values[node->inputs[0]].tensor;
    uint32_t axis;
    return x->type == KIN_TYPE_FLOAT && kin_tensor_count(x) > 0 &&
           kin_shape_axis(&x->shape, kin_node_int(node, "axis", node->opset < 13 ? 1 : -1),
                          &axis) &&
           axis + 1 == x->shape.rank;
}

/* --- Choosing -------------------------------------------------------------------------------- */

static void run_nothing(const kin_op_call *call)
{
    (void)call;
}

static const kin_op alias = {.name = KIN_ALIAS, .infer = no_scratch, .run = run_nothing};

bool kin_fast_is_alias(const kin_node *node)
{
    return node->implementation == &alias;
}

static bool is_reshape(const kin_node *node)
{
    static const char *const names[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", KIN_ALIAS};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (kin_match_op(node, names[i])) return true;
    return false;
}

void kin_fast_prepare(kin_graph *graph, kin_node *node)
{
    if (kin_match_op(node, KIN_FUSED_CONVOLUTION))
        prepare_convolution(graph, node);
    else if (kin_match_op(node, KIN_FUSED_LINEAR))
        prepare_linear(graph, node);
    else if (kin_match_op(node, KIN_FUSED_SCALE))
        node->implementation = &fast_scale;
    else if (kin_match_op(node, KIN_FUSED_ACTIVATION))
        node->implementation = &fast_activation;
    else if (kin_match_op(node, KIN_FUSED_NORM))
        node->implementation = &fast_norm;
    else if (kin_match_op(node, "MatMul") && is_fast_matmul(graph, node))
        node->implementation = &fast_matmul;
    else if (kin_match_op(node, "Softmax") && is_fast_softmax(graph, node))
        node->implementation = &fast_softmax;
    else if (is_reshape(node) && graph->values[node->inputs[0]].tensor.data == NULL)
        node->implementation = &alias;
    else
        kin_fast_prepare_pool(node);
}

/* Taps of a pool's kernel. */
static uint64_t kernel_area(const kin_node *node)
{
    const kin_attribute *kernel = kin_node_attribute(node, "kernel_shape", KIN_ATTRIBUTE_INTS);
    uint64_t area = 1;
    for (uint32_t i = 0; kernel != NULL && i < kernel->count; i++)
        area *= (uint64_t)kernel->ints[i]; /* read and bounded by infer */
    return area;
}

uint64_t kin_fast_depth(const kin_graph *graph, const kin_node *node)
{
    const kin_fused *fused = kin_node_fused(node);
    if (fused != NULL) return fused->depth;
    if (node->input_count < 2 || node->inputs[1] == KIN_VALUE_NONE) return kernel_area(node) - 1;
    const kin_shape *a = &graph->values[node->inputs[0]].tensor.shape;
    const kin_shape *b = &graph->values[node->inputs[1]].tensor.shape;
    if (kin_match_op(node, "Conv")) return (uint64_t)kin_shape_product(b, 1, b->rank);
    if (kin_match_op(node, "ConvTranspose"))
        return (uint64_t)kin_shape_product(b, 2, b->rank) * (uint64_t)a->dims[1];
    if (kin_match_op(node, "Gemm"))
        return (uint64_t)a->dims[kin_node_int(node, "transA", 0) != 0 ? 0 : 1];
    if (kin_match_op(node, "MatMul")) return a->rank == 0 ? 0 : (uint64_t)a->dims[a->rank - 1];
    return kernel_area(node) - 1;
}

size_t kin_fast_weight_bytes(const kin_node *node)
{
    const kin_fused *fused = kin_node_fused(node);
    if (fused == NULL || fused->prepared == NULL) return 0;
    return kin_match_op(node, KIN_FUSED_CONVOLUTION) ? kin_convolution_weight_bytes(fused->prepared)
                                                     : kin_packed_bytes(fused->prepared);
}

const char *kin_fast_method(const kin_node *node)
{
    if (kin_match_op(node, KIN_FUSED_CONVOLUTION))
        return kin_convolution_method(kin_node_fused(node)->prepared);
    return kin_fast_is_alias(node) ? "alias" : "";
}
