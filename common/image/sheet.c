#include "common/image/sheet.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/image/canvas.h"
#include "common/image/font.h"
#include "common/image/resize.h"

/* Measures in pixels. */
enum {
    MARGIN = 28,
    HEADER_HEIGHT = 56, /* title and subtitle */
    NOTE_HEIGHT = 24,
    GAP = 12,          /* between cards */
    QUESTION_GAP = 28, /* between the question and its hits */
    ROW_GAP = 26,
    PADDING = 9, /* within a card */
    CAPTION_HEIGHT = 44,
    RADIUS = 7,
    FRAME = 3 /* of the question */
};

/* Colours: warm greys, so that the pictures are the only saturated things beside the question. */
enum {
    PAPER = 0xf4f3f0,
    CARD = 0xffffff,
    EDGE = 0xe2e0da,
    EMPTY = 0xf1f0ed,
    INK = 0x22211e,
    FAINT = 0x77746c,
    ACCENT = 0x1f5fd6,
    SAME = 0x23804a
};

static void tile_fini(kin_sheet_tile *tile)
{
    free(tile->key);
    free(tile->score);
    kin_image_fini(&tile->image);
    kin_buffer_fini(&tile->jpeg);
}

void kin_sheet_fini(kin_sheet *sheet)
{
    for (uint32_t i = 0; i < sheet->row_count; i++) {
        kin_sheet_row *row = &sheet->rows[i];
        tile_fini(&row->question);
        for (uint32_t j = 0; j < row->hit_count; j++)
            tile_fini(&row->hits[j]);
        free(row->hits);
        free(row->code);
        free(row->note);
    }
    free(sheet->rows);
    free(sheet->title);
    free(sheet->subtitle);
    memset(sheet, 0, sizeof *sheet);
}

kin_sheet_row *kin_sheet_add_row(kin_sheet *sheet, uint32_t hit_count)
{
    sheet->rows = kin_realloc(sheet->rows, sheet->row_count + 1, sizeof *sheet->rows);
    kin_sheet_row *row = &sheet->rows[sheet->row_count++];
    memset(row, 0, sizeof *row);
    row->hits = kin_calloc(hit_count, sizeof *row->hits);
    row->hit_count = hit_count;
    return row;
}

const char *kin_sheet_caption(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash != NULL && slash[1] != 0 ? slash + 1 : key;
}

static int32_t card_width(const kin_sheet *sheet)
{
    return (int32_t)sheet->tile_side + 2 * PADDING;
}

static int32_t card_height(const kin_sheet *sheet)
{
    return (int32_t)sheet->tile_side + 2 * PADDING + CAPTION_HEIGHT;
}

static uint32_t lines_of(const kin_sheet *sheet, const kin_sheet_row *row)
{
    uint32_t lines = (row->hit_count + sheet->columns - 1) / sheet->columns;
    return lines > 0 ? lines : 1;
}

static int64_t row_height(const kin_sheet *sheet, const kin_sheet_row *row)
{
    return (row->note != NULL ? NOTE_HEIGHT : 0) +
           (int64_t)lines_of(sheet, row) * (card_height(sheet) + GAP) - GAP;
}

/* Draws text that is shortened to width; returns the x behind it. */
static int32_t draw_text(const kin_font *font, kin_image *image, int32_t x, int32_t y,
                         int32_t width, uint32_t colour, const char *text)
{
    kin_buffer shortened = {0};
    kin_font_shorten(font, text, strlen(text), width > 0 ? (uint32_t)width : 0, &shortened);
    x = kin_font_draw(font, image, x, y, colour, (const char *)shortened.data, shortened.bytes);
    kin_buffer_fini(&shortened);
    return x;
}

/* The picture in the middle of its square, reduced if it is larger; or what is said instead. */
static void draw_picture(const kin_sheet *sheet, const kin_sheet_tile *tile, kin_image *image,
                         int32_t x, int32_t y)
{
    int32_t side = (int32_t)sheet->tile_side;
    if (tile->image.pixels == NULL) {
        const char *text = tile->no_image != NULL ? tile->no_image : "no thumbnail";
        int32_t text_width = (int32_t)kin_font_width(&kin_font_text, text, strlen(text));
        kin_canvas_rounded(image, (kin_rectangle){x, y, side, side}, 4, EMPTY);
        draw_text(&kin_font_text, image, x + (text_width < side ? (side - text_width) / 2 : 0),
                  y + (side - kin_font_text.height) / 2, side, FAINT, text);
        return;
    }
    const kin_image *picture = &tile->image;
    kin_image reduced = {0};
    uint32_t longer = picture->width > picture->height ? picture->width : picture->height;
    if (longer > sheet->tile_side) {
        uint32_t width = (uint32_t)((uint64_t)picture->width * sheet->tile_side / longer);
        uint32_t height = (uint32_t)((uint64_t)picture->height * sheet->tile_side / longer);
        kin_image_resize(picture, width + !width, height + !height, &reduced);
        picture = &reduced;
    }
    kin_canvas_picture(image, x + (side - (int32_t)picture->width) / 2,
                       y + (side - (int32_t)picture->height) / 2, picture);
    kin_image_fini(&reduced);
}

/* A card with a frame: one rounded rectangle on another. */
static void draw_card(kin_image *image, kin_rectangle card, int32_t frame, uint32_t edge)
{
    kin_canvas_rounded(image, card, RADIUS, edge);
    card.x += frame;
    card.y += frame;
    card.width -= 2 * frame;
    card.height -= 2 * frame;
    kin_canvas_rounded(image, card, RADIUS - frame, CARD);
}

static void draw_question(const kin_sheet *sheet, const kin_sheet_tile *tile, kin_image *image,
                          int32_t x, int32_t y)
{
    int32_t side = (int32_t)sheet->tile_side;
    draw_card(image, (kin_rectangle){x, y, card_width(sheet), card_height(sheet)}, FRAME, ACCENT);
    draw_picture(sheet, tile, image, x + PADDING, y + PADDING);
    int32_t caption = y + PADDING + side + PADDING;
    int32_t label = (int32_t)kin_font_width(&kin_font_strong, "query", 5);
    kin_canvas_rounded(image, (kin_rectangle){x + PADDING, caption - 1, label + 14, 17}, 8, ACCENT);
    kin_font_draw(&kin_font_strong, image, x + PADDING + 7, caption, CARD, "query", 5);
    draw_text(&kin_font_text, image, x + PADDING, caption + 18, side, INK,
              kin_sheet_caption(tile->key));
}

static void draw_hit(const kin_sheet *sheet, const kin_sheet_tile *tile, kin_image *image,
                     int32_t x, int32_t y)
{
    int32_t side = (int32_t)sheet->tile_side;
    draw_card(image, (kin_rectangle){x, y, card_width(sheet), card_height(sheet)}, 1, EDGE);
    draw_picture(sheet, tile, image, x + PADDING, y + PADDING);
    int32_t caption = y + PADDING + side + PADDING;
    char distance[48];
    snprintf(distance, sizeof distance, "%u", tile->distance);
    int32_t end = draw_text(&kin_font_strong, image, x + PADDING, caption, side,
                            tile->distance == 0 ? SAME : INK, distance);
    bool same_code = tile->distance == 0 && tile->score == NULL; /* for both there is no room */
    const char *unit = same_code ? " \xc2\xb7 same code" : tile->distance == 1 ? " bit" : " bits";
    end = draw_text(&kin_font_text, image, end, caption, x + PADDING + side - end,
                    tile->distance == 0 ? SAME : FAINT, unit);
    if (tile->score != NULL) {
        char score[48];
        snprintf(score, sizeof score, " \xc2\xb7 %s", tile->score);
        draw_text(&kin_font_text, image, end, caption, x + PADDING + side - end, FAINT, score);
    }
    draw_text(&kin_font_text, image, x + PADDING, caption + 18, side, INK,
              kin_sheet_caption(tile->key));
}

static void draw_row(const kin_sheet *sheet, const kin_sheet_row *row, kin_image *image, int32_t y)
{
    if (row->note != NULL) {
        draw_text(&kin_font_text, image, MARGIN, y, (int32_t)image->width - 2 * MARGIN, FAINT,
                  row->note);
        y += NOTE_HEIGHT;
    }
    draw_question(sheet, &row->question, image, MARGIN, y);
    int32_t left = MARGIN + card_width(sheet) + QUESTION_GAP;
    for (uint32_t i = 0; i < row->hit_count; i++)
        draw_hit(sheet, &row->hits[i], image,
                 left + (int32_t)(i % sheet->columns) * (card_width(sheet) + GAP),
                 y + (int32_t)(i / sheet->columns) * (card_height(sheet) + GAP));
}

kin_status kin_sheet_draw(const kin_sheet *sheet, kin_image *image, kin_error *error)
{
    KIN_CHECK(sheet->columns >= 1 && sheet->tile_side >= 1);
    uint32_t columns = 0; /* those that are really used */
    int64_t height = 2 * MARGIN + HEADER_HEIGHT - ROW_GAP;
    for (uint32_t i = 0; i < sheet->row_count; i++) {
        const kin_sheet_row *row = &sheet->rows[i];
        uint32_t hits = row->hit_count < sheet->columns ? row->hit_count : sheet->columns;
        if (hits > columns) columns = hits;
        height += row_height(sheet, row) + ROW_GAP;
    }
    if (columns < 4) columns = 4; /* room for the header */
    int64_t width = 2 * MARGIN + card_width(sheet) + QUESTION_GAP - GAP +
                    (int64_t)columns * (card_width(sheet) + GAP);
    if (width * height > KIN_SHEET_PIXELS_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "the sheet would have %lld x %lld pixels, more than %d million, the limit; "
                        "ask for fewer pictures, or write it as .html",
                        (long long)width, (long long)height, KIN_SHEET_PIXELS_MAX / 1000000);
    kin_image_init(image, (uint32_t)width, (uint32_t)height);
    kin_canvas_fill(image, PAPER);
    int32_t text_width = (int32_t)width - 2 * MARGIN;
    draw_text(&kin_font_title, image, MARGIN, MARGIN - 6, text_width, INK, sheet->title);
    draw_text(&kin_font_text, image, MARGIN, MARGIN + 18, text_width, FAINT, sheet->subtitle);
    int64_t y = MARGIN + HEADER_HEIGHT;
    for (uint32_t i = 0; i < sheet->row_count; i++) {
        draw_row(sheet, &sheet->rows[i], image, (int32_t)y);
        y += row_height(sheet, &sheet->rows[i]) + ROW_GAP;
    }
    return KIN_OK;
}
