/* Encoder files with another word on them: what is asked for is changed, everything else is there
 * as it was, and what cannot be said is refused. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "proto/container.h"
#include "proto/encoder_quality.h"
#include "proto/encoder_rename.h"

enum { DIMENSIONS = 3, BITS = 16 };

static float weights[BITS * (DIMENSIONS + 1)], thresholds[BITS], head[2 * (BITS + 1)];
static const char *const names[] = {"cat", "dog"};

static kin_buffer build(const char *quality)
{
    kin_buffer file = {0};
    kin_error error = {0};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = (float)i / 4;
    const kin_hasher_layer layer = {DIMENSIONS, BITS, KIN_ACTIVATE_TANH, weights,
                                    weights + BITS * DIMENSIONS};
    kin_encoder_contents contents = {.card = {.method = "supervised",
                                              .features = "file/0123456789abcdef",
                                              .decoder = "none",
                                              .blas = "some kernels",
                                              .dimensions = DIMENSIONS,
                                              .bits = BITS,
                                              .seed = 5,
                                              .training_count = 9,
                                              .layer_count = 1,
                                              .head = KIN_HEAD_SOFTMAX,
                                              .class_count = 2,
                                              .data = {{7, 7}}},
                                     .layers = &layer,
                                     .thresholds = thresholds,
                                     .head_weights = head,
                                     .head_biases = head + 2 * BITS,
                                     .class_names = names,
                                     .options = "epochs=3\n",
                                     .curve = "phase\tepoch\n",
                                     .quality = quality};
    if (kin_encoder_file_write(&file, &contents, &error) != KIN_OK) fail_msg("%s", error.text);
    return file;
}

static kin_buffer build_plain(void)
{
    kin_buffer file = {0};
    kin_error error = {0};
    float planes[64 * 64];
    float zeros[64] = {0};
    for (size_t i = 0; i < 64 * 64; i++)
        planes[i] = (float)i;
    const kin_encoder_card card = {.method = "lsh",
                                   .features = "builtin/1",
                                   .decoder = "a decoder",
                                   .blas = "none",
                                   .dimensions = 64,
                                   .bits = 64,
                                   .training_count = 1};
    assert_int_equal(kin_encoder_file_build(&file, &card, planes, zeros, &error), KIN_OK);
    return file;
}

/* All sections but one have the same bytes. */
static void assert_same_but(const kin_buffer *a, const kin_buffer *b, const char *but)
{
    kin_container one, other;
    kin_error error = {0};
    assert_int_equal(kin_container_parse(&one, a->data, a->bytes, KIN_FILE_ENCODER, 3, "a", &error),
                     KIN_OK);
    assert_int_equal(
        kin_container_parse(&other, b->data, b->bytes, KIN_FILE_ENCODER, 3, "b", &error), KIN_OK);
    assert_int_equal(one.version, other.version);
    for (uint32_t s = 0; s < one.section_count; s++) {
        uint64_t bytes = 0;
        const char *name = one.section[s].name;
        if (strcmp(name, but) == 0) continue;
        const void *found = kin_container_section(&other, name, &bytes);
        assert_int_equal(bytes, one.section[s].bytes);
        assert_memory_equal(found, a->data + one.section[s].offset, bytes);
    }
}

static void names_are_changed(void **state)
{
    (void)state;
    kin_buffer files[] = {build("a\t1\n"), build_plain()};
    for (int i = 0; i < 2; i++) {
        kin_buffer made = {0};
        kin_encoder_file before, after;
        kin_error error = {0};
        assert_int_equal(kin_encoder_file_renamed(&made, files[i].data, files[i].bytes, "f",
                                                  "file/fedcba9876543210", "another decoder",
                                                  &error),
                         KIN_OK);
        assert_same_but(&files[i], &made, "card");
        assert_int_equal(kin_encoder_file_parse(&after, made.data, made.bytes, "g", &error),
                         KIN_OK);
        assert_string_equal(after.card.features, "file/fedcba9876543210");
        assert_string_equal(after.card.decoder, "another decoder");
        assert_int_equal(
            kin_encoder_file_parse(&before, files[i].data, files[i].bytes, "f", &error), KIN_OK);
        memcpy(after.card.features, before.card.features, sizeof after.card.features);
        memcpy(after.card.decoder, before.card.decoder, sizeof after.card.decoder);
        assert_memory_equal(&before.card, &after.card, sizeof before.card);
        kin_buffer back = {0};
        assert_int_equal(kin_encoder_file_renamed(&back, made.data, made.bytes, "g",
                                                  before.card.features, before.card.decoder,
                                                  &error),
                         KIN_OK);
        assert_int_equal(back.bytes, files[i].bytes); /* and back again: the same file */
        assert_memory_equal(back.data, files[i].data, back.bytes);
        kin_buffer_fini(&back);
        kin_buffer_fini(&made);
        kin_buffer_fini(&files[i]);
    }
}

static void impossible_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "a name that is longer than thirty-one characters",
                                        "a\nb"};
    kin_buffer file = build(NULL), out = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kin_error error = {0};
        assert_int_equal(
            kin_encoder_file_renamed(&out, file.data, file.bytes, "f", wrong[i], "none", &error),
            KIN_BAD_INPUT);
        assert_non_null(strstr(error.text, "'features'"));
        assert_int_equal(out.bytes, 0);
    }
    kin_error error = {0};
    file.data[file.bytes / 2] ^= 1;
    assert_int_equal(
        kin_encoder_file_renamed(&out, file.data, file.bytes, "broken.kin", "a", "b", &error),
        KIN_CORRUPT);
    assert_non_null(strstr(error.text, "broken.kin"));
    kin_buffer_fini(&file);
    kin_buffer_fini(&out);
}

static void quality_is_put_in_and_replaced(void **state)
{
    (void)state;
    static const char *const texts[] = {"map\t0.5\n", "map\t0.75\nnear\t10\n"};
    kin_buffer file = build(NULL), wanted = build(texts[0]), made = {0};
    kin_encoder_file parsed;
    kin_error error = {0};
    for (int i = 0; i < 2; i++) {
        kin_buffer text = {0}, next = {0};
        const kin_buffer *from = i == 0 ? &file : &made;
        kin_buffer_append_string(&text, texts[i]);
        assert_int_equal(
            kin_encoder_file_measured(&next, from->data, from->bytes, "f", &text, &error), KIN_OK);
        assert_same_but(&file, &next, "quality");
        assert_int_equal(kin_encoder_file_parse(&parsed, next.data, next.bytes, "f", &error),
                         KIN_OK);
        assert_int_equal(parsed.quality.bytes, strlen(texts[i]));
        assert_memory_equal(parsed.quality.text, texts[i], parsed.quality.bytes);
        if (i == 0) { /* as if it had been written so */
            assert_int_equal(next.bytes, wanted.bytes);
            assert_memory_equal(next.data, wanted.data, next.bytes);
        }
        kin_buffer_fini(&made);
        kin_buffer_fini(&text);
        made = next;
    }
    kin_buffer none = {0}, last = {0};
    assert_int_equal(kin_encoder_file_measured(&last, made.data, made.bytes, "f", &none, &error),
                     KIN_OK);
    assert_int_equal(last.bytes, file.bytes); /* nothing measured: none */
    assert_memory_equal(last.data, file.data, last.bytes);
    kin_buffer_fini(&last);
    kin_buffer_fini(&made);
    kin_buffer_fini(&wanted);
    kin_buffer_fini(&file);
}

static void impossible_quality(void **state)
{
    (void)state;
    kin_buffer file = build(NULL), plain = build_plain(), out = {0}, text = {0};
    kin_error error = {0};
    kin_buffer_append_string(&text, "map\t\x01\n");
    assert_int_equal(kin_encoder_file_measured(&out, file.data, file.bytes, "f", &text, &error),
                     KIN_CORRUPT);
    assert_int_equal(out.bytes, 0);
    assert_int_equal(kin_encoder_file_measured(&out, plain.data, plain.bytes, "f", &text, &error),
                     KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "version 1"));
    kin_buffer_fini(&file);
    kin_buffer_fini(&plain);
    kin_buffer_fini(&out);
    kin_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_changed), cmocka_unit_test(impossible_names),
        cmocka_unit_test(quality_is_put_in_and_replaced), cmocka_unit_test(impossible_quality)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
