#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "kindred";
static kin_log_level log_level = KIN_LOG_INFO;

void kin_log_init(const char *program, kin_log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    log_program = program;
    log_level = level;
    const char *wanted = getenv("KINDRED_LOG");
    for (int i = 0; wanted != NULL && i < 4; i++)
        if (strcmp(wanted, names[i]) == 0) log_level = (kin_log_level)i;
}

const char *kin_log_program(void)
{
    return log_program;
}

void kin_log(kin_log_level level, const char *format, ...)
{
    if (level > log_level) return;
    char line[2048];
    int start = snprintf(line, sizeof line, "%s: %s", log_program,
                         level == KIN_LOG_WARNING ? "warning: " : "");
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + start, sizeof line - (size_t)start - 1, format, arguments);
    va_end(arguments);
    size_t bytes = strlen(line);
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    if (length < 0) return;
    line[bytes++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, bytes); /* one write: lines are not mixed */
    (void)ignored;
}
