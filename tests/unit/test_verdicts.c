/* What a head says, as text and JSON: the most probable classes first, of equal ones the first, odd
 * names escaped. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/code/class_text.h"
#include "worker/classify/verdicts.h"

enum { CLASSES = 4, BITS = 16 };

/* A hasher whose only use is the names of its classes. */
static kin_hasher *make_hasher(kin_buffer *file)
{
    static const char *const names[] = {"ape", "b\\\"ee", "caf\xc3\xa9", "dog"};
    static float weights[BITS * 2], thresholds[BITS], head[CLASSES * (BITS + 1)];
    const kin_hasher_layer layer = {1, BITS, KIN_ACTIVATE_NONE, weights, weights + BITS};
    const kin_encoder_contents contents = {.card = {.method = "supervised",
                                                    .features = "file/1",
                                                    .decoder = "none",
                                                    .blas = "none",
                                                    .dimensions = 1,
                                                    .bits = BITS,
                                                    .training_count = 1,
                                                    .layer_count = 1,
                                                    .head = KIN_HEAD_SOFTMAX,
                                                    .class_count = CLASSES},
                                           .layers = &layer,
                                           .thresholds = thresholds,
                                           .head_weights = head,
                                           .head_biases = head + CLASSES * BITS,
                                           .class_names = names};
    kin_encoder_file parsed;
    kin_error error = {0};
    assert_int_equal(kin_encoder_file_write(file, &contents, &error), KIN_OK);
    assert_int_equal(kin_encoder_file_parse(&parsed, file->data, file->bytes, "f", &error), KIN_OK);
    return kin_hasher_new(&parsed);
}

static void assert_says(const float *probabilities, const char *picture, uint32_t top, bool json,
                        const char *wanted)
{
    kin_buffer file = {0}, out = {0};
    kin_hasher *hasher = make_hasher(&file);
    kin_buffer_append_string(&out, "before\n");
    kin_verdict_append(&out, hasher, picture, probabilities, top, json);
    kin_buffer_append_byte(&out, 0);
    assert_string_equal((const char *)out.data + strlen("before\n"), wanted);
    kin_hasher_destroy(&hasher);
    kin_buffer_fini(&file);
    kin_buffer_fini(&out);
}

static void classes(void **state)
{
    (void)state;
    assert_int_equal(kin_hasher_likeliest((const float[]){0.1F, 0.7F, 0.2F}, 3), 1);
    assert_int_equal(kin_hasher_likeliest((const float[]){0.4F, 0.4F, 0.2F}, 3), 0);
    assert_int_equal(kin_hasher_likeliest((const float[]){0, 0, 0, 1}, 4), 3);
    assert_int_equal(kin_hasher_likeliest((const float[]){1}, 1), 0);
}

static void lines(void **state)
{
    (void)state;
    const float some[CLASSES] = {0.125F, 0.5F, 0.125F, 0.25F};
    assert_says(some, "a.png", 1, false, "a.png\tb\\\\\"ee\t0.5000\n");
    assert_says(some, "a.png", 4, false,
                "a.png\tb\\\\\"ee\t0.5000\na.png\tdog\t0.2500\na.png\tape\t0.1250\n"
                "a.png\tcaf\xc3\xa9\t0.1250\n");
    assert_says(some, "a\tb\n", 1, false, "a\\tb\\n\tb\\\\\"ee\t0.5000\n");
    const float sure[CLASSES] = {0, 0, 0, 1};
    assert_says(sure, "x", 99, false,
                "x\tdog\t1.0000\nx\tape\t0.0000\nx\tb\\\\\"ee\t0.0000\nx\tcaf\xc3\xa9\t0.0000\n");
}

static void json(void **state)
{
    (void)state;
    const float some[CLASSES] = {0.125F, 0.5F, 0.125F, 0.25F};
    assert_says(some, "a \"b\".png", 2, true,
                "{\"picture\": \"a \\\"b\\\".png\", \"classes\": [{\"class\": \"b\\\\\\\"ee\", "
                "\"probability\": 0.500000}, {\"class\": \"dog\", \"probability\": 0.250000}]}\n");
}

/* What a coordinator's answer prints is the same. */
static void by_hand(void **state)
{
    (void)state;
    const kin_class some[] = {{"dog", 0.999999999}, {"c\x1b", 1e-9}};
    kin_buffer out = {0};
    kin_class_text_append(&out, "p", some, 2, false);
    kin_class_text_append(&out, "p", some, 0, false);
    kin_class_text_append(&out, "p", some, 0, true);
    kin_buffer_append_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "p\tdog\t1.0000\np\tc\\x1b\t0.0000\n{\"picture\": \"p\", \"classes\": []}\n");
    kin_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(classes), cmocka_unit_test(lines),
                                       cmocka_unit_test(json), cmocka_unit_test(by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
