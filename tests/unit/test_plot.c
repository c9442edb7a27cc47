/* Plots: lines lie where their numbers are, gaps are gaps, and odd numbers draw nothing odd. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/image/encode_image.h"
#include "common/image/plot.h"
#include "tests/support/test.h"

#define BLUE 0x0072b2

static uint32_t pixel(const kin_image *image, uint32_t x, uint32_t y)
{
    const uint8_t *at = image->pixels + 3 * ((size_t)y * image->width + x);
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* Rows and columns that hold exactly that colour within columns [from, to). */
typedef struct extent {
    uint32_t top, bottom, left, right, count;
} extent;

static extent find(const kin_image *image, uint32_t colour, uint32_t from, uint32_t to)
{
    extent found = {.top = image->height, .left = image->width};
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = from; x < to; x++)
            if (pixel(image, x, y) == colour) {
                if (y < found.top) found.top = y;
                if (x < found.left) found.left = x;
                if (y > found.bottom) found.bottom = y;
                if (x > found.right) found.right = x;
                found.count++;
            }
    return found;
}

/* Where the legend cannot be. */
#define FIELD_WIDTH 600

static kin_image draw(const double *x, const double *y, uint32_t count, bool logarithmic)
{
    const kin_plot_line line = {.name = "line", .x = x, .y = y, .count = count, .dotless = true};
    const kin_plot plot = {
        .title = "Title", .lines = &line, .line_count = 1, .logarithmic = logarithmic};
    kin_image image;
    kin_plot_draw(&plot, 1, &image);
    assert_int_equal(image.width, 900);
    assert_int_equal(image.height, 560);
    return image;
}

static void a_line_lies_where_its_numbers_are(void **state)
{
    (void)state;
    const double x[] = {0, 1}, up[] = {0, 1}, low[] = {0, 0}, half[] = {0.5, 0.5};
    kin_image rising = draw(x, up, 2, false);
    extent all = find(&rising, BLUE, 0, FIELD_WIDTH);
    extent start = find(&rising, BLUE, all.left, all.left + 20);
    extent end = find(&rising, BLUE, FIELD_WIDTH - 20, FIELD_WIDTH);
    assert_true(all.count > 500 && start.top > 450 && end.bottom < 200);
    kin_image_fini(&rising);
    const double range[] = {0, 1}, *const flat[] = {low, half};
    uint32_t height[2];
    for (int i = 0; i < 2; i++) {
        const kin_plot_line line = {.name = "flat", .x = x, .y = flat[i], .count = 2};
        const kin_plot plot = {
            .lines = &line, .line_count = 1, .y_least = range[0], .y_most = range[1]};
        kin_image image;
        kin_plot_draw(&plot, 1, &image);
        extent found = find(&image, BLUE, 300, 500);
        assert_true(found.count > 0 && found.bottom - found.top < 3);
        height[i] = found.top;
        kin_image_fini(&image);
    }
    assert_true(height[0] > height[1] + 150);
}

static void a_gap_is_a_gap(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3}, y[] = {1, 1, NAN, 1}, whole[] = {1, 1, 1, 1};
    kin_image broken = draw(x, y, 4, false), unbroken = draw(x, whole, 4, false);
    uint32_t few = find(&broken, BLUE, 0, FIELD_WIDTH).count;
    uint32_t many = find(&unbroken, BLUE, 0, FIELD_WIDTH).count;
    assert_true(few > 0 && few < many);
    kin_image_fini(&broken);
    kin_image_fini(&unbroken);
}

static void a_logarithmic_axis_spaces_powers_evenly(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2}, y[] = {1e-3, 1, 1e3}, none[] = {0, -1, 0};
    kin_image image = draw(x, y, 3, true);
    extent all = find(&image, BLUE, 0, FIELD_WIDTH);
    uint32_t middle = (all.left + all.right) / 2;
    extent centre = find(&image, BLUE, middle, middle + 1);
    uint32_t straight =
        all.top + (all.bottom - all.top) * (middle - all.left) / 1u / (all.right - all.left);
    straight = all.bottom - (straight - all.top);
    assert_true(labs((long)centre.top - (long)straight) < 4);
    kin_image_fini(&image);
    image = draw(x, none, 3, true);
    assert_int_equal(find(&image, BLUE, 0, FIELD_WIDTH).count, 0);
    kin_image_fini(&image);
}

static void odd_numbers_draw_nothing_odd(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2},
                 odd[][3] = {{NAN, NAN, NAN}, {INFINITY, 1, -INFINITY}, {1e300, -1e300, 0},
                             {5, 5, 5},       {1e-300, 2e-300, 0},      {-7, -7, -7}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
            kin_image image = draw(x, odd[i], 3, logarithmic);
            kin_image_fini(&image);
            image = draw(odd[i], x, 3, logarithmic);
            kin_image_fini(&image);
            image = draw(x, odd[i], i == 5 ? 0 : 1, logarithmic);
            kin_image_fini(&image);
        }
    const kin_plot nothing = {0}, small = {.width = 1, .height = 1, .title = "\xff"};
    kin_image image;
    kin_plot_draw(&nothing, 1, &image);
    kin_image_fini(&image);
    kin_plot_draw(&small, 1, &image);
    assert_int_equal(image.height, KIN_PLOT_HEIGHT_MIN);
    kin_image_fini(&image);
}

static void plots_are_stacked_and_the_same_twice(void **state)
{
    (void)state;
    const double x[] = {0, 1}, y[] = {3, 4};
    const kin_plot_line line = {.name = "a name that is far too long for any legend at all, even "
                                        "for one that is as wide as this",
                                .x = x,
                                .y = y,
                                .count = 2,
                                .dashed = true};
    const kin_plot plots[] = {{.lines = &line, .line_count = 1, .height = 300, .from_zero = true},
                              {.lines = &line, .line_count = 1, .width = 1000, .x_label = "x"}};
    kin_buffer png[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        kin_image image;
        kin_plot_draw(plots, 2, &image);
        assert_int_equal(image.width, 1000);
        assert_int_equal(image.height, 860);
        kin_image_append_png(&image, &png[i]);
        kin_image_fini(&image);
    }
    assert_int_equal(png[0].bytes, png[1].bytes);
    assert_memory_equal(png[0].data, png[1].data, png[0].bytes);
    kin_buffer_fini(&png[0]);
    kin_buffer_fini(&png[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_lies_where_its_numbers_are),
        cmocka_unit_test(a_gap_is_a_gap),
        cmocka_unit_test(a_logarithmic_axis_spaces_powers_evenly),
        cmocka_unit_test(odd_numbers_draw_nothing_odd),
        cmocka_unit_test(plots_are_stacked_and_the_same_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
