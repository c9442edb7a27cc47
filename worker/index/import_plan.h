/* How an import goes about its work: shards, and tasks that fit into memory. Pure: it is told a
 * sample of the codes. */
#ifndef WORKER_INDEX_IMPORT_PLAN_H
#define WORKER_INDEX_IMPORT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/code/code.h"
#include "common/code/code_table.h"

/* A range of codes that is sorted at once: a whole shard, or a part of one table of a shard that
 * does not fit into memory. It ends where the next unit of the same table starts, or the shard. */
typedef struct kin_import_unit {
    kin_code start; /* rotated as the table is */
    uint32_t table, shard, task;
    uint32_t first_cell, cell_count;
    bool whole;  /* all tables of the shard, table being 0 */
    bool single; /* holds one code only, of which there are so many that rows are not gathered */
    bool first, last; /* of its table and shard */
    /* Known once all codes were seen. */
    uint64_t rows, first_row, key_bytes, first_key_byte; /* first: within the shard */
} kin_import_unit;

/* What one rank gathers, sorts and writes in one pass: units of one table, next to each other. */
typedef struct kin_import_task {
    uint32_t first_unit, unit_count, table;
    uint64_t rows, key_bytes;
} kin_import_task;

typedef struct kin_import_plan {
    unsigned bits;
    uint32_t table_count;
    uint32_t rotation[KIN_TABLES_MAX];
    uint32_t shard_count;
    kin_code *shard_first; /* [shard_count]; the last code of a shard is the one before the next */
    uint64_t *shard_rows, *shard_key_bytes; /* [shard_count], known once all codes were seen */
    /* Units are divided into cells, small enough to be sorted in the cache of a core. */
    kin_code *cell_start; /* [cell_count], in the order of units */
    uint32_t *cell_unit;
    uint64_t *cell_rows; /* known once all codes were seen */
    uint32_t cell_count;
    /* Table 0 first, in order of code; then table by table in order of shard and rotated code. */
    kin_import_unit *units;
    uint32_t unit_count;
    uint32_t table_unit[KIN_TABLES_MAX + 1]; /* where the units of a table start */
    kin_import_task *tasks;
    uint32_t task_count;
} kin_import_plan;

/* What a plan is made of. */
typedef struct kin_import_wishes {
    unsigned bits;
    uint32_t tables, shards;
    const uint32_t *rotation; /* [tables] */
    uint64_t count;           /* codes in all */
    uint64_t task_rows[2];    /* rows of a task, about at most: of table 0, of the others */
    uint64_t cell_bytes;      /* of the rows of a cell, about; 0: what suits the caches */
} kin_import_wishes;

/* More cells take longer to be found, and to be written to side by side, than their rows are sorted
 * faster; fewer leave the caches when they are sorted. */
#define KIN_IMPORT_CELL_BYTES ((uint64_t)2 << 20)

/* sample [sample_count][bits / 64]: of codes all over, in any order, at least 1; it is sorted. The
 * same sample and wishes give the same plan; the shards do not depend on task_rows. Equal codes are
 * in one shard, so that there may be fewer shards than asked for. */
void kin_import_plan_make(kin_import_plan *plan, const kin_import_wishes *wishes, uint64_t *sample,
                          uint64_t sample_count);
void kin_import_plan_fini(kin_import_plan *plan);

/* Once rows and key_bytes of all units are known: those of shards and tasks, and first rows. */
void kin_import_plan_sum(kin_import_plan *plan);

/* The last code of a shard. */
kin_code kin_import_plan_shard_last(const kin_import_plan *plan, uint32_t shard);

/* Tells the plan of these codes from every other. */
kin_digest kin_import_plan_digest(const kin_import_plan *plan, const kin_digest *codes);

/* code plus or minus 1, of a code that is not the last or the first. */
kin_code kin_import_code_after(const kin_code *code, unsigned bits);
kin_code kin_import_code_before(const kin_code *code, unsigned bits);

#endif
