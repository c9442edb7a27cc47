#include "proto/figures.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/memory.h"

#define FIRST_LINE "kindred figures 1"
#define MACHINE "machine "
#define CHECKSUM "checksum "
#define CHECKSUM_DIGITS 16
#define VALUE_BYTES 40

static bool name_valid(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes >= KIN_FIGURE_NAME_BYTES) return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static kin_figure *find(const kin_figures *figures, const char *name)
{
    for (uint32_t i = 0; i < figures->count; i++)
        if (strcmp(figures->items[i].name, name) == 0) return &figures->items[i];
    return NULL;
}

void kin_figures_set(kin_figures *figures, const char *name, double value)
{
    if (!name_valid(name, strlen(name)) || !isfinite(value)) return;
    kin_figure *figure = find(figures, name);
    if (figure == NULL) {
        if (figures->items == NULL)
            figures->items = kin_calloc(KIN_FIGURES_MAX, sizeof *figures->items);
        if (figures->count == KIN_FIGURES_MAX)
            memmove(figures->items, figures->items + 1, --figures->count * sizeof *figures->items);
        figure = &figures->items[figures->count++];
        snprintf(figure->name, sizeof figure->name, "%s", name);
    }
    figure->value = value;
}

void kin_figures_set_in(kin_figures *figures, const char *prefix, const char *name, double value)
{
    char whole[2 * KIN_FIGURE_NAME_BYTES];
    int bytes = snprintf(whole, sizeof whole, "%s.%s", prefix, name);
    if (bytes > 0 && bytes < KIN_FIGURE_NAME_BYTES) kin_figures_set(figures, whole, value);
}

bool kin_figures_get(const kin_figures *figures, const char *name, double *value)
{
    const kin_figure *figure = find(figures, name);
    if (figure != NULL) *value = figure->value;
    return figure != NULL;
}

double kin_figures_get_in(const kin_figures *figures, const char *prefix, const char *name,
                          double otherwise)
{
    char whole[2 * KIN_FIGURE_NAME_BYTES];
    double value = otherwise;
    snprintf(whole, sizeof whole, "%s.%s", prefix, name);
    (void)kin_figures_get(figures, whole, &value);
    return value;
}

void kin_figures_build(const kin_figures *figures, kin_buffer *out)
{
    size_t start = out->bytes;
    kin_buffer_append_string(out, FIRST_LINE "\n");
    kin_buffer_printf(out, MACHINE "%s\n", figures->machine);
    for (uint32_t i = 0; i < figures->count; i++)
        kin_buffer_printf(out, "%s %.17g\n", figures->items[i].name, figures->items[i].value);
    uint64_t sum = kin_checksum(out->data + start, out->bytes - start);
    kin_buffer_printf(out, CHECKSUM "%016llx\n", (unsigned long long)sum);
}

static kin_status refuse(kin_figures *figures, const char *name, const char *what, kin_error *error)
{
    kin_figures_fini(figures);
    return kin_fail(error, KIN_CORRUPT, "%s is not a file of figures: %s", name, what);
}

/* The text before the line of the checksum, which it is compared with; 0: it does not hold. */
static size_t checked_bytes(const char *text, size_t bytes)
{
    const size_t last = sizeof CHECKSUM - 1 + CHECKSUM_DIGITS + 1;
    char wanted[sizeof CHECKSUM + CHECKSUM_DIGITS + 1];
    if (bytes <= last || text[bytes - last - 1] != '\n') return 0;
    snprintf(wanted, sizeof wanted, CHECKSUM "%016llx\n",
             (unsigned long long)kin_checksum(text, bytes - last));
    return memcmp(text + bytes - last, wanted, last) == 0 ? bytes - last : 0;
}

/* A decimal number, and nothing behind it. */
static bool parse_value(const char *text, size_t bytes, double *value)
{
    char copy[VALUE_BYTES], *end;
    if (bytes == 0 || bytes >= sizeof copy) return false;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    if (strspn(copy, "0123456789+-.e") != bytes) return false;
    *value = strtod(copy, &end);
    return end == copy + bytes && isfinite(*value);
}

/* The next line, without its end; false behind the last. */
static bool next_line(const char **at, const char *end, const char **line, size_t *bytes)
{
    if (*at == end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *bytes = (size_t)((stop != NULL ? stop : end) - *at);
    *at = stop != NULL ? stop + 1 : end;
    return true;
}

static bool parse_machine(kin_figures *figures, const char *line, size_t bytes)
{
    const size_t word = sizeof MACHINE - 1;
    if (bytes < word || memcmp(line, MACHINE, word) != 0) return false;
    if (bytes - word >= sizeof figures->machine) return false;
    for (size_t i = word; i < bytes; i++)
        if (line[i] < ' ' || line[i] > '~') return false;
    memcpy(figures->machine, line + word, bytes - word);
    figures->machine[bytes - word] = 0;
    return true;
}

static bool parse_figure(kin_figures *figures, const char *line, size_t bytes)
{
    const char *space = memchr(line, ' ', bytes);
    size_t name_bytes = space != NULL ? (size_t)(space - line) : 0;
    char name[KIN_FIGURE_NAME_BYTES];
    double value;
    if (!name_valid(line, name_bytes) || !parse_value(space + 1, bytes - name_bytes - 1, &value) ||
        figures->count == KIN_FIGURES_MAX)
        return false;
    memcpy(name, line, name_bytes);
    name[name_bytes] = 0;
    if (find(figures, name) != NULL) return false;
    kin_figures_set(figures, name, value);
    return true;
}

kin_status kin_figures_parse(kin_figures *figures, const void *data, size_t bytes, const char *name,
                             kin_error *error)
{
    const char *at = data, *line;
    size_t length;
    *figures = (kin_figures){0};
    if (bytes > KIN_FIGURES_FILE_BYTES_MAX) return refuse(figures, name, "it is too large", error);
    size_t checked = bytes == 0 ? 0 : checked_bytes(at, bytes);
    if (checked == 0)
        return refuse(figures, name, "its checksum does not hold, or is not there", error);
    const char *end = at + checked;
    if (!next_line(&at, end, &line, &length) || length != sizeof FIRST_LINE - 1 ||
        memcmp(line, FIRST_LINE, length) != 0)
        return refuse(figures, name, "its first line is not '" FIRST_LINE "'", error);
    if (!next_line(&at, end, &line, &length) || !parse_machine(figures, line, length))
        return refuse(figures, name, "its second line does not name a machine", error);
    while (next_line(&at, end, &line, &length))
        if (!parse_figure(figures, line, length))
            return refuse(figures, name, "a line is not a new name and a finite number", error);
    return KIN_OK;
}

void kin_figures_fini(kin_figures *figures)
{
    free(figures->items);
    *figures = (kin_figures){0};
}
