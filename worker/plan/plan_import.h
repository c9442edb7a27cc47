/* The arithmetic of an import: the tasks that it keeps to its memory by, and what it takes. */
#ifndef WORKER_PLAN_PLAN_IMPORT_H
#define WORKER_PLAN_PLAN_IMPORT_H

#include "worker/plan/plan.h"

/* What a rank takes beside the rows that it gathers: program, libraries, MPI (measured 20 to 60 MB
 * on Debian 12), two buffers of an exchange and MPI's copies, spans of a file, a plan. */
#define KIN_IMPORT_RANK_BYTES ((uint64_t)96 << 20)

/* Plain data. */
typedef struct kin_import_facts {
    uint64_t codes, key_bytes; /* key_bytes: of all keys; 0: there are none */
    uint32_t bits, tables, shards;
    uint32_t ranks, nodes, cores; /* cores of a node */
    uint64_t memory_bytes;        /* of all ranks: --memory */
    uint64_t made_bytes;          /* of a synthetic set, written down first */
    uint64_t base_bytes;          /* memory of a rank that has started */
    uint64_t task_rows[2];        /* of table 0, of others; 0: as kin_plan_task_rows says */
} kin_import_facts;

/* Of all ranks where nobody said: half of this machine's. */
uint64_t kin_plan_memory_default(void);

/* Tables of an import where nobody said how many: what serves the index is such a machine as this
 * one, whose memory holds all shards with a fifth to spare. */
uint32_t kin_plan_import_tables(uint64_t codes, uint32_t bits, uint32_t shards);

/* What each of so many ranks may gather; at least 16 MB, however little there is. */
uint64_t kin_import_memory_for_rows(uint64_t memory_bytes, uint64_t ranks);

/* Bytes of a gathered row of table 0, or of a further one, keys not counted. */
uint64_t kin_plan_row_bytes(uint32_t bits, bool further, bool keyed);

/* Codes that an import looks at to make its tasks: the share of one of n is then known to the
 * square root of n / samples. */
uint64_t kin_plan_sample_codes(uint64_t codes, uint32_t shards);

/* Rows of a task, about at most, so that it fits the memory of a rank and all ranks have something
 * to do. */
uint64_t kin_plan_task_rows(const kin_import_facts *facts, bool further);

/* Tasks, and how often the codes are read for them; whole: shards are written by one task each. */
typedef struct kin_import_passes {
    bool whole;
    uint64_t tasks, passes;
    uint64_t task_rows[2]; /* of the largest tasks */
} kin_import_passes;
kin_import_passes kin_plan_passes(const kin_import_facts *facts);

/* "import-64-t2-split": of which kind the rates are. */
void kin_plan_import_name(const kin_import_facts *facts, char name[KIN_FIGURE_NAME_BYTES]);

/* rates: PREFIX.look, .sort, .write: seconds of one rank for one code; .gather: for one code and
 * pass; .disk: of one byte that is to stay; .beside_bytes: memory of a rank beside base and rows.
 * Without .made there are no times. */
void kin_plan_import(kin_plan *plan, const kin_import_facts *facts, const kin_figures *rates,
                     const char *prefix);

#endif
