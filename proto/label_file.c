#include "proto/label_file.h"

#include <string.h>

#include "common/base/limits.h"

void kin_label_file_begin(kin_label_file *file, const void *data, size_t bytes, const char *name)
{
    const char *text = bytes > 0 ? data : "";
    *file = (kin_label_file){.at = text, .end = text + bytes, .name = name};
}

static kin_status fail(const kin_label_file *file, const char *what, kin_error *error)
{
    return kin_fail(error, KIN_BAD_INPUT, "%s, line %llu: %s", file->name,
                    (unsigned long long)file->line, what);
}

static kin_status check(kin_label_file *file, const kin_label_line *line, kin_error *error)
{
    bool keyed = line->key != NULL;
    if (file->line == 1) file->keyed = keyed;
    if (keyed != file->keyed)
        return fail(file,
                    keyed ? "has a tab and the first line has none; either all lines are "
                            "key<TAB>class or none"
                          : "has no tab and the first line has one; either all lines are "
                            "key<TAB>class or none",
                    error);
    if (line->label_bytes == 0) return fail(file, "has no class", error);
    if (keyed && line->key_bytes == 0) return fail(file, "has no key before the tab", error);
    if (line->label_bytes > KIN_CLASS_NAME_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "%s, line %llu: a class of %zu bytes; the name of a class has up to %d",
                        file->name, (unsigned long long)file->line, line->label_bytes,
                        KIN_CLASS_NAME_BYTES_MAX);
    if (line->key_bytes > KIN_KEY_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "%s, line %llu: a key of %zu bytes; a key has up to %d",
                        file->name, (unsigned long long)file->line, line->key_bytes,
                        KIN_KEY_BYTES_MAX);
    return KIN_OK;
}

kin_status kin_label_file_next(kin_label_file *file, kin_label_line *line, bool *there,
                               kin_error *error)
{
    memset(line, 0, sizeof *line);
    *there = file->at < file->end;
    if (!*there) return KIN_OK;
    size_t left = (size_t)(file->end - file->at);
    const char *start = file->at, *end = memchr(start, '\n', left);
    file->line++;
    file->at = end == NULL ? file->end : end + 1;
    if (end == NULL) end = file->end;
    left = (size_t)(end - start);
    if (left > 0 && start[left - 1] == '\r') left--;
    if (memchr(start, 0, left) != NULL)
        return fail(file, "holds a NUL byte; a file of classes is text", error);
    size_t tab = left; /* behind the last one */
    while (tab > 0 && start[tab - 1] != '\t')
        tab--;
    if (tab > 0) {
        line->key = start;
        line->key_bytes = tab - 1;
    }
    line->label = start + tab;
    line->label_bytes = left - tab;
    return check(file, line, error);
}
