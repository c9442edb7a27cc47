#include "worker/plan/planning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "proto/shard_format.h"
#include "worker/plan/measure.h"
#include "worker/plan/planning_build.h"
#include "worker/plan/rates.h"
#include "worker/plan/rehearsal.h"

/* Bytes of codes of a small import: far more than caches hold, and some seconds. */
#define IMPORT_BYTES ((uint64_t)128 << 20)
/* Bytes written that say what it takes until they are on the disk, and not only its latency. */
#define SYNCED_BYTES 33554432.0
#define IMPORT_CODES_MIN ((uint64_t)1 << 16)

kin_status kin_planning_scratch(kin_planning *p, const char *what, kin_error *error)
{
    p->say(what);
    p->measured = true;
    if (p->scratch != NULL) return KIN_OK;
    return kin_scratch_make(&p->scratch, p->options->output, error);
}

void kin_planning_stamp(kin_planning *p, const char *prefix)
{
    kin_figures_set_in(&p->rates, prefix, "made", (double)time(NULL));
}

/* Whether rates are there and may be used. */
bool kin_planning_knows(const kin_planning *p, const char *prefix)
{
    return !p->options->calibrate && kin_rates_made(&p->rates, prefix) > 0;
}

static kin_status measure_machine(kin_planning *p, kin_error *error)
{
    char name[KIN_FIGURE_NAME_BYTES];
    kin_status status = KIN_OK;
    snprintf(name, sizeof name, "disk-%llx",
             (unsigned long long)kin_measure_device(p->options->output));
    if (!kin_planning_knows(p, name)) {
        double write_s = 0, read_s = 0;
        status = kin_planning_scratch(p, "the disk and the memory", error);
        if (status == KIN_OK) status = kin_measure_disk(p->scratch, &write_s, &read_s, error);
        if (status != KIN_OK) return status;
        kin_figures_set_in(&p->rates, name, "write", write_s);
        kin_figures_set_in(&p->rates, name, "read", read_s);
        kin_figures_set(&p->rates, "memory.read", kin_measure_memory());
        kin_planning_stamp(p, name);
    }
    p->disk_write_s = kin_figures_get_in(&p->rates, name, "write", 0);
    p->disk_read_s = kin_figures_get_in(&p->rates, name, "read", 0);
    (void)kin_figures_get(&p->rates, "memory.read", &p->memory_s);
    return status;
}

/* --- An import ------------------------------------------------------------------------------ */

/* A model of it: as many ranks as a machine has, with their share of codes and memory, in as many
 * tasks, of fewer codes: clustered ones, as codes of pictures are, which take half as long again to
 * sort as uniform ones. */
static void model_words(const kin_planning *p, uint64_t codes, const char *index, kin_words *words)
{
    const kin_import_facts *f = &p->import;
    double share = (double)p->local / f->ranks;
    char *texts[] = {
        kin_sprintf("%llu", (unsigned long long)((double)f->codes * share)),
        kin_sprintf("%llu", (unsigned long long)((double)f->memory_bytes * share)),
        kin_sprintf("%u", (unsigned)f->tables),
        kin_sprintf("%u", (unsigned)(f->shards * share > 1 ? f->shards * share : 1)),
        kin_sprintf("synthetic:c:%u:%llu", (unsigned)f->bits, (unsigned long long)codes),
    };
    const char *options[] = {"--trial", "--memory", "--tables", "--shards"};
    kin_words_add(words, "import");
    kin_words_add_option(words, "-o", index);
    for (int i = 0; i < 4; i++)
        kin_words_add_option(words, options[i], texts[i]);
    kin_words_add(words, texts[4]);
    for (int i = 0; i < 5; i++)
        free(texts[i]);
}

static void take_import(kin_planning *p, const char *prefix, const kin_figures *report)
{
    static const char *const stages[] = {"look", "gather", "sort", "write"};
    double codes = kin_figures_get_in(report, "job", "codes", 1);
    double ranks = kin_figures_get_in(report, "job", "ranks", 1);
    double passes = kin_figures_get_in(report, "job", "passes", 1);
    double base = kin_figures_get_in(report, "job", "base_bytes", 0);
    double beside = kin_figures_get_in(report, "fact", "memory_bytes", 0) - base -
                    kin_figures_get_in(report, "job", "rows_bytes", 0);
    double complete = kin_figures_get_in(report, "fact.seconds", "complete", 0);
    double bytes = kin_figures_get_in(report, "fact", "disk_bytes", 1);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        double each = kin_figures_get_in(report, "fact.seconds", stages[i], 0) * ranks / codes;
        if (strcmp(stages[i], "gather") == 0) each /= passes;
        kin_figures_set_in(&p->rates, prefix, stages[i], each);
    }
    double disk = bytes > SYNCED_BYTES ? complete / bytes : p->disk_write_s;
    kin_figures_set_in(&p->rates, prefix, "disk", disk);
    kin_figures_set_in(&p->rates, prefix, "beside_bytes", beside > 0 ? beside : 0);
    kin_figures_set_in(&p->rates, prefix, "base_bytes", base);
    kin_planning_stamp(p, prefix);
}

static kin_status rehearse_import(kin_planning *p, const char *prefix, kin_error *error)
{
    uint64_t codes = IMPORT_BYTES / (p->import.bits / 8);
    if (codes > p->import.codes) codes = p->import.codes;
    if (codes < IMPORT_CODES_MIN) codes = IMPORT_CODES_MIN;
    kin_status status = kin_planning_scratch(p, "a small import", error);
    if (status != KIN_OK) return status;
    kin_words words = {0};
    kin_figures report;
    char *index = kin_path_join(p->scratch, "import");
    model_words(p, codes, index, &words);
    status = kin_rehearse(p->scratch, p->local, &words, &report, error);
    if (status == KIN_OK) take_import(p, prefix, &report);
    if (status == KIN_OK) status = kin_directory_remove(index, error);
    kin_figures_fini(&report);
    kin_words_fini(&words);
    free(index);
    return status;
}

static kin_status plan_import(kin_planning *p, kin_error *error)
{
    const kin_plan_options *o = p->options;
    char name[KIN_FIGURE_NAME_BYTES], prefix[KIN_FIGURE_NAME_BYTES];
    uint64_t codes = (uint64_t)o->codes, shards = o->shards > 0 ? (uint64_t)o->shards : 1;
    if (shards > codes) shards = codes;
    p->shards = (uint32_t)shards;
    p->tables =
        o->tables > 0 ? o->tables : kin_plan_import_tables(codes, (uint32_t)o->bits, p->shards);
    p->import = (kin_import_facts){.codes = codes,
                                   .bits = (uint32_t)o->bits,
                                   .tables = p->tables,
                                   .shards = p->shards,
                                   .ranks = (uint32_t)o->ranks,
                                   .nodes = (uint32_t)o->nodes,
                                   .cores = (uint32_t)o->cores,
                                   .memory_bytes = o->memory_bytes};
    kin_plan_import_name(&p->import, name);
    snprintf(prefix, sizeof prefix, "%.80s.r%u", name, (unsigned)p->local);
    kin_status status = KIN_OK;
    if (!kin_planning_knows(p, prefix)) status = rehearse_import(p, prefix, error);
    if (status != KIN_OK) return status;
    p->import.base_bytes = (uint64_t)kin_figures_get_in(&p->rates, prefix, "base_bytes", 0);
    p->passes = kin_plan_passes(&p->import);
    kin_plan_import(&p->plan, &p->import, &p->rates, prefix);
    p->codes = codes;
    return KIN_OK;
}

/* --- What serves it ------------------------------------------------------------------------- */

static kin_status plan_serving(kin_planning *p, kin_error *error)
{
    uint32_t bits = p->options->codes > 0 ? p->import.bits : p->build.bits;
    kin_search_facts facts = {.codes = (p->codes + p->shards - 1) / p->shards,
                              .bits = bits,
                              .tables = p->tables,
                              .k = (uint32_t)p->options->k};
    char name[KIN_FIGURE_NAME_BYTES];
    kin_shard_meta meta = {.count = facts.codes, .bits = bits};
    kin_status status = KIN_OK;
    kin_shard_plan(&meta, p->tables, p->codes);
    p->serving_bytes = kin_shard_search_bytes(&meta) * p->shards;
    kin_plan_search_name(&facts, name);
    if (!kin_planning_knows(p, name)) {
        status = kin_planning_scratch(p, "searches", error);
        if (status == KIN_OK)
            status = kin_plan_search_measure(p->scratch, &facts, &p->rates, error);
        if (status == KIN_OK) kin_planning_stamp(p, name);
    }
    if (status == KIN_OK) kin_plan_search(&p->search, &facts, &p->rates);
    return status;
}

kin_status kin_planning_run(kin_planning *p, kin_error *error)
{
    const kin_plan_options *o = p->options;
    p->local = kin_plan_local_ranks((uint64_t)o->ranks, (uint64_t)o->nodes, (uint64_t)o->cores);
    uint32_t here = kin_plan_local_ranks((uint64_t)o->ranks, 1, kin_planning_cores());
    if (p->local > here) p->local = here;
    if (p->local > 1 && !kin_rehearsal_has_ranks()) {
        kin_log(KIN_LOG_WARNING, "there is no mpirun here: rates are those of a rank alone");
        p->local = 1;
    }
    kin_status status = measure_machine(p, error);
    if (status == KIN_OK)
        status = o->codes > 0 ? plan_import(p, error) : kin_planning_build(p, error);
    return status == KIN_OK ? plan_serving(p, error) : status;
}

void kin_planning_fini(kin_planning *p)
{
    kin_error error;
    if (p->scratch != NULL && kin_directory_remove(p->scratch, &error) != KIN_OK)
        kin_log(KIN_LOG_WARNING, "%s", error.text);
    free(p->scratch);
    p->scratch = NULL;
    kin_figures_fini(&p->rates);
}
