/* Contact sheets: tiles are where they should be, with any aspect ratio, and limits hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/image/canvas.h"
#include "common/image/sheet.h"
#include "tests/support/test.h"

#define SIDE 64
#define QUERY 0xff0000u
#define ACCENT 0x1f5fd6u /* of the query's frame */

/* A picture of one colour that no other part of a sheet has. */
static kin_image picture(uint32_t width, uint32_t height, uint32_t colour)
{
    kin_image image;
    kin_image_init(&image, width, height);
    kin_canvas_fill(&image, colour);
    return image;
}

/* Hit i is green with blue i, of ever other shapes; one in seven has no picture. */
static kin_sheet make_sheet(uint32_t rows, uint32_t hits)
{
    kin_sheet sheet = {.tile_side = SIDE, .columns = 5};
    sheet.title = kin_strdup("title");
    sheet.subtitle = kin_strdup("subtitle");
    for (uint32_t r = 0; r < rows; r++) {
        kin_sheet_row *row = kin_sheet_add_row(&sheet, hits);
        row->question.key = kin_strdup("folder/question.png");
        row->question.image = picture(SIDE, 20, QUERY);
        for (uint32_t i = 0; i < hits; i++) {
            row->hits[i].key = kin_sprintf("folder/%u.png", i);
            row->hits[i].distance = i;
            if (i % 7 == 6) continue;
            row->hits[i].image = picture(i % 2 ? 10 : 200, i % 3 ? 30 : 300, 0x00ff00 | i);
        }
    }
    return sheet;
}

typedef struct box {
    uint32_t left, top, right, bottom; /* inclusive */
    uint64_t pixels;
} box;

/* Where a colour is. */
static box find(const kin_image *image, uint32_t colour)
{
    box found = {UINT32_MAX, UINT32_MAX, 0, 0, 0};
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            const uint8_t *p = image->pixels + 3 * ((size_t)y * image->width + x);
            if (((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) != colour) continue;
            if (x < found.left) found.left = x;
            if (y < found.top) found.top = y;
            if (x > found.right) found.right = x;
            if (y > found.bottom) found.bottom = y;
            found.pixels++;
        }
    return found;
}

static uint32_t middle_x(box b)
{
    return (b.left + b.right + 1) / 2;
}

static void test_positions(void **state)
{
    (void)state;
    kin_sheet sheet = make_sheet(1, 12);
    kin_image image;
    kin_error error;
    assert_int_equal(kin_sheet_draw(&sheet, &image, &error), KIN_OK);
    box query = find(&image, QUERY), frame = find(&image, ACCENT);
    assert_int_equal(query.right - query.left + 1, SIDE);
    assert_int_equal(query.bottom - query.top + 1, 20);
    assert_true(frame.left < query.left && frame.right > query.right);
    assert_true(frame.top < query.top && frame.bottom > query.bottom);
    box hits[12];
    for (uint32_t i = 0; i < 12; i++) {
        hits[i] = find(&image, 0x00ff00 | i);
        if (i % 7 == 6) {
            assert_int_equal(hits[i].pixels, 0);
            continue;
        }
        /* Whole, reduced to the tile where it is larger, and in the same proportion. */
        uint32_t width = i % 2 ? 10 : 200, height = i % 3 ? 30 : 300;
        uint32_t longer = width > height ? width : height;
        uint32_t reduce = longer > SIDE ? longer : SIDE;
        assert_int_equal(hits[i].right - hits[i].left + 1, width * SIDE / reduce);
        assert_int_equal(hits[i].bottom - hits[i].top + 1, height * SIDE / reduce);
        assert_int_equal(hits[i].pixels,
                         (uint64_t)(width * SIDE / reduce) * (height * SIDE / reduce));
        assert_true(hits[i].left > frame.right);
    }
    /* In order, side by side, then on the next line below the first. */
    assert_true(middle_x(hits[1]) > middle_x(hits[0]) + SIDE);
    assert_true(middle_x(hits[4]) > middle_x(hits[3]) + SIDE);
    assert_int_equal(middle_x(hits[5]), middle_x(hits[0]));
    assert_int_equal(middle_x(hits[10]), middle_x(hits[0]));
    assert_true(hits[5].top > hits[0].bottom && hits[10].top > hits[5].bottom);
    kin_image_fini(&image);
    kin_sheet_fini(&sheet);
}

/* What a hit was re-ranked by is drawn beside its distance, and moves nothing. */
static void test_scores(void **state)
{
    (void)state;
    kin_sheet sheet = make_sheet(1, 3);
    kin_image plain, scored;
    kin_error error;
    assert_int_equal(kin_sheet_draw(&sheet, &plain, &error), KIN_OK);
    sheet.rows[0].hits[1].score = kin_strdup("0.1234");
    assert_int_equal(kin_sheet_draw(&sheet, &scored, &error), KIN_OK);
    assert_true(plain.width == scored.width && plain.height == scored.height);
    box hit = find(&plain, 0x00ff01), changed = {.left = UINT32_MAX, .top = UINT32_MAX};
    assert_int_equal(find(&scored, 0x00ff01).left, hit.left);
    for (uint32_t i = 0; i < plain.width * plain.height; i++) {
        uint32_t x = i % plain.width, y = i / plain.width;
        if (memcmp(plain.pixels + (size_t)3 * i, scored.pixels + (size_t)3 * i, 3) == 0) continue;
        changed.pixels++;
        if (x < changed.left) changed.left = x;
        if (x > changed.right) changed.right = x;
        if (y < changed.top) changed.top = y;
    }
    assert_true(changed.pixels > 20 && changed.top > hit.bottom);
    assert_true(changed.left > find(&plain, 0x00ff00).right);
    assert_true(changed.right < find(&plain, 0x00ff02).left);
    kin_image_fini(&plain);
    kin_image_fini(&scored);
    kin_sheet_fini(&sheet);
}

static void test_rows_and_emptiness(void **state)
{
    (void)state;
    for (uint32_t rows = 0; rows < 4; rows++)
        for (uint32_t hits = 0; hits < 8; hits++) {
            kin_sheet sheet = make_sheet(rows, hits);
            if (rows == 3) sheet.rows[1].note = kin_strdup("a note above a row");
            kin_image image, again;
            kin_error error;
            assert_int_equal(kin_sheet_draw(&sheet, &image, &error), KIN_OK);
            assert_int_equal(find(&image, QUERY).pixels, (uint64_t)rows * SIDE * 20);
            /* The same sheet is the same pixels. */
            assert_int_equal(kin_sheet_draw(&sheet, &again, &error), KIN_OK);
            assert_int_equal(image.width, again.width);
            assert_int_equal(image.height, again.height);
            assert_memory_equal(image.pixels, again.pixels, (size_t)3 * image.width * image.height);
            kin_image_fini(&image);
            kin_image_fini(&again);
            kin_sheet_fini(&sheet);
        }
}

static void test_pixel_limit(void **state)
{
    (void)state;
    kin_sheet sheet = {.tile_side = 512, .columns = 12};
    sheet.title = kin_strdup("");
    sheet.subtitle = kin_strdup("");
    for (uint32_t r = 0; r < 40; r++) {
        kin_sheet_row *row = kin_sheet_add_row(&sheet, 12);
        row->question.key = kin_strdup("");
        for (uint32_t i = 0; i < 12; i++)
            row->hits[i].key = kin_strdup("");
    }
    kin_image image = {0};
    kin_error error = {0};
    assert_int_equal(kin_sheet_draw(&sheet, &image, &error), KIN_LIMIT);
    assert_null(image.pixels);
    assert_non_null(strstr(error.text, "ask for fewer"));
    kin_sheet_fini(&sheet);
}

static void test_caption(void **state)
{
    (void)state;
    assert_string_equal(kin_sheet_caption("a/b/c.png"), "c.png");
    assert_string_equal(kin_sheet_caption("c.png"), "c.png");
    assert_string_equal(kin_sheet_caption("a/b/"), "a/b/");
    assert_string_equal(kin_sheet_caption(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_rows_and_emptiness),
        cmocka_unit_test(test_pixel_limit),
        cmocka_unit_test(test_caption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
