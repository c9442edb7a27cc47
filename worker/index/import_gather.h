/* One pass of an import over all codes: each rank reads its share of the file, and the rows of the
 * pass's tasks go to the ranks that own them. */
#ifndef WORKER_INDEX_IMPORT_GATHER_H
#define WORKER_INDEX_IMPORT_GATHER_H

#include "worker/index/import_state.h"

/* Tasks of one table, one behind the other; rank r owns task first + r. */
typedef struct kin_import_pass {
    uint32_t first_task, task_count;
} kin_import_pass;

/* Rows of the task that this rank owns, cell after cell; rows [count][stride] are the code, rotated
 * as the table is, and, of table 0, the position of its id and key below. */
typedef struct kin_import_rows {
    uint64_t *rows;
    uint64_t count, capacity;
    unsigned words, stride;
    uint32_t first_cell, shard; /* of the task */
    uint64_t *next;             /* [cells]: where the next row of a cell goes, */
    uint64_t *end;              /* and where the cell ends */
    /* Where the codes have keys; else the position is the id itself. */
    uint64_t *ids;     /* [count] */
    uint64_t *key_end; /* [count]: in `keys` */
    uint8_t *keys;
} kin_import_rows;

/* What becomes of rows that are not gathered, because they all hold one code: they are written as
 * they come. */
typedef struct kin_import_sink {
    void *user;
    kin_status (*row)(void *user, const uint64_t *code, uint64_t id, const uint8_t *key,
                      uint32_t key_bytes, kin_error *error);
} kin_import_sink;

/* Bytes that the rows of a task take: what memory is planned by. */
uint64_t kin_import_rows_bytes(const kin_import_state *import, const kin_import_task *task);
/* Bytes of a row of a table. */
uint64_t kin_import_row_bytes(const kin_import_state *import, uint32_t table);

/* All ranks together. rows receives this rank's; empty where it owns no task, or one whose rows go
 * to the sink. Ends the job where it fails. */
void kin_import_gather(kin_import_state *import, const kin_import_pass *pass, kin_import_rows *rows,
                       const kin_import_sink *sink);
void kin_import_rows_fini(kin_import_rows *rows);

#endif
