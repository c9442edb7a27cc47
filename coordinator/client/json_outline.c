#include "coordinator/client/json_outline.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"

#define DEPTH_SHOWN_MAX 16

/* Bytes of the string at text, quotes included. */
static size_t string_bytes(const char *text, size_t bytes)
{
    for (size_t i = 1; i < bytes; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            return i + 1;
    }
    return bytes;
}

/* Bytes of the array at text, brackets included, if it holds only scalars; else 0. */
static size_t flat_array_bytes(const char *text, size_t bytes)
{
    for (size_t i = 1; i < bytes; i++) {
        if (text[i] == ']') return i + 1;
        if (text[i] == '{' || text[i] == '[') return 0;
        if (text[i] == '"') i += string_bytes(text + i, bytes - i) - 1;
    }
    return 0;
}

/* marked: the first member of an object in an array. */
static void start_line(kin_buffer *out, unsigned depth, bool marked)
{
    if (out->bytes > 0 && out->data[out->bytes - 1] != '\n') kin_buffer_append_byte(out, '\n');
    if (depth > DEPTH_SHOWN_MAX) depth = DEPTH_SHOWN_MAX;
    for (unsigned i = 1; i < depth; i++)
        kin_buffer_append_string(out, marked && i == depth - 1 ? "- " : "  ");
}

void kin_json_outline_append(kin_buffer *out, const char *json, size_t bytes)
{
    unsigned depth = 0;
    bool line_wanted = false; /* before the next member or element */
    bool marked = false, is_value = false;
    for (size_t i = 0, length; i < bytes; i += length) {
        length = 1;
        if (strchr(" \t\r\n", json[i]) != NULL || json[i] == ',') {
            line_wanted = line_wanted || json[i] == ',';
            continue;
        }
        if (json[i] == '}' || json[i] == ']') {
            depth -= depth > 0;
            line_wanted = true;
            continue;
        }
        if (json[i] == ':') {
            kin_buffer_append_string(out, ": ");
            is_value = true;
            continue;
        }
        size_t flat = json[i] == '[' ? flat_array_bytes(json + i, bytes - i) : 0;
        if (json[i] == '{' || (json[i] == '[' && flat == 0)) {
            marked = json[i] == '{' && !is_value;
            depth++;
            line_wanted = true;
            is_value = false;
            continue;
        }
        if (line_wanted) start_line(out, depth, marked);
        line_wanted = marked = is_value = false;
        if (json[i] == '"') {
            length = string_bytes(json + i, bytes - i);
            kin_text_append_escaped(out, json + i + 1, length > 1 ? length - 2 : 0);
        } else {
            if (flat > 0) length = flat;
            kin_text_append_escaped(out, json + i, length);
        }
    }
    if (out->bytes > 0 && out->data[out->bytes - 1] != '\n') kin_buffer_append_byte(out, '\n');
}
