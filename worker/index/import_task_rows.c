#include "worker/index/import_task_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/import_examine.h"
#include "worker/index/import_gather.h"
#include "worker/index/import_summary.h"

/* The rows of a task of table 0 and of others, one line. */
#define ROWS_FILE "task-rows"
/* Tasks smaller than this are not worth a rank of their own. */
#define TASK_ROWS_MIN ((uint64_t)1 << 18)
/* What a task may exceed its share by in the sample, so that the last one does not leave a rest;
 * and in truth, in standard deviations of a share that a sample knows. */
#define TASK_MARGIN 1.005
#define TASK_DEVIATIONS 4
/* Nobody knows how long the keys of a task are. */
#define KEYED_MARGIN 1.1

/* Tasks of rows of row_bytes, of which the largest takes `most` bytes at most, as far as one can
 * know before all codes were seen: as few as possible, but work for all ranks. */
static uint64_t fitting_tasks(const kin_import_state *import, double row_bytes, double most)
{
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm), count = import->source.count;
    uint64_t useful = count / TASK_ROWS_MIN + 1, tasks = ranks < useful ? ranks : useful;
    double samples = (double)kin_import_sample_count(import);
    for (;; tasks += tasks % ranks == 0 ? ranks : 1) {
        double share = (double)count / (double)tasks * TASK_MARGIN;
        double deviation = tasks == 1 ? 0 : sqrt((double)tasks / samples);
        if (share * (1 + TASK_DEVIATIONS * deviation) * row_bytes <= most || share < 2) break;
    }
    return tasks;
}

/* Rank 0: how many rows a task is to have, so that it fits the memory of a rank, and all ranks have
 * something to do. Tests may ask for fewer. */
static void choose_task_rows(kin_import_state *import)
{
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm), count = import->source.count;
    double most = (double)kin_import_memory_for_rows(import->options->memory_bytes, ranks);
    double key_bytes = (double)import->keys.key_bytes / (double)count;
    const char *rows = getenv("KINDRED_IMPORT_ROWS");
    for (uint32_t further = 0; further < 2; further++) {
        double row_bytes = (double)kin_import_row_bytes(import, further);
        if (!further && import->keys.path != NULL)
            row_bytes = KEYED_MARGIN * (row_bytes + key_bytes);
        uint64_t tasks = fitting_tasks(import, row_bytes, most);
        import->task_rows[further] = (uint64_t)((double)count / (double)tasks * TASK_MARGIN) + 1;
        if (rows != NULL && atoll(rows) > 0) import->task_rows[further] = (uint64_t)atoll(rows);
    }
}

static void write_task_rows(kin_import_state *import)
{
    kin_error error;
    char *path = kin_building_path(&import->building, ROWS_FILE);
    char *line = kin_sprintf("%llu %llu\n", (unsigned long long)import->task_rows[0],
                             (unsigned long long)import->task_rows[1]);
    kin_import_check(import, kin_file_write_atomic(path, line, strlen(line), &error), &error);
    free(line);
    free(path);
}

void kin_import_task_rows(kin_import_state *import)
{
    kin_error error;
    kin_buffer line = {0};
    char *path = kin_building_path(&import->building, ROWS_FILE);
    kin_status status = kin_file_read(path, 128, &line, &error);
    kin_buffer_append_byte(&line, 0);
    unsigned long long rows[2] = {0, 0};
    bool read = status == KIN_OK &&
                sscanf((const char *)line.data, "%20llu %20llu", &rows[0], &rows[1]) == 2 &&
                rows[0] > 0 && rows[1] > 0;
    import->task_rows[0] = rows[0];
    import->task_rows[1] = rows[1];
    if (!read) {
        choose_task_rows(import);
        write_task_rows(import);
    }
    kin_buffer_fini(&line);
    free(path);
}
