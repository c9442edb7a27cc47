#include "worker/index/list_file.h"

#include <limits.h>
#include <string.h>

/* What the system takes as a path, its NUL included. */
#define PATH_BYTES_MAX PATH_MAX

static kin_status gather(kin_list_file *list, const char *data, size_t bytes, kin_error *error)
{
    if (list->path.bytes + bytes >= PATH_BYTES_MAX)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: path %llu is longer than %d bytes; are the paths separated by %s?",
                        list->name, (unsigned long long)list->line + 1, PATH_BYTES_MAX - 1,
                        list->separator == 0 ? "NUL bytes, as --null says" : "line ends");
    if (memchr(data, 0, bytes) != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: line %llu holds a NUL byte; if NUL bytes separate the paths, add "
                        "--null",
                        list->name, (unsigned long long)list->line + 1);
    kin_buffer_append(&list->path, data, bytes);
    return KIN_OK;
}

static kin_status finish_path(kin_list_file *list, kin_list_file_sink sink, void *user,
                              kin_error *error)
{
    kin_status status = KIN_OK;
    if (list->path.bytes > 0) {
        kin_buffer_append_byte(&list->path, 0);
        status = sink(user, (const char *)list->path.data, error);
    }
    kin_buffer_clear(&list->path);
    list->line++;
    return status;
}

kin_status kin_list_file_feed(kin_list_file *list, const void *data, size_t bytes,
                              kin_list_file_sink sink, void *user, kin_error *error)
{
    const char *at = data, *end = at + bytes;
    kin_status status = KIN_OK;
    while (status == KIN_OK && at < end) {
        const char *separator = memchr(at, list->separator, (size_t)(end - at));
        const char *until = separator != NULL ? separator : end;
        status = gather(list, at, (size_t)(until - at), error);
        if (status == KIN_OK && separator != NULL) status = finish_path(list, sink, user, error);
        at = until + 1;
    }
    return status;
}

kin_status kin_list_file_end(kin_list_file *list, kin_list_file_sink sink, void *user,
                             kin_error *error)
{
    kin_status status = finish_path(list, sink, user, error);
    kin_buffer_fini(&list->path);
    return status;
}
