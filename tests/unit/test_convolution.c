/* Convolutions of random kinds, by every instruction set of the machine, against sums in doubles.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/kernel_levels.h"
#include "tests/support/test.h"

#define GUARD 12345.0f

/* A convolution with its data, and what it should give. */
typedef struct convolution_case {
    kin_convolution_spec spec;
    size_t out_height, out_width, input_stride, output_stride, sum_stride, pixels;
    float *weights, *bias, *input, *sum;
    bool has_sum;
    double *expected, *magnitude; /* [pixels][channels_out] */
    double largest;               /* of the magnitudes */
} convolution_case;

static float *random_floats(kin_random *random, size_t count)
{
    float *values = kin_malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(kin_random_unit(random) * 2 - 1);
    return values;
}

static uint32_t below(kin_random *random, uint32_t bound)
{
    return (uint32_t)kin_random_below(random, bound);
}

/* One output before the activation; *magnitude sums the absolute terms. */
static double naive(const convolution_case *test, size_t y, size_t x, size_t o, double *magnitude)
{
    const kin_convolution_spec *spec = &test->spec;
    size_t in = spec->channels_in / spec->groups, group = o / (spec->channels_out / spec->groups);
    double sum = spec->bias != NULL ? spec->bias[o] : 0;
    *magnitude = fabs(sum) + 1;
    for (size_t i = 0; i < spec->kernel_h; i++)
        for (size_t j = 0; j < spec->kernel_w; j++) {
            int64_t line = (int64_t)(y * spec->stride_h + i * spec->dilation_h) - spec->pad_top;
            int64_t column = (int64_t)(x * spec->stride_w + j * spec->dilation_w) - spec->pad_left;
            if (line < 0 || line >= spec->height || column < 0 || column >= spec->width) continue;
            const float *pixel =
                test->input + (size_t)(line * spec->width + column) * test->input_stride;
            for (size_t c = 0; c < in; c++) {
                double weight =
                    spec->weights[((o * in + c) * spec->kernel_h + i) * spec->kernel_w + j];
                sum += pixel[group * in + c] * weight;
                *magnitude += fabs(pixel[group * in + c] * weight);
            }
        }
    return sum;
}

static double activated(const kin_activation *activation, double x)
{
    if (activation->kind == KIN_ACTIVATION_RELU) return x > 0 ? x : 0;
    if (activation->kind == KIN_ACTIVATION_CLIP)
        return fmin(activation->high, fmax(activation->low, x));
    return activation->kind == KIN_ACTIVATION_SILU ? x / (1 + exp(-x)) : x;
}

static size_t output_size(size_t size, size_t pads, size_t kernel, size_t dilation, size_t stride)
{
    size_t extent = (kernel - 1) * dilation + 1;
    return size + pads < extent ? 0 : (size + pads - extent) / stride + 1;
}

static void complete_case(convolution_case *test, kin_random *random)
{
    static const kin_activation activations[] = {{KIN_ACTIVATION_NONE, 0, 0},
                                                 {KIN_ACTIVATION_RELU, 0, 0},
                                                 {KIN_ACTIVATION_CLIP, -0.5f, 1},
                                                 {KIN_ACTIVATION_SILU, 0, 0}};
    kin_convolution_spec *spec = &test->spec;
    test->out_height = output_size(spec->height, (size_t)spec->pad_top + spec->pad_bottom,
                                   spec->kernel_h, spec->dilation_h, spec->stride_h);
    test->out_width = output_size(spec->width, (size_t)spec->pad_left + spec->pad_right,
                                  spec->kernel_w, spec->dilation_w, spec->stride_w);
    test->pixels = test->out_height * test->out_width;
    test->input_stride = spec->channels_in + below(random, 2) * below(random, 5);
    test->output_stride = spec->channels_out + below(random, 2) * below(random, 5);
    test->sum_stride = spec->channels_out + below(random, 3);
    size_t taps = (size_t)spec->kernel_h * spec->kernel_w;
    test->weights =
        random_floats(random, spec->channels_out * (spec->channels_in / spec->groups) * taps);
    test->bias = random_floats(random, spec->channels_out);
    test->input = random_floats(random, (size_t)spec->height * spec->width * test->input_stride);
    test->sum = random_floats(random, test->pixels * test->sum_stride);
    test->has_sum = below(random, 2) == 0;
    spec->weights = test->weights;
    spec->bias = below(random, 3) != 0 ? test->bias : NULL;
    spec->activation = activations[below(random, 4)];
    test->expected = kin_calloc(test->pixels * spec->channels_out, sizeof(double));
    test->magnitude = kin_calloc(test->pixels * spec->channels_out, sizeof(double));
    for (size_t p = 0; p < test->pixels; p++)
        for (size_t o = 0; o < spec->channels_out; o++) {
            size_t at = p * spec->channels_out + o;
            double x =
                naive(test, p / test->out_width, p % test->out_width, o, &test->magnitude[at]);
            if (test->has_sum) x += test->sum[p * test->sum_stride + o];
            test->expected[at] = activated(&spec->activation, x);
            test->largest = fmax(test->largest, test->magnitude[at]);
        }
}

static void free_case(convolution_case *test)
{
    free(test->weights);
    free(test->bias);
    free(test->input);
    free(test->sum);
    free(test->expected);
    free(test->magnitude);
}

/* The output [pixels][output_stride], guarded; method: what was chosen. */
static float *run_case(const convolution_case *test, const kin_kernels *kernels,
                       const char **method)
{
    size_t floats = test->pixels * test->output_stride;
    float *output = kin_malloc((floats + 1) * sizeof *output);
    for (size_t i = 0; i <= floats; i++)
        output[i] = GUARD;
    kin_convolution *convolution = kin_convolution_new_for(kernels, &test->spec);
    *method = kin_convolution_method(convolution);
    size_t bytes = kin_convolution_scratch_bytes(convolution);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    kin_convolution_run(convolution, test->input, test->input_stride, output, test->output_stride,
                        test->has_sum ? test->sum : NULL, test->sum_stride, scratch);
    for (size_t p = 0; p < test->pixels; p++)
        for (size_t o = test->spec.channels_out; o < test->output_stride; o++)
            assert_true(output[p * test->output_stride + o] == GUARD);
    assert_true(output[floats] == GUARD);
    free(scratch);
    kin_convolution_destroy(&convolution);
    return output;
}

static void check_output(const convolution_case *test, const float *output, const char *level,
                         const char *method)
{
    const kin_convolution_spec *spec = &test->spec;
    /* A tile's transform mixes its pixels: what is large in one errs in all of them. */
    bool mixed = strncmp(method, "winograd", 8) == 0;
    for (size_t p = 0; p < test->pixels; p++)
        for (size_t o = 0; o < spec->channels_out; o++) {
            double got = output[p * test->output_stride + o];
            double wanted = test->expected[p * spec->channels_out + o];
            double limit =
                mixed ? 2e-6 * test->largest : 1e-6 * test->magnitude[p * spec->channels_out + o];
            if (fabs(got - wanted) <= limit) continue;
            fail_msg("%s, %s: %ux%ux%u to %u, groups %u, kernel %ux%u, stride %ux%u, dilation "
                     "%ux%u, pads %u %u %u %u: pixel %zu channel %zu is %.9g, not %.9g",
                     level, method, spec->height, spec->width, spec->channels_in,
                     spec->channels_out, spec->groups, spec->kernel_h, spec->kernel_w,
                     spec->stride_h, spec->stride_w, spec->dilation_h, spec->dilation_w,
                     spec->pad_top, spec->pad_left, spec->pad_bottom, spec->pad_right, p, o, got,
                     wanted);
        }
}

static bool same_output(const convolution_case *test, const float *a, const float *b)
{
    return memcmp(a, b, test->pixels * test->output_stride * sizeof *a) == 0;
}

/* Against doubles on all levels; AVX2 and AVX-512 the same bits. Returns the method. */
static const char *try_case(convolution_case *test, kin_random *random)
{
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels);
    float *results[KIN_CPU_LEVELS];
    const char *method = NULL;
    complete_case(test, random);
    for (size_t l = 0; l < level_count; l++) {
        results[l] = run_case(test, levels[l], &method);
        check_output(test, results[l], levels[l]->name, method);
    }
    if (level_count == 3) assert_true(same_output(test, results[1], results[2]));
    for (size_t l = 0; l < level_count; l++)
        free(results[l]);
    free_case(test);
    return method;
}

static void random_geometry(kin_convolution_spec *spec, kin_random *random)
{
    spec->height = 1 + below(random, 14);
    spec->width = 1 + below(random, 20);
    spec->kernel_h = 1 + below(random, 4);
    spec->kernel_w = below(random, 3) == 0 ? 1 + below(random, 4) : spec->kernel_h;
    spec->stride_h = 1 + below(random, 2) * below(random, 3);
    spec->stride_w = below(random, 3) == 0 ? 1 + below(random, 3) : spec->stride_h;
    spec->dilation_h = 1 + below(random, 2) * below(random, 3);
    spec->dilation_w = below(random, 3) == 0 ? 1 + below(random, 3) : spec->dilation_h;
    spec->pad_top = below(random, 4);
    spec->pad_left = below(random, 4);
    spec->pad_bottom = below(random, 4);
    spec->pad_right = below(random, 4);
}

static void dense_ones(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < 700; round++) {
        convolution_case test = {.spec = {.groups = 1,
                                          .channels_in = 1 + below(&random, 20),
                                          .channels_out = 1 + below(&random, 70)}};
        random_geometry(&test.spec, &random);
        try_case(&test, &random);
    }
}

static void pointwise_ones(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < 200; round++) {
        convolution_case test = {.spec = {.groups = 1 + below(&random, 2),
                                          .height = 1 + below(&random, 9),
                                          .width = 1 + below(&random, 9),
                                          .kernel_h = 1,
                                          .kernel_w = 1,
                                          .stride_h = 1,
                                          .stride_w = 1,
                                          .dilation_h = 1,
                                          .dilation_w = 1}};
        test.spec.channels_in = test.spec.groups * (1 + below(&random, 90));
        test.spec.channels_out = test.spec.groups * (1 + below(&random, 90));
        bool strided = below(&random, 3) == 0;
        if (strided) test.spec.stride_h = test.spec.stride_w = 2;
        const char *method = try_case(&test, &random);
        assert_true((strcmp(method, "gemm") == 0) == !strided);
    }
}

static void grouped_ones(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    for (int round = 0; round < 300; round++) {
        uint32_t groups = 2 + below(&random, 6);
        convolution_case test = {.spec = {.groups = groups,
                                          .channels_in = groups * (1 + below(&random, 6)),
                                          .channels_out = groups * (1 + below(&random, 10))}};
        random_geometry(&test.spec, &random);
        try_case(&test, &random);
    }
}

static void depthwise_ones(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    for (int round = 0; round < 500; round++) {
        uint32_t channels = 2 + below(&random, 70), times = 1 + below(&random, 8) / 6;
        convolution_case test = {.spec = {.groups = channels,
                                          .channels_in = channels,
                                          .channels_out = channels * times}};
        random_geometry(&test.spec, &random);
        if (below(&random, 2) == 0) test.spec.kernel_w = 3 + 2 * below(&random, 3);
        assert_string_equal(try_case(&test, &random), "depthwise");
    }
}

/* Kernels that have minimal filters, with sides that are no multiples of a tile. */
static void winograd_ones(void **state)
{
    (void)state;
    static const struct {
        uint32_t height, width, stride;
        const char *method; /* of large pictures with many channels */
    } kernels[] = {{3, 3, 1, "winograd4"}, {5, 5, 1, "winograd5"}, {1, 3, 1, "winograd3"},
                   {3, 1, 1, "winograd3"}, {1, 7, 1, "winograd7"}, {7, 1, 1, "winograd7"},
                   {3, 3, 2, "winograd/2"}};
    kin_random random = {.state = 5};
    for (int round = 0; round < 350; round++) {
        size_t kernel = below(&random, sizeof kernels / sizeof *kernels);
        convolution_case test = {.spec = {.groups = 1,
                                          .channels_in = 1 + below(&random, 70),
                                          .channels_out = 1 + below(&random, 70),
                                          .height = 1 + below(&random, 30),
                                          .width = 1 + below(&random, 30),
                                          .kernel_h = kernels[kernel].height,
                                          .kernel_w = kernels[kernel].width,
                                          .stride_h = kernels[kernel].stride,
                                          .stride_w = kernels[kernel].stride,
                                          .dilation_h = 1,
                                          .dilation_w = 1,
                                          .pad_top = below(&random, 4),
                                          .pad_left = below(&random, 4),
                                          .pad_bottom = below(&random, 4),
                                          .pad_right = below(&random, 4)}};
        bool many = test.spec.channels_in >= 16 && test.spec.channels_out >= 16;
        uint32_t side = kernels[kernel].stride == 1 ? 15 : 24; /* else too many half tiles */
        bool large = test.spec.height >= side && test.spec.width >= side;
        const char *method = try_case(&test, &random);
        if (many && large) assert_string_equal(method, kernels[kernel].method);
        if (!many) assert_true(strncmp(method, "winograd", 8) != 0);
    }
}

/* Taps spread so wide that a line with its zeros would fill the memory. */
static void extreme_ones(void **state)
{
    (void)state;
    static const uint32_t wide[][4] = {/* kernel, stride, dilation, pad */
                                       {2, 1000000000, 1, 2000000000},
                                       {2, 3, 4000000000u, 2000000000u},
                                       {3, 4000000000u, 2000000000, 4000000000u},
                                       {1, 4000000000u, 4000000000u, 4000000000u}};
    kin_random random = {.state = 6};
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        for (uint32_t groups = 1; groups <= 4; groups++) {
            const uint32_t *w = wide[i];
            convolution_case test = {.spec = {.groups = groups,
                                              .channels_in = groups * (1 + below(&random, 2)),
                                              .channels_out = groups,
                                              .height = 2,
                                              .width = 5,
                                              .kernel_h = w[0],
                                              .kernel_w = w[0],
                                              .stride_h = w[1],
                                              .stride_w = w[1],
                                              .dilation_h = w[2],
                                              .dilation_w = w[2],
                                              .pad_top = w[3],
                                              .pad_left = w[3],
                                              .pad_bottom = w[3],
                                              .pad_right = w[3]}};
            try_case(&test, &random);
        }
}

/* More lines than are made at a time, and the same bits wherever a picture is cut into chunks. */
static void large_ones(void **state)
{
    (void)state;
    kin_random random = {.state = 7};
    for (int round = 0; round < 6; round++) {
        uint32_t kernel = 1 + below(&random, 2) * 4;
        convolution_case test = {.spec = {.groups = 1,
                                          .channels_in = 3 + 64 * below(&random, 2),
                                          .channels_out = 1 + below(&random, 40),
                                          .height = 100,
                                          .width = 60,
                                          .kernel_h = kernel,
                                          .kernel_w = kernel,
                                          .stride_h = 1 + below(&random, 2),
                                          .stride_w = 2,
                                          .dilation_h = 1,
                                          .dilation_w = 1,
                                          .pad_top = 2,
                                          .pad_left = 2,
                                          .pad_bottom = 2,
                                          .pad_right = 2}};
        try_case(&test, &random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_ones),    cmocka_unit_test(pointwise_ones),
        cmocka_unit_test(grouped_ones),  cmocka_unit_test(depthwise_ones),
        cmocka_unit_test(winograd_ones), cmocka_unit_test(extreme_ones),
        cmocka_unit_test(large_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
