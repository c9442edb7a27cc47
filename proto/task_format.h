/* What a task of an import has done: the checkpoint of kindred-index import. Specification:
 * proto/TASK.md. Pure functions of bytes. */
#ifndef PROTO_TASK_FORMAT_H
#define PROTO_TASK_FORMAT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/status.h"
#include "proto/container.h"

#define KIN_TASK_VERSION 1

typedef struct kin_task_head {
    kin_digest plan; /* of which it is a task */
    char boot[40];   /* the start of the system that wrote it; NUL-padded */
    uint64_t number;
    uint64_t distinct_codes, largest_bucket; /* of rows of table 0, else 0 */
} kin_task_head;

/* Blocks of a shard file, in a row, that the task wrote alone. */
typedef struct kin_task_run {
    uint64_t shard, first, count;
} kin_task_run;

typedef struct kin_task {
    kin_task_head head;
    uint64_t run_count;
    const uint8_t *runs;      /* borrowed from the bytes; see kin_task_run_get */
    const uint8_t *checksums; /* le64, run after run */
} kin_task;

/* Appends a file of runs [run_count]; checksums: the sum of their counts. */
void kin_task_build(kin_buffer *out, const kin_task_head *head, const kin_task_run *runs,
                    uint64_t run_count, const uint64_t *checksums);

/* Checks all of it. KIN_CORRUPT, KIN_MISMATCH. */
KIN_MUST_USE kin_status kin_task_parse(kin_task *task, const void *data, size_t bytes,
                                       const char *name, kin_error *error);
/* index < run_count. */
kin_task_run kin_task_run_get(const kin_task *task, uint64_t index);

#endif
