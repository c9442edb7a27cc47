/* What a program says to a person, on standard error, one line at a time. */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

typedef enum kin_log_level {
    KIN_LOG_ERROR,
    KIN_LOG_WARNING,
    KIN_LOG_INFO,
    KIN_LOG_DEBUG
} kin_log_level;

/* The name that starts every line ("kindred-worker"); borrowed for the life of the program. Lines
 * above level are dropped; KINDRED_LOG=error|warning|info|debug wins over level. */
void kin_log_init(const char *program, kin_log_level level);

/* One line: `program: text`, control characters escaped. Any thread; lines are not mixed. */
void kin_log(kin_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *kin_log_program(void);

#endif
