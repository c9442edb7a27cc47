/* Encoders: opening, what they say of themselves, and hashing against doubles and against the order
 * of additions that proto/ENCODER.md fixes. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/encoder_file.h"
#include "worker/encode/encoder.h"
#include "worker/encode/hash.h"

#define DIMENSIONS 1344

static void build(kin_buffer *file, const char *features, uint32_t dimensions, float *planes,
                  float *thresholds, unsigned bits)
{
    kin_encoder_card card = {.method = "lsh",
                             .decoder = "some decoder",
                             .blas = "none",
                             .dimensions = dimensions,
                             .bits = bits,
                             .training_count = 1};
    kin_error error = {0};
    memcpy(card.features, features, strlen(features));
    assert_int_equal(kin_encoder_file_build(file, &card, planes, thresholds, &error), KIN_OK);
}

static float *random_floats(size_t count, uint64_t seed)
{
    kin_random random = {.state = seed};
    float *values = kin_malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)kin_random_gaussian(&random);
    return values;
}

static void opens_and_describes(void **state)
{
    (void)state;
    float *planes = random_floats((size_t)128 * DIMENSIONS, 1), *thresholds = random_floats(128, 2);
    kin_buffer file = {0};
    build(&file, "builtin/1", DIMENSIONS, planes, thresholds, 128);
    kin_encoder *encoder = NULL;
    kin_error error = {0};
    assert_int_equal(kin_encoder_open(&encoder, file.data, file.bytes, "e", NULL, &error), KIN_OK);
    kin_digest expected = kin_digest_of(file.data, file.bytes);
    kin_digest got = kin_encoder_fingerprint(encoder);
    assert_true(kin_digest_equal(&expected, &got));
    memset(file.data, 0, file.bytes); /* it has copied */
    assert_int_equal(kin_encoder_bits(encoder), 128);
    assert_string_equal(kin_encoder_decoder(encoder), "some decoder");
    assert_string_equal(kin_features_name(kin_encoder_features(encoder)), "builtin/1");
    assert_int_equal(kin_encoder_raster(encoder)->width, 64);
    kin_encoder_close(&encoder);
    assert_null(encoder);
    kin_encoder_close(&encoder);
    kin_buffer_fini(&file);
    free(planes);
    free(thresholds);
}

static void refuses_other_features(void **state)
{
    (void)state;
    float *planes = random_floats((size_t)64 * DIMENSIONS, 1), *thresholds = random_floats(64, 2);
    kin_buffer file = {0};
    kin_encoder *encoder = NULL;
    kin_error error = {0};
    build(&file, "builtin/9", DIMENSIONS, planes, thresholds, 64);
    assert_int_equal(kin_encoder_open(&encoder, file.data, file.bytes, "e.kin", NULL, &error),
                     KIN_MISMATCH);
    assert_non_null(strstr(error.text, "e.kin"));
    assert_non_null(strstr(error.text, "builtin/9"));
    assert_null(encoder);
    kin_buffer_clear(&file);
    build(&file, "builtin/1", DIMENSIONS - 1, planes, thresholds, 64);
    assert_int_equal(kin_encoder_open(&encoder, file.data, file.bytes, "e.kin", NULL, &error),
                     KIN_CORRUPT);
    assert_non_null(strstr(error.text, "1343 dimensions"));
    assert_null(encoder);
    kin_buffer_fini(&file);
    free(planes);
    free(thresholds);
}

/* Bits equal those of doubles wherever the margin is clear; a vector alone gets the same code. */
static void hashes_like_doubles(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    const unsigned widths[] = {64, 128, 256};
    float *vectors = random_floats((size_t)COUNT * DIMENSIONS, 3);
    for (int w = 0; w < 3; w++) {
        unsigned bits = widths[w], unclear = 0;
        float *planes = random_floats((size_t)bits * DIMENSIONS, bits);
        float *thresholds = random_floats(bits, 2);
        kin_buffer file = {0};
        build(&file, "builtin/1", DIMENSIONS, planes, thresholds, bits);
        kin_encoder *encoder = NULL;
        kin_error error = {0};
        kin_code codes[COUNT], alone;
        assert_int_equal(kin_encoder_open(&encoder, file.data, file.bytes, "e", NULL, &error),
                         KIN_OK);
        kin_encoder_hash(encoder, vectors, COUNT, codes);
        for (size_t i = 0; i < COUNT; i++) {
            kin_encoder_hash(encoder, vectors + i * DIMENSIONS, 1, &alone);
            assert_memory_equal(&alone, &codes[i], sizeof alone);
            for (unsigned b = 0; b < bits; b++) {
                double margin = -(double)thresholds[b];
                for (size_t j = 0; j < DIMENSIONS; j++)
                    margin += (double)planes[b * DIMENSIONS + j] * vectors[i * DIMENSIONS + j];
                if (fabs(margin) < 1e-3)
                    unclear++;
                else if (kin_code_bit(&codes[i], b) != (margin > 0))
                    fail_msg("vector %zu, bit %u, margin %g", i, b, margin);
            }
            for (unsigned word = bits / 64; word < KIN_CODE_WORDS_MAX; word++)
                assert_true(codes[i].word[word] == 0);
        }
        assert_true(unclear < COUNT * bits / 100);
        kin_encoder_close(&encoder);
        kin_buffer_fini(&file);
        free(planes);
        free(thresholds);
    }
    free(vectors);
}

/* The sum as proto/ENCODER.md words it; volatile keeps each step a float of its own. */
static float specified_dot(const float *plane, const float *vector, size_t dimensions)
{
    volatile float part[16] = {0};
    for (size_t p = 0; p < dimensions; p++) {
        volatile float product = plane[p] * vector[p];
        part[p % 16] += product;
    }
    for (size_t width = 8; width >= 1; width /= 2)
        for (size_t l = 0; l < width; l++)
            part[l] += part[l + width];
    return part[0];
}

/* With the threshold exactly the sum, the bit is 0; one step below, it is 1: the sum is bit for bit
 * the specified one. Lengths that are no multiple of the lanes too. */
static void adds_in_the_specified_order(void **state)
{
    (void)state;
    for (size_t dimensions = 64; dimensions < 64 + 40; dimensions++) {
        size_t stride = kin_hash_padded(dimensions);
        float *vector = random_floats(dimensions, dimensions), thresholds[64];
        float *planes = random_floats(64 * stride, 7);
        for (size_t b = 0; b < 64; b++) {
            memset(planes + b * stride + dimensions, 0, (stride - dimensions) * sizeof *planes);
            thresholds[b] = specified_dot(planes + b * stride, vector, dimensions);
            if (b % 2 == 1) thresholds[b] = nextafterf(thresholds[b], -INFINITY);
        }
        float *padded = kin_calloc(stride, sizeof *padded), results[64];
        memcpy(padded, vector, dimensions * sizeof *padded);
        for (int level = 0; level < KIN_CPU_LEVELS; level++) {
            if (!kin_cpu_supports((kin_cpu_level)level)) continue;
            memset(results, 0, sizeof results);
            kin_hash_get((kin_cpu_level)level)(planes, stride, 64, padded, stride, 1, results, 64);
            for (unsigned b = 0; b < 64; b++)
                assert_int_equal(results[b] > thresholds[b], b % 2);
        }
        free(padded);
        free(planes);
        free(vector);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_and_describes),
        cmocka_unit_test(refuses_other_features),
        cmocka_unit_test(hashes_like_doubles),
        cmocka_unit_test(adds_in_the_specified_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
