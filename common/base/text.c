#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_LENGTH_MAX 31 /* of words that a person may have mistyped */

/* Bytes of the UTF-8 sequence that starts at text (RFC 3629), 0 where none does. */
static size_t utf8_length(const unsigned char *text, size_t bytes)
{
    if (text[0] < 0x80) return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || length > bytes) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
    bool too_large = text[0] == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

bool kin_text_is_utf8(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
        if (length == 0) return false;
        i += length;
    }
    return true;
}

void kin_text_append_escaped(kin_buffer *buffer, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        unsigned char byte = (unsigned char)text[i];
        size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
        if (byte == '\n')
            kin_buffer_append_string(buffer, "\\n");
        else if (byte == '\t')
            kin_buffer_append_string(buffer, "\\t");
        else if (byte == '\\')
            kin_buffer_append_string(buffer, "\\\\");
        else if (byte < 0x20 || byte == 0x7f || length == 0)
            kin_buffer_printf(buffer, "\\x%02x", byte);
        else if (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0) /* C1: terminals obey it */
            kin_buffer_printf(buffer, "\\xc2\\x%02x", (unsigned char)text[i + 1]);
        else
            kin_buffer_append(buffer, text + i, length);
        i += length == 0 ? 1 : length;
    }
}

void kin_text_append_json(kin_buffer *buffer, const char *text, size_t bytes)
{
    kin_buffer_append_byte(buffer, '"');
    for (size_t i = 0; i < bytes;) {
        unsigned char byte = (unsigned char)text[i];
        size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
        if (length == 0)
            kin_buffer_append_string(buffer, "\xef\xbf\xbd");
        else if (byte == '"' || byte == '\\')
            kin_buffer_printf(buffer, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            kin_buffer_printf(buffer, "\\u%04x", byte);
        else
            kin_buffer_append(buffer, text + i, length);
        i += length == 0 ? 1 : length;
    }
    kin_buffer_append_byte(buffer, '"');
}

void kin_text_append_html(kin_buffer *buffer, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        unsigned char byte = (unsigned char)text[i];
        size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
        if (length == 0 || byte < 0x20)
            kin_buffer_append_string(buffer, "\xef\xbf\xbd");
        else if (strchr("&<>\"'", byte) != NULL)
            kin_buffer_printf(buffer, "&#%d;", byte);
        else
            kin_buffer_append(buffer, text + i, length);
        i += length == 0 ? 1 : length;
    }
}

const char *kin_text_count(uint64_t count, char text[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = 0;
    return text;
}

const char *kin_text_bytes(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 999.5 && unit < 5) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 32, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

bool kin_text_parse_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0) return false;
    unsigned shift = 0;
    const char *unit = *end == 0 ? NULL : strchr(units, *end);
    if (*end != 0) {
        if (unit == NULL || end[1] != 0) return false;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (number > UINT64_MAX >> shift) return false;
    *bytes = (uint64_t)number << shift;
    return true;
}

bool kin_text_has_ending(const char *path, const char *ending)
{
    size_t bytes = strlen(path), last = strlen(ending);
    return bytes >= last && strcasecmp(path + bytes - last, ending) == 0;
}

const char *kin_text_duration(double seconds, char text[32])
{
    long long total = seconds < 0 ? 0 : seconds > 1e9 ? 1000000000 : (long long)(seconds + 0.5);
    if (total >= 3600)
        snprintf(text, 32, "%lld h %02lld min", total / 3600, total % 3600 / 60);
    else if (total >= 60)
        snprintf(text, 32, "%lld min %02lld s", total / 60, total % 60);
    else
        snprintf(text, 32, "%lld s", total);
    return text;
}

int kin_text_edit_distance(const char *a, const char *b)
{
    int row[NAME_LENGTH_MAX + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > NAME_LENGTH_MAX || n > NAME_LENGTH_MAX) return NAME_LENGTH_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}
