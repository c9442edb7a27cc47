#include "proto/encoder_quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

bool kin_encoder_quality_next(const kin_encoder_text *quality, size_t *at, kin_encoder_text *name,
                              kin_encoder_text *value)
{
    while (*at < quality->bytes) {
        const char *line = quality->text + *at;
        size_t left = quality->bytes - *at;
        const char *end = memchr(line, '\n', left);
        size_t bytes = end == NULL ? left : (size_t)(end - line);
        const char *tab = memchr(line, '\t', bytes);
        *at += bytes + (end != NULL);
        if (tab == NULL || tab == line) continue;
        *name = (kin_encoder_text){line, (size_t)(tab - line)};
        *value = (kin_encoder_text){tab + 1, bytes - name->bytes - 1};
        return true;
    }
    return false;
}

static bool is_word(const kin_encoder_text *text, const char *word)
{
    return text->bytes == strlen(word) && memcmp(text->text, word, text->bytes) == 0;
}

/* A finite decimal number as strtod reads it, and as JSON may have it. */
static bool number_of(const kin_encoder_text *value, double *number)
{
    char digits[32], *end;
    if (value->bytes == 0 || value->bytes >= sizeof digits || value->text[0] < '0' ||
        value->text[0] > '9')
        return false;
    memcpy(digits, value->text, value->bytes);
    digits[value->bytes] = 0;
    if (strspn(digits, "0123456789.") != value->bytes) return false;
    *number = strtod(digits, &end);
    return *end == 0 && end[-1] != '.' && (digits[0] != '0' || digits[1] == '.' || digits[1] == 0);
}

/* NaN where the line is not there, or no number. */
static double find(const kin_encoder_text *quality, const char *wanted)
{
    kin_encoder_text name, value;
    double number;
    for (size_t at = 0; kin_encoder_quality_next(quality, &at, &name, &value);)
        if (is_word(&name, wanted) && number_of(&value, &number)) return number;
    return NAN;
}

static bool has(const kin_encoder_text *quality, const char *wanted, const char *word)
{
    kin_encoder_text name, value;
    for (size_t at = 0; kin_encoder_quality_next(quality, &at, &name, &value);)
        if (is_word(&name, wanted)) return is_word(&value, word);
    return false;
}

static void append_figure(kin_buffer *out, const kin_encoder_text *quality, const char *name,
                          const char *words)
{
    double number = find(quality, name);
    if (!isnan(number)) kin_buffer_printf(out, "%s %.3f", words, number);
}

void kin_encoder_quality_sentence(kin_buffer *out, const kin_encoder_text *quality)
{
    char queries[32], database[32];
    double asked = find(quality, "queries"), among = find(quality, "database");
    double near = find(quality, "near"), first = find(quality, "first");
    double found = find(quality, "near-found");
    if (isnan(asked + among + near + first + found) || asked + among > 1e15) return;
    kin_buffer_printf(out, "of the %.0f nearest by features, %.1f %% are among the first %.0f hits",
                      near, 100 * found, first);
    append_figure(out, quality, "map", "; mAP");
    append_figure(out, quality, "precision", ", precision of these hits");
    append_figure(out, quality, "classes-right", ", classes right");
    kin_buffer_printf(out, " (%s rows %s, among %s)", kin_text_count((uint64_t)asked, queries),
                      has(quality, "queries-are", "held-out") ? "held out" : "learned from",
                      kin_text_count((uint64_t)among, database));
}

void kin_encoder_quality_json(kin_buffer *out, const kin_encoder_text *quality)
{
    kin_encoder_text name, value;
    const char *separator = "";
    double number;
    kin_buffer_append_byte(out, '{');
    for (size_t at = 0; kin_encoder_quality_next(quality, &at, &name, &value);) {
        kin_buffer_append_string(out, separator);
        kin_text_append_json(out, name.text, name.bytes);
        kin_buffer_append_string(out, ": ");
        if (number_of(&value, &number))
            kin_buffer_append(out, value.text, value.bytes);
        else
            kin_text_append_json(out, value.text, value.bytes);
        separator = ", ";
    }
    kin_buffer_append_byte(out, '}');
}
