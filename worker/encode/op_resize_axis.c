#include <math.h>
#include <string.h>

#include "worker/encode/op_args.h"
#include "worker/encode/op_resize.h"

static const char *const mode_words[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinate_words[] = {
    "half_pixel", "pytorch_half_pixel",   "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize",
    NULL};
static const char *const rounding_words[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                             "ceil", NULL};

/* The place of an attribute among the words that it may be. */
static kin_status word_of(const kin_op_call *call, const char *name, const char *const *words,
                          uint32_t *place, kin_error *error)
{
    const char *word = kin_node_string(call->node, name, words[0]);
    for (*place = 0; words[*place] != NULL; (*place)++)
        if (strcmp(word, words[*place]) == 0) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "its '%s' is '%.40s'", name, word);
}

static kin_status read_words(const kin_op_call *call, bool simple, kin_resize *resize,
                             kin_error *error)
{
    static const uint32_t taps[] = {1, 2, KIN_RESIZE_TAPS_MAX};
    uint32_t mode, coordinates = KIN_RESIZE_ASYMMETRIC, rounding = KIN_RESIZE_FLOOR;
    kin_status status = word_of(call, "mode", mode_words, &mode, error);
    if (status == KIN_OK && simple && mode == KIN_RESIZE_CUBIC)
        return kin_fail(error, KIN_BAD_INPUT, "its 'mode' is 'cubic', which came with opset 11");
    if (status == KIN_OK && !simple)
        status =
            word_of(call, "coordinate_transformation_mode", coordinate_words, &coordinates, error);
    if (status == KIN_OK && !simple)
        status = word_of(call, "nearest_mode", rounding_words, &rounding, error);
    if (status != KIN_OK) return status;
    resize->mode = (kin_resize_mode)mode;
    resize->coordinates = (kin_resize_coordinates)coordinates;
    resize->rounding = (kin_resize_rounding)rounding;
    resize->taps = taps[mode];
    resize->cubic_a = (double)kin_node_float(call->node, "cubic_coeff_a", -0.75f);
    resize->exclude_outside = kin_node_int(call->node, "exclude_outside", 0) != 0;
    resize->extrapolation = kin_node_float(call->node, "extrapolation_value", 0);
    return KIN_OK;
}

/* Numbers of input i, wanted of them; *given is false where there are none. */
static kin_status read_numbers(const kin_op_call *call, uint32_t i, const char *name,
                               uint32_t wanted, double *numbers, bool *given, kin_error *error)
{
    const kin_tensor *tensor;
    kin_status status = kin_op_constant(call, i, name, &tensor, error);
    if (status != KIN_OK) return status;
    *given = tensor != NULL && kin_tensor_count(tensor) > 0;
    if (!*given) return KIN_OK;
    if (tensor->type != KIN_TYPE_FLOAT && tensor->type != KIN_TYPE_DOUBLE &&
        tensor->type != KIN_TYPE_FLOAT16)
        return kin_fail(error, KIN_BAD_INPUT, "its '%s' is of type %s", name,
                        kin_type_name(tensor->type));
    if (tensor->shape.rank != 1 || tensor->shape.dims[0] != wanted)
        return kin_fail(error, KIN_BAD_INPUT, "its '%s' has %lld numbers; %u are wanted", name,
                        (long long)kin_tensor_count(tensor), wanted);
    for (uint32_t j = 0; j < wanted; j++)
        numbers[j] = kin_tensor_get(tensor, j);
    return KIN_OK;
}

/* The scales of an Upsample before opset 9. */
static kin_status read_scales_attribute(const kin_op_call *call, uint32_t rank, double *scales,
                                        bool *given, kin_error *error)
{
    const kin_attribute *found = kin_node_attribute(call->node, "scales", KIN_ATTRIBUTE_FLOATS);
    *given = found != NULL;
    if (!*given) return KIN_OK;
    if (found->count != rank)
        return kin_fail(error, KIN_BAD_INPUT, "its 'scales' has %u numbers; %u are wanted",
                        found->count, rank);
    for (uint32_t i = 0; i < rank; i++)
        scales[i] = (double)found->floats[i];
    return KIN_OK;
}

static kin_status axis_of_size(kin_resize *resize, uint32_t i, int64_t size, kin_error *error)
{
    kin_resize_axis *axis = &resize->axes[i];
    if (size < 0 || size > KIN_TENSOR_ELEMENTS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "a size of %lld along axis %u", (long long)size, i);
    resize->shape.dims[i] = size;
    axis->numerator = (double)axis->from;
    axis->denominator = axis->length = (double)size;
    return KIN_OK;
}

/* The product is one of floats, as in other engines: 10 times 0.7 (which is a little less) is 7. A
 * scale that is the float next to the quotient of two sizes stands for that quotient. */
static kin_status axis_of_scale(kin_resize *resize, uint32_t i, double scale, kin_error *error)
{
    kin_resize_axis *axis = &resize->axes[i];
    float part =
        resize->coordinates == KIN_RESIZE_TF_CROP_AND_RESIZE ? (float)(axis->end - axis->start) : 1;
    float size = floorf((float)axis->from * part * (float)scale);
    if (!(scale > 0) || !(size >= 0 && size <= (float)KIN_TENSOR_ELEMENTS_MAX))
        return kin_fail(error, KIN_BAD_INPUT, "a scale of %g along axis %u of %lld", scale, i,
                        (long long)axis->from);
    kin_status status = axis_of_size(resize, i, (int64_t)size, error);
    if (status != KIN_OK ||
        (axis->from > 0 && (float)(axis->length / axis->numerator) == (float)scale))
        return status;
    axis->length = axis->numerator * scale;
    axis->numerator = 1;
    axis->denominator = scale;
    return KIN_OK;
}

static kin_status check_axis(kin_resize *resize, uint32_t i, kin_error *error)
{
    kin_resize_axis *axis = &resize->axes[i];
    int64_t dim = resize->shape.dims[i];
    bool whole = resize->coordinates != KIN_RESIZE_TF_CROP_AND_RESIZE ||
                 (axis->start == 0 && axis->end == 1);
    axis->identity = whole && dim == axis->from && axis->numerator == axis->denominator;
    if (axis->from == 0 && dim > 0)
        return kin_fail(error, KIN_BAD_INPUT, "axis %u has no elements to make %lld of", i,
                        (long long)dim);
    if (!axis->identity && dim > KIN_RESIZE_DIM_MAX)
        return kin_fail(error, KIN_LIMIT, "a size of %lld along axis %u; the limit is %lld",
                        (long long)dim, i, (long long)KIN_RESIZE_DIM_MAX);
    return KIN_OK;
}

kin_status kin_resize_plan(const kin_op_call *call, kin_resize *resize, kin_error *error)
{
    bool upsample = strcmp(call->node->op, "Upsample") == 0;
    bool simple = upsample || call->node->opset < 11, scaled, cropped = false;
    double scales[KIN_TENSOR_RANK_MAX], roi[2 * KIN_TENSOR_RANK_MAX];
    kin_ints sizes = {.given = false};
    const kin_tensor *from;
    kin_status status = kin_op_given(call, 0, &from, error);
    if (status == KIN_OK) status = read_words(call, simple, resize, error);
    if (status != KIN_OK) return status;
    uint32_t rank = from->shape.rank;
    if (rank == 0) return kin_fail(error, KIN_BAD_INPUT, "a tensor of rank 0 has no size");
    if (upsample && call->node->opset < 9)
        status = read_scales_attribute(call, rank, scales, &scaled, error);
    else
        status = read_numbers(call, simple ? 1 : 2, "scales", rank, scales, &scaled, error);
    if (status == KIN_OK && !simple) status = kin_ints_of_input(call, 3, "sizes", &sizes, error);
    if (status == KIN_OK && resize->coordinates == KIN_RESIZE_TF_CROP_AND_RESIZE)
        status = read_numbers(call, 1, "roi", 2 * rank, roi, &cropped, error);
    if (status != KIN_OK) return status;
    if (scaled == (sizes.count > 0))
        return kin_fail(error, KIN_BAD_INPUT, "it has %s 'scales' and 'sizes'",
                        scaled ? "both" : "neither of");
    if (!scaled && sizes.count != rank)
        return kin_fail(error, KIN_BAD_INPUT, "its 'sizes' has %u numbers; %u are wanted",
                        sizes.count, rank);
    if (resize->coordinates == KIN_RESIZE_TF_CROP_AND_RESIZE && !cropped)
        return kin_fail(error, KIN_BAD_INPUT, "its 'roi' is missing");
    resize->shape.rank = rank;
    for (uint32_t i = 0; status == KIN_OK && i < rank; i++) {
        resize->axes[i] = (kin_resize_axis){.from = from->shape.dims[i],
                                            .start = cropped ? roi[i] : 0,
                                            .end = cropped ? roi[i + rank] : 1};
        status = scaled ? axis_of_scale(resize, i, scales[i], error)
                        : axis_of_size(resize, i, sizes.values[i], error);
        if (status == KIN_OK) status = check_axis(resize, i, error);
    }
    return status;
}

/* The place in the input, in elements from the first one's centre. */
static double coordinate(const kin_resize *resize, uint32_t i, int64_t element)
{
    const kin_resize_axis *axis = &resize->axes[i];
    double x = (double)element, last = (double)axis->from - 1;
    double half_pixel = (x + 0.5) * axis->numerator / axis->denominator;
    int64_t dim = resize->shape.dims[i];
    switch (resize->coordinates) {
    case KIN_RESIZE_PYTORCH_HALF_PIXEL:
        return dim > 1 ? half_pixel - 0.5 : 0;
    case KIN_RESIZE_ALIGN_CORNERS:
        return element > 0 ? x * last / (axis->length - 1) : 0;
    case KIN_RESIZE_ASYMMETRIC:
        return x * axis->numerator / axis->denominator;
    case KIN_RESIZE_TF_HALF_PIXEL_FOR_NN:
        return half_pixel;
    case KIN_RESIZE_TF_CROP_AND_RESIZE:
        if (dim == 1) return 0.5 * (axis->start + axis->end) * last;
        return axis->start * last + x * (axis->end - axis->start) * last / (double)(dim - 1);
    default:
        return half_pixel - 0.5;
    }
}

static double nearest(double at, kin_resize_rounding rounding)
{
    switch (rounding) {
    case KIN_RESIZE_ROUND_PREFER_FLOOR:
        return ceil(at - 0.5);
    case KIN_RESIZE_ROUND_PREFER_CEIL:
        return floor(at + 0.5);
    case KIN_RESIZE_FLOOR:
        return floor(at);
    default:
        return ceil(at);
    }
}

/* Keys's kernel at a distance of [0, 1] and of [1, 2] (Cubic convolution interpolation, 1981). */
static double cubic_near(double a, double x)
{
    return ((a + 2) * x - (a + 3)) * x * x + 1;
}

static double cubic_far(double a, double x)
{
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* Weights of what lies outside become 0, and the others grow to a sum of 1. */
static void exclude_outside(int64_t dim, kin_tap *taps, uint32_t count)
{
    double sum = 0;
    for (uint32_t k = 0; k < count; k++) {
        if (taps[k].index < 0 || taps[k].index >= dim) taps[k].weight = 0;
        sum += taps[k].weight;
    }
    for (uint32_t k = 0; k < count && sum != 0; k++)
        taps[k].weight /= sum;
}

void kin_resize_taps(const kin_resize *resize, uint32_t axis, int64_t x, kin_tap *taps)
{
    int64_t from = resize->axes[axis].from;
    double at = coordinate(resize, axis, x), a = resize->cubic_a;
    if (resize->coordinates == KIN_RESIZE_TF_CROP_AND_RESIZE &&
        !(at >= 0 && at <= (double)(from - 1))) {
        for (uint32_t k = 0; k < resize->taps; k++)
            taps[k] = (kin_tap){.index = -1};
        return;
    }
    double base = resize->mode == KIN_RESIZE_NEAREST ? nearest(at, resize->rounding) : floor(at);
    double ratio = at - base;
    int64_t first = (int64_t)base;
    if (resize->mode == KIN_RESIZE_NEAREST) {
        taps[0] = (kin_tap){first, 1};
    } else if (resize->mode == KIN_RESIZE_LINEAR) {
        taps[0] = (kin_tap){first, 1 - ratio};
        taps[1] = (kin_tap){first + 1, ratio};
    } else {
        taps[0] = (kin_tap){first - 1, cubic_far(a, 1 + ratio)};
        taps[1] = (kin_tap){first, cubic_near(a, ratio)};
        taps[2] = (kin_tap){first + 1, cubic_near(a, 1 - ratio)};
        taps[3] = (kin_tap){first + 2, cubic_far(a, 2 - ratio)};
    }
    if (resize->exclude_outside && resize->mode != KIN_RESIZE_NEAREST)
        exclude_outside(from, taps, resize->taps);
    for (uint32_t k = 0; k < resize->taps; k++) {
        int64_t index = taps[k].index;
        taps[k].index = index < 0 ? 0 : index >= from ? from - 1 : index;
    }
}
