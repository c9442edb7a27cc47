/* What kindred-verify checks, and how it says so. */
#ifndef WORKER_VERIFY_VERIFY_H
#define WORKER_VERIFY_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

/* What was checked so far. Failures are said as they are found, one sentence each. */
typedef struct kin_verify_report {
    bool json;  /* one object a check and line instead of words */
    bool quiet; /* only failures */
    uint64_t passed;
    uint64_t failed;
} kin_verify_report;

/* One line: what was checked; a NULL error or KIN_OK in it means that it holds. */
void kin_verify_note(kin_verify_report *report, const char *what, const kin_error *error);

/* Checks a whole index (its current generation): every checksum and count of every file, ids,
 * health figures, and `searches` searches against a brute force. KIN_OK if the checks could be
 * made, whatever they found (report->failed). */
KIN_MUST_USE kin_status kin_verify_index(const char *index_path, uint32_t searches,
                                         kin_verify_report *report, kin_error *error);

/* Prints what a single file of Kindred is and holds, and checks it. */
KIN_MUST_USE kin_status kin_verify_file(const char *path, kin_error *error);

#endif
