#include "common/image/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/image/canvas.h"
#include "common/image/font.h"

#define WIDTH_DEFAULT 900
#define HEIGHT_DEFAULT 560
#define MARGIN 24
#define BACKGROUND 0xffffff
#define GRID 0xe6e8ec
#define AXIS 0x8a919c
#define TEXT 0x4a505a
#define STRONG 0x1d2129
#define TICKS_MAX 64
/* Pixels between two ticks, about: so that their labels do not meet. */
#define TICK_PIXELS_X 80
#define TICK_PIXELS_Y 48
#define LINE_RADIUS 1.1
#define DOT_RADIUS 3.0
#define DOTS_MAX 60
#define DASH_PIXELS 10
/* Swatch and the space before a name. */
#define LEGEND_SWATCH 28
#define LEGEND_WIDTH_MAX 260

/* Told apart by people with any colour vision (Okabe and Ito's set, yellow darkened). */
static const uint32_t palette[] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7,
                                   0xa68a00, 0x56b4e9, 0x7a4fbf, 0xb3123a};
#define PALETTE_COUNT (sizeof palette / sizeof *palette)
/* Of dashed lines. */
static const uint32_t greys[] = {0x3d3d3d, 0x9aa0a8};
#define GREY_COUNT (sizeof greys / sizeof *greys)

/* An axis: where values lie in pixels, and its ticks. */
typedef struct axis {
    double least, most; /* logarithms where it is logarithmic */
    double start, end;  /* pixels of least and most */
    double ticks[TICKS_MAX];
    uint32_t tick_count;
    int decimals;
    bool logarithmic;
} axis;

typedef struct frame {
    const kin_plot *plot;
    kin_image *image;
    int32_t top;                       /* of this plot in the image */
    int32_t left, right, upper, lower; /* of the field */
    axis x, y;
} frame;

static bool value_on(bool logarithmic, double value, double *placed)
{
    if (logarithmic && !(value > 0)) return false;
    *placed = logarithmic ? log10(value) : value;
    return isfinite(*placed) != 0;
}

static void reach(const kin_plot *plot, bool is_x, axis *to)
{
    to->least = INFINITY;
    to->most = -INFINITY;
    for (uint32_t l = 0; l < plot->line_count; l++)
        for (uint32_t i = 0; i < plot->lines[l].count; i++) {
            double value, other;
            const kin_plot_line *line = &plot->lines[l];
            if (!value_on(to->logarithmic, is_x ? line->x[i] : line->y[i], &value)) continue;
            if (is_x && !value_on(plot->logarithmic, line->y[i], &other)) continue;
            if (value < to->least) to->least = value;
            if (value > to->most) to->most = value;
        }
    if (to->least > to->most) {
        to->least = 0;
        to->most = 1;
    }
}

/* 1, 2 or 5 times a power of ten, at least `least`. */
static double nice_step(double least)
{
    double power = pow(10, floor(log10(least)));
    for (int i = 0; i < 3; i++) {
        static const double factors[] = {1, 2, 5};
        if (factors[i] * power >= least * (1 - 1e-9)) return factors[i] * power;
    }
    return 10 * power;
}

/* Ticks at multiples of a nice step; the ends move out to ticks where they are free. */
static void place_ticks(axis *to, double pixels, double tick_pixels, bool free_ends)
{
    if (to->most - to->least < 1e-12 * (fabs(to->most) + fabs(to->least)) + 1e-300) {
        double half = to->most == 0 ? 0.5 : fabs(to->most) / 2;
        to->least -= half;
        to->most += half;
    }
    double wanted = pixels / tick_pixels;
    double step = nice_step((to->most - to->least) / (wanted < 1 ? 1 : wanted));
    if (to->logarithmic && step < 1 && to->most - to->least >= 1) step = 1;
    if (free_ends) {
        to->least = floor(to->least / step + 1e-9) * step;
        to->most = ceil(to->most / step - 1e-9) * step;
    }
    double first = ceil(to->least / step - 1e-9);
    to->tick_count = 0;
    for (double i = first; i * step <= to->most + 1e-9 * step && to->tick_count < TICKS_MAX; i++)
        to->ticks[to->tick_count++] = i * step;
    to->decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
}

static void tick_label(const axis *of, double value, char text[32])
{
    double shown = of->logarithmic ? pow(10, value) : value;
    bool plain = !of->logarithmic && fabs(shown) < 1e7 && of->decimals <= 6;
    if (plain && shown == 0) shown = 0; /* not -0 */
    if (plain)
        snprintf(text, 32, "%.*f", of->decimals, shown);
    else
        snprintf(text, 32, "%.3g", shown);
}

static double pixel_of(const axis *of, double value)
{
    return of->start + (value - of->least) / (of->most - of->least) * (of->end - of->start);
}

static void draw_text(const frame *in, const kin_font *font, int32_t x, int32_t y, uint32_t colour,
                      const char *text)
{
    kin_font_draw(font, in->image, x, y, colour, text, strlen(text));
}

static int32_t text_width(const kin_font *font, const char *text)
{
    return (int32_t)kin_font_width(font, text, strlen(text));
}

/* Names wider than the legend lose their middle. */
static void legend_name(const char *name, kin_buffer *out)
{
    kin_font_shorten(&kin_font_text, name, strlen(name), LEGEND_WIDTH_MAX - LEGEND_SWATCH, out);
    kin_buffer_append_byte(out, 0);
}

static int32_t legend_width(const kin_plot *plot)
{
    int32_t widest = 0;
    for (uint32_t l = 0; l < plot->line_count; l++) {
        kin_buffer name = {0};
        legend_name(plot->lines[l].name, &name);
        int32_t width = text_width(&kin_font_text, (const char *)name.data);
        if (width > widest) widest = width;
        kin_buffer_fini(&name);
    }
    return plot->line_count == 0 ? 0 : LEGEND_SWATCH + widest + MARGIN;
}

/* How far a point is from a segment, and how far along it the nearest place is. */
static double segment_distance(double x, double y, const double from[2], const double to[2],
                               double *along)
{
    double dx = to[0] - from[0], dy = to[1] - from[1], squares = dx * dx + dy * dy;
    double t = squares > 0 ? ((x - from[0]) * dx + (y - from[1]) * dy) / squares : 0;
    if (t < 0) t = 0;
    if (t > 1) t = 1;
    *along = t * sqrt(squares);
    return hypot(x - from[0] - t * dx, y - from[1] - t * dy);
}

/* Dashed lines and the others count by themselves. */
static uint32_t colour_of(const kin_plot *plot, uint32_t line)
{
    uint32_t before = 0;
    bool dashed = plot->lines[line].dashed;
    for (uint32_t l = 0; l < line; l++)
        before += plot->lines[l].dashed == dashed;
    return dashed ? greys[before % GREY_COUNT] : palette[before % PALETTE_COUNT];
}

/* A line is first drawn as coverage, so that joints are not darker. */
typedef struct stroke {
    uint8_t *coverage; /* [height][width] of the image */
    const kin_image *image;
    const frame *field; /* NULL: anywhere */
    double drawn;       /* pixels of the line so far, for dashes */
    bool dashed;
} stroke;

static void cover(stroke *pen, const double from[2], const double to[2], double radius)
{
    const kin_image *image = pen->image;
    double low_x = fmin(from[0], to[0]) - radius - 1, high_x = fmax(from[0], to[0]) + radius + 1;
    double low_y = fmin(from[1], to[1]) - radius - 1, high_y = fmax(from[1], to[1]) + radius + 1;
    if (pen->field != NULL) {
        low_x = fmax(low_x, pen->field->left - 4);
        high_x = fmin(high_x, pen->field->right + 4);
        low_y = fmax(low_y, pen->field->upper - 4);
        high_y = fmin(high_y, pen->field->lower + 4);
    }
    low_x = fmax(low_x, 0);
    low_y = fmax(low_y, 0);
    high_x = fmin(high_x, (double)image->width - 1);
    high_y = fmin(high_y, (double)image->height - 1);
    for (double y = floor(low_y); y <= high_y; y++)
        for (double x = floor(low_x); x <= high_x; x++) {
            double along;
            double inside = radius + 0.5 - segment_distance(x, y, from, to, &along);
            if (!(inside > 0)) continue;
            if (pen->dashed && fmod(pen->drawn + along, 2 * DASH_PIXELS) >= DASH_PIXELS) continue;
            uint8_t value = (uint8_t)(255 * (inside < 1 ? inside : 1));
            uint8_t *at = &pen->coverage[(size_t)y * image->width + (size_t)x];
            if (value > *at) *at = value;
        }
    pen->drawn += hypot(to[0] - from[0], to[1] - from[1]);
}

static void ink(const stroke *pen, kin_image *image, uint32_t colour)
{
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            uint8_t value = pen->coverage[(size_t)y * image->width + x];
            if (value > 0) kin_canvas_mix(image, (int32_t)x, (int32_t)y, colour, value);
        }
}

static void draw_line(const frame *in, const kin_plot_line *line, uint32_t colour)
{
    stroke pen = {.coverage = kin_calloc((size_t)in->image->width * in->image->height, 1),
                  .image = in->image,
                  .field = in,
                  .dashed = line->dashed};
    bool dots = !line->dashed && !line->dotless && line->count <= DOTS_MAX, joined = false;
    double before[2] = {0};
    for (uint32_t i = 0; i < line->count; i++) {
        double x, y;
        if (!value_on(false, line->x[i], &x) || !value_on(in->y.logarithmic, line->y[i], &y)) {
            joined = false;
            continue;
        }
        const double here[2] = {pixel_of(&in->x, x), pixel_of(&in->y, y)};
        if (joined) cover(&pen, before, here, LINE_RADIUS);
        if (dots || line->count == 1) cover(&pen, here, here, DOT_RADIUS);
        memcpy(before, here, sizeof before);
        joined = true;
    }
    ink(&pen, in->image, colour);
    free(pen.coverage);
}

static void draw_legend(const frame *in)
{
    int32_t x = in->right + MARGIN, y = in->upper;
    stroke pen = {.coverage = kin_calloc((size_t)in->image->width * in->image->height, 1),
                  .image = in->image};
    for (uint32_t l = 0; l < in->plot->line_count; l++) {
        kin_buffer name = {0};
        double middle = y + kin_font_text.height / 2;
        const double from[2] = {x, middle}, to[2] = {x + LEGEND_SWATCH - 10, middle};
        uint32_t colour = colour_of(in->plot, l);
        memset(pen.coverage, 0, (size_t)in->image->width * in->image->height);
        pen.dashed = in->plot->lines[l].dashed;
        pen.drawn = DASH_PIXELS / 2; /* the gap is in the middle */
        cover(&pen, from, to, LINE_RADIUS);
        ink(&pen, in->image, colour);
        legend_name(in->plot->lines[l].name, &name);
        draw_text(in, &kin_font_text, x + LEGEND_SWATCH, y, TEXT, (const char *)name.data);
        kin_buffer_fini(&name);
        y += kin_font_text.height + 8;
    }
    free(pen.coverage);
}

static void fill(const frame *in, int32_t x, int32_t y, int32_t width, int32_t height,
                 uint32_t colour)
{
    kin_canvas_rounded(in->image, (kin_rectangle){x, y, width, height}, 0, colour);
}

static void draw_axes(const frame *in)
{
    char text[32];
    int32_t height = kin_font_text.height;
    for (uint32_t i = 0; i < in->y.tick_count; i++) {
        int32_t y = (int32_t)lround(pixel_of(&in->y, in->y.ticks[i]));
        fill(in, in->left, y, in->right - in->left, 1, GRID);
        tick_label(&in->y, in->y.ticks[i], text);
        draw_text(in, &kin_font_text, in->left - 8 - text_width(&kin_font_text, text),
                  y - height / 2, TEXT, text);
    }
    for (uint32_t i = 0; i < in->x.tick_count; i++) {
        int32_t x = (int32_t)lround(pixel_of(&in->x, in->x.ticks[i]));
        fill(in, x, in->upper, 1, in->lower - in->upper, GRID);
        fill(in, x, in->lower, 1, 5, AXIS);
        tick_label(&in->x, in->x.ticks[i], text);
        draw_text(in, &kin_font_text, x - text_width(&kin_font_text, text) / 2, in->lower + 8, TEXT,
                  text);
    }
    fill(in, in->left, in->lower, in->right - in->left + 1, 1, AXIS);
    fill(in, in->left, in->upper, 1, in->lower - in->upper, AXIS);
}

static void draw_labels(const frame *in)
{
    const kin_plot *plot = in->plot;
    int32_t y = in->top + MARGIN;
    if (plot->title != NULL) {
        draw_text(in, &kin_font_title, MARGIN, y, STRONG, plot->title);
        y += kin_font_title.height + 8;
    }
    if (plot->y_label != NULL) draw_text(in, &kin_font_strong, MARGIN, y, TEXT, plot->y_label);
    if (plot->x_label != NULL)
        draw_text(in, &kin_font_strong, in->right - text_width(&kin_font_strong, plot->x_label),
                  in->lower + 8 + kin_font_text.height + 6, TEXT, plot->x_label);
}

static void scale_axes(frame *in)
{
    const kin_plot *plot = in->plot;
    bool given_x = plot->x_least < plot->x_most, given_y = plot->y_least < plot->y_most;
    in->y.logarithmic = plot->logarithmic;
    reach(plot, true, &in->x);
    reach(plot, false, &in->y);
    if (given_x) {
        in->x.least = plot->x_least;
        in->x.most = plot->x_most;
    }
    if (given_y && (!plot->logarithmic || plot->y_least > 0)) {
        in->y.least = plot->logarithmic ? log10(plot->y_least) : plot->y_least;
        in->y.most = plot->logarithmic ? log10(plot->y_most) : plot->y_most;
    }
    if (plot->from_zero && !plot->logarithmic && in->y.least > 0) in->y.least = 0;
    place_ticks(&in->y, in->lower - in->upper, TICK_PIXELS_Y, !given_y);
    in->y.start = in->lower;
    in->y.end = in->upper;
}

/* Labels of the y axis decide where it is. */
static void layout(frame *in, uint32_t width, uint32_t height)
{
    const kin_plot *plot = in->plot;
    int32_t widest = 0;
    in->upper = in->top + MARGIN + kin_font_text.height / 2;
    if (plot->title != NULL) in->upper += kin_font_title.height + 8;
    if (plot->y_label != NULL) in->upper += kin_font_strong.height + 4;
    in->lower = in->top + (int32_t)height - MARGIN - kin_font_text.height - 8;
    if (plot->x_label != NULL) in->lower -= kin_font_strong.height;
    scale_axes(in);
    for (uint32_t i = 0; i < in->y.tick_count; i++) {
        char text[32];
        tick_label(&in->y, in->y.ticks[i], text);
        if (text_width(&kin_font_text, text) > widest) widest = text_width(&kin_font_text, text);
    }
    in->left = MARGIN + widest + 8;
    in->right = (int32_t)width - MARGIN - legend_width(plot);
    if (in->right < in->left + 40) in->right = in->left + 40;
    place_ticks(&in->x, in->right - in->left, TICK_PIXELS_X, false);
    in->x.start = in->left;
    in->x.end = in->right;
}

static uint32_t at_least(uint32_t size, uint32_t unsaid, uint32_t least)
{
    if (size == 0) return unsaid;
    return size < least ? least : size;
}

void kin_plot_draw(const kin_plot *plots, uint32_t count, kin_image *image)
{
    uint32_t width = KIN_PLOT_WIDTH_MIN, height = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t wanted = at_least(plots[i].width, WIDTH_DEFAULT, KIN_PLOT_WIDTH_MIN);
        if (wanted > width) width = wanted;
        height += at_least(plots[i].height, HEIGHT_DEFAULT, KIN_PLOT_HEIGHT_MIN);
    }
    kin_image_init(image, width, height > 0 ? height : KIN_PLOT_HEIGHT_MIN);
    kin_canvas_fill(image, BACKGROUND);
    int32_t top = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tall = at_least(plots[i].height, HEIGHT_DEFAULT, KIN_PLOT_HEIGHT_MIN);
        frame in = {.plot = &plots[i], .image = image, .top = top};
        layout(&in, width, tall);
        draw_axes(&in);
        for (uint32_t l = 0; l < plots[i].line_count; l++)
            draw_line(&in, &plots[i].lines[l], colour_of(&plots[i], l));
        draw_legend(&in);
        draw_labels(&in);
        top += (int32_t)tall;
    }
}
