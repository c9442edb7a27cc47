/* Hashers of layers: against doubles, the same bits from every kernel, alone or among others; the
 * functions of layers against libm; heads; narrow codes. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/hash.h"
#include "worker/encode/hasher.h"

enum { COUNT = 37, DIMENSIONS = 45, HIDDEN = 21, BITS = 24 };

static float *random_floats(size_t count, double deviation, uint64_t seed)
{
    kin_random random = {.state = seed};
    float *values = kin_malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(deviation * kin_random_gaussian(&random));
    return values;
}

/* A hasher of two layers, and what it is made of. */
typedef struct trial {
    float *weights[2], *biases[2], *thresholds, *head, *head_biases;
    kin_layer_activation activation[2];
    kin_hasher_input input;
    kin_head_kind head_kind;
    uint32_t classes;
    kin_hasher *hasher;
} trial;

static const char *const names[] = {"a", "b", "c", "d", "e"};

static void begin(trial *t)
{
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    t->weights[0] = random_floats(HIDDEN * DIMENSIONS, 0.3, 1);
    t->weights[1] = random_floats(BITS * HIDDEN, 0.3, 2);
    t->biases[0] = random_floats(HIDDEN, 0.3, 3);
    t->biases[1] = random_floats(BITS, 0.3, 4);
    t->thresholds = random_floats(BITS, 0.1, 5);
    t->head = random_floats((size_t)5 * BITS, 0.5, 6);
    t->head_biases = random_floats(5, 0.5, 7);
    const kin_hasher_layer layers[] = {
        {DIMENSIONS, HIDDEN, t->activation[0], t->weights[0], t->biases[0]},
        {HIDDEN, BITS, t->activation[1], t->weights[1], t->biases[1]}};
    kin_encoder_contents contents = {.card = {.method = "test",
                                              .features = "none",
                                              .decoder = "none",
                                              .blas = "none",
                                              .dimensions = DIMENSIONS,
                                              .bits = BITS,
                                              .training_count = 1,
                                              .input = t->input,
                                              .layer_count = 2,
                                              .head = t->head_kind,
                                              .class_count = t->classes},
                                     .layers = layers,
                                     .thresholds = t->thresholds,
                                     .head_weights = t->head,
                                     .head_biases = t->head_biases,
                                     .class_names = names};
    if (kin_encoder_file_write(&file, &contents, &error) != KIN_OK) fail_msg("%s", error.text);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    t->hasher = kin_hasher_new(&parsed);
    memset(file.data, 0, file.bytes); /* it has copied */
    kin_buffer_fini(&file);
}

static void end(trial *t)
{
    for (int i = 0; i < 2; i++) {
        free(t->weights[i]);
        free(t->biases[i]);
    }
    free(t->thresholds);
    free(t->head);
    free(t->head_biases);
    kin_hasher_destroy(&t->hasher);
}

static double plain_activation(kin_layer_activation activation, double x)
{
    switch (activation) {
    case KIN_ACTIVATE_RELU:
        return x > 0 ? x : 0;
    case KIN_ACTIVATE_LOGISTIC:
        return 1 / (1 + exp(-x));
    case KIN_ACTIVATE_TANH:
        return tanh(x);
    case KIN_ACTIVATE_SINE:
        return sin(x);
    default:
        return x;
    }
}

static void plain_values(const trial *t, const float *vector, double *values)
{
    double in[DIMENSIONS], hidden[HIDDEN], length = 0;
    for (size_t j = 0; j < DIMENSIONS; j++)
        length += (double)vector[j] * vector[j];
    for (size_t j = 0; j < DIMENSIONS; j++)
        in[j] = vector[j] / (t->input == KIN_INPUT_UNIT && length > 0 ? sqrt(length) : 1);
    for (size_t i = 0; i < HIDDEN; i++) {
        double sum = t->biases[0][i];
        for (size_t j = 0; j < DIMENSIONS; j++)
            sum += t->weights[0][i * DIMENSIONS + j] * in[j];
        hidden[i] = plain_activation(t->activation[0], sum);
    }
    for (size_t i = 0; i < BITS; i++) {
        double sum = t->biases[1][i];
        for (size_t j = 0; j < HIDDEN; j++)
            sum += t->weights[1][i * HIDDEN + j] * hidden[j];
        values[i] = plain_activation(t->activation[1], sum);
    }
}

static void like_doubles(void **state)
{
    (void)state;
    float *vectors = random_floats(COUNT * DIMENSIONS, 1, 8);
    memset(vectors + 3 * DIMENSIONS, 0, DIMENSIONS * sizeof *vectors);
    for (unsigned a = 0; a <= KIN_ACTIVATE_SINE; a++)
        for (unsigned b = 0; b <= KIN_ACTIVATE_SINE; b++) {
            trial t = {.activation = {a, b}, .input = (a + b) % 2 ? KIN_INPUT_UNIT : 0};
            begin(&t);
            float values[COUNT * BITS], alone[BITS];
            kin_code codes[COUNT];
            kin_hasher_values(t.hasher, vectors, COUNT, values);
            kin_hasher_hash(t.hasher, vectors, COUNT, codes);
            for (size_t i = 0; i < COUNT; i++) {
                double plain[BITS];
                plain_values(&t, vectors + i * DIMENSIONS, plain);
                kin_hasher_values(t.hasher, vectors + i * DIMENSIONS, 1, alone);
                assert_memory_equal(alone, values + i * BITS, sizeof alone);
                for (unsigned j = 0; j < BITS; j++) {
                    float value = values[i * BITS + j];
                    if (fabs(value - plain[j]) > 1e-5 * (1 + fabs(plain[j])))
                        fail_msg("activations %u, %u: %g is not %g", a, b, (double)value, plain[j]);
                    assert_int_equal(kin_code_bit(&codes[i], j), value > t.thresholds[j]);
                }
                for (unsigned j = BITS; j < KIN_CODE_BITS_MAX; j++)
                    assert_int_equal(kin_code_bit(&codes[i], j), 0);
            }
            end(&t);
        }
    free(vectors);
}

/* All kernels, lengths and counts that fill tiles and that do not. */
static void kernels_agree(void **state)
{
    (void)state;
    for (size_t stride = 16; stride <= 96; stride += 16)
        for (size_t outputs = 1; outputs <= 9; outputs++)
            for (size_t rows = 1; rows <= 9; rows += 2) {
                float *weights = random_floats(outputs * stride, 1, stride + outputs);
                float *vectors = random_floats(rows * stride, 1, rows);
                float first[9 * 12], other[9 * 12];
                memset(first, 0, sizeof first);
                kin_hash_scalar(weights, stride, outputs, vectors, stride, rows, first, 12);
                for (int level = 0; level < KIN_CPU_LEVELS; level++) {
                    if (!kin_cpu_supports((kin_cpu_level)level)) continue;
                    memset(other, 0, sizeof other);
                    kin_hash_get((kin_cpu_level)level)(weights, stride, outputs, vectors, stride,
                                                       rows, other, 12);
                    assert_memory_equal(first, other, sizeof first);
                }
                free(weights);
                free(vectors);
            }
}

static void functions_like_libm(void **state)
{
    (void)state;
    for (double x = -80; x <= 80; x += 0.0137) {
        float values[4] = {(float)x, (float)x, (float)x, (float)x};
        for (int i = 0; i < 4; i++)
            kin_hash_activate((kin_layer_activation)(i + 1), &values[i], 1);
        double narrow = (float)x;
        for (int i = 1; i < 4; i++) {
            double plain = plain_activation((kin_layer_activation)(i + 1), narrow);
            if (fabs(values[i] - plain) > 6e-8 * fabs(plain) + 1e-10)
                fail_msg("function %d of %g is %.9g, not %.9g", i + 1, narrow, (double)values[i],
                         plain);
        }
        assert_true(fabs(kin_hash_exponential(x) / exp(x) - 1) < 1e-13);
    }
    float far[] = {1e30f, -1e30f, 1e-20f};
    kin_hash_activate(KIN_ACTIVATE_TANH, far, 3);
    assert_true(far[0] == 1 && far[1] == -1 && far[2] == 1e-20f);
    float ends[] = {1e30f, -1e30f};
    kin_hash_activate(KIN_ACTIVATE_LOGISTIC, ends, 2);
    assert_true(ends[0] == 1 && ends[1] == 0);
}

static void heads(void **state)
{
    (void)state;
    float *vectors = random_floats(COUNT * DIMENSIONS, 1, 9);
    const struct {
        kin_head_kind kind;
        uint32_t classes;
    } cases[] = {{KIN_HEAD_SOFTMAX, 5},
                 {KIN_HEAD_LOGISTIC, 5},
                 {KIN_HEAD_LOGISTIC, 2},
                 {KIN_HEAD_LINEAR, 3}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint32_t classes = cases[c].classes;
        trial t = {.activation = {KIN_ACTIVATE_RELU, KIN_ACTIVATE_TANH},
                   .head_kind = cases[c].kind,
                   .classes = classes};
        begin(&t);
        assert_int_equal(kin_hasher_classes(t.hasher), classes);
        assert_string_equal(kin_hasher_class_name(t.hasher, 1), "b");
        float shares[COUNT * 5];
        kin_hasher_classify(t.hasher, vectors, COUNT, shares);
        for (size_t i = 0; i < COUNT; i++) {
            double values[BITS], wanted[5], sum = 0;
            plain_values(&t, vectors + i * DIMENSIONS, values);
            for (uint32_t k = 0; k < classes; k++) {
                double score = t.head_biases[k];
                for (size_t j = 0; j < BITS; j++)
                    score += t.head[k * BITS + j] * values[j];
                if (t.head_kind == KIN_HEAD_SOFTMAX) wanted[k] = exp(score);
                if (t.head_kind == KIN_HEAD_LOGISTIC) wanted[k] = 1 / (1 + exp(-score));
                if (t.head_kind == KIN_HEAD_LINEAR) wanted[k] = fmax(0, fmin(1, score));
                sum += wanted[k];
            }
            if (t.head_kind == KIN_HEAD_LOGISTIC && classes == 2) {
                wanted[1] = wanted[0]; /* its one number is the second class's */
                wanted[0] = 1 - wanted[1];
                sum = 1;
            }
            for (uint32_t k = 0; k < classes; k++) {
                double share = sum > 0 ? wanted[k] / sum : 1.0 / classes;
                if (fabs(shares[i * classes + k] - share) > 1e-4)
                    fail_msg("case %zu: %g is not %g", c, (double)shares[i * classes + k], share);
            }
        }
        end(&t);
    }
    free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_doubles),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(functions_like_libm),
        cmocka_unit_test(heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
