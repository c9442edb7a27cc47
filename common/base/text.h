/* Text for people and for machines: keys are bytes and may hold anything but NUL. */
#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

bool kin_text_is_utf8(const char *text, size_t bytes);

/* Appends text for a terminal or a TSV cell: control characters, invalid UTF-8 and backslashes
 * become \n, \t, \\ or \xHH; everything else stays. Reversible. */
void kin_text_append_escaped(kin_buffer *buffer, const char *text, size_t bytes);

/* Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; whoever needs the
 * exact bytes tests kin_text_is_utf8 and adds a second, hexadecimal member. */
void kin_text_append_json(kin_buffer *buffer, const char *text, size_t bytes);

/* Appends text for HTML, in element or in quoted attribute; invalid UTF-8 becomes U+FFFD. */
void kin_text_append_html(kin_buffer *buffer, const char *text, size_t bytes);

/* "1,234,567" into text [32]; returns text. */
const char *kin_text_count(uint64_t count, char text[32]);

/* "3.2 GB" into text [32]; returns text. */
const char *kin_text_bytes(uint64_t bytes, char text[32]);

/* "8G", "512M", "1000000": bytes, in powers of 1024; false for anything else. */
bool kin_text_parse_bytes(const char *text, uint64_t *bytes);

/* "2 h 05 min", "3 min 07 s", "12 s" into text [32]; returns text. */
const char *kin_text_duration(double seconds, char text[32]);

/* Whether a path ends so (".png"), in capitals or not. */
bool kin_text_has_ending(const char *path, const char *ending);

/* Levenshtein's distance, for suggestions: single characters to add, drop or change. 31 for words
 * longer than that. */
int kin_text_edit_distance(const char *a, const char *b);

#endif
