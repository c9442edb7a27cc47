#include "common/base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

static const char *const status_words[KIN_STATUS_COUNT] = {
    [KIN_OK] = "ok",
    [KIN_BAD_INPUT] = "bad-input",
    [KIN_IO] = "io",
    [KIN_CORRUPT] = "corrupt",
    [KIN_LIMIT] = "limit",
    [KIN_NOT_FOUND] = "not-found",
    [KIN_MISMATCH] = "mismatch",
    [KIN_DEADLINE] = "deadline",
    [KIN_BUSY] = "busy",
    [KIN_UNAVAILABLE] = "unavailable",
    [KIN_PARTIAL] = "partial",
    [KIN_STOPPED] = "stopped",
};

void kin_check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken invariant: %s (a bug in Kindred; please report it)\n", file,
            line, condition);
    abort();
}

kin_status kin_fail(kin_error *error, kin_status status, const char *format, ...)
{
    KIN_CHECK(status != KIN_OK);
    if (error != NULL) {
        char text[sizeof error->text]; /* the arguments may point into error->text */
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        error->status = status;
        memcpy(error->text, text, sizeof text);
    }
    return status;
}

void kin_error_prefix(kin_error *error, const char *format, ...)
{
    if (error == NULL) return;
    char prefix[sizeof error->text], text[2 * sizeof error->text + 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s: %s", prefix, error->text);
    snprintf(error->text, sizeof error->text, "%.*s", (int)sizeof error->text - 1, text);
}

const char *kin_status_word(kin_status status)
{
    KIN_CHECK(status >= KIN_OK && status < KIN_STATUS_COUNT);
    return status_words[status];
}

kin_status kin_status_of_word(const char *word)
{
    for (int status = 0; status < KIN_STATUS_COUNT; status++)
        if (strcmp(status_words[status], word) == 0) return (kin_status)status;
    return KIN_CORRUPT;
}
