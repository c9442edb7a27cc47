/* Encoder files of version 3: the way back from bits to features, its golden file, what is refused,
 * and its numbers against plain loops. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "proto/container.h"
#include "proto/encoder_file.h"
#include "proto/encoder_rename.h"
#include "tests/support/golden.h"
#include "worker/encode/hasher.h"

enum { DIMENSIONS = 6, BITS = 16, HIDDEN = 3 };

static float forth[BITS * (DIMENSIONS + 1)], first[HIDDEN * (BITS + 1)],
    second[DIMENSIONS * (HIDDEN + 1)], thresholds[BITS];

/* Numbers by a formula that needs no rounding. */
static void fill(float *values, size_t count, int step)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)(i * (size_t)step % 23) - 11) / 16;
}

static void build(kin_buffer *file, uint32_t back_count)
{
    kin_error error = {0};
    fill(forth, sizeof forth / sizeof *forth, 7);
    fill(first, sizeof first / sizeof *first, 5);
    fill(second, sizeof second / sizeof *second, 11);
    fill(thresholds, BITS, 3);
    const kin_hasher_layer layer = {DIMENSIONS, BITS, KIN_ACTIVATE_LOGISTIC, forth,
                                    forth + BITS * DIMENSIONS};
    const kin_hasher_layer back[] = {
        {BITS, HIDDEN, KIN_ACTIVATE_TANH, first, first + HIDDEN * BITS},
        {HIDDEN, DIMENSIONS, KIN_ACTIVATE_LOGISTIC, second, second + DIMENSIONS * HIDDEN}};
    kin_encoder_contents contents = {.card = {.method = "autoencoder",
                                              .features = "pixels:8:grey/1",
                                              .decoder = "a decoder",
                                              .blas = "some kernels",
                                              .dimensions = DIMENSIONS,
                                              .bits = BITS,
                                              .seed = 9,
                                              .training_count = 4,
                                              .layer_count = 1},
                                     .layers = &layer,
                                     .thresholds = thresholds,
                                     .options = "epochs=1\n",
                                     .back = back,
                                     .back_count = back_count};
    if (kin_encoder_file_write(file, &contents, &error) != KIN_OK) fail_msg("%s", error.text);
}

static void round_trip(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    float values[HIDDEN * BITS];
    build(&file, 2);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.version, 3);
    assert_int_equal(parsed.back_count, 2);
    assert_int_equal(parsed.back[0].inputs, BITS);
    assert_int_equal(parsed.back[1].outputs, DIMENSIONS);
    assert_int_equal(parsed.back[1].activation, KIN_ACTIVATE_LOGISTIC);
    kin_encoder_file_floats(parsed.back[0].weights, HIDDEN * BITS, values);
    assert_memory_equal(values, first, sizeof values);
    kin_encoder_file_floats(parsed.back[1].biases, DIMENSIONS, values);
    assert_memory_equal(values, second + DIMENSIONS * HIDDEN, DIMENSIONS * sizeof *values);
    golden_check("encoder-3.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

/* Without a way back it is the file that it always was. */
static void none_is_version_2(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    build(&file, 0);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.version, 2);
    assert_null(kin_hasher_new_back(&parsed));
    kin_buffer_fini(&file);
}

static void numbers(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    float bits[BITS], made[DIMENSIONS];
    double hidden[HIDDEN];
    build(&file, 2);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    kin_hasher *back = kin_hasher_new_back(&parsed);
    assert_int_equal(kin_hasher_dimensions(back), BITS);
    for (int b = 0; b < BITS; b++)
        bits[b] = (float)(b % 3 == 0);
    kin_hasher_values(back, bits, 1, made);
    for (int h = 0; h < HIDDEN; h++) {
        double sum = first[HIDDEN * BITS + h];
        for (int b = 0; b < BITS; b++)
            sum += (double)first[h * BITS + b] * bits[b];
        hidden[h] = tanh(sum);
    }
    for (int d = 0; d < DIMENSIONS; d++) {
        double sum = second[DIMENSIONS * HIDDEN + d];
        for (int h = 0; h < HIDDEN; h++)
            sum += second[d * HIDDEN + h] * hidden[h];
        assert_true(fabs(made[d] - 1 / (1 + exp(-sum))) < 1e-6);
    }
    kin_hasher_destroy(&back);
    kin_buffer_fini(&file);
}

/* The file's sections put together anew, section `spoiled` with `bytes` fewer and byte `at` set. */
static void assert_refused(uint32_t version, const char *spoiled, size_t fewer, size_t at,
                           uint8_t value, kin_status status, const char *text)
{
    kin_buffer file = {0}, again = {0};
    kin_container container;
    kin_encoder_file parsed;
    kin_error error = {0};
    kin_section_source sections[KIN_CONTAINER_SECTIONS_MAX];
    build(&file, 2);
    assert_int_equal(
        kin_container_parse(&container, file.data, file.bytes, KIN_FILE_ENCODER, 3, "f", &error),
        KIN_OK);
    for (uint32_t s = 0; s < container.section_count; s++) {
        const kin_section *section = &container.section[s];
        sections[s] = (kin_section_source){section->name, file.data + section->offset,
                                           (size_t)section->bytes};
        if (strcmp(section->name, spoiled) != 0) continue;
        file.data[section->offset + at] = value;
        sections[s].bytes -= fewer;
    }
    kin_container_build(&again, KIN_FILE_ENCODER, version, sections, container.section_count);
    kin_status got = kin_encoder_file_parse(&parsed, again.data, again.bytes, "f.kin", &error);
    if (got != status || strstr(error.text, text) == NULL)
        fail_msg("status %d, '%s' instead of '%s'", (int)got, error.text, text);
    kin_buffer_fini(&file);
    kin_buffer_fini(&again);
}

static void refusals(void **state)
{
    (void)state;
    assert_refused(2, "", 0, 0, 0, KIN_CORRUPT, "7 sections, not 5");
    assert_refused(4, "", 0, 0, 0, KIN_MISMATCH, "version 4");
    assert_refused(3, "back", 32, 0, 0, KIN_LIMIT, "'back' has 0 rows");
    assert_refused(3, "back", 16, 0, BITS, KIN_CORRUPT, "gives 3 numbers for 6 dimensions");
    assert_refused(3, "back", 4, 0, BITS, KIN_CORRUPT, "'back' does not have 1 rows");
    assert_refused(3, "back", 0, 0, BITS + 1, KIN_CORRUPT, "layer 0 takes 17 numbers");
    assert_refused(3, "back", 0, 20, DIMENSIONS + 1, KIN_CORRUPT, "7 numbers for 6 dimensions");
    assert_refused(3, "back", 0, 8, 5, KIN_MISMATCH, "activation 5");
    assert_refused(3, "backw", 4, 0, 0, KIN_CORRUPT, "section 'backw' has");
}

/* Renamed, all of it is still there. */
static void renamed(void **state)
{
    (void)state;
    kin_buffer file = {0}, other = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    build(&file, 2);
    assert_int_equal(
        kin_encoder_file_renamed(&other, file.data, file.bytes, "f", "file/1", "none", &error),
        KIN_OK);
    assert_int_equal(kin_encoder_file_parse(&parsed, other.data, other.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.back_count, 2);
    assert_string_equal(parsed.card.features, "file/1");
    kin_buffer_fini(&file);
    kin_buffer_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(none_is_version_2),
        cmocka_unit_test(numbers),    cmocka_unit_test(refusals),
        cmocka_unit_test(renamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
