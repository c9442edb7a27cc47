/* Network files: a round trip, the golden files, and one refusal for each rule of proto/NETWORK.md.
 * Files to be refused are built with the container's own writer, so that checksums hold. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "proto/container.h"
#include "proto/network_file.h"
#include "tests/support/golden.h"

#define ROW_BYTES 2176
#define ROW_BYTES_2 2192

/* Offsets of proto/NETWORK.md. */
enum {
    NAME = 0,
    WIDTH = 64,
    HEIGHT = 68,
    SHORTER_SIDE = 72,
    RESIZE = 76,
    BGR = 80,
    SCALE = 84,
    MEAN = 88,
    DEVIATION = 100,
    POOLING = 112,
    POWER = 116,
    NORMALISE = 120,
    TAP_COUNT = 124,
    TAPS = 128,
    INTERPOLATION = 2176,
    CENTRE = 2180,
    ZERO = 2184
};

static const char first_model[] = "not a model, but bytes", second_model[] = "\0and others";

static kin_network_file example(void)
{
    return (kin_network_file){
        .model_count = 2,
        .models = {{.spec = {.name = "first",
                             .width = 96,
                             .height = 64,
                             .shorter_side = 4096,
                             .resize = KIN_NETWORK_RESIZE_CROP,
                             .bgr = true,
                             .scale = 0.5f,
                             .mean = {0.25f, -1, 2},
                             .deviation = {1, 0.125f, 1024},
                             .pooling = KIN_NETWORK_POOL_GEM,
                             .power = 3.5f,
                             .normalise = true,
                             .tap_count = 8,
                             .taps = {"a", "b:0", "c/d", "\xc3\xa9", "\n", "f", "g", "h"}},
                    .onnx = first_model,
                    .bytes = sizeof first_model},
                   {.spec = {.name = "second model",
                             .width = 1024,
                             .height = 1,
                             .scale = -1,
                             .deviation = {1, 1, 1},
                             .resize = KIN_NETWORK_RESIZE_PAD,
                             .pooling = KIN_NETWORK_POOL_MAX,
                             .tap_count = 1,
                             .taps = {"tap"}},
                    .onnx = second_model,
                    .bytes = sizeof second_model}},
    };
}

static const float means[3] = {1, -0.5f, 1e-30f};

/* With what version 2 says. */
static kin_network_file second_example(void)
{
    kin_network_file file = example();
    file.models[0].spec.interpolation = KIN_NETWORK_BICUBIC;
    file.models[1].spec.centre = true;
    file.models[1].means = means;
    file.models[1].mean_count = 3;
    return file;
}

static void assert_equal_specs(const kin_network_spec *a, const kin_network_spec *b)
{
    assert_memory_equal(a->name, b->name, sizeof a->name);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->shorter_side, b->shorter_side);
    assert_int_equal(a->resize, b->resize);
    assert_int_equal(a->interpolation, b->interpolation);
    assert_int_equal(a->centre, b->centre);
    assert_int_equal(a->bgr, b->bgr);
    assert_true(a->scale == b->scale && a->power == b->power);
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->deviation, b->deviation, sizeof a->deviation);
    assert_int_equal(a->pooling, b->pooling);
    assert_int_equal(a->normalise, b->normalise);
    assert_int_equal(a->tap_count, b->tap_count);
    assert_memory_equal(a->taps, b->taps, sizeof a->taps);
}

static void round_trip(void **state)
{
    (void)state;
    kin_network_file file = example(), parsed;
    kin_buffer bytes = {0};
    kin_error error = {0};
    kin_network_file_build(&bytes, &file);
    assert_int_equal(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.model_count, 2);
    for (int m = 0; m < 2; m++) {
        assert_equal_specs(&parsed.models[m].spec, &file.models[m].spec);
        assert_int_equal(parsed.models[m].bytes, file.models[m].bytes);
        assert_memory_equal(parsed.models[m].onnx, file.models[m].onnx, file.models[m].bytes);
    }
    kin_buffer_fini(&bytes);
    file.model_count = KIN_NETWORK_MODELS_MAX;
    for (int m = 2; m < KIN_NETWORK_MODELS_MAX; m++)
        file.models[m] = file.models[m % 2];
    kin_network_file_build(&bytes, &file);
    assert_int_equal(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.model_count, 8);
    assert_memory_equal(parsed.models[7].onnx, second_model, sizeof second_model);
    kin_buffer_fini(&bytes);
}

static void second_version(void **state)
{
    (void)state;
    kin_network_file file = second_example(), parsed;
    kin_buffer bytes = {0};
    kin_error error = {0};
    kin_network_file_build(&bytes, &file);
    assert_int_equal(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error), KIN_OK);
    for (int m = 0; m < 2; m++)
        assert_equal_specs(&parsed.models[m].spec, &file.models[m].spec);
    assert_int_equal(parsed.models[0].mean_count, 0);
    assert_int_equal(parsed.models[1].mean_count, 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(kin_network_mean(&parsed.models[1], i) == means[i]);
    kin_buffer_fini(&bytes);
    file.models[1].mean_count = 0; /* not learned yet */
    kin_network_file_build(&bytes, &file);
    assert_int_equal(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error), KIN_OK);
    assert_true(parsed.models[1].spec.centre && parsed.models[1].mean_count == 0);
    kin_buffer_fini(&bytes);
}

/* All that a file may hold at once. */
static void eight_centred(void **state)
{
    (void)state;
    kin_network_file file = second_example(), parsed;
    kin_buffer bytes = {0};
    kin_error error = {0};
    file.model_count = KIN_NETWORK_MODELS_MAX;
    for (int m = 0; m < KIN_NETWORK_MODELS_MAX; m++)
        file.models[m] = file.models[1];
    kin_network_file_build(&bytes, &file);
    assert_int_equal(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error), KIN_OK);
    assert_true(kin_network_mean(&parsed.models[7], 1) == -0.5f);
    kin_buffer_fini(&bytes);
}

static void golden(void **state)
{
    (void)state;
    kin_network_file file = example();
    kin_buffer bytes = {0};
    kin_network_file_build(&bytes, &file);
    golden_check("network-1.kin", bytes.data, bytes.bytes);
    kin_buffer_fini(&bytes);
    file = second_example();
    kin_network_file_build(&bytes, &file);
    golden_check("network-2.kin", bytes.data, bytes.bytes);
    kin_buffer_fini(&bytes);
}

static void names_of_features(void **state)
{
    (void)state;
    kin_network_file file = example();
    kin_buffer bytes = {0};
    char name[KIN_NETWORK_FEATURES_BYTES], other[KIN_NETWORK_FEATURES_BYTES], digits[33];
    kin_network_file_build(&bytes, &file);
    kin_network_features_name(bytes.data, "scalar", name);
    kin_digest digest = kin_container_digest(bytes.data);
    kin_digest_text(&digest, digits);
    assert_memory_equal(name, "network/", 8);
    assert_memory_equal(name + 8, digits, 16);
    assert_string_equal(name + 24, "/scalar");
    kin_buffer_fini(&bytes);
    file.models[1].spec.normalise = true; /* any change is another name */
    kin_network_file_build(&bytes, &file);
    kin_network_features_name(bytes.data, "scalar", other);
    assert_string_not_equal(name, other);
    assert_true(kin_network_is_features(name));
    assert_false(kin_network_is_features("builtin/1"));
    assert_false(kin_network_is_features("network"));
    kin_buffer_fini(&bytes);
}

/* --- Refusals -------------------------------------------------------------------------------- */

/* The sections of a good file, to be spoiled. */
typedef struct file_parts {
    uint8_t rows[3 * ROW_BYTES];
    kin_section_source section[4];
    uint32_t count;
} file_parts;

static void take_apart(file_parts *parts)
{
    kin_network_file file = example();
    kin_buffer bytes = {0};
    kin_container container;
    kin_error error = {0};
    uint64_t size;
    kin_network_file_build(&bytes, &file);
    assert_int_equal(
        kin_container_parse(&container, bytes.data, bytes.bytes, KIN_FILE_NETWORK, 1, "f", &error),
        KIN_OK);
    const uint8_t *rows = kin_container_section(&container, "specs", &size);
    assert_int_equal(size, 2 * ROW_BYTES);
    memset(parts, 0, sizeof *parts);
    memcpy(parts->rows, rows, size);
    parts->section[0] = (kin_section_source){"specs", parts->rows, size};
    parts->section[1] = (kin_section_source){"model-a", first_model, sizeof first_model};
    parts->section[2] = (kin_section_source){"model-b", second_model, sizeof second_model};
    parts->section[3] = (kin_section_source){"model-c", "x", 1};
    parts->count = 3;
    kin_buffer_fini(&bytes);
}

static void assert_refused(const file_parts *parts, const char *text)
{
    kin_buffer file = {0};
    kin_network_file parsed;
    kin_error error = {0};
    kin_container_build(&file, KIN_FILE_NETWORK, 1, parts->section, parts->count);
    assert_int_equal(kin_network_file_parse(&parsed, file.data, file.bytes, "f.kin", &error),
                     KIN_CORRUPT);
    if (strstr(error.text, text) == NULL || strstr(error.text, "f.kin") == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
    kin_buffer_fini(&file);
}

static void refuses_sections(void **state)
{
    (void)state;
    file_parts parts;
    take_apart(&parts);
    parts.count = 4;
    assert_refused(&parts, "the number of its models contradicts itself");
    parts.section[0].bytes = 3 * ROW_BYTES; /* the third one's row is zeros */
    assert_refused(&parts, "a spec is impossible: the name");
    parts.section[0].bytes = 2 * ROW_BYTES;
    parts.count = 2;
    assert_refused(&parts, "has no section 'model-b'");
    parts.count = 1;
    parts.section[0].bytes = 0;
    assert_refused(&parts, "contradicts itself");
    take_apart(&parts);
    parts.section[0].bytes--;
    assert_refused(&parts, "contradicts itself");
    take_apart(&parts);
    parts.section[0].name = "spec";
    assert_refused(&parts, "contradicts itself");
    take_apart(&parts);
    parts.section[2].name = "model-c";
    assert_refused(&parts, "has no section 'model-b'");
}

/* A number of a row; bytes of names. */
static void assert_row_refused(size_t offset, uint32_t value, const char *text)
{
    file_parts parts;
    take_apart(&parts);
    kin_store_le32(parts.rows + offset, value);
    assert_refused(&parts, text);
}

static void assert_byte_refused(size_t offset, uint8_t value, const char *text)
{
    file_parts parts;
    take_apart(&parts);
    parts.rows[offset] = value;
    assert_refused(&parts, text);
}

static void refuses_rows(void **state)
{
    (void)state;
    static const uint32_t not_finite[] = {0x7f800000, 0xff800000, 0x7fc00000};
    assert_row_refused(WIDTH, 0, "an input of 0 x 64");
    assert_row_refused(WIDTH, 1025, "an input of 1025 x 64");
    assert_row_refused(HEIGHT, 0xffffffff, "an input of 96 x 4294967295");
    assert_row_refused(SHORTER_SIDE, 95, "the shorter side before cropping is 95");
    assert_row_refused(SHORTER_SIDE, 4097, "the shorter side before cropping is 4097");
    assert_row_refused(RESIZE, 0, "the shorter side before cropping is 4096");
    assert_row_refused(RESIZE, 3, "resizing or pooling is unknown");
    assert_row_refused(RESIZE, 0xffffffff, "resizing or pooling is unknown");
    assert_row_refused(BGR, 2, "holds what it must not");
    assert_row_refused(BGR, 0x01000000, "holds what it must not");
    assert_row_refused(SCALE, 0, "scale is not 0");
    assert_row_refused(SCALE, 0x80000000, "scale is not 0");
    for (size_t i = 0; i < 3; i++) {
        assert_row_refused(SCALE, not_finite[i], "finite numbers");
        assert_row_refused(MEAN + 4 * i, not_finite[i], "finite numbers");
        assert_row_refused(DEVIATION + 4 * i, not_finite[i], "finite numbers");
        assert_row_refused(DEVIATION + 4 * i, 0, "std is positive");
        assert_row_refused(DEVIATION + 4 * i, 0xbf800000, "std is positive");
        assert_row_refused(POWER, not_finite[i], "finite numbers");
        assert_row_refused(ROW_BYTES + POWER, not_finite[i], "finite numbers");
    }
    assert_row_refused(POOLING, 3, "resizing or pooling is unknown");
    assert_row_refused(POWER, 0x3f000000, "the power of gem pooling is 0.5");
    assert_row_refused(POWER, 0x42ca0000, "the power of gem pooling is 101");
    assert_row_refused(NORMALISE, 2, "holds what it must not");
    assert_row_refused(TAP_COUNT, 9, "9 tensors are tapped");
    assert_row_refused(TAP_COUNT, 0xffffffff, "4294967295 tensors are tapped");
    assert_row_refused(TAP_COUNT, 7, "holds what it must not"); /* the eighth name is left */
    assert_row_refused(ROW_BYTES + TAP_COUNT, 0, "holds what it must not");
    assert_row_refused(ROW_BYTES + TAP_COUNT, 2, "the name of tap 2");
    assert_row_refused(ROW_BYTES + SHORTER_SIDE, 1024, "the shorter side before cropping is 1024");
}

static void refuses_names(void **state)
{
    (void)state;
    assert_byte_refused(NAME, 0, "the name is not 1 to 63");
    assert_byte_refused(NAME + 1, '\n', "printable");
    assert_byte_refused(NAME + 1, 0x80, "printable");
    assert_byte_refused(NAME + 6, 'x', "the name is not 1 to 63");
    assert_byte_refused(NAME + 63, 'x', "the name is not 1 to 63");
    assert_byte_refused(TAPS, 0, "the name of tap 1");
    assert_byte_refused(TAPS + 3 * 256 + 255, 'x', "the name of tap 4");
    assert_byte_refused(TAPS + 8 * 256 - 1, 'x', "the name of tap 8");
    assert_byte_refused(ROW_BYTES + TAPS + 256, 'x', "holds what it must not");
    assert_byte_refused(2 * ROW_BYTES - 1, 'x', "holds what it must not");
    file_parts parts;
    take_apart(&parts);
    memset(parts.rows + NAME, 'x', 64);
    assert_refused(&parts, "the name is not 1 to 63");
    take_apart(&parts);
    memset(parts.rows + TAPS, 'x', 256);
    assert_refused(&parts, "the name of tap 1");
}

/* A file of version 2 with one number changed, or a section left out or cut. */
static void assert_second_refused(size_t offset, uint32_t value, uint32_t sections,
                                  size_t mean_bytes, const char *text)
{
    static const uint32_t numbers[4] = {0x3f800000, 0x7f800000, 0, 0};
    kin_network_file file = second_example(), parsed;
    kin_buffer bytes = {0};
    kin_container container;
    kin_error error = {0};
    uint64_t size;
    uint8_t rows[2 * ROW_BYTES_2];
    kin_network_file_build(&bytes, &file);
    assert_int_equal(
        kin_container_parse(&container, bytes.data, bytes.bytes, KIN_FILE_NETWORK, 2, "f", &error),
        KIN_OK);
    const uint8_t *own = kin_container_section(&container, "specs", &size);
    assert_int_equal(size, sizeof rows);
    memcpy(rows, own, sizeof rows);
    if (text != NULL) kin_store_le32(rows + offset, value);
    kin_section_source section[] = {{"specs", rows, sizeof rows},
                                    {"model-a", first_model, sizeof first_model},
                                    {"model-b", second_model, sizeof second_model},
                                    {"means-b", numbers, mean_bytes},
                                    {"means-a", numbers, 4}};
    kin_buffer_clear(&bytes);
    kin_container_build(&bytes, KIN_FILE_NETWORK, 2, section, sections);
    kin_status status = kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f.kin", &error);
    assert_int_equal(status, text == NULL ? KIN_OK : KIN_CORRUPT);
    if (text != NULL && strstr(error.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
    kin_buffer_fini(&bytes);
}

static void refuses_second_version(void **state)
{
    (void)state;
    assert_second_refused(0, 0, 4, 4, NULL); /* as it is, it is good */
    assert_second_refused(INTERPOLATION, 2, 4, 4, "is unknown");
    assert_second_refused(CENTRE, 2, 4, 4, "holds what it must not");
    assert_second_refused(ZERO, 1, 4, 4, "holds what it must not");
    assert_second_refused(ZERO + 4, 0x80000000, 4, 4, "holds what it must not");
    assert_second_refused(INTERPOLATION, 0, 3, 4, "has no section 'means-b'");
    assert_second_refused(INTERPOLATION, 0, 5, 4, "contradicts itself");
    assert_second_refused(CENTRE, 1, 4, 4, "has no section 'means-a'");
    assert_second_refused(INTERPOLATION, 0, 4, 5, "the means of model 2 are impossible");
    assert_second_refused(INTERPOLATION, 0, 4, 8, "the means of model 2 are impossible");
}

/* Every byte flipped, every shorter length: refused, whatever was hit. */
static void refuses_damage(void **state)
{
    (void)state;
    kin_network_file file = example(), parsed;
    kin_buffer bytes = {0};
    kin_error error = {0};
    kin_network_file_build(&bytes, &file);
    for (size_t i = 0; i < bytes.bytes; i++) {
        bytes.data[i] ^= 0x40;
        if (kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "f", &error) == KIN_OK)
            fail_msg("byte %zu flipped and not refused", i);
        bytes.data[i] ^= 0x40;
    }
    for (size_t length = 0; length < bytes.bytes; length += 61)
        if (kin_network_file_parse(&parsed, bytes.data, length, "f", &error) == KIN_OK)
            fail_msg("cut to %zu bytes and not refused", length);
    kin_buffer_fini(&bytes);
}

/* A file of another kind, or of a version to come. */
static void refuses_others(void **state)
{
    (void)state;
    file_parts parts;
    kin_network_file parsed;
    kin_buffer file = {0};
    kin_error error = {0};
    take_apart(&parts);
    kin_container_build(&file, KIN_FILE_ENCODER, 1, parts.section, parts.count);
    assert_int_not_equal(kin_network_file_parse(&parsed, file.data, file.bytes, "f", &error),
                         KIN_OK);
    kin_buffer_fini(&file);
    kin_container_build(&file, KIN_FILE_NETWORK, 3, parts.section, parts.count);
    assert_int_equal(kin_network_file_parse(&parsed, file.data, file.bytes, "f", &error),
                     KIN_MISMATCH);
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(second_version),
        cmocka_unit_test(eight_centred),    cmocka_unit_test(refuses_second_version),
        cmocka_unit_test(golden),           cmocka_unit_test(names_of_features),
        cmocka_unit_test(refuses_sections), cmocka_unit_test(refuses_rows),
        cmocka_unit_test(refuses_names),    cmocka_unit_test(refuses_damage),
        cmocka_unit_test(refuses_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
