/* Curves of a training: the picture is that of the same numbers drawn by hand, whatever else is in
 * the text. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/image/encode_image.h"
#include "common/image/plot.h"
#include "worker/index/training_plot.h"

#define HEADER "phase\tepoch\tloss\terror\tbalance\trate\theld-out\n"
#define FIRST "rbm 1\t1\t9\t0.5\tnan\t0.1\tnan\nrbm 1\t2\t8\t0.25\tnan\t0.1\tnan\n"
#define SECOND "tuning\t1\t4\t0.2\t0.4\t0.01\t5\ntuning\t2\t3\t0.1\t0.3\t0.001\t4.5\n"

static kin_buffer plot(const char *curve)
{
    kin_buffer png = {0};
    kin_training_plot(curve, strlen(curve), "a title", &png);
    return png;
}

/* The two phases above. */
static kin_buffer by_hand(void)
{
    static const double x[] = {1, 2, 3, 4}, loss[] = {4, 3}, held[] = {5, 4.5};
    static const double first[3][2] = {{0.5, 0.25}, {NAN, NAN}, {0.1, 0.1}};
    static const double second[3][2] = {{0.2, 0.1}, {0.4, 0.3}, {0.01, 0.001}};
    static const char *const names[] = {"error", "distance of the bits' means from one half",
                                        "learning rate"};
    const kin_plot_line losses[] = {{.name = "learned from", .x = x + 2, .y = loss, .count = 2},
                                    {.name = "held out", .x = x + 2, .y = held, .count = 2}};
    kin_plot_line lines[3][2];
    kin_plot plots[4] = {{.title = "a title",
                          .x_label = "epoch",
                          .y_label = "loss, tuning",
                          .lines = losses,
                          .line_count = 2,
                          .height = 400}};
    for (int i = 0; i < 3; i++) {
        lines[i][0] = (kin_plot_line){.name = "rbm 1", .x = x, .y = first[i], .count = 2};
        lines[i][1] = (kin_plot_line){.name = "tuning", .x = x + 2, .y = second[i], .count = 2};
        plots[1 + i] = (kin_plot){.x_label = "epoch",
                                  .y_label = names[i],
                                  .lines = lines[i],
                                  .line_count = 2,
                                  .from_zero = i < 2,
                                  .logarithmic = i == 2,
                                  .height = 300};
    }
    lines[1][0] = lines[1][1]; /* what has no number is not in the legend */
    plots[2].line_count = 1;
    kin_image image;
    kin_buffer png = {0};
    kin_plot_draw(plots, 4, &image);
    kin_image_append_png(&image, &png);
    kin_image_fini(&image);
    return png;
}

/* Drawn once. */
static kin_buffer wanted;

static int draw_wanted(void **state)
{
    (void)state;
    wanted = by_hand();
    return 0;
}

static int forget_wanted(void **state)
{
    (void)state;
    kin_buffer_fini(&wanted);
    return 0;
}

static void assert_same(const char *curve, bool same)
{
    kin_buffer drawn = plot(curve);
    assert_int_equal(
        drawn.bytes == wanted.bytes && memcmp(drawn.data, wanted.data, drawn.bytes) == 0, same);
    kin_buffer_fini(&drawn);
}

static void phases_are_drawn(void **state)
{
    (void)state;
    assert_same(HEADER FIRST SECOND, true);
    assert_same(HEADER FIRST, false);
    assert_same(HEADER FIRST "tuning\t1\t4\t0.2\t0.4\t0.01\t5\ntuning\t2\t3\t0.1\t0.3\t0.001\t4\n",
                false); /* another held-out loss */
}

/* A step behind the last line is in the other plots, and is not the one whose loss is shown. */
static void one_step_behind(void **state)
{
    (void)state;
    kin_buffer with = plot(FIRST SECOND "rotation\t1\t0.3\tnan\t0.02\tnan\tnan\n");
    kin_buffer without = plot(FIRST SECOND),
               alone = plot("rotation\t1\t0.3\tnan\t0.02\tnan\tnan\n");
    assert_true(with.bytes > 1000 && alone.bytes > 1000);
    assert_true(with.bytes != without.bytes || memcmp(with.data, without.data, with.bytes) != 0);
    kin_buffer_fini(&with);
    kin_buffer_fini(&without);
    kin_buffer_fini(&alone);
}

static uint32_t height_of(const char *curve)
{
    kin_buffer png = plot(curve);
    assert_true(png.bytes > 24);
    uint32_t height = (uint32_t)png.data[20] << 24 | (uint32_t)png.data[21] << 16 |
                      (uint32_t)png.data[22] << 8 | png.data[23];
    kin_buffer_fini(&png);
    return height;
}

/* Plots of which there is nothing to see, or one point, are not drawn. */
static void empty_plots_are_left_out(void **state)
{
    (void)state;
    uint32_t whole = height_of(FIRST SECOND);
    assert_int_equal(height_of("walks\t1\t4\tnan\tnan\t0.1\tnan\nwalks\t2\t3\tnan\tnan\t0.01\tnan\n"
                               "rotation\t1\t0.3\tnan\t0.02\tnan\tnan\n"),
                     whole - 600);
    assert_int_equal(height_of("rotation\t1\t0.3\tnan\t0.02\tnan\tnan\n"), whole - 900);
}

/* What is no line of a curve is left out: short ones, words for numbers, no phase, a long one. */
static void odd_lines_are_left_out(void **state)
{
    (void)state;
    assert_same("a name of a phase that is longer than any\t1\t4\t0.2\t0.4\t0.01\t5\n\n" FIRST
                "tuning\t1\t4\n\t1\t4\t0.2\t0.4\t0.01\t5\nx\tone\t4\t0.2\t0.4\t0.01\t5\n" SECOND
                "tail without an end",
                true);
    static const char *const nothing[] = {"", "\n\n", HEADER, "walks\t1\t2\t3\n"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        kin_buffer png = plot(nothing[i]);
        assert_int_equal(png.bytes, 0);
        kin_buffer_fini(&png);
    }
}

/* More phases than there is room for: the first sixteen. */
static void many_phases(void **state)
{
    (void)state;
    kin_buffer text = {0}, few = {0};
    for (int p = 0; p < 40; p++) {
        for (int epoch = 1; epoch <= 2; epoch++) {
            kin_buffer_printf(&text, "phase %d\t%d\t1\t1\t0.1\t0.1\t1\n", p, epoch);
            if (p < 16) kin_buffer_printf(&few, "phase %d\t%d\t1\t1\t0.1\t0.1\t1\n", p, epoch);
        }
    }
    kin_buffer_append_byte(&text, 0);
    kin_buffer_append_byte(&few, 0);
    kin_buffer all = plot((const char *)text.data), first = plot((const char *)few.data);
    assert_int_equal(all.bytes, first.bytes);
    assert_memory_equal(all.data, first.data, all.bytes);
    kin_buffer_fini(&all);
    kin_buffer_fini(&first);
    kin_buffer_fini(&text);
    kin_buffer_fini(&few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_are_drawn), cmocka_unit_test(one_step_behind),
        cmocka_unit_test(empty_plots_are_left_out), cmocka_unit_test(odd_lines_are_left_out),
        cmocka_unit_test(many_phases)};
    return cmocka_run_group_tests(tests, draw_wanted, forget_wanted);
}
