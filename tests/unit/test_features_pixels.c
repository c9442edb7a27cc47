/* Pixels as features: names, and vectors against arithmetic in doubles. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/base/random.h"
#include "worker/encode/features.h"
#include "worker/encode/features_pixels.h"

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *given, *name;
        uint32_t dimensions;
    } right[] = {
        {"pixels:32", "pixels:32/1", 3072},          {"pixels:32/1", "pixels:32/1", 3072},
        {"pixels:28:grey", "pixels:28:grey/1", 784}, {"pixels:28:grey/1", "pixels:28:grey/1", 784},
        {"pixels:8:grey", "pixels:8:grey/1", 64},    {"pixels:90:grey", "pixels:90:grey/1", 8100},
        {"pixels:52", "pixels:52/1", 8112}};
    static const char *const wrong[] = {"pixels:",          "pixels:x",        "pixels:-8",
                                        "pixels: 8",        "pixels:28:",      "pixels:28:gray",
                                        "pixels:28:grey/2", "pixels:28:grey ", "pixels:28x28",
                                        "pixels:32/12"};
    static const char *const sides[] = {"pixels:7", "pixels:53", "pixels:91:grey", "pixels:0",
                                        "pixels:99999999999999999999"};
    kin_features *features;
    kin_error error;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(kin_features_open(&features, right[i].given, NULL, 0, &error), KIN_OK);
        assert_string_equal(kin_features_name(features), right[i].name);
        assert_int_equal(kin_features_dimensions(features), right[i].dimensions);
        kin_features_close(&features);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(kin_features_open(&features, wrong[i], NULL, 0, &error), KIN_BAD_INPUT);
        assert_non_null(strstr(error.text, "such as pixels:32"));
        assert_null(features);
    }
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        assert_int_equal(kin_features_open(&features, sides[i], NULL, 0, &error), KIN_BAD_INPUT);
        assert_non_null(strstr(error.text, "have one of 8 to"));
    }
}

static void vectors(void **state)
{
    (void)state;
    enum { SIDE = 9, COUNT = SIDE * SIDE };
    kin_random random = {.state = 5};
    kin_image raster;
    kin_image_init(&raster, SIDE, SIDE);
    for (size_t i = 0; i < (size_t)3 * COUNT; i++)
        raster.pixels[i] = (uint8_t)kin_random_u64(&random);
    memset(raster.pixels, 0, 3);
    memset(raster.pixels + 3, 255, 3);
    memset(raster.pixels + 6, 77, 3);
    kin_features *colour, *grey;
    float of_colour[3 * COUNT], of_grey[COUNT];
    kin_error error;
    assert_int_equal(kin_features_open(&colour, "pixels:9", NULL, 0, &error), KIN_OK);
    assert_int_equal(kin_features_open(&grey, "pixels:9:grey", NULL, 0, &error), KIN_OK);
    kin_features_scratch *scratch = kin_features_scratch_new(colour);
    kin_features_run(colour, scratch, &raster, 1, of_colour);
    kin_features_run(grey, scratch, &raster, 1, of_grey);
    for (size_t i = 0; i < (size_t)3 * COUNT; i++)
        assert_true(fabs(of_colour[i] - raster.pixels[i] / 255.0) < 1e-7);
    for (size_t i = 0; i < COUNT; i++) {
        const uint8_t *p = raster.pixels + 3 * i;
        double level = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
        assert_true(fabs(of_grey[i] * 255.0 - level) < 0.51); /* rounded to a level */
        assert_true(of_grey[i] >= 0 && of_grey[i] <= 1);
    }
    assert_true(of_grey[0] == 0 && of_grey[1] == 1 && of_grey[2] == 77.0F / 255);
    kin_features_scratch_destroy(&scratch);
    kin_features_close(&colour);
    kin_features_close(&grey);
    kin_image_fini(&raster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
