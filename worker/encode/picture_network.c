#include "worker/encode/picture_network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/encode/batch_network.h"
#include "worker/encode/onnx_file.h"
#include "worker/encode/tap_layout.h"

struct kin_picture_network {
    kin_network_spec spec;
    kin_batch_network *network;
    bool channels_last; /* the model takes [1][h][w][3], as TensorFlow's exports do */
    kin_tap_layout layouts[KIN_NETWORK_TAPS_MAX];
    uint32_t dimensions;
    float *means; /* [dimensions]; NULL where taps are not centred, or not yet */
};

/* --- Opening --------------------------------------------------------------------------------- */

static bool is_floating(kin_type type)
{
    return type == KIN_TYPE_FLOAT || type == KIN_TYPE_FLOAT16 || type == KIN_TYPE_BFLOAT16 ||
           type == KIN_TYPE_DOUBLE;
}

/* The shape that the model's only input gets. */
static kin_status find_input(kin_picture_network *made, const kin_graph *graph, kin_shape *shape,
                             kin_error *error)
{
    char text[KIN_SHAPE_TEXT_BYTES];
    const kin_network_spec *spec = &made->spec;
    if (graph->input_count != 1)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the model %s has %u inputs; one that takes pictures has one", spec->name,
                        graph->input_count);
    const kin_tensor *input = &graph->values[graph->inputs[0]].tensor;
    if (!is_floating(input->type))
        return kin_fail(error, KIN_BAD_INPUT,
                        "the model %s takes numbers of type %s; pictures are given as floats",
                        spec->name, kin_type_name(input->type));
    const int64_t *dims = input->shape.dims;
    int height = (int)spec->height, width = (int)spec->width;
    *shape = kin_shape_of(4, 1, 3, height, width);
    made->channels_last = input->shape.rank == 4 && dims[1] != 3 && dims[3] == 3;
    if (made->channels_last) *shape = kin_shape_of(4, 1, height, width, 3);
    bool fits = input->shape.rank == 4;
    for (uint32_t d = 1; d < 4 && fits; d++)
        fits = dims[d] < 0 || dims[d] == shape->dims[d];
    if (!fits)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the model %s takes %s; pictures of %u x %u do not fit", spec->name,
                        kin_shape_text(&input->shape, text), (unsigned)spec->width,
                        (unsigned)spec->height);
    return KIN_OK;
}

/* How a tap's numbers lie: `count` numbers are pooled to one of `dimensions`. */
typedef struct tap_shape {
    size_t dimensions, count;
    size_t from, stride; /* between dimensions, and between what is pooled */
} tap_shape;

static tap_shape shape_of(const kin_picture_network *network, uint32_t t)
{
    const kin_shape *shape = &kin_batch_network_output(network->network, t)->shape;
    size_t all = (size_t)kin_shape_count(shape);
    bool pooled = shape->rank == 3 || shape->rank == 4;
    kin_tap_layout layout = network->layouts[t];
    if (layout == KIN_TAP_UNKNOWN)
        layout = shape->rank == 4 ? KIN_TAP_CHANNELS_SECOND : KIN_TAP_CHANNELS_LAST;
    if (!pooled || all == 0) return (tap_shape){.dimensions = all, .count = 1, .from = 1};
    bool last = layout == KIN_TAP_CHANNELS_LAST;
    size_t dimensions = (size_t)shape->dims[last ? shape->rank - 1 : 1], count = all / dimensions;
    return (tap_shape){.dimensions = dimensions,
                       .count = count,
                       .from = last ? 1 : count,
                       .stride = last ? dimensions : 1};
}

static kin_status measure(kin_picture_network *made, kin_error *error)
{
    int64_t sum = 0;
    for (uint32_t t = 0; t < made->spec.tap_count; t++) {
        const kin_tensor *tap = kin_batch_network_output(made->network, t);
        int64_t own = (int64_t)shape_of(made, t).dimensions;
        if (tap->type != KIN_TYPE_FLOAT || own < 1 || kin_tensor_count(tap) < own ||
            (tap->shape.rank > 0 && tap->shape.dims[0] != 1))
            return kin_fail(error, KIN_BAD_INPUT,
                            "the tensor %s of the model %s gives no vector a picture",
                            made->spec.taps[t], made->spec.name);
        sum += own;
    }
    if (sum > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "the taps of the model %s give %lld numbers a picture; the limit is %d",
                        made->spec.name, (long long)sum, KIN_FEATURE_DIMENSIONS_MAX);
    made->dimensions = (uint32_t)sum;
    return KIN_OK;
}

/* The model's means, once it is known how many numbers its taps give. */
static kin_status take_means(kin_picture_network *made, const kin_network_model *model,
                             kin_error *error)
{
    if (!made->spec.centre || model->mean_count == 0) return KIN_OK;
    if (model->mean_count != made->dimensions)
        return kin_fail(
            error, KIN_CORRUPT, "the model %s has %llu means, but its taps give %u numbers",
            made->spec.name, (unsigned long long)model->mean_count, (unsigned)made->dimensions);
    made->means = kin_malloc(made->dimensions * sizeof *made->means);
    for (uint32_t d = 0; d < made->dimensions; d++)
        made->means[d] = kin_network_mean(model, d);
    return KIN_OK;
}

/* Where the channels of the taps are; taps that are not there are found when the network opens. */
static void find_layouts(kin_picture_network *made, const kin_graph *graph)
{
    for (uint32_t t = 0; t < made->spec.tap_count; t++) {
        uint32_t value = kin_graph_find(graph, made->spec.taps[t]);
        if (value != KIN_VALUE_NONE) made->layouts[t] = kin_tap_layout_of(graph, value);
    }
}

kin_status kin_picture_network_open(kin_picture_network **network, const kin_network_model *model,
                                    kin_error *error)
{
    kin_picture_network *made = kin_calloc(1, sizeof *made);
    const kin_network_spec *spec = &model->spec;
    kin_graph *graph = NULL;
    kin_network_input_shape shape = {0};
    const char *taps[KIN_NETWORK_TAPS_MAX];
    made->spec = *spec;
    for (uint32_t t = 0; t < spec->tap_count; t++)
        taps[t] = made->spec.taps[t];
    kin_status status = kin_onnx_parse(&graph, model->onnx, model->bytes, NULL, spec->name, error);
    if (status == KIN_OK) status = find_input(made, graph, &shape.shape, error);
    if (status == KIN_OK) find_layouts(made, graph);
    kin_graph_destroy(&graph);
    if (status == KIN_OK) {
        kin_network_options options = {
            .shapes = &shape, .shape_count = 1, .taps = taps, .tap_count = spec->tap_count};
        kin_error why = {0};
        status = kin_batch_network_open(&made->network, model->onnx, model->bytes, spec->name,
                                        &options, &why);
        if (status != KIN_OK) kin_fail(error, status, "the model %s: %s", spec->name, why.text);
    }
    if (status == KIN_OK) status = measure(made, error);
    if (status == KIN_OK) status = take_means(made, model, error);
    if (status != KIN_OK) kin_picture_network_close(&made);
    *network = made;
    return status;
}

kin_picture_network *kin_picture_network_clone(kin_picture_network *network)
{
    kin_picture_network *made = kin_malloc(sizeof *made);
    *made = *network;
    made->network = kin_batch_network_clone(network->network);
    if (network->means != NULL) {
        size_t bytes = network->dimensions * sizeof *made->means;
        made->means = kin_malloc(bytes);
        memcpy(made->means, network->means, bytes);
    }
    return made;
}

bool kin_picture_network_wants_means(const kin_picture_network *network)
{
    return network->spec.centre && network->means == NULL;
}

bool kin_picture_network_is_centred(const kin_picture_network *network)
{
    return network->spec.centre;
}

void kin_picture_network_close(kin_picture_network **network)
{
    if (*network == NULL) return;
    kin_batch_network_close(&(*network)->network);
    free((*network)->means);
    free(*network);
    *network = NULL;
}

uint32_t kin_picture_network_dimensions(const kin_picture_network *network)
{
    return network->dimensions;
}

uint64_t kin_picture_network_memory(const kin_picture_network *network)
{
    return kin_batch_network_weight_bytes(network->network) +
           2 * kin_batch_network_activation_bytes(network->network);
}

kin_raster_spec kin_picture_network_raster(const kin_network_spec *spec)
{
    static const kin_raster_mode modes[KIN_NETWORK_RESIZES] = {
        [KIN_NETWORK_RESIZE_STRETCH] = KIN_RASTER_STRETCH,
        [KIN_NETWORK_RESIZE_CROP] = KIN_RASTER_CROP,
        [KIN_NETWORK_RESIZE_PAD] = KIN_RASTER_PAD,
    };
    static const kin_interpolation interpolations[KIN_NETWORK_INTERPOLATIONS] = {
        [KIN_NETWORK_BILINEAR] = KIN_BILINEAR,
        [KIN_NETWORK_BICUBIC] = KIN_BICUBIC,
    };
    return (kin_raster_spec){.mode = modes[spec->resize],
                             .interpolation = interpolations[spec->interpolation],
                             .width = spec->width,
                             .height = spec->height,
                             .shorter_side = spec->shorter_side};
}

/* What stands between a classifier's last layer and the output. */
static bool is_behind_head(const char *op)
{
    static const char *const ops[] = {"Softmax", "LogSoftmax", "Sigmoid", "Identity",
                                      "Flatten", "Reshape",    "Squeeze", "Add"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(op, ops[i]) == 0) return true;
    return false;
}

const char *kin_picture_network_default_tap(const kin_graph *graph)
{
    if (graph->output_count == 0) return NULL;
    uint32_t value = graph->outputs[0];
    bool biased = false;
    for (;;) {
        uint32_t producer = graph->values[value].producer;
        if (producer == KIN_VALUE_NONE) break;
        const kin_node *node = &graph->nodes[producer];
        if (node->input_count == 0 || node->inputs[0] == KIN_VALUE_NONE) break;
        if (strcmp(node->op, "Gemm") == 0 || (biased && strcmp(node->op, "MatMul") == 0))
            return graph->values[node->inputs[0]].name;
        if (!is_behind_head(node->op)) break;
        biased = strcmp(node->op, "Add") == 0;
        value = node->inputs[0];
        if (biased && graph->values[value].tensor.data != NULL) value = node->inputs[1];
    }
    return graph->values[graph->outputs[0]].name;
}

/* --- Running --------------------------------------------------------------------------------- */

static void fill_input(kin_picture_network *network, const kin_image *raster)
{
    const kin_network_spec *spec = &network->spec;
    float *input = kin_batch_network_input(network->network)->data;
    size_t area = (size_t)raster->width * raster->height;
    size_t step = network->channels_last ? 3 : 1, plane = network->channels_last ? 1 : area;
    for (size_t c = 0; c < 3; c++) {
        float values[256];
        for (int v = 0; v < 256; v++)
            values[v] = ((float)v * spec->scale - spec->mean[c]) / spec->deviation[c];
        const uint8_t *from = raster->pixels + (spec->bgr ? 2 - c : c);
        float *to = input + c * plane;
        for (size_t i = 0; i < area; i++)
            to[i * step] = values[from[3 * i]];
    }
}

/* One number of `count`, which lie `stride` apart. */
static float pool(const kin_network_spec *spec, const float *values, size_t count, size_t stride)
{
    double sum = 0;
    float largest = values[0];
    for (size_t i = 0; i < count; i++) {
        float value = values[i * stride];
        if (value > largest) largest = value;
        if (spec->pooling == KIN_NETWORK_POOL_GEM)
            sum += value > 1e-6f ? pow((double)value, (double)spec->power)
                                 : pow(1e-6, (double)spec->power);
        else
            sum += (double)value;
    }
    double mean = sum / (double)count;
    if (spec->pooling == KIN_NETWORK_POOL_MAX) return largest;
    return (float)(spec->pooling == KIN_NETWORK_POOL_GEM ? pow(mean, 1 / (double)spec->power)
                                                         : mean);
}

static void normalise(float *vector, size_t dimensions)
{
    double sum = 0;
    for (size_t d = 0; d < dimensions; d++)
        sum += (double)vector[d] * (double)vector[d];
    float factor = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (size_t d = 0; d < dimensions; d++)
        vector[d] *= factor;
}

static void take_taps(const kin_picture_network *network, uint32_t n, float *vector)
{
    const kin_network_spec *spec = &network->spec;
    bool raw = kin_picture_network_wants_means(network);
    size_t done = 0;
    for (uint32_t t = 0; t < spec->tap_count; t++) {
        tap_shape shape = shape_of(network, t);
        const float *values = kin_batch_network_row(network->network, t, n);
        float *own = vector + done;
        for (size_t d = 0; d < shape.dimensions; d++)
            own[d] = shape.count == 1
                         ? values[d]
                         : pool(spec, values + d * shape.from, shape.count, shape.stride);
        for (size_t d = 0; network->means != NULL && d < shape.dimensions; d++)
            own[d] -= network->means[done + d];
        if (spec->normalise && !raw) normalise(own, shape.dimensions);
        done += shape.dimensions;
    }
}

uint32_t kin_picture_network_pictures(const kin_picture_network *network)
{
    return kin_batch_network_pictures(network->network);
}

void kin_picture_network_run(kin_picture_network *network, const kin_image *rasters, uint32_t count,
                             float *vectors, size_t stride)
{
    KIN_CHECK(count <= kin_picture_network_pictures(network));
    for (uint32_t n = 0; n < count; n++) {
        KIN_CHECK(rasters[n].width == network->spec.width &&
                  rasters[n].height == network->spec.height);
        fill_input(network, &rasters[n]);
        kin_batch_network_put(network->network, n);
    }
    kin_batch_network_finish(network->network, count);
    for (uint32_t n = 0; n < count; n++)
        take_taps(network, n, vectors + n * stride);
}
