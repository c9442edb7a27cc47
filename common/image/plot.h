/* Line charts: axes, ticks, lines, a legend. The same numbers give the same pixels. */
#ifndef COMMON_IMAGE_PLOT_H
#define COMMON_IMAGE_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/image/image.h"

/* A line through (x, y); all borrowed. A y that is not finite is a gap. */
typedef struct kin_plot_line {
    const char *name; /* in the legend */
    const double *x, *y;
    uint32_t count;
    bool dashed;  /* what the others are compared with */
    bool dotless; /* no marks at the points; a line of more than 60 points has none anyway */
} kin_plot_line;

/* What is drawn; texts are borrowed, NULL for none. */
typedef struct kin_plot {
    const char *title;
    const char *x_label, *y_label;
    const kin_plot_line *lines; /* [line_count] */
    uint32_t line_count;
    bool from_zero;         /* the y axis starts at 0 */
    bool logarithmic;       /* the y axis; values that are not positive are gaps */
    double x_least, x_most; /* equal: as far as the lines reach */
    double y_least, y_most; /* likewise */
    uint32_t width, height; /* of the picture; 0: 900 x 560 */
} kin_plot;

/* The least size that is drawn; less is taken for it. */
#define KIN_PLOT_WIDTH_MIN 320
#define KIN_PLOT_HEIGHT_MIN 200

/* Draws plots [count], one below the other, into *image, which is new. */
void kin_plot_draw(const kin_plot *plots, uint32_t count, kin_image *image);

#endif
