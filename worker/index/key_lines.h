/* The keys of codes that are imported: a text, one a line, line i for code i. */
#ifndef WORKER_INDEX_KEY_LINES_H
#define WORKER_INDEX_KEY_LINES_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Lines between two places that are remembered. */
#define KIN_KEY_LINES_MARK 4096

/* Zeroed is closed. */
typedef struct kin_key_lines {
    const char *path; /* borrowed */
    int descriptor;   /* -1: closed */
    uint64_t file_bytes;
    int64_t changed_ns;
    uint64_t count;      /* lines */
    uint64_t key_bytes;  /* of all keys */
    uint32_t longest;    /* bytes of a key */
    uint64_t mark_count; /* count / KIN_KEY_LINES_MARK + 1 */
    uint64_t *marks; /* where line i x KIN_KEY_LINES_MARK starts; the last: where the file ends */
} kin_key_lines;

KIN_MUST_USE kin_status kin_key_lines_open(kin_key_lines *lines, const char *path,
                                           kin_error *error);
void kin_key_lines_close(kin_key_lines *lines);

/* Reads all of it, to know where lines are. KIN_BAD_INPUT names the line that is no key (empty, too
 * long, with a NUL) or says that there are not `count` of them. */
KIN_MUST_USE kin_status kin_key_lines_examine(kin_key_lines *lines, uint64_t count,
                                              void (*tick)(void *user), void *user,
                                              kin_error *error);

/* The lines first .. first + count - 1, first a multiple of KIN_KEY_LINES_MARK: text receives their
 * bytes without line ends, and bytes [count] the length of each. */
KIN_MUST_USE kin_status kin_key_lines_read(const kin_key_lines *lines, uint64_t first,
                                           uint64_t count, kin_buffer *text, uint16_t *bytes,
                                           kin_error *error);

#endif
