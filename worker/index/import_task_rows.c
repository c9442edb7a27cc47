#include "worker/index/import_task_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/import_report.h"

/* The rows of a task of table 0 and of others, one line. */
#define ROWS_FILE "task-rows"
/* Rank 0: how many rows a task is to have. A trial has the tasks of a larger import, made smaller.
 * Tests may ask for fewer. */
static void choose_task_rows(kin_import_state *import)
{
    const char *rows = getenv("KINDRED_IMPORT_ROWS");
    kin_import_facts facts = kin_import_report_facts(import);
    uint64_t all = import->options->trial;
    facts.shards = import->options->shards; /* there is no plan yet */
    if (all > 0) {
        facts.key_bytes = (uint64_t)((double)facts.key_bytes / (double)facts.codes * (double)all);
        facts.codes = all;
    }
    for (uint32_t further = 0; further < 2; further++) {
        double each = (double)kin_plan_task_rows(&facts, further != 0);
        if (all > 0) each *= (double)import->source.count / (double)all;
        import->task_rows[further] = (uint64_t)each + 1;
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
