#include "proto/task_format.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/memory.h"

/* proto/TASK.md: the section "head". */
enum {
    HEAD_PLAN = 0,      /* 16 bytes */
    HEAD_BOOT = 16,     /* 40 bytes */
    HEAD_NUMBER = 56,   /* u64 */
    HEAD_DISTINCT = 64, /* u64 */
    HEAD_LARGEST = 72,  /* u64 */
    HEAD_BYTES = 80
};
#define RUN_BYTES 24

void kin_task_build(kin_buffer *out, const kin_task_head *head, const kin_task_run *runs,
                    uint64_t run_count, const uint64_t *checksums)
{
    uint8_t bytes[HEAD_BYTES];
    kin_buffer rows = {0}, sums = {0};
    memcpy(bytes + HEAD_PLAN, head->plan.byte, sizeof head->plan.byte);
    memcpy(bytes + HEAD_BOOT, head->boot, sizeof head->boot);
    kin_store_le64(bytes + HEAD_NUMBER, head->number);
    kin_store_le64(bytes + HEAD_DISTINCT, head->distinct_codes);
    kin_store_le64(bytes + HEAD_LARGEST, head->largest_bucket);
    for (uint64_t i = 0; i < run_count; i++) {
        kin_buffer_append_le64(&rows, runs[i].shard);
        kin_buffer_append_le64(&rows, runs[i].first);
        kin_buffer_append_le64(&rows, runs[i].count);
        for (uint64_t block = 0; block < runs[i].count; block++)
            kin_buffer_append_le64(&sums, *checksums++);
    }
    const kin_section_source sections[] = {{"head", bytes, sizeof bytes},
                                           {"runs", rows.data, rows.bytes},
                                           {"blocks", sums.data, sums.bytes}};
    kin_container_build(out, KIN_FILE_TASK, KIN_TASK_VERSION, sections, 3);
    kin_buffer_fini(&rows);
    kin_buffer_fini(&sums);
}

kin_task_run kin_task_run_get(const kin_task *task, uint64_t index)
{
    const uint8_t *row = task->runs + index * RUN_BYTES;
    return (kin_task_run){.shard = kin_load_le64(row),
                          .first = kin_load_le64(row + 8),
                          .count = kin_load_le64(row + 16)};
}

kin_status kin_task_parse(kin_task *task, const void *data, size_t bytes, const char *name,
                          kin_error *error)
{
    kin_container container;
    uint64_t head_bytes, run_bytes, sum_bytes, sums = 0;
    memset(task, 0, sizeof *task);
    kin_status status =
        kin_container_parse(&container, data, bytes, KIN_FILE_TASK, KIN_TASK_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(&container, name, error);
    if (status != KIN_OK) return status;
    const uint8_t *head = kin_container_section(&container, "head", &head_bytes);
    task->runs = kin_container_section(&container, "runs", &run_bytes);
    task->checksums = kin_container_section(&container, "blocks", &sum_bytes);
    if (head == NULL || task->runs == NULL || task->checksums == NULL || head_bytes != HEAD_BYTES ||
        run_bytes % RUN_BYTES != 0 || sum_bytes % 8 != 0)
        return kin_fail(error, KIN_CORRUPT, "%s: a section is missing or of another size", name);
    memcpy(task->head.plan.byte, head + HEAD_PLAN, sizeof task->head.plan.byte);
    memcpy(task->head.boot, head + HEAD_BOOT, sizeof task->head.boot);
    task->head.number = kin_load_le64(head + HEAD_NUMBER);
    task->head.distinct_codes = kin_load_le64(head + HEAD_DISTINCT);
    task->head.largest_bucket = kin_load_le64(head + HEAD_LARGEST);
    task->run_count = run_bytes / RUN_BYTES;
    for (uint64_t i = 0; i < task->run_count; i++) {
        kin_task_run run = kin_task_run_get(task, i);
        if (run.count > sum_bytes / 8 - sums || run.first > UINT64_MAX - run.count)
            return kin_fail(error, KIN_CORRUPT, "%s: a run has more blocks than there are", name);
        sums += run.count;
    }
    if (sums != sum_bytes / 8)
        return kin_fail(error, KIN_CORRUPT, "%s: there are blocks of no run", name);
    return KIN_OK;
}
