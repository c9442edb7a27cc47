/* What the stages of an import share on one rank. Plain data; import_job.c owns all of it. */
#ifndef WORKER_INDEX_IMPORT_STATE_H
#define WORKER_INDEX_IMPORT_STATE_H

#include "common/base/progress.h"
#include "worker/index/building.h"
#include "worker/index/code_source.h"
#include "worker/index/comm.h"
#include "worker/index/import_options.h"
#include "worker/index/import_plan.h"
#include "worker/index/import_route.h"
#include "worker/index/key_lines.h"
#include "worker/index/row_sort.h"
#include "worker/plan/plan_import.h"
#include "worker/shard/shard_share.h"

/* The cells of one table and shard; empty where the shard is whole. */
typedef struct kin_import_ranges {
    kin_import_route route;
    uint32_t first_cell;
} kin_import_ranges;

typedef struct kin_import_state {
    const kin_import_options *options;
    kin_comm *comm;
    kin_progress *progress; /* rank 0; NULL elsewhere */
    kin_building building;
    kin_code_source source;
    kin_key_lines keys; /* closed: none */
    char *made_path;    /* of the codes of a synthetic set; NULL for others */
    char *folder;       /* building/generation */
    uint64_t task_rows[2];
    kin_import_plan plan;
    kin_import_route route;    /* of the cells of table 0 */
    kin_import_ranges *ranges; /* [tables][shards]: cells of further tables */
    void *arena;               /* for the rows of a task, pass after pass */
    size_t arena_bytes;
    kin_row_sorter *sorter;
    kin_shard_outline *outlines; /* [shard_count] */
    kin_digest plan_digest;
    uint8_t *done; /* [task_count] */
    char boot[40]; /* the start of this system */
    /* Of all codes, once they were seen. */
    uint64_t *bit_ones; /* [bits] */
    uint64_t *pairs;    /* [kin_health_pairs] of the rows that were looked at for that */
    uint64_t pair_rows;
    kin_digest codes_digest;
    uint64_t distinct_codes, largest_bucket;
    uint64_t make_ns, examine_ns, gather_ns, sort_ns, write_ns, publish_ns; /* of this rank */
    uint64_t passes, planned_bytes; /* planned: memory of a rank */
    kin_plan expected;              /* rank 0, with what this machine was measured at */
    uint64_t base_bytes, disk_peak_bytes;
    char *stage; /* what progress shows */
} kin_import_state;

static inline void kin_import_check(kin_import_state *import, kin_status status,
                                    const kin_error *error)
{
    if (status != KIN_OK) kin_comm_fail(import->comm, error);
}

static inline void kin_import_tick(void *user)
{
    kin_import_state *import = user;
    kin_comm_tick(import->comm);
}

/* Words of a code turned by `rotation` bits to the left. */
static inline void kin_import_rotate(uint64_t *code, unsigned words, uint32_t rotation)
{
    if (words == 1) {
        if (rotation > 0) *code = *code << rotation | *code >> (64 - rotation);
        return;
    }
    kin_code whole = {{0}};
    for (unsigned w = 0; w < words; w++)
        whole.word[w] = code[w];
    kin_code_rotate(&whole, words * 64, rotation);
    for (unsigned w = 0; w < words; w++)
        code[w] = whole.word[w];
}

/* The cell that a code [words] is in, of table 0. */
static inline uint32_t kin_import_cell_of(const kin_import_state *import, const uint64_t *code)
{
    return kin_import_route_find(&import->route, code);
}

/* The cell of a rotated code of that shard in a further table; UINT32_MAX where the shard is whole.
 */
static inline uint32_t kin_import_table_cell(const kin_import_state *import, uint32_t table,
                                             uint32_t shard, const uint64_t *rotated)
{
    const kin_import_ranges *ranges =
        &import->ranges[(size_t)table * import->plan.shard_count + shard];
    if (ranges->route.count == 0) return UINT32_MAX;
    return ranges->first_cell + kin_import_route_find(&ranges->route, rotated);
}

#endif
