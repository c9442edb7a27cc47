/* Encoder files of version 2: a round trip, the golden file, one refusal for each rule of
 * proto/ENCODER.md. */
#include "tests/support/golden.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/file.h"
#include "proto/container.h"
#include "proto/encoder_file.h"

enum { DIMENSIONS = 5, HIDDEN = 7, BITS = 24, CLASSES = 3 };
enum { WEIGHTS = HIDDEN * (DIMENSIONS + 1) + BITS * (HIDDEN + 1), HEAD = CLASSES * (BITS + 1) };

static const char *const names[] = {"cats", "dogs & other dogs", "zebras"};

/* Numbers by a formula that needs no rounding: weight i of all, layer after layer. */
static float weight(size_t i)
{
    return (float)((int)(i * 37 % 101) - 50) / 64;
}

/* What the file is made from, to be spoiled. */
typedef struct draft {
    float weights[WEIGHTS], thresholds[BITS], head[HEAD];
    kin_hasher_layer layers[2];
    kin_encoder_contents contents;
} draft;

static void make(draft *d)
{
    for (size_t i = 0; i < WEIGHTS; i++)
        d->weights[i] = weight(i);
    for (size_t i = 0; i < BITS; i++)
        d->thresholds[i] = (float)i / 8;
    for (size_t i = 0; i < HEAD; i++)
        d->head[i] = weight(2 * i + 1);
    float *second = d->weights + HIDDEN * (DIMENSIONS + 1);
    d->layers[0] = (kin_hasher_layer){DIMENSIONS, HIDDEN, KIN_ACTIVATE_RELU, d->weights,
                                      d->weights + HIDDEN * DIMENSIONS};
    d->layers[1] =
        (kin_hasher_layer){HIDDEN, BITS, KIN_ACTIVATE_TANH, second, second + BITS * HIDDEN};
    d->contents = (kin_encoder_contents){.card = {.method = "supervised",
                                                  .features = "builtin/1",
                                                  .decoder = "a decoder",
                                                  .blas = "some kernels",
                                                  .dimensions = DIMENSIONS,
                                                  .bits = BITS,
                                                  .seed = 0x0123456789abcdef,
                                                  .training_count = 5,
                                                  .iterations = 3,
                                                  .input = KIN_INPUT_UNIT,
                                                  .layer_count = 2,
                                                  .head = KIN_HEAD_SOFTMAX,
                                                  .class_count = CLASSES,
                                                  .data = {{1, 2, 3}}},
                                         .layers = d->layers,
                                         .thresholds = d->thresholds,
                                         .head_weights = d->head,
                                         .head_biases = d->head + CLASSES * BITS,
                                         .class_names = names,
                                         .options = "epochs=3\nlayers=5-7-24\n",
                                         .curve = "epoch\tloss\n1\t0.5\n",
                                         .quality = "map\t0.5\n"};
}

static void build(kin_buffer *file)
{
    draft d;
    kin_error error = {0};
    make(&d);
    if (kin_encoder_file_write(file, &d.contents, &error) != KIN_OK) fail_msg("%s", error.text);
}

static void assert_floats(const uint8_t *section, size_t count, const float *wanted)
{
    float values[WEIGHTS];
    kin_encoder_file_floats(section, count, values);
    assert_memory_equal(values, wanted, count * sizeof *values);
}

static void round_trip(void **state)
{
    (void)state;
    draft d;
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    make(&d);
    build(&file);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    assert_int_equal(parsed.version, 2);
    assert_memory_equal(&parsed.card, &d.contents.card, sizeof parsed.card);
    for (int i = 0; i < 2; i++) {
        const kin_encoder_layer *layer = &parsed.layer[i];
        assert_int_equal(layer->inputs, d.layers[i].inputs);
        assert_int_equal(layer->outputs, d.layers[i].outputs);
        assert_int_equal(layer->activation, d.layers[i].activation);
        assert_floats(layer->weights, (size_t)layer->inputs * layer->outputs, d.layers[i].weights);
        assert_floats(layer->biases, layer->outputs, d.layers[i].biases);
    }
    assert_floats(parsed.thresholds, BITS, d.thresholds);
    assert_floats(parsed.head.weights, CLASSES * BITS, d.head);
    assert_floats(parsed.head.biases, CLASSES, d.head + CLASSES * BITS);
    assert_memory_equal(parsed.class_names, "cats\0dogs & other dogs\0zebras", 30);
    assert_memory_equal(parsed.options.text, d.contents.options, parsed.options.bytes);
    assert_int_equal(parsed.curve.bytes, strlen(d.contents.curve));
    assert_memory_equal(parsed.quality.text, "map\t0.5\n", 8);
    kin_buffer_fini(&file);
}

static void golden(void **state)
{
    (void)state;
    kin_buffer file = {0};
    build(&file);
    golden_check("encoder-2.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
}

/* The sections of a good file: change one, add or drop some, parse. */
typedef struct parts {
    kin_buffer file;
    kin_section_source section[12];
    uint8_t bytes[12][4096];
    uint32_t count;
} parts;

static void take_apart(parts *p)
{
    kin_container container;
    kin_error error = {0};
    memset(p, 0, sizeof *p);
    build(&p->file);
    assert_int_equal(kin_container_parse(&container, p->file.data, p->file.bytes, KIN_FILE_ENCODER,
                                         2, "f", &error),
                     KIN_OK);
    static const char *const order[] = {"card",    "layers",  "weights", "thresh", "head",
                                        "classes", "options", "curve",   "quality"};
    for (size_t i = 0; i < 9; i++) {
        uint64_t bytes;
        const uint8_t *data = kin_container_section(&container, order[i], &bytes);
        assert_true(bytes <= sizeof p->bytes[i]);
        memcpy(p->bytes[i], data, bytes);
        p->section[i] = (kin_section_source){order[i], p->bytes[i], bytes};
    }
    p->section[9] = (kin_section_source){"further", "x", 1};
    p->count = 9;
}

enum { CARD, LAYERS, WEIGHT, THRESHOLD, OUT, NAMES, OPTIONS };

static void assert_refused(parts *p, kin_status status, const char *text)
{
    kin_buffer file = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    kin_container_build(&file, KIN_FILE_ENCODER, 2, p->section, p->count);
    kin_status got = kin_encoder_file_parse(&parsed, file.data, file.bytes, "f.kin", &error);
    if (got != status || strstr(error.text, text) == NULL || strstr(error.text, "f.kin") == NULL)
        fail_msg("status %d, '%s' instead of '%s'", (int)got, error.text, text);
    kin_buffer_fini(&file);
    kin_buffer_fini(&p->file);
}

static void assert_byte_refused(int section, size_t offset, uint8_t value, kin_status status,
                                const char *text)
{
    parts p;
    take_apart(&p);
    p.bytes[section][offset] = value;
    assert_refused(&p, status, text);
}

static void refuses_numbers(void **state)
{
    (void)state;
    assert_byte_refused(CARD, 148, 12, KIN_CORRUPT, "12 bits");
    assert_byte_refused(CARD, 148, 25, KIN_CORRUPT, "25 bits");
    assert_byte_refused(CARD, 149, 1, KIN_CORRUPT, "280 bits");
    assert_byte_refused(CARD, 148, 32, KIN_CORRUPT, "the last layer gives 24 numbers for 32 bits");
    assert_byte_refused(CARD, 144, 0, KIN_LIMIT, "0 dimensions");
    assert_byte_refused(CARD, 144, 6, KIN_CORRUPT, "layer 0 takes 5 numbers");
    assert_byte_refused(CARD, 160, 0, KIN_CORRUPT, "learned from no vector");
    assert_byte_refused(CARD, 172, 2, KIN_MISMATCH, "input 2");
    assert_byte_refused(CARD, 176, 0, KIN_LIMIT, "0 layers");
    assert_byte_refused(CARD, 176, 10, KIN_LIMIT, "10 layers");
    assert_byte_refused(CARD, 176, 1, KIN_CORRUPT, "'layers'");
    assert_byte_refused(CARD, 180, 4, KIN_MISMATCH, "head 4");
    assert_byte_refused(CARD, 180, 0, KIN_CORRUPT, "head 0 of 3 classes");
    assert_byte_refused(CARD, 184, 1, KIN_CORRUPT, "head 3 of 1 classes");
    assert_byte_refused(CARD, 184, 4, KIN_CORRUPT, "'head'");
    assert_byte_refused(CARD, 186, 1, KIN_LIMIT, "65539 classes");
    assert_byte_refused(CARD, 204, 1, KIN_CORRUPT, "reserved");
    assert_byte_refused(LAYERS, 16, 8, KIN_CORRUPT, "layer 1 takes 8 numbers");
    assert_byte_refused(LAYERS, 5, 0x40, KIN_CORRUPT, "layer 0 takes 5 numbers and gives 16391");
    assert_byte_refused(LAYERS, 8, 5, KIN_MISMATCH, "activation 5");
    assert_byte_refused(LAYERS, 12, 1, KIN_CORRUPT, "reserved bytes of layer 0");
    assert_byte_refused(NAMES, 5, 0, KIN_CORRUPT, "'classes'");
    assert_byte_refused(NAMES, 0, 0x1b, KIN_CORRUPT, "'classes'");
    assert_byte_refused(OPTIONS, 3, 0x80, KIN_CORRUPT, "byte 3 of text 'options'");
}

static void refuses_sections(void **state)
{
    (void)state;
    parts p;
    take_apart(&p);
    p.count = 10;
    assert_refused(&p, KIN_CORRUPT, "10 sections");
    take_apart(&p);
    p.section[8].name = "extra";
    assert_refused(&p, KIN_CORRUPT, "9 sections, not 8");
    for (int i = LAYERS; i <= NAMES; i++) {
        take_apart(&p);
        p.section[i].bytes -= 4;
        char text[16];
        snprintf(text, sizeof text, "'%s'", p.section[i].name);
        assert_refused(&p, KIN_CORRUPT, text);
        take_apart(&p);
        snprintf(text, sizeof text, "'%s'", p.section[i].name);
        p.section[i].name = "another";
        assert_refused(&p, KIN_CORRUPT, text);
    }
    take_apart(&p);
    kin_store_le32(p.bytes[WEIGHT] + 40, 0x7fc00000);
    assert_refused(&p, KIN_CORRUPT, "number 10 of section 'weights'");
    take_apart(&p);
    kin_store_le32(p.bytes[OUT], 0x7f800000);
    assert_refused(&p, KIN_CORRUPT, "number 0 of section 'head'");
    take_apart(&p);
    p.section[OPTIONS].bytes = 0;
    assert_refused(&p, KIN_LIMIT, "'options'");
}

static void refuses_to_write(void **state)
{
    (void)state;
    draft d;
    kin_buffer file = {0};
    kin_error error = {0};
    make(&d);
    d.contents.card.bits = 20;
    assert_int_equal(kin_encoder_file_write(&file, &d.contents, &error), KIN_BAD_INPUT);
    make(&d);
    d.thresholds[3] = NAN;
    assert_int_equal(kin_encoder_file_write(&file, &d.contents, &error), KIN_CORRUPT);
    make(&d);
    d.contents.card.layer_count = 1; /* gives 7 numbers for 24 bits */
    assert_int_equal(kin_encoder_file_write(&file, &d.contents, &error), KIN_CORRUPT);
    assert_int_equal(file.bytes, 0);
    kin_buffer_fini(&file);
}

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
    kin_buffer_fini(&file);
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(kin_stored_bits(16), 64);
    assert_int_equal(kin_stored_bits(64), 64);
    assert_int_equal(kin_stored_bits(72), 128);
    assert_int_equal(kin_stored_bits(136), 256);
    assert_int_equal(kin_stored_bits(256), 256);
    assert_true(kin_learned_bits_valid(16) && kin_learned_bits_valid(136));
    assert_false(kin_learned_bits_valid(8) || kin_learned_bits_valid(20) ||
                 kin_learned_bits_valid(264));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(golden),
        cmocka_unit_test(refuses_numbers),  cmocka_unit_test(refuses_sections),
        cmocka_unit_test(refuses_to_write), cmocka_unit_test(refuses_damage),
        cmocka_unit_test(widths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
