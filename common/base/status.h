/* How operations fail: a status for the program, a sentence for the person. */
#ifndef COMMON_BASE_STATUS_H
#define COMMON_BASE_STATUS_H

#include <stdarg.h>

typedef enum kin_status {
    KIN_OK = 0,
    KIN_BAD_INPUT,   /* the caller's or the user's value is wrong */
    KIN_IO,          /* the system refused a read, a write, a start */
    KIN_CORRUPT,     /* bytes that are not what their format says */
    KIN_LIMIT,       /* larger than a limit of limits.h */
    KIN_NOT_FOUND,   /* no such file, shard, key */
    KIN_MISMATCH,    /* two things that do not belong together: version, width, fingerprint */
    KIN_DEADLINE,    /* not done in time */
    KIN_BUSY,        /* a queue is full; ask again later */
    KIN_UNAVAILABLE, /* nobody is there to answer */
    KIN_PARTIAL,     /* an answer that misses shards */
    KIN_STOPPED,     /* asked to stop (signal) */
    KIN_STATUS_COUNT
} kin_status;

/* Before a function whose status a caller may not forget. */
#define KIN_MUST_USE __attribute__((warn_unused_result))

/* One sentence: which file or value, which limit, what to do. Starts zeroed; owned by the caller.
 */
typedef struct kin_error {
    kin_status status;
    char text[768];
} kin_error;

/* Writes the sentence into error (NULL is allowed) and returns status, so that a failing function
 * ends with `return kin_fail(error, KIN_IO, "cannot read %s: %s", path, strerror(errno));`. */
kin_status kin_fail(kin_error *error, kin_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `format: ` before the sentence that is there, for context that only the caller knows. */
void kin_error_prefix(kin_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The stable word of a status, as messages carry it ("ok", "bad-input", "io", ...). */
const char *kin_status_word(kin_status status);

/* The status of a word; KIN_CORRUPT for a word that is none. */
kin_status kin_status_of_word(const char *word);

#endif
