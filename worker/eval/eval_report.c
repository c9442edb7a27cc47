#include "worker/eval/eval_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/image/encode_image.h"
#include "common/image/plot.h"

#define COLUMNS_MAX 16
#define CELL_BYTES 64

/* A figure of a row; NaN where it has none. */
typedef struct figure {
    const char *name; /* in JSON */
    char head[24];    /* in tables */
    size_t offset;    /* in kin_measured */
    bool of_classes, of_near;
} figure;

static double value_of(const kin_eval_row *row, const figure *wanted)
{
    double value;
    memcpy(&value, (const char *)&row->measured + wanted->offset, sizeof value);
    return value;
}

/* Whether a row has that figure. */
static bool anywhere(const kin_eval_report *report, const figure *wanted)
{
    for (uint32_t i = 0; i < report->count; i++)
        if (!isnan(value_of(&report->measured[i], wanted))) return true;
    return false;
}

/* In the order of the table. */
static uint32_t list_figures(const kin_eval_report *report, figure figures[COLUMNS_MAX])
{
    const figure all[] = {
        {"map", "mAP", offsetof(kin_measured, metrics.mean_precision), true, false},
        {"map_ties", "mAP, ties", offsetof(kin_measured, metrics.mean_precision_ties), true, false},
        {"map_first", "mAP@", offsetof(kin_measured, metrics.mean_precision_first), true, false},
        {"precision_first", "P@", offsetof(kin_measured, metrics.precision_first), true, false},
        {"recall_first", "R@", offsetof(kin_measured, metrics.recall_first), true, false},
        {"precision_radius_2", "P r<=2", offsetof(kin_measured, metrics.precision_radius), true,
         false},
        {"empty_radius_2", "none r<=2", offsetof(kin_measured, metrics.empty_radius), true, false},
        {"values_map", "mAP, real", offsetof(kin_measured, values_mean_precision), true, false},
        {"values_precision_first", "P@, real", offsetof(kin_measured, values_precision_first), true,
         false},
        {"classified", "class right", offsetof(kin_measured, classified), true, false},
        {"neighbour_recall", "", offsetof(kin_measured, near_found), false, true},
    };
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].of_classes && report->classes == 0) continue;
        if (all[i].of_near && report->near == 0) continue;
        if (!anywhere(report, &all[i])) continue;
        figure *taken = &figures[count++];
        *taken = all[i];
        const char *at = strchr(all[i].head, '@');
        if (at != NULL)
            snprintf(taken->head, sizeof taken->head, "%.*s%llu%s", (int)(at + 1 - all[i].head),
                     all[i].head, (unsigned long long)report->first, at + 1);
        if (all[i].of_near)
            snprintf(taken->head, sizeof taken->head, "%llu-NN@%llu",
                     (unsigned long long)report->near, (unsigned long long)report->near_first);
    }
    return count;
}

void kin_eval_report_fini(kin_eval_report *report)
{
    for (uint32_t i = 0; i < report->count; i++)
        free(report->measured[i].name);
    free(report->measured);
    free(report->database);
    free(report->queries);
    memset(report, 0, sizeof *report);
}

kin_eval_row *kin_eval_report_add(kin_eval_report *report, const char *name)
{
    report->measured = kin_realloc(report->measured, report->count + 1, sizeof *report->measured);
    kin_eval_row *row = &report->measured[report->count++];
    memset(row, 0, sizeof *row);
    row->name = kin_strdup(name);
    return row;
}

void kin_eval_report_group(kin_eval_report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        uint32_t to = i + 1;
        for (uint32_t from = i + 1; from < report->count; from++) {
            kin_eval_row row = report->measured[from];
            if (strcmp(row.name, report->measured[i].name) != 0 ||
                row.bits != report->measured[i].bits)
                continue;
            memmove(&report->measured[to + 1], &report->measured[to], (from - to) * sizeof row);
            report->measured[to++] = row;
        }
        i = to - 1;
    }
}

/* How many rows from `first` on differ in the seed alone. */
static uint32_t same_but_seed(const kin_eval_report *report, uint32_t first)
{
    const kin_eval_row *row = &report->measured[first];
    uint32_t count = 1;
    while (row->trained && first + count < report->count &&
           strcmp(row[count].name, row->name) == 0 && row[count].bits == row->bits)
        count++;
    return count;
}

/* Mean of rows [count], and their standard deviation (of a sample) where there are several. */
static void fill_cell(const kin_eval_row *rows, uint32_t count, const figure *wanted,
                      char cell[CELL_BYTES])
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += value_of(&rows[i], wanted);
    double mean = sum / count;
    for (uint32_t i = 0; i < count; i++)
        squares += (value_of(&rows[i], wanted) - mean) * (value_of(&rows[i], wanted) - mean);
    if (isnan(mean))
        snprintf(cell, CELL_BYTES, "-");
    else if (count == 1)
        snprintf(cell, CELL_BYTES, "%.4f", mean);
    else
        snprintf(cell, CELL_BYTES, "%.4f \xc2\xb1%.4f", mean, sqrt(squares / (count - 1)));
}

typedef char table_line[COLUMNS_MAX][CELL_BYTES];

/* Columns of UTF-8 text: the plus-minus is one. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != 0; text++)
        columns += ((uint8_t)*text & 0xc0) != 0x80;
    return columns;
}

static void append_line(const table_line *line, uint32_t columns, const int *widths, bool markdown,
                        kin_buffer *out)
{
    kin_buffer_append_string(out, markdown ? "|" : "");
    for (uint32_t c = 0; c < columns; c++) {
        int space = widths[c] - columns_of((*line)[c]);
        if (markdown)
            kin_buffer_printf(out, " %s |", (*line)[c]);
        else if (c == 0)
            kin_buffer_printf(out, "%s%*s", (*line)[c], space, "");
        else
            kin_buffer_printf(out, "  %*s%s", space, "", (*line)[c]);
    }
    kin_buffer_append_byte(out, '\n');
}

static void append_rule(uint32_t columns, kin_buffer *out)
{
    kin_buffer_append_byte(out, '|');
    for (uint32_t c = 0; c < columns; c++)
        kin_buffer_append_string(out, c == 0 ? "---|" : "---:|");
    kin_buffer_append_byte(out, '\n');
}

/* lines [count + 1]: the heads, and a line for each group of rows. Returns how many. */
static uint32_t fill_lines(const kin_eval_report *report, const figure *figures,
                           uint32_t figure_count, table_line *lines)
{
    uint32_t count = 1;
    snprintf(lines[0][0], CELL_BYTES, "ranked by");
    snprintf(lines[0][1], CELL_BYTES, "bits");
    for (uint32_t f = 0; f < figure_count; f++)
        snprintf(lines[0][f + 2], CELL_BYTES, "%s", figures[f].head);
    for (uint32_t i = 0; i < report->count; count++) {
        const kin_eval_row *row = &report->measured[i];
        uint32_t seeds = same_but_seed(report, i);
        snprintf(lines[count][0], CELL_BYTES, "%.40s", row->name);
        snprintf(lines[count][1], CELL_BYTES, row->bits > 0 ? "%u" : "-", row->bits);
        for (uint32_t f = 0; f < figure_count; f++)
            fill_cell(row, seeds, &figures[f], lines[count][f + 2]);
        i += seeds;
    }
    return count;
}

static void append_setting(const kin_eval_report *report, kin_buffer *out)
{
    char rows[32], asked[32], unclassed[32];
    kin_buffer_printf(out, "%s queries (%s) against %s rows of %s",
                      kin_text_count(report->asked, asked), report->queries,
                      kin_text_count(report->rows, rows), report->database);
    if (report->classes > 0) kin_buffer_printf(out, ", %u classes", report->classes);
    if (report->unclassed > 0)
        kin_buffer_printf(out, "; %s rows without a class left out",
                          kin_text_count(report->unclassed, unclassed));
    kin_buffer_append_string(out, "\n\n");
}

void kin_eval_report_table(const kin_eval_report *report, bool markdown, kin_buffer *out)
{
    figure figures[COLUMNS_MAX];
    uint32_t figure_count = list_figures(report, figures), columns = figure_count + 2;
    int widths[COLUMNS_MAX] = {0};
    table_line *lines = kin_calloc(report->count + 1, sizeof *lines);
    uint32_t count = fill_lines(report, figures, figure_count, lines);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < columns; c++)
            if (columns_of(lines[i][c]) > widths[c]) widths[c] = columns_of(lines[i][c]);
    append_setting(report, out);
    for (uint32_t i = 0; i < count; i++) {
        append_line(&lines[i], columns, widths, markdown, out);
        if (i == 0 && markdown) append_rule(columns, out);
    }
    free(lines);
}

static void append_number(kin_buffer *out, double value)
{
    if (isnan(value))
        kin_buffer_append_string(out, "null");
    else
        kin_buffer_printf(out, "%.10g", value);
}

static void append_row(const kin_eval_report *report, const kin_eval_row *row,
                       const figure *figures, uint32_t figure_count, kin_buffer *out)
{
    kin_buffer_append_string(out, "    {\"name\": ");
    kin_text_append_json(out, row->name, strlen(row->name));
    if (row->bits > 0) kin_buffer_printf(out, ", \"bits\": %u", row->bits);
    if (row->trained) kin_buffer_printf(out, ", \"seed\": %llu", (unsigned long long)row->seed);
    for (uint32_t f = 0; f < figure_count; f++) {
        kin_buffer_printf(out, ", \"%s\": ", figures[f].name);
        append_number(out, value_of(row, &figures[f]));
    }
    if (report->classes > 0) {
        const kin_metrics *metrics = &row->measured.metrics;
        kin_buffer_printf(out, ", \"queries_without_relevant\": %llu, \"precision_at_recall\": [",
                          (unsigned long long)metrics->without_relevant);
        for (uint32_t i = 0; i < KIN_CURVE_POINTS; i++) {
            kin_buffer_append_string(out, i == 0 ? "" : ", ");
            append_number(out, metrics->curve[i]);
        }
        kin_buffer_append_byte(out, ']');
    }
    kin_buffer_append_byte(out, '}');
}

void kin_eval_report_json(const kin_eval_report *report, kin_buffer *out)
{
    figure figures[COLUMNS_MAX];
    uint32_t figure_count = list_figures(report, figures);
    kin_buffer_append_string(out, "{\n  \"database\": ");
    kin_text_append_json(out, report->database, strlen(report->database));
    kin_buffer_append_string(out, ",\n  \"queries_from\": ");
    kin_text_append_json(out, report->queries, strlen(report->queries));
    kin_buffer_printf(
        out,
        ",\n  \"rows\": %llu, \"queries\": %llu, \"classes\": %u, \"unclassed\": "
        "%llu, \"first\": %llu, \"near\": %llu, \"near_first\": %llu, \"query_seed\": "
        "%llu,\n  \"measured\": [",
        (unsigned long long)report->rows, (unsigned long long)report->asked, report->classes,
        (unsigned long long)report->unclassed, (unsigned long long)report->first,
        (unsigned long long)report->near, (unsigned long long)report->near_first,
        (unsigned long long)report->query_seed);
    for (uint32_t i = 0; i < report->count; i++) {
        kin_buffer_append_string(out, i == 0 ? "\n" : ",\n");
        append_row(report, &report->measured[i], figures, figure_count, out);
    }
    kin_buffer_append_string(out, "\n  ]\n}\n");
}

/* Mean precision at each level of rows [count]. */
static void mean_curve(const kin_eval_row *rows, uint32_t count, double curve[KIN_CURVE_POINTS])
{
    for (uint32_t i = 0; i < KIN_CURVE_POINTS; i++) {
        curve[i] = 0;
        for (uint32_t r = 0; r < count; r++)
            curve[i] += rows[r].measured.metrics.curve[i] / count;
    }
}

void kin_eval_report_plot(const kin_eval_report *report, kin_buffer *out)
{
    double levels[KIN_CURVE_POINTS];
    double *curves = kin_calloc((size_t)report->count * KIN_CURVE_POINTS, sizeof *curves);
    kin_plot_line *lines = kin_calloc(report->count, sizeof *lines);
    char(*names)[CELL_BYTES] = kin_calloc(report->count, sizeof *names);
    kin_plot plot = {.title = "Precision against recall",
                     .x_label = "recall",
                     .y_label = "precision",
                     .lines = lines,
                     .x_most = 1,
                     .y_most = 1};
    for (uint32_t i = 0; i < KIN_CURVE_POINTS; i++)
        levels[i] = (double)(i + 1) / KIN_CURVE_POINTS;
    for (uint32_t i = 0; i < report->count;) {
        const kin_eval_row *row = &report->measured[i];
        uint32_t seeds = same_but_seed(report, i), line = plot.line_count++;
        double *curve = curves + line * KIN_CURVE_POINTS;
        mean_curve(row, seeds, curve);
        snprintf(names[line], CELL_BYTES, row->bits > 0 ? "%.40s, %u bits" : "%.40s", row->name,
                 row->bits);
        lines[line] = (kin_plot_line){.name = names[line],
                                      .x = levels,
                                      .y = curve,
                                      .count = KIN_CURVE_POINTS,
                                      .dashed = row->bits == 0};
        i += seeds;
    }
    kin_image image;
    kin_plot_draw(&plot, 1, &image);
    kin_image_append_png(&image, out);
    kin_image_fini(&image);
    free(names);
    free(lines);
    free(curves);
}
