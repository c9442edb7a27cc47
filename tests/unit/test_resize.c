/* Resizing against the filter's definition in doubles, and against goldens of Pillow 9.4. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/image/orientation.h"
#include "common/image/resize.h"
#include "tests/support/test.h"

/* Smooth waves of each channel, with `noise` grey levels of noise on them. */
static kin_image waves(uint32_t width, uint32_t height, int noise)
{
    kin_image image;
    kin_random random = {.state = width * 65536u + height};
    kin_image_init(&image, width, height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                double value = 128 + 100 * sin(x * 0.07 * (c + 1) + y * 0.05);
                if (noise > 0) value += (double)kin_random_below(&random, 2u * (uint32_t)noise);
                value = value < 0 ? 0 : value > 255 ? 255 : value;
                image.pixels[((size_t)y * width + x) * 3 + c] = (uint8_t)value;
            }
    return image;
}

static void resize_by(const kin_image *source, uint32_t width, uint32_t height,
                      kin_interpolation interpolation, kin_image *resized)
{
    kin_resize_window window = {.full_width = width,
                                .full_height = height,
                                .width = width,
                                .height = height,
                                .interpolation = interpolation};
    kin_image_resize_window(source, &window, resized);
}

/* The triangle filter along one axis: sources [count] of step apart to one value. */
static double filtered(const double *source, uint32_t count, size_t step, uint32_t to,
                       uint32_t to_size)
{
    double scale = (double)count / to_size, support = scale > 1 ? scale : 1;
    double centre = (to + 0.5) * scale, sum = 0, weights = 0;
    for (uint32_t i = 0; i < count; i++) {
        double weight = 1 - fabs(i + 0.5 - centre) / support;
        if (weight <= 0) continue;
        sum += weight * source[i * step];
        weights += weight;
    }
    return sum / weights;
}

/* The largest difference between the resized picture and the filter in doubles, not rounded. */
static double worst_difference(const kin_image *source, const kin_image *resized)
{
    uint32_t width = resized->width, height = resized->height;
    size_t stride = (size_t)source->width * 3;
    double *whole = kin_calloc((size_t)source->height * stride, sizeof *whole);
    double *narrow = kin_calloc((size_t)source->height * width * 3, sizeof *narrow);
    double worst = 0;
    for (size_t i = 0; i < source->height * stride; i++)
        whole[i] = source->pixels[i];
    for (uint32_t y = 0; y < source->height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++)
                narrow[((size_t)y * width + x) * 3 + c] =
                    filtered(whole + y * stride + c, source->width, 3, x, width);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * 3; i++) {
            double value = filtered(narrow + i, source->height, (size_t)width * 3, y, height);
            double difference = fabs(value - resized->pixels[(size_t)y * width * 3 + i]);
            if (difference > worst) worst = difference;
        }
    free(whole);
    free(narrow);
    return worst;
}

static const uint32_t sizes[][2] = {{1, 1},   {1, 2},   {2, 1},   {1, 300},  {300, 1},  {3, 5},
                                    {64, 64}, {64, 63}, {127, 9}, {100, 75}, {342, 11}, {513, 200}};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* Two passes round by half a level each, and the weights by a little more. */
static void test_near_the_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++)
        for (size_t j = 0; j < SIZES; j++)
            for (int noise = 0; noise <= 60; noise += 60) {
                kin_image source = waves(sizes[i][0], sizes[i][1], noise), resized;
                kin_image_resize(&source, sizes[j][0], sizes[j][1], &resized);
                assert_int_equal(resized.width, sizes[j][0]);
                assert_int_equal(resized.height, sizes[j][1]);
                double worst = worst_difference(&source, &resized);
                if (worst > 1.05)
                    fail_msg("%ux%u to %ux%u is off by %g", sizes[i][0], sizes[i][1], sizes[j][0],
                             sizes[j][1], worst);
                kin_image_fini(&source);
                kin_image_fini(&resized);
            }
}

static void test_same_size_is_a_copy(void **state)
{
    (void)state;
    kin_image source = waves(37, 53, 100), resized;
    kin_image_resize(&source, 37, 53, &resized);
    assert_memory_equal(source.pixels, resized.pixels, 37 * 53 * 3);
    kin_image_fini(&source);
    kin_image_fini(&resized);
}

/* No rounding may tint a plain surface, whatever the reduction. */
static void test_one_colour_stays(void **state)
{
    (void)state;
    static const uint8_t levels[] = {0, 1, 127, 254, 255};
    static const uint32_t sides[] = {1, 2, 3, 97, 1000, 4096};
    for (size_t l = 0; l < sizeof levels; l++)
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < 5; j++) {
                kin_image source, resized;
                kin_image_init(&source, sides[i], 7);
                memset(source.pixels, levels[l], (size_t)sides[i] * 7 * 3);
                for (int way = 0; way < KIN_INTERPOLATIONS; way++) {
                    resize_by(&source, sides[j], 3, (kin_interpolation)way, &resized);
                    for (size_t k = 0; k < (size_t)sides[j] * 9; k++)
                        assert_int_equal(resized.pixels[k], levels[l]);
                    kin_image_fini(&resized);
                }
                kin_image_fini(&source);
            }
}

static void test_window_is_a_part_of_the_whole(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    kin_image source = waves(91, 67, 80);
    for (int i = 0; i < 200; i++) {
        kin_resize_window window = {.full_width = 1 + (uint32_t)kin_random_below(&random, 200),
                                    .full_height = 1 + (uint32_t)kin_random_below(&random, 200)};
        window.x = (uint32_t)kin_random_below(&random, window.full_width);
        window.y = (uint32_t)kin_random_below(&random, window.full_height);
        window.width = 1 + (uint32_t)kin_random_below(&random, window.full_width - window.x);
        window.height = 1 + (uint32_t)kin_random_below(&random, window.full_height - window.y);
        kin_image whole, part;
        window.interpolation = i % 2 == 0 ? KIN_BILINEAR : KIN_BICUBIC;
        resize_by(&source, window.full_width, window.full_height, window.interpolation, &whole);
        kin_image_resize_window(&source, &window, &part);
        for (uint32_t y = 0; y < window.height; y++)
            assert_memory_equal(part.pixels + (size_t)y * window.width * 3,
                                whole.pixels +
                                    ((size_t)(y + window.y) * window.full_width + window.x) * 3,
                                (size_t)window.width * 3);
        kin_image_fini(&whole);
        kin_image_fini(&part);
    }
    kin_image_fini(&source);
}

/* A line of the longest side, to a point, to a square, and a part of what would have 4 billion
 * pixels: within a moment and without the memory of the whole. */
static void check_extreme_shapes(kin_interpolation way)
{
    kin_image line, resized;
    kin_image_init(&line, 65535, 1);
    for (uint32_t x = 0; x < 65535; x++)
        memset(line.pixels + (size_t)x * 3, x % 2 ? 200 : 100, 3);
    resize_by(&line, 1, 1, way, &resized);
    assert_in_range(resized.pixels[0], 149, 151);
    kin_image_fini(&resized);
    resize_by(&line, 64, 64, way, &resized);
    for (size_t i = 0; i < (size_t)64 * 64 * 3; i++)
        assert_in_range(resized.pixels[i], 149, 151);
    kin_image_fini(&resized);
    kin_resize_window window = {.full_width = 65535 * 256,
                                .full_height = 256,
                                .x = 65535 * 128,
                                .y = 16,
                                .width = 224,
                                .height = 224,
                                .interpolation = way};
    kin_image_resize_window(&line, &window, &resized);
    assert_in_range(resized.pixels[0], 90, 210);
    kin_image_fini(&resized);
    kin_image column = {.pixels = line.pixels, .width = 1, .height = 65535};
    resize_by(&column, 64, 64, way, &resized);
    for (size_t i = 0; i < (size_t)64 * 64 * 3; i++)
        assert_in_range(resized.pixels[i], 149, 151);
    kin_image_fini(&resized);
    kin_image_fini(&line);
}

static void test_extreme_shapes(void **state)
{
    (void)state;
    check_extreme_shapes(KIN_BILINEAR);
    check_extreme_shapes(KIN_BICUBIC);
}

typedef struct golden {
    uint32_t width, height;
    const char *hex;
} golden;

/* Image.frombytes("RGB", (5, 4), source).resize(size, ...).tobytes() of Pillow 9.4. */
static void compare_goldens(const golden *goldens, size_t count, kin_interpolation interpolation,
                            int tolerance)
{
    kin_image source;
    kin_image_init(&source, 5, 4);
    for (uint32_t y = 0; y < 4; y++)
        for (uint32_t x = 0; x < 5; x++)
            for (uint32_t c = 0; c < 3; c++)
                source.pixels[(y * 5 + x) * 3 + c] = (uint8_t)((x * 37 + y * 91) * (c + 3) * 7);
    for (size_t i = 0; i < count; i++) {
        kin_image resized;
        resize_by(&source, goldens[i].width, goldens[i].height, interpolation, &resized);
        size_t bytes = (size_t)resized.width * resized.height * 3;
        assert_int_equal(strlen(goldens[i].hex), 2 * bytes);
        for (size_t j = 0; j < bytes; j++) {
            char digits[3] = {goldens[i].hex[2 * j], goldens[i].hex[2 * j + 1], 0};
            int expected = (int)strtol(digits, NULL, 16);
            assert_in_range(resized.pixels[j] + tolerance, expected, expected + 2 * tolerance);
        }
        kin_image_fini(&resized);
    }
    kin_image_fini(&source);
}

static void test_golden_of_pillow(void **state)
{
    (void)state;
    static const struct golden goldens[] = {
        {2, 3, "2d21313f204f99809654185d82ce78603862"},
        {1, 1, "604f63"},
        {5, 1, "7db974867a83453b484e1257571e66"},
        {1, 7, "12181e3d224681328774497760625f6e826a779671"},
        {3, 4, "04050612181e202b367b8b77890c8f971fa7f2ede83939390e131869e15977bb71850789"},
        {13, 9,
         "000000010101040607080a0d0b0f120f131812181e151d2419212a1c262f202a35232f3b24303c1429131526"
         "14181b1a1c0f201f0d2523112b261631291b372d1f3d302442342848372d4e382e4f4995454a8a464d524c51"
         "1b52540857580c5d5b11635e1669621a6f651f7469237a6c28806d29817ef3777fe17882897e863184850d86"
         "840c87810b8784108d8814938b19988f1d9e9222a49323a5b3eeaab4e5abb7b9b1bb8cb7a0609e7333734506"
         "48480b4e4c0f544f145953185f561d65571e66e7e9dce8e9ddebe8e3efe7e9bbb2b661595f0801080b060e0f"
         "0a14120f1916131f1918251a1926b9e3aabae4abbde9b1c1edb7a0ce986796622e5f2c313d32351b3838093d"
         "3c0d433f124940134a7cde6b7ddf6c80e47284e8787de37370d76963cb5e667e646a306a6d046f710875740d"
         "7b750e7c65dc5366dd5469e25a6de66070eb6574ef6b77f4717a96777e387d810282850688880b8e890c8f"}};
    compare_goldens(goldens, sizeof goldens / sizeof *goldens, KIN_BILINEAR, 1);
}

/* Bicubic is Pillow's to the last bit, clipping between the passes included. */
static void test_golden_of_pillow_bicubic(void **state)
{
    (void)state;
    static const struct golden goldens[] = {
        {2, 3, "221826412153a3879f4f0d5983e0775c325e"},
        {1, 1, "605063"},
        {5, 1, "7bb772847a81453d484e1257571e66"},
        {1, 7, "091615371f4285338b7c4b7f6266616f856b799672"},
        {3, 4, "03040512181e212c377a8e7689028f9820a8f9f4ef363636070c1168e85877be7186008a"},
        {13, 9,
         "00000000000000000000080100100704150d0719130a1e190e221f122725162d2b1930301a32330c1d0b0c1b"
         "0d0f1211130a17180b1e1d102521172c241c322820382c253e302b44332e4934304c409d3c408e3e424f4247"
         "05484f00525b016064126d6717736b1b796f207f73268576298a772b8d7dff767eef7981937e852484870688"
         "87028a870b8d8a10938e149992199f961fa59922aa9a24adc1ffb7c3f8bbcdcdc7cf90cdb361b27520754500"
         "4846004a49095050145a541b60571d65581f68ede8e0efeae3fff7f5fff8fccac1c659505702000202000204"
         "04080d0f1411151a14181f151a22c0e1b0c1e4b3cdf7c1cfffc7ace6a5609f5b255e22263c2429122a300834"
         "340b3a37113f38134275dc6376de667be46c7eeb727bee7170ed6868d8636b8b686e276e73017577027b7a0c"
         "807b0e8357da4358dc465ade4a5ee45067f45c77ff6d82ff7c86ac828a30888d008e910094940a99950c9c"}};
    compare_goldens(goldens, sizeof goldens / sizeof *goldens, KIN_BICUBIC, 0);
}

/* Of a picture that is stored on its side: what resizing the upright one gives, turned back. */
static void test_bicubic_on_its_side(void **state)
{
    (void)state;
    kin_image upright = waves(91, 67, 100), stored = waves(91, 67, 100), expected, resized;
    kin_image_orient(&stored, 5); /* its own inverse: rows become columns */
    kin_resize_window window = {.full_width = 30,
                                .full_height = 55,
                                .width = 30,
                                .height = 55,
                                .interpolation = KIN_BICUBIC,
                                .lies_on_side = true};
    resize_by(&upright, 55, 30, KIN_BICUBIC, &expected);
    kin_image_resize_window(&stored, &window, &resized);
    kin_image_orient(&resized, 5);
    assert_memory_equal(resized.pixels, expected.pixels, 55 * 30 * 3);
    kin_image_fini(&upright);
    kin_image_fini(&stored);
    kin_image_fini(&expected);
    kin_image_fini(&resized);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_the_definition),
        cmocka_unit_test(test_same_size_is_a_copy),
        cmocka_unit_test(test_one_colour_stays),
        cmocka_unit_test(test_window_is_a_part_of_the_whole),
        cmocka_unit_test(test_extreme_shapes),
        cmocka_unit_test(test_golden_of_pillow),
        cmocka_unit_test(test_golden_of_pillow_bicubic),
        cmocka_unit_test(test_bicubic_on_its_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
