#include "worker/index/training_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/image/encode_image.h"
#include "common/image/plot.h"

enum { LOSS, ERROR, BALANCE, RATE, HELD_OUT, NUMBERS };

#define PHASES_MAX 16
#define PHASE_BYTES 32

/* A phase's epochs, x counted through all phases. */
typedef struct phase {
    char name[PHASE_BYTES];
    double *x, *numbers[NUMBERS]; /* [count] */
    uint32_t count;
} phase;

typedef struct curves {
    phase phases[PHASES_MAX];
    uint32_t count, epochs;
} curves;

static phase *phase_of(curves *c, const char *name, size_t bytes)
{
    phase *last = c->count > 0 ? &c->phases[c->count - 1] : NULL;
    if (last != NULL && strlen(last->name) == bytes && memcmp(last->name, name, bytes) == 0)
        return last;
    if (c->count == PHASES_MAX || bytes == 0 || bytes >= PHASE_BYTES) return NULL;
    last = &c->phases[c->count++];
    memcpy(last->name, name, bytes);
    return last;
}

static void add_line(curves *c, const char *line)
{
    size_t bytes = strcspn(line, "\t");
    double numbers[1 + NUMBERS];
    const char *at = line + bytes;
    for (int i = 0; i < 1 + NUMBERS; i++) {
        char *end;
        if (*at != '\t') return;
        numbers[i] = strtod(at + 1, &end);
        if (end == at + 1) return;
        at = end;
    }
    phase *to = phase_of(c, line, bytes);
    if (to == NULL) return;
    to->x = kin_realloc(to->x, to->count + 1, sizeof *to->x);
    to->x[to->count] = ++c->epochs;
    for (int i = 0; i < NUMBERS; i++) {
        to->numbers[i] = kin_realloc(to->numbers[i], to->count + 1, sizeof *to->numbers[i]);
        to->numbers[i][to->count] = numbers[1 + i];
    }
    to->count++;
}

static void fini(curves *c)
{
    for (uint32_t p = 0; p < c->count; p++) {
        free(c->phases[p].x);
        for (int i = 0; i < NUMBERS; i++)
            free(c->phases[p].numbers[i]);
    }
}

/* The last phase that is a line: what comes behind it may be one step. */
static const phase *longest_last(const curves *c)
{
    for (uint32_t p = c->count; p-- > 0;)
        if (c->phases[p].count > 1) return &c->phases[p];
    return &c->phases[c->count - 1];
}

static uint32_t finite_count(const kin_plot_line *line)
{
    uint32_t finite = 0;
    for (uint32_t i = 0; i < line->count; i++)
        finite += isfinite(line->y[i]) != 0;
    return finite;
}

/* Keeps those of lines [count] that have something to show. */
static uint32_t keep_shown(kin_plot_line *lines, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t l = 0; l < count; l++)
        if (finite_count(&lines[l]) > 0) lines[kept++] = lines[l];
    return kept;
}

/* Lines [PHASES_MAX] of one of the numbers over all phases; whether one of them is a line, not a
 * point, which alone would say nothing. */
static bool take_lines(const curves *c, int number, kin_plot_line *lines, uint32_t *count)
{
    bool shows = false;
    for (uint32_t p = 0; p < c->count; p++) {
        lines[p] = (kin_plot_line){.name = c->phases[p].name,
                                   .x = c->phases[p].x,
                                   .y = c->phases[p].numbers[number],
                                   .count = c->phases[p].count};
        shows = shows || finite_count(&lines[p]) > 1;
    }
    *count = keep_shown(lines, c->count);
    return shows;
}

static void draw(const curves *c, const char *title, kin_buffer *png)
{
    static const char *const names[] = {[ERROR] = "error",
                                        [BALANCE] = "distance of the bits' means from one half",
                                        [RATE] = "learning rate"};
    const phase *last = longest_last(c);
    kin_plot_line loss[] = {
        {.name = "learned from", .x = last->x, .y = last->numbers[LOSS], .count = last->count},
        {.name = "held out", .x = last->x, .y = last->numbers[HELD_OUT], .count = last->count}};
    kin_plot_line lines[NUMBERS][PHASES_MAX];
    uint32_t plot_count = 1, line_count;
    kin_plot plots[4] = {{.title = title,
                          .x_label = "epoch",
                          .y_label = kin_sprintf("loss, %s", last->name),
                          .lines = loss,
                          .line_count = keep_shown(loss, 2),
                          .height = 400}};
    for (int i = ERROR; i <= RATE; i++) {
        if (!take_lines(c, i, lines[i], &line_count)) continue;
        plots[plot_count++] = (kin_plot){.x_label = "epoch",
                                         .y_label = names[i],
                                         .lines = lines[i],
                                         .line_count = line_count,
                                         .from_zero = i != RATE,
                                         .logarithmic = i == RATE,
                                         .height = 300};
    }
    kin_image image;
    kin_plot_draw(plots, plot_count, &image);
    kin_image_append_png(&image, png);
    kin_image_fini(&image);
    free((char *)plots[0].y_label);
}

void kin_training_plot(const char *curve, size_t bytes, const char *title, kin_buffer *png)
{
    curves c = {0};
    char *text = kin_malloc(bytes + 1);
    memcpy(text, curve, bytes);
    text[bytes] = 0;
    for (char *line = text; *line != 0;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] != 0);
        line[length] = 0;
        add_line(&c, line);
        line = next;
    }
    free(text);
    if (c.count > 0) draw(&c, title, png);
    fini(&c);
}
