#include "worker/index/import_report.h"

#include <stdlib.h>

#include "common/base/file.h"
#include "worker/index/report.h"
#include "worker/plan/rates.h"

kin_import_facts kin_import_report_facts(const kin_import_state *import)
{
    uint32_t ranks = (uint32_t)kin_comm_ranks(import->comm), local = kin_report_local_ranks();
    const kin_code_source *source = &import->source;
    return (kin_import_facts){.codes = source->count,
                              .key_bytes = import->keys.path != NULL ? import->keys.key_bytes : 0,
                              .bits = source->bits,
                              .tables = import->plan.table_count,
                              .shards = import->plan.shard_count,
                              .ranks = ranks,
                              .nodes = (ranks + local - 1) / local,
                              .cores = kin_report_cores(),
                              .memory_bytes = import->options->memory_bytes,
                              .base_bytes = import->base_bytes};
}

void kin_import_report_plan(kin_import_state *import)
{
    kin_figures rates;
    char name[KIN_FIGURE_NAME_BYTES], prefix[KIN_FIGURE_NAME_BYTES] = "none";
    if (kin_comm_rank(import->comm) != 0) return;
    kin_import_facts facts = kin_import_report_facts(import);
    for (int further = 0; further < 2; further++)
        facts.task_rows[further] = import->task_rows[further];
    if (import->made_path != NULL) facts.made_bytes = facts.codes * (facts.bits / 8);
    kin_plan_import_name(&facts, name);
    if (kin_rates_load(&rates, NULL) == KIN_OK)
        (void)kin_rates_choose(&rates, name,
                               kin_plan_local_ranks(facts.ranks, facts.nodes, facts.cores), prefix);
    kin_plan_import(&import->expected, &facts, &rates, prefix);
    kin_figures_fini(&rates);
}

static void write_report(const kin_import_state *import, const kin_plan *fact)
{
    const kin_import_facts facts = kin_import_report_facts(import);
    uint64_t rows = import->planned_bytes - KIN_IMPORT_RANK_BYTES;
    kin_figures figures = {0};
    const struct {
        const char *name;
        double value;
    } jobs[] = {
        {"codes", (double)facts.codes}, {"passes", (double)import->passes},
        {"ranks", facts.ranks},         {"base_bytes", (double)import->base_bytes},
        {"rows_bytes", (double)rows},
    };
    kin_rates_machine(figures.machine);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        kin_figures_set_in(&figures, "job", jobs[i].name, jobs[i].value);
    kin_plan_figures(&import->expected, "plan", &figures);
    kin_plan_figures(fact, "fact", &figures);
    kin_report_write(&figures, import->options->report);
    kin_figures_fini(&figures);
}

void kin_import_report_finish(const kin_import_state *import, const uint64_t ns[6], uint64_t memory)
{
    /* The first, making a synthetic set, is no part of an import of codes that are there. */
    static const char *const names[] = {"make", "look", "gather", "sort", "write", "complete"};
    double each = 1e-9 / kin_comm_ranks(import->comm);
    char *folder = kin_path_join(import->options->index_path, import->building.generation);
    kin_plan fact = {.timed = true,
                     .memory_bytes = memory,
                     .disk_bytes = kin_report_folder_bytes(folder),
                     .disk_peak_bytes = import->disk_peak_bytes};
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        kin_plan_add(&fact, names[i], (double)ns[i] * each);
    free(folder);
    bool all = true; /* done by this run */
    for (uint32_t t = 0; t < import->plan.task_count; t++)
        all = all && !import->done[t];
    if (all) kin_report_compare(&import->expected, &fact);
    if (import->options->report != NULL) write_report(import, &fact);
}
