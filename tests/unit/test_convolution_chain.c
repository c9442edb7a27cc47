/* Chains of convolutions in strips: the bits of the same convolutions one by one. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/kernel_levels.h"
#include "tests/support/test.h"
#include "worker/encode/convolution_chain.h"

#define STAGES KIN_CHAIN_STAGES_MAX

/* Convolutions, each on what the one before it gives. */
typedef struct chain_case {
    size_t count;
    kin_convolution_spec specs[STAGES];
    float *weights[STAGES], *bias[STAGES];
    size_t height, width; /* of what the last one gives */
} chain_case;

static uint32_t below(kin_random *random, uint32_t bound)
{
    return (uint32_t)kin_random_below(random, bound);
}

static float *random_floats(kin_random *random, size_t count)
{
    float *values = kin_malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(kin_random_unit(random) * 2 - 1);
    return values;
}

static size_t outputs(size_t size, size_t pads, size_t taps, size_t dilation, size_t stride)
{
    size_t extent = (taps - 1) * dilation + 1;
    return size + pads < extent ? 0 : (size + pads - extent) / stride + 1;
}

static void random_kernel(kin_convolution_spec *spec, kin_random *random)
{
    spec->kernel_h = 1 + below(random, 5);
    spec->kernel_w = 1 + below(random, 5);
    spec->stride_h = 1 + below(random, 6) / 3;
    spec->stride_w = 1 + below(random, 6) / 3;
    spec->dilation_h = 1 + below(random, 6) / 5;
    spec->dilation_w = 1 + below(random, 6) / 5;
    spec->pad_top = below(random, 4);
    spec->pad_left = below(random, 4);
    spec->pad_bottom = below(random, 4);
    spec->pad_right = below(random, 4);
}

/* 1x1, depthwise, or with strides that only the direct method takes. */
static void random_stage(chain_case *test, size_t s, kin_random *random)
{
    kin_convolution_spec *spec = &test->specs[s];
    uint32_t kind = below(random, 3);
    *spec = (kin_convolution_spec){.groups = 1, .kernel_h = 1, .kernel_w = 1};
    spec->stride_h = spec->stride_w = spec->dilation_h = spec->dilation_w = 1;
    spec->channels_in = s == 0 ? 1 + below(random, 40) : test->specs[s - 1].channels_out;
    spec->channels_out = 1 + below(random, 40);
    spec->height = s == 0 ? 1 + below(random, 60) : (uint32_t)test->height;
    spec->width = s == 0 ? 9 + below(random, 30) : (uint32_t)test->width;
    if (kind > 0) random_kernel(spec, random);
    if (kind == 1) spec->groups = spec->channels_out = spec->channels_in;
    size_t depth = (size_t)spec->kernel_h * spec->kernel_w * spec->channels_in / spec->groups;
    spec->weights = test->weights[s] = random_floats(random, depth * spec->channels_out);
    spec->bias = test->bias[s] = random_floats(random, spec->channels_out);
    spec->activation =
        (kin_activation){(kin_activation_kind)below(random, KIN_ACTIVATION_EXP), -0.5f, 0.5f};
    test->height = outputs(spec->height, spec->pad_top + spec->pad_bottom, spec->kernel_h,
                           spec->dilation_h, spec->stride_h);
    test->width = outputs(spec->width, spec->pad_left + spec->pad_right, spec->kernel_w,
                          spec->dilation_w, spec->stride_w);
}

static void *scratch_of(size_t bytes)
{
    void *scratch = aligned_alloc(64, (bytes + 64) / 64 * 64);
    memset(scratch, 0xff, (bytes + 64) / 64 * 64); /* not a number */
    return scratch;
}

/* What the stages give one by one. */
static float *run_stages(const chain_case *test, kin_convolution *const *stages, const float *input,
                         const float *sum)
{
    float *previous = NULL;
    for (size_t s = 0; s < test->count; s++) {
        const kin_convolution_spec *next = s + 1 < test->count ? &test->specs[s + 1] : NULL;
        size_t channels = test->specs[s].channels_out;
        size_t pixels =
            next != NULL ? (size_t)next->height * next->width : test->height * test->width;
        float *output = kin_calloc(pixels * channels + 1, sizeof *output);
        void *scratch = scratch_of(kin_convolution_scratch_bytes(stages[s]));
        kin_convolution_run(stages[s], s == 0 ? input : previous, test->specs[s].channels_in,
                            output, channels, next == NULL ? sum : NULL, channels, scratch);
        free(scratch);
        free(previous);
        previous = output;
    }
    return previous;
}

/* Whether there is a chain; then it is right. */
static bool try_level(const chain_case *test, const kin_kernels *kernels, const float *input,
                      const float *sum)
{
    kin_convolution *stages[STAGES];
    for (size_t s = 0; s < test->count; s++)
        stages[s] = kin_convolution_new_for(kernels, &test->specs[s]);
    kin_convolution_chain *chain =
        kin_convolution_chain_new((const kin_convolution *const *)stages, test->count, 0);
    bool made = chain != NULL;
    if (made) {
        size_t channels = test->specs[test->count - 1].channels_out;
        size_t count = test->height * test->width * channels;
        float *expected = run_stages(test, stages, input, sum);
        float *got = kin_calloc(count + 1, sizeof *got);
        void *scratch = scratch_of(kin_convolution_chain_scratch_bytes(chain));
        kin_convolution_chain_run(chain, input, test->specs[0].channels_in, got, channels, sum,
                                  channels, scratch);
        assert_memory_equal(got, expected, (count + 1) * sizeof *got);
        free(scratch);
        free(expected);
        free(got);
    }
    kin_convolution_chain_destroy(&chain);
    for (size_t s = 0; s < test->count; s++)
        kin_convolution_destroy(&stages[s]);
    return made;
}

static void random_chains(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    const kin_kernels *levels[KIN_CPU_LEVELS];
    size_t level_count = kernel_levels(levels), made = 0;
    for (int round = 0; round < 300; round++) {
        chain_case test = {.height = 1, .width = 1};
        size_t count = 2 + below(&random, 2);
        while (test.count < count && test.height > 0 && test.width > 0)
            random_stage(&test, test.count++, &random);
        if (test.height > 0 && test.width > 0) {
            const kin_convolution_spec *first = &test.specs[0], *last = &test.specs[count - 1];
            float *input =
                random_floats(&random, (size_t)first->height * first->width * first->channels_in);
            float *sum = random_floats(&random, test.height * test.width * last->channels_out);
            for (size_t l = 0; l < level_count; l++)
                made += try_level(&test, levels[l], input, round % 2 == 0 ? sum : NULL);
            free(input);
            free(sum);
        }
        for (size_t s = 0; s < test.count; s++) {
            free(test.weights[s]);
            free(test.bias[s]);
        }
    }
    assert_true(made > 100);
}

/* Maps below the limit are left alone. */
static void small_maps_are_not_chained(void **state)
{
    (void)state;
    static const float weights[64 * 64] = {0};
    kin_convolution_spec spec = {1, 64, 64, 40, 40, 1, 1,       1,    1,
                                 1, 1,  0,  0,  0,  0, weights, NULL, {KIN_ACTIVATION_NONE, 0, 0}};
    kin_convolution *stage = kin_convolution_new(&spec);
    const kin_convolution *stages[2] = {stage, stage};
    size_t bytes = 40 * 40 * 64 * sizeof(float);
    kin_convolution_chain *chain = kin_convolution_chain_new(stages, 2, bytes + 1);
    assert_null(chain);
    chain = kin_convolution_chain_new(stages, 2, bytes);
    assert_non_null(chain);
    kin_convolution_chain_destroy(&chain);
    kin_convolution_destroy(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),
        cmocka_unit_test(small_maps_are_not_chained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
