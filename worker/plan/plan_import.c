#include "worker/plan/plan_import.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/shard_format.h"
#include "worker/plan/plan_build.h"
#include "worker/plan/rates.h"

#define ROWS_BYTES_MIN ((uint64_t)16 << 20)
/* Codes that a plan is made by: the shares of 64 tasks are then known to some 3 %. Each of many
 * shards wants its own; of very many codes it takes more to cut cells that fit into a cache. */
#define SAMPLE_CODES 65536
#define SAMPLE_STRIDE 4096
#define SAMPLE_CODES_LARGE 262144
#define SAMPLE_CODES_SHARD 64
/* Tasks smaller than this are not worth a rank of their own. */
#define TASK_ROWS_MIN ((uint64_t)1 << 18)
/* What a task may exceed its share by in the sample, so that the last one does not leave a rest;
 * and in truth, in standard deviations of a share that a sample knows. */
#define TASK_MARGIN 1.005
#define TASK_DEVIATIONS 4
/* Nobody knows how long the keys of a task are. */
#define KEYED_MARGIN 1.1
/* Beside base and rows, where nobody has looked: a round's codes, what is sent of them, what comes,
 * spans of files. */
#define ROUND_BYTES ((double)(26 << 20))
#define SPANS_BYTES ((double)(18 << 20))
/* Encoder, ledger, manifest and an entry of the list. */
#define SMALL_FILES_BYTES ((uint64_t)16 << 10)

uint64_t kin_plan_memory_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes / 2
                                       : (uint64_t)1 << 30;
}

uint32_t kin_plan_import_tables(uint64_t codes, uint32_t bits, uint32_t shards)
{
    return kin_shard_tables_auto(codes / shards + 1, bits,
                                 kin_plan_memory_default() * 2 / 5 * 4 / shards);
}

uint64_t kin_import_memory_for_rows(uint64_t memory_bytes, uint64_t ranks)
{
    uint64_t each = memory_bytes / ranks;
    if (each < KIN_IMPORT_RANK_BYTES + ROWS_BYTES_MIN) return ROWS_BYTES_MIN;
    return each - KIN_IMPORT_RANK_BYTES;
}

uint64_t kin_plan_row_bytes(uint32_t bits, bool further, bool keyed)
{
    return bits / 8 + (further ? 0 : sizeof(uint64_t) + (keyed ? 16 : 0));
}

uint64_t kin_plan_sample_codes(uint64_t codes, uint32_t shards)
{
    uint64_t wanted = (uint64_t)shards * SAMPLE_CODES_SHARD, least = codes / SAMPLE_STRIDE;
    if (least < SAMPLE_CODES) least = SAMPLE_CODES;
    if (least > SAMPLE_CODES_LARGE) least = SAMPLE_CODES_LARGE;
    if (wanted < least) wanted = least;
    return codes < wanted ? codes : wanted;
}

/* Tasks of rows of row_bytes, of which the largest takes `most` bytes at most, as far as one can
 * know before all codes were seen: as few as possible, but work for all ranks. */
static uint64_t fitting_tasks(const kin_import_facts *facts, double row_bytes, double most)
{
    uint64_t ranks = facts->ranks, count = facts->codes;
    uint64_t useful = count / TASK_ROWS_MIN + 1, tasks = ranks < useful ? ranks : useful;
    double samples = (double)kin_plan_sample_codes(count, facts->shards);
    for (;; tasks += tasks % ranks == 0 ? ranks : 1) {
        double share = (double)count / (double)tasks * TASK_MARGIN;
        double deviation = tasks == 1 ? 0 : sqrt((double)tasks / samples);
        if (share * (1 + TASK_DEVIATIONS * deviation) * row_bytes <= most || share < 2) break;
    }
    return tasks;
}

uint64_t kin_plan_task_rows(const kin_import_facts *facts, bool further)
{
    double most = (double)kin_import_memory_for_rows(facts->memory_bytes, facts->ranks);
    double row_bytes = (double)kin_plan_row_bytes(facts->bits, further, facts->key_bytes > 0);
    if (!further && facts->key_bytes > 0)
        row_bytes = KEYED_MARGIN * (row_bytes + (double)facts->key_bytes / (double)facts->codes);
    uint64_t tasks = fitting_tasks(facts, row_bytes, most);
    return (uint64_t)((double)facts->codes / (double)tasks * TASK_MARGIN) + 1;
}

static uint64_t divided(uint64_t count, uint64_t by)
{
    return (count + by - 1) / by;
}

kin_import_passes kin_plan_passes(const kin_import_facts *facts)
{
    kin_import_passes p = {0};
    uint64_t shard = divided(facts->codes, facts->shards);
    for (int further = 0; further < 2; further++)
        p.task_rows[further] = facts->task_rows[further] > 0
                                   ? facts->task_rows[further]
                                   : kin_plan_task_rows(facts, further != 0);
    p.whole = shard <= p.task_rows[0];
    if (p.whole) {
        uint64_t together = p.task_rows[0] / shard; /* shards of a task */
        p.tasks = divided(facts->shards, together);
        p.task_rows[0] = shard * (together < facts->shards ? together : facts->shards);
        p.passes = divided(p.tasks, facts->ranks);
        return p;
    }
    for (int further = 0; further < 2; further++) {
        uint64_t each = divided(shard, p.task_rows[further]),
                 tables = further ? facts->tables - 1 : 1;
        p.task_rows[further] = divided(shard, each);
        p.tasks += each * facts->shards * tables;
        p.passes += divided(each * facts->shards, facts->ranks) * tables;
    }
    return p;
}

void kin_plan_import_name(const kin_import_facts *facts, char name[KIN_FIGURE_NAME_BYTES])
{
    snprintf(name, KIN_FIGURE_NAME_BYTES, "import-%u-t%u-%s", (unsigned)facts->bits,
             (unsigned)facts->tables, kin_plan_passes(facts).whole ? "whole" : "split");
}

static uint64_t rows_memory(const kin_import_facts *facts, const kin_import_passes *passes)
{
    bool keyed = facts->key_bytes > 0;
    uint64_t keys = keyed ? facts->key_bytes / facts->codes : 0;
    uint64_t first = passes->task_rows[0] * (kin_plan_row_bytes(facts->bits, false, keyed) + keys);
    uint64_t further = passes->whole || facts->tables == 1
                           ? 0
                           : passes->task_rows[1] * kin_plan_row_bytes(facts->bits, true, keyed);
    return first > further ? first : further;
}

void kin_plan_import(kin_plan *plan, const kin_import_facts *facts, const kin_figures *rates,
                     const char *prefix)
{
    kin_import_passes passes = kin_plan_passes(facts);
    uint64_t beside = (uint64_t)kin_figures_get_in(rates, prefix, "beside_bytes",
                                                   ROUND_BYTES / facts->ranks + SPANS_BYTES);
    *plan = (kin_plan){.measured_s = kin_rates_made(rates, prefix)};
    plan->memory_bytes = facts->base_bytes + beside + rows_memory(facts, &passes);
    plan->disk_bytes = SMALL_FILES_BYTES + (uint64_t)facts->bits * facts->bits * sizeof(float) +
                       kin_plan_shard_bytes(&(kin_plan_shape){.count = facts->codes,
                                                              .id_max = facts->codes - 1,
                                                              .bits = facts->bits,
                                                              .tables = facts->tables,
                                                              .shards = facts->shards,
                                                              .key_bytes = facts->key_bytes});
    plan->disk_peak_bytes = plan->disk_bytes + facts->made_bytes;
    plan->timed = plan->measured_s > 0;
    if (!plan->timed) return;
    double codes = (double)facts->codes;
    double each = codes / kin_plan_parallel(facts->ranks, facts->nodes, facts->cores);
    kin_plan_add(plan, "look", each * kin_figures_get_in(rates, prefix, "look", 0));
    kin_plan_add(plan, "gather",
                 each * (double)passes.passes * kin_figures_get_in(rates, prefix, "gather", 0));
    kin_plan_add(plan, "sort", each * kin_figures_get_in(rates, prefix, "sort", 0));
    kin_plan_add(plan, "write", each * kin_figures_get_in(rates, prefix, "write", 0));
    kin_plan_add(plan, "complete",
                 (double)plan->disk_bytes * kin_figures_get_in(rates, prefix, "disk", 0));
}
