/* Rasters: where the parts of a picture go in every mode, and that orientation changes nothing but
 * the way a picture is stored. */
#include <stdlib.h>
#include <string.h>

#include "common/base/random.h"
#include "common/image/orientation.h"
#include "common/image/raster.h"
#include "tests/support/test.h"

static kin_image noise(uint32_t width, uint32_t height)
{
    kin_image image;
    kin_random random = {.state = width * 65536u + height};
    kin_image_init(&image, width, height);
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        image.pixels[i] = (uint8_t)kin_random_u64(&random);
    return image;
}

static const uint8_t *pixel(const kin_image *image, uint32_t x, uint32_t y)
{
    return image->pixels + ((size_t)y * image->width + x) * 3;
}

/* A picture whose left half is red and whose right half is green. */
static kin_image halves(uint32_t width, uint32_t height)
{
    kin_image image;
    kin_image_init(&image, width, height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            image.pixels[((size_t)y * width + x) * 3 + (x < width / 2 ? 0 : 1)] = 255;
    return image;
}

static void assert_colour(const kin_image *image, uint32_t x, uint32_t y, uint32_t rgb)
{
    const uint8_t *p = pixel(image, x, y);
    assert_int_equal((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2], rgb);
}

static void test_stretch(void **state)
{
    (void)state;
    kin_image picture = halves(400, 100), raster;
    kin_raster_spec spec = {.mode = KIN_RASTER_STRETCH, .width = 64, .height = 64};
    kin_raster_make(&picture, &spec, &raster);
    assert_int_equal(raster.width, 64);
    assert_int_equal(raster.height, 64);
    assert_colour(&raster, 0, 0, 0xff0000);
    assert_colour(&raster, 30, 63, 0xff0000);
    assert_colour(&raster, 33, 0, 0x00ff00);
    assert_colour(&raster, 63, 63, 0x00ff00);
    kin_image_fini(&raster);
    kin_image_fini(&picture);
}

static void test_crop_shows_the_middle(void **state)
{
    (void)state;
    kin_image picture = halves(1000, 100), raster;
    kin_raster_spec spec = {.mode = KIN_RASTER_CROP, .width = 48, .height = 40, .shorter_side = 50};
    kin_raster_make(&picture, &spec, &raster);
    assert_int_equal(raster.width, 48);
    assert_int_equal(raster.height, 40);
    for (uint32_t y = 0; y < 40; y += 39) {
        assert_colour(&raster, 0, y, 0xff0000);
        assert_colour(&raster, 22, y, 0xff0000);
        assert_colour(&raster, 25, y, 0x00ff00);
        assert_colour(&raster, 47, y, 0x00ff00);
    }
    kin_image_fini(&raster);
    kin_image_fini(&picture);
}

static void test_pad_is_white_around(void **state)
{
    (void)state;
    kin_image picture = halves(200, 100), raster;
    kin_raster_spec spec = {.mode = KIN_RASTER_PAD, .width = 60, .height = 60};
    kin_raster_make(&picture, &spec, &raster);
    assert_int_equal(raster.width, 60);
    assert_int_equal(raster.height, 60);
    for (uint32_t x = 0; x < 60; x++) {
        assert_colour(&raster, x, 14, 0xffffff);
        assert_colour(&raster, x, 45, 0xffffff);
    }
    assert_colour(&raster, 0, 15, 0xff0000);
    assert_colour(&raster, 0, 44, 0xff0000);
    assert_colour(&raster, 59, 30, 0x00ff00);
    kin_image_fini(&raster);
    kin_image_fini(&picture);
}

/* Sizes by hand: rounded, at least 1, never more than the picture has. */
static void test_fit(void **state)
{
    (void)state;
    static const uint32_t cases[][5] = {
        /* picture, box, height of the raster (its width follows) */
        {400, 300, 100, 100, 75}, {300, 400, 100, 100, 100}, {50, 40, 100, 100, 40},
        {5000, 1, 100, 100, 1},   {100, 100, 100, 100, 100}, {101, 100, 100, 100, 99},
        {199, 300, 64, 32, 32},   {1, 1, 1, 1, 1},           {1, 65535, 96, 96, 96}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t *c = cases[i];
        kin_image picture = halves(c[0], c[1]), raster;
        kin_raster_spec spec = {.mode = KIN_RASTER_FIT, .width = c[2], .height = c[3]};
        kin_raster_make(&picture, &spec, &raster);
        assert_int_equal(raster.height, c[4]);
        assert_in_range(raster.width, 1, c[2]);
        bool smaller = c[0] <= c[2] && c[1] <= c[3];
        assert_true(smaller ? raster.width == c[0] : raster.width == c[2] || c[4] == c[3]);
        kin_image_fini(&raster);
        kin_image_fini(&picture);
    }
}

/* Where EXIF says that the stored pixel (column, row) of a W x H picture belongs. */
static void upright_place(int orientation, uint32_t w, uint32_t h, uint32_t column, uint32_t row,
                          uint32_t *x, uint32_t *y)
{
    /* The 0th row and the 0th column of what is stored are, in the upright picture: CIPA DC-008,
     * table of tag 274. */
    static const struct {
        char row, column;
    } sides[9] = {{0, 0},     {'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'},
                  {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};
    for (int i = 0; i < 2; i++) {
        char side = i == 0 ? sides[orientation].row : sides[orientation].column;
        uint32_t at = i == 0 ? row : column, last = (i == 0 ? h : w) - 1;
        if (side == 't') *y = at;
        if (side == 'b') *y = last - at;
        if (side == 'l') *x = at;
        if (side == 'r') *x = last - at;
    }
}

static void test_orientation_is_that_of_exif(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        kin_image stored = noise(7, 4), turned = noise(7, 4);
        kin_image_orient(&turned, orientation);
        assert_int_equal(turned.width, orientation >= 5 ? 4 : 7);
        assert_int_equal(turned.height, orientation >= 5 ? 7 : 4);
        for (uint32_t row = 0; row < 4; row++)
            for (uint32_t column = 0; column < 7; column++) {
                uint32_t x = 0, y = 0;
                upright_place(orientation, 7, 4, column, row, &x, &y);
                assert_memory_equal(pixel(&stored, column, row), pixel(&turned, x, y), 3);
            }
        kin_image_fini(&stored);
        kin_image_fini(&turned);
    }
}

/* A raster of a stored picture is the raster of the same picture made upright; two passes in
 * another order may round to another level. */
static void test_upright_rasters(void **state)
{
    (void)state;
    static const kin_raster_spec specs[] = {
        {.mode = KIN_RASTER_STRETCH, .width = 20, .height = 31},
        {.mode = KIN_RASTER_CROP, .width = 24, .height = 17, .shorter_side = 25},
        {.mode = KIN_RASTER_PAD, .width = 33, .height = 30},
        {.mode = KIN_RASTER_FIT, .width = 19, .height = 40},
        {.mode = KIN_RASTER_FIT, .width = 200, .height = 200}};
    for (int orientation = 1; orientation <= 8; orientation++)
        for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
            kin_image stored = noise(90, 61), upright = noise(90, 61), expected, raster;
            kin_image_orient(&upright, orientation);
            kin_raster_make(&upright, &specs[i], &expected);
            kin_raster_source source = {
                .pixels = &stored, .width = 90, .height = 61, .orientation = orientation};
            kin_raster_make_upright(&source, &specs[i], &raster);
            assert_int_equal(raster.width, expected.width);
            assert_int_equal(raster.height, expected.height);
            for (size_t j = 0; j < (size_t)raster.width * raster.height * 3; j++)
                assert_in_range(raster.pixels[j] + 1, expected.pixels[j], expected.pixels[j] + 2);
            kin_image_fini(&stored);
            kin_image_fini(&upright);
            kin_image_fini(&expected);
            kin_image_fini(&raster);
        }
}

/* A JPEG that was decoded at a quarter gives a raster of the sides that the whole one has. */
static void test_reduced_sources_keep_the_shape(void **state)
{
    (void)state;
    kin_image whole = halves(1001, 333), quarter = halves(251, 84), expected, raster;
    kin_raster_spec spec = {.mode = KIN_RASTER_FIT, .width = 64, .height = 64};
    kin_raster_source source = {
        .pixels = &quarter, .width = 1001, .height = 333, .orientation = KIN_ORIENTATION_UPRIGHT};
    kin_raster_make(&whole, &spec, &expected);
    kin_raster_make_upright(&source, &spec, &raster);
    assert_int_equal(raster.width, expected.width);
    assert_int_equal(raster.height, expected.height);
    kin_image_fini(&whole);
    kin_image_fini(&quarter);
    kin_image_fini(&expected);
    kin_image_fini(&raster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stretch),
        cmocka_unit_test(test_crop_shows_the_middle),
        cmocka_unit_test(test_pad_is_white_around),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_orientation_is_that_of_exif),
        cmocka_unit_test(test_upright_rasters),
        cmocka_unit_test(test_reduced_sources_keep_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
