/* Features: what the interface promises, and pictures whose vector is known beforehand. Number by
 * number against numpy: tests/e2e/features_oracle.py. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/random.h"
#include "worker/encode/features.h"
#include "worker/encode/features_builtin.h"

#define SIDE KIN_BUILTIN_SIDE
#define DIMENSIONS KIN_BUILTIN_DIMENSIONS
#define CELLS KIN_BUILTIN_CELLS

static kin_features *open_builtin(void)
{
    kin_features *features = NULL;
    kin_error error = {0};
    assert_int_equal(kin_features_open(&features, "builtin", NULL, 0, &error), KIN_OK);
    return features;
}

/* A raster of random pixels, flat ones now and then. */
static void fill(kin_image *raster, kin_random *random)
{
    kin_image_init(raster, SIDE, SIDE);
    uint8_t flat = (uint8_t)kin_random_u64(random);
    bool noisy = kin_random_below(random, 4) != 0;
    for (size_t i = 0; i < (size_t)SIDE * SIDE * 3; i++)
        raster->pixels[i] = noisy ? (uint8_t)kin_random_u64(random) : flat;
}

static void interface(void **state)
{
    (void)state;
    kin_features *features = open_builtin();
    kin_error error = {0};
    assert_string_equal(kin_features_name(features), "builtin/1");
    assert_int_equal(kin_features_dimensions(features), 1344);
    assert_int_equal(kin_features_raster(features)->mode, KIN_RASTER_STRETCH);
    assert_int_equal(kin_features_raster(features)->width, 64);
    assert_int_equal(kin_features_raster(features)->height, 64);
    kin_features_close(&features);
    assert_null(features);
    kin_features_close(&features);
    assert_int_equal(kin_features_open(&features, "builtin/1", NULL, 0, &error), KIN_OK);
    kin_features_close(&features);
    assert_int_equal(kin_features_open(&features, "builtin/2", NULL, 0, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "there are: builtin"));
    assert_null(features);
}

/* Each alone, with a scratch full of anything, equals all together. */
static void neighbours_do_not_matter(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    kin_features *features = open_builtin();
    kin_features_scratch *scratch = kin_features_scratch_new(features);
    kin_random random = {.state = 3};
    kin_image rasters[COUNT];
    static float together[COUNT][DIMENSIONS], alone[DIMENSIONS];
    for (int i = 0; i < COUNT; i++)
        fill(&rasters[i], &random);
    kin_features_run(features, scratch, rasters, COUNT, together[0]);
    for (int i = COUNT - 1; i >= 0; i--) {
        kin_features_scratch *own = kin_features_scratch_new(features);
        memset(own, 0xff, sizeof(kin_builtin_scratch));
        kin_features_run(features, own, &rasters[i], 1, alone);
        assert_memory_equal(alone, together[i], sizeof alone);
        kin_features_scratch_destroy(&own);
        assert_null(own);
    }
    for (int i = 0; i < COUNT; i++) {
        float energy = 0;
        for (int j = 0; j < DIMENSIONS; j++) {
            assert_true(isfinite(together[i][j]));
            energy += together[i][j] * together[i][j];
        }
        assert_true(fabsf(energy - 1) < 1e-5f);
        kin_image_fini(&rasters[i]);
    }
    kin_features_scratch_destroy(&scratch);
    kin_features_close(&features);
}

static void describe(const uint8_t *pixels, float *vector)
{
    static kin_builtin_scratch scratch;
    kin_builtin_run(&scratch, pixels, vector);
}

static void flat_pictures(void **state)
{
    (void)state;
    static uint8_t pixels[SIDE * SIDE * 3];
    static float vector[DIMENSIONS];
    memset(pixels, 255, sizeof pixels);
    describe(pixels, vector);
    for (int i = 0; i < DIMENSIONS; i++)
        assert_true(vector[i] == 0);
    memset(pixels, 0, sizeof pixels);
    describe(pixels, vector);
    /* Black: luma alone, alike in all 64 cells, of length 1. */
    for (int i = 0; i < KIN_BUILTIN_SHAPE_DIMENSIONS; i++)
        assert_true(vector[i] == 0);
    for (int i = 0; i < KIN_BUILTIN_COLOUR_DIMENSIONS; i++)
        assert_true(fabsf(vector[KIN_BUILTIN_SHAPE_DIMENSIONS + i] - (i % 3 == 0 ? 0.125f : 0)) <
                    1e-6f);
}

/* A step of grey across the middle, dark to light to the right, below, left and above: all of it in
 * one direction, and only in the cells around it. */
static void edges_have_directions(void **state)
{
    (void)state;
    /* Axes are 20 degrees apart: 90 degrees lies between 80 and 100, and the first is taken; its
     * opposite is the same axis the other way. */
    const int direction[4] = {0, 4, KIN_BUILTIN_AXES, 4 + KIN_BUILTIN_AXES};
    static uint8_t pixels[SIDE * SIDE * 3];
    static float vector[DIMENSIONS];
    for (int turn = 0; turn < 4; turn++) {
        for (int i = 0; i < SIDE * SIDE; i++) {
            int across = turn % 2 == 0 ? i % SIDE : i / SIDE;
            bool light = (across >= SIDE / 2) == (turn < 2);
            memset(pixels + 3 * i, light ? 200 : 50, 3);
        }
        describe(pixels, vector);
        for (int i = 0; i < KIN_BUILTIN_SHAPE_DIMENSIONS; i++) {
            int cell = i / KIN_BUILTIN_DIRECTIONS;
            int place = turn % 2 == 0 ? cell % CELLS : cell / CELLS;
            bool expected = i % KIN_BUILTIN_DIRECTIONS == direction[turn] &&
                            (place == CELLS / 2 - 1 || place == CELLS / 2);
            if (expected != (vector[i] > 0)) fail_msg("turn %d, value %d", turn, i);
        }
    }
}

/* "builtin/1" is these vectors, on every machine and by every compiler: codes of different ones are
 * compared. Other vectors are another version. */
static void version_one(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    kin_random random = {.state = 20};
    static float vectors[COUNT][DIMENSIONS];
    char text[33];
    for (int i = 0; i < COUNT; i++) {
        kin_image raster;
        fill(&raster, &random);
        describe(raster.pixels, vectors[i]);
        kin_image_fini(&raster);
    }
    kin_digest digest = kin_digest_of(vectors, sizeof vectors);
    kin_digest_text(&digest, text);
    assert_string_equal(text, "0432d7911200a268aae046acd4c0edc9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interface),     cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(flat_pictures), cmocka_unit_test(edges_have_directions),
        cmocka_unit_test(version_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
