/* What was measured, as a table, as Markdown, as JSON and as a plot. */
#ifndef WORKER_EVAL_EVAL_REPORT_H
#define WORKER_EVAL_EVAL_REPORT_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "worker/eval/evaluation.h"

/* One way to rank. */
typedef struct kin_eval_row {
    char *name;    /* owned */
    unsigned bits; /* of the code; 0: not by code */
    uint64_t seed; /* of the training, where there was one */
    bool trained;
    kin_measured measured;
} kin_eval_row;

/* Zeroed is empty. */
typedef struct kin_eval_report {
    char *database;       /* owned */
    char *queries;        /* owned */
    uint64_t rows, asked; /* searched, and asked */
    uint64_t first;       /* k */
    uint64_t near, near_first;
    uint32_t classes;   /* 0: none were given */
    uint64_t unclassed; /* rows left out */
    uint64_t query_seed;
    kin_eval_row *measured; /* [count]: trainings that differ in the seed alone are neighbours */
    uint32_t count;
} kin_eval_report;

void kin_eval_report_fini(kin_eval_report *report);

/* A new row, zeroed but for its name (copied); valid until the next. */
kin_eval_row *kin_eval_report_add(kin_eval_report *report, const char *name);

/* Puts rows of the same name and bits behind the first of them: trainings of several seeds are then
 * neighbours. */
void kin_eval_report_group(kin_eval_report *report);

void kin_eval_report_table(const kin_eval_report *report, bool markdown, kin_buffer *out);
void kin_eval_report_json(const kin_eval_report *report, kin_buffer *out);
/* Appends a PNG: precision against recall, means over seeds. There must be classes. */
void kin_eval_report_plot(const kin_eval_report *report, kin_buffer *out);

#endif
