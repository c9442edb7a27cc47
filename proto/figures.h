/* Figures that were measured: names and numbers in a text file. What a job reports, and the rates
 * of a machine that plans are made of. Specification: proto/FIGURES.md. Pure functions of bytes. */
#ifndef PROTO_FIGURES_H
#define PROTO_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Some forty figures describe a job; a machine knows the rates of some dozens of kinds of jobs. */
#define KIN_FIGURES_MAX 4096
#define KIN_FIGURE_NAME_BYTES 96
#define KIN_FIGURES_MACHINE_BYTES 128
#define KIN_FIGURES_FILE_BYTES_MAX ((size_t)1 << 20)

typedef struct kin_figure {
    char name[KIN_FIGURE_NAME_BYTES]; /* a-z 0-9 . - _ */
    double value;                     /* finite */
} kin_figure;

/* Zeroed is empty. Plain data; owns items. */
typedef struct kin_figures {
    char machine[KIN_FIGURES_MACHINE_BYTES]; /* that they are of: printable ASCII */
    kin_figure *items;
    uint32_t count;
} kin_figures;

/* Sets a figure, or changes it. A name that is too long or has other characters, and a value that
 * is not finite, set nothing. When KIN_FIGURES_MAX are there, the oldest goes. */
void kin_figures_set(kin_figures *figures, const char *name, double value);
/* The same of "PREFIX.NAME". */
void kin_figures_set_in(kin_figures *figures, const char *prefix, const char *name, double value);

/* False, and *value as it was, where there is none. */
bool kin_figures_get(const kin_figures *figures, const char *name, double *value);
/* Of "PREFIX.NAME"; `otherwise` where there is none. */
double kin_figures_get_in(const kin_figures *figures, const char *prefix, const char *name,
                          double otherwise);

/* Appends the bytes of a file. */
void kin_figures_build(const kin_figures *figures, kin_buffer *out);

/* name: of the file, for sentences. KIN_CORRUPT, figures then empty. */
KIN_MUST_USE kin_status kin_figures_parse(kin_figures *figures, const void *data, size_t bytes,
                                          const char *name, kin_error *error);

void kin_figures_fini(kin_figures *figures);

#endif
