/* Encoder files: a round trip, the golden file, and one refusal for each rule of proto/ENCODER.md.
 * Files to be refused are built with the container's own writer, so that checksums hold. */
#include "tests/support/golden.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/file.h"
#include "proto/container.h"
#include "proto/encoder_file.h"

#define BITS 64
#define DIMENSIONS 70

static const kin_encoder_card card = {.method = "lsh",
                                      .features = "builtin/1",
                                      .decoder = "a decoder",
                                      .blas = "some kernels",
                                      .dimensions = DIMENSIONS,
                                      .bits = BITS,
                                      .seed = 0x0123456789abcdef,
                                      .training_count = 5,
                                      .iterations = 3};

/* Numbers by a formula that needs no rounding. */
static float plane_value(size_t i)
{
    return (float)((int)(i * 37 % 101) - 50) / 64;
}

static void build(kin_buffer *file)
{
    float planes[BITS * DIMENSIONS], thresholds[BITS];
    for (size_t i = 0; i < BITS * DIMENSIONS; i++)
        planes[i] = plane_value(i);
    for (size_t i = 0; i < BITS; i++)
        thresholds[i] = (float)i / 8;
    kin_error error = {0};
    assert_int_equal(kin_encoder_file_build(file, &card, planes, thresholds, &error), KIN_OK);
}

static void round_trip(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    build(&file);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    assert_memory_equal(parsed.card.method, card.method, sizeof card.method);
    assert_memory_equal(parsed.card.features, card.features, sizeof card.features);
    assert_memory_equal(parsed.card.decoder, card.decoder, sizeof card.decoder);
    assert_memory_equal(parsed.card.blas, card.blas, sizeof card.blas);
    assert_int_equal(parsed.card.dimensions, DIMENSIONS);
    assert_int_equal(parsed.card.bits, BITS);
    assert_true(parsed.card.seed == card.seed);
    assert_int_equal(parsed.card.training_count, 5);
    assert_int_equal(parsed.card.iterations, 3);
    float planes[BITS * DIMENSIONS], thresholds[BITS];
    kin_encoder_file_floats(parsed.layer[0].weights, BITS * DIMENSIONS, planes);
    kin_encoder_file_floats(parsed.thresholds, BITS, thresholds);
    for (size_t i = 0; i < BITS * DIMENSIONS; i++)
        assert_true(planes[i] == plane_value(i));
    assert_true(thresholds[9] == 9.0f / 8);
    assert_int_equal(parsed.version, 1);
    assert_int_equal(parsed.card.layer_count, 1);
    assert_null(parsed.layer[0].biases);
    kin_buffer_fini(&file);
}

static void golden(void **state)
{
    (void)state;
    kin_buffer file = {0};
    build(&file);
    golden_check("encoder-1.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

/* The sections of a good file, to be spoiled. */
typedef struct file_parts {
    uint8_t card[256];
    uint8_t planes[BITS * DIMENSIONS * 4];
    uint8_t thresholds[BITS * 4];
    kin_section_source section[4];
    uint32_t count;
} file_parts;

static void take_apart(file_parts *parts)
{
    kin_buffer file = {0};
    kin_container container;
    kin_error error = {0};
    uint64_t bytes;
    build(&file);
    assert_int_equal(
        kin_container_parse(&container, file.data, file.bytes, KIN_FILE_ENCODER, 1, "f", &error),
        KIN_OK);
    memcpy(parts->card, kin_container_section(&container, "card", &bytes), sizeof parts->card);
    assert_int_equal(bytes, sizeof parts->card);
    memcpy(parts->planes, kin_container_section(&container, "planes", &bytes),
           sizeof parts->planes);
    memcpy(parts->thresholds, kin_container_section(&container, "thresh", &bytes),
           sizeof parts->thresholds);
    parts->section[0] = (kin_section_source){"card", parts->card, sizeof parts->card};
    parts->section[1] = (kin_section_source){"planes", parts->planes, sizeof parts->planes};
    parts->section[2] = (kin_section_source){"thresh", parts->thresholds, sizeof parts->thresholds};
    parts->section[3] = (kin_section_source){"further", "x", 1};
    parts->count = 3;
    kin_buffer_fini(&file);
}

static void assert_refused(const file_parts *parts, kin_status status, const char *text)
{
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    kin_container_build(&file, KIN_FILE_ENCODER, 1, parts->section, parts->count);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f.kin", &error),
                     status);
    if (strstr(error.text, text) == NULL || strstr(error.text, "f.kin") == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
    kin_buffer_fini(&file);
}

/* One byte of the card changed. */
static void assert_card_refused(size_t offset, uint8_t value, kin_status status, const char *text)
{
    file_parts parts;
    take_apart(&parts);
    parts.card[offset] = value;
    assert_refused(&parts, status, text);
}

static void refuses_cards(void **state)
{
    (void)state;
    assert_card_refused(0, 'x', KIN_MISMATCH, "method 'xsh' is unknown");
    assert_card_refused(16, 0, KIN_CORRUPT, "'features'");
    assert_card_refused(50, '\n', KIN_CORRUPT, "'decoder'");
    assert_card_refused(111, 'x', KIN_CORRUPT, "'decoder'");
    assert_card_refused(143, 1, KIN_CORRUPT, "'blas'");
    assert_card_refused(144, 63, KIN_CORRUPT, "63 dimensions cannot give 64 bits");
    assert_card_refused(145, 0x20, KIN_LIMIT, "8262 dimensions");
    assert_card_refused(147, 0xff, KIN_LIMIT, "dimensions");
    assert_card_refused(148, 65, KIN_CORRUPT, "65 bits");
    assert_card_refused(149, 1, KIN_CORRUPT, "320 bits");
    assert_card_refused(160, 0, KIN_CORRUPT, "learned from no vector");
    assert_card_refused(172, 1, KIN_CORRUPT, "reserved");
    assert_card_refused(188, 1, KIN_CORRUPT, "reserved");
    assert_card_refused(255, 1, KIN_CORRUPT, "reserved");
}

static void refuses_sections(void **state)
{
    (void)state;
    file_parts parts;
    take_apart(&parts);
    parts.count = 4;
    assert_refused(&parts, KIN_CORRUPT, "4 sections");
    parts.count = 2;
    assert_refused(&parts, KIN_CORRUPT, "2 sections");
    parts.count = 3;
    parts.section[0].name = "cart";
    assert_refused(&parts, KIN_CORRUPT, "'card'");
    take_apart(&parts);
    parts.section[0].bytes = 255;
    assert_refused(&parts, KIN_CORRUPT, "255 bytes");
    take_apart(&parts);
    parts.section[1].bytes -= 4;
    assert_refused(&parts, KIN_CORRUPT, "'planes'");
    take_apart(&parts);
    parts.section[2].name = "limits";
    assert_refused(&parts, KIN_CORRUPT, "'thresh'");
}

static void refuses_numbers(void **state)
{
    (void)state;
    const uint32_t bad[] = {0x7f800000, 0xff800000, 0x7fc00000}; /* infinities and a NaN */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file_parts parts;
        take_apart(&parts);
        kin_store_le32(parts.planes + sizeof parts.planes - 4, bad[i]);
        assert_refused(&parts, KIN_CORRUPT, "number 4479 of section 'planes'");
        take_apart(&parts);
        kin_store_le32(parts.thresholds, bad[i]);
        assert_refused(&parts, KIN_CORRUPT, "number 0 of section 'thresh'");
    }
}

/* What cannot be written is the caller's mistake, said as such. */
static void refuses_to_write(void **state)
{
    (void)state;
    static const float zeros[BITS * DIMENSIONS];
    kin_encoder_card bad = card;
    kin_buffer file = {0};
    kin_error error = {0};
    memset(bad.decoder, 'x', sizeof bad.decoder);
    assert_int_equal(kin_encoder_file_build(&file, &bad, zeros, zeros, &error), KIN_BAD_INPUT);
    bad = card;
    bad.bits = 65;
    assert_int_equal(kin_encoder_file_build(&file, &bad, zeros, zeros, &error), KIN_BAD_INPUT);
    assert_int_equal(file.bytes, 0);
    kin_buffer_fini(&file);
}

/* Every byte flipped, every shorter length: refused, whatever was hit. */
static void refuses_damage(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    build(&file);
    for (size_t i = 0; i < file.bytes; i++) {
        file.data[i] ^= 0x40;
        if (kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error) == KIN_OK)
            fail_msg("byte %zu flipped and not refused", i);
        file.data[i] ^= 0x40;
    }
    for (size_t length = 0; length < file.bytes; length += 61)
        if (kin_encoder_file_parse(&parsed, file.data, length, "f", &error) == KIN_OK)
            fail_msg("cut to %zu bytes and not refused", length);
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),      cmocka_unit_test(golden),
        cmocka_unit_test(refuses_cards),   cmocka_unit_test(refuses_sections),
        cmocka_unit_test(refuses_numbers), cmocka_unit_test(refuses_to_write),
        cmocka_unit_test(refuses_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
