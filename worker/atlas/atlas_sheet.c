#include "worker/atlas/atlas_sheet.h"

#include <stdio.h>
#include <string.h>

#include "common/image/canvas.h"
#include "common/image/font.h"

#define BACKGROUND 0xf4f5f7
#define CARD 0xffffff
#define EMPTY 0xe6e8ec
#define TEXT 0x4a505a
#define STRONG 0x1d2129
#define ONE 0x0072b2
#define ZERO 0xd55e00
#define MARGIN 24
#define GAP 4
#define CARD_PADDING 8
#define LABEL_WIDTH 84
/* Between the ones and the zeros. */
#define MIDDLE 14
/* A picture is about as wide as this many columns of cards make it. */
#define COLUMNS 2
#define STRIPE 3

static int32_t side_width(uint32_t tiles)
{
    return (int32_t)tiles * (KIN_ATLAS_TILE_SIDE + GAP) - GAP;
}

static int32_t card_width(uint32_t tiles)
{
    return 2 * CARD_PADDING + LABEL_WIDTH + 2 * side_width(tiles) + MIDDLE;
}

#define CARD_HEIGHT (2 * CARD_PADDING + KIN_ATLAS_TILE_SIDE + STRIPE + GAP)

static void text(kin_image *image, const kin_font *font, int32_t x, int32_t y, uint32_t colour,
                 const char *words)
{
    kin_font_draw(font, image, x, y, colour, words, strlen(words));
}

static void draw_side(kin_image *image, int32_t x, int32_t y, const kin_image *pictures,
                      uint32_t tiles, uint32_t colour)
{
    kin_canvas_rounded(image, (kin_rectangle){x, y, side_width(tiles), STRIPE}, 0, colour);
    y += STRIPE + GAP;
    for (uint32_t i = 0; i < tiles; i++, x += KIN_ATLAS_TILE_SIDE + GAP) {
        const kin_image *picture = &pictures[i];
        if (picture->pixels != NULL)
            kin_canvas_picture(image, x + (KIN_ATLAS_TILE_SIDE - (int32_t)picture->width) / 2,
                               y + (KIN_ATLAS_TILE_SIDE - (int32_t)picture->height) / 2, picture);
        else
            kin_canvas_rounded(
                image, (kin_rectangle){x, y, KIN_ATLAS_TILE_SIDE, KIN_ATLAS_TILE_SIDE}, 3, EMPTY);
    }
}

static void draw_bit(kin_image *image, int32_t x, int32_t y, const kin_atlas_bit *bit,
                     uint32_t tiles)
{
    char label[32];
    kin_canvas_rounded(image, (kin_rectangle){x, y, card_width(tiles), CARD_HEIGHT}, 6, CARD);
    x += CARD_PADDING;
    y += CARD_PADDING;
    snprintf(label, sizeof label, "bit %u", bit->number);
    text(image, &kin_font_strong, x, y + 10, STRONG, label);
    snprintf(label, sizeof label, "%.0f %% are 1", 100 * bit->ones);
    text(image, &kin_font_text, x, y + 10 + kin_font_strong.height, TEXT, label);
    x += LABEL_WIDTH;
    draw_side(image, x, y, bit->one, tiles, ONE);
    draw_side(image, x + side_width(tiles) + MIDDLE, y, bit->zero, tiles, ZERO);
}

void kin_atlas_draw(const kin_atlas_bit *bits, uint32_t count, uint32_t tiles, const char *title,
                    const char *subtitle, kin_image *image)
{
    int32_t columns = count < COLUMNS ? (int32_t)count : COLUMNS;
    int32_t rows = ((int32_t)count + columns - 1) / columns, card = card_width(tiles);
    int32_t top = MARGIN + kin_font_title.height + 4 + kin_font_text.height + 16;
    int32_t width = 2 * MARGIN + columns * (card + MARGIN / 2) - MARGIN / 2;
    kin_image_init(image, (uint32_t)width,
                   (uint32_t)(top + rows * (CARD_HEIGHT + GAP) + MARGIN - GAP));
    kin_canvas_fill(image, BACKGROUND);
    text(image, &kin_font_title, MARGIN, MARGIN, STRONG, title);
    int32_t y = MARGIN + kin_font_title.height + 4;
    kin_canvas_rounded(image, (kin_rectangle){MARGIN, y + 6, 14, STRIPE}, 0, ONE);
    text(image, &kin_font_text, MARGIN + 20, y, TEXT, "most sure to be 1");
    kin_canvas_rounded(image, (kin_rectangle){MARGIN + 140, y + 6, 14, STRIPE}, 0, ZERO);
    text(image, &kin_font_text, MARGIN + 160, y, TEXT, "most sure to be 0");
    text(image, &kin_font_text, MARGIN + 290, y, TEXT, subtitle);
    for (int32_t i = 0; i < (int32_t)count; i++)
        draw_bit(image, MARGIN + i / rows * (card + MARGIN / 2),
                 top + i % rows * (CARD_HEIGHT + GAP), &bits[i], tiles);
}
