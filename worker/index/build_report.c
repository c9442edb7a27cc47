#include "worker/index/build_report.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "worker/index/centring.h"
#include "worker/index/report.h"
#include "worker/index/sampling.h"
#include "worker/index/summary.h"
#include "worker/plan/rates.h"

/* The texts of an encoder's card, at most; weights are far more. */
#define CARD_BYTES 4096

/* Names of what was measured: "features-HEX" is of any pictures by these features, "pictures-HEX"
 * of these sources. */
static void name_of(const kin_build_state *build, bool sources, char name[KIN_FIGURE_NAME_BYTES])
{
    const kin_build_options *options = build->options;
    kin_buffer text = {0};
    kin_buffer_printf(&text, "%s %s %u %d %d ", kin_features_name(build->features),
                      build->decoder_name, build->thumbnail_side, options->keep_features,
                      options->rerank);
    kin_hasher_options_describe(&options->hasher, &text);
    for (int i = 0; sources && i < options->source_count; i++) {
        char *path = realpath(options->sources[i], NULL);
        kin_buffer_append_string(&text, path != NULL ? path : options->sources[i]);
        kin_buffer_append_byte(&text, 0);
        free(path);
    }
    if (sources && options->list_path != NULL) kin_buffer_append_string(&text, options->list_path);
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    snprintf(name, KIN_FIGURE_NAME_BYTES, "%s-%02x%02x%02x%02x%02x%02x",
             sources ? "pictures" : "features", digest.byte[0], digest.byte[1], digest.byte[2],
             digest.byte[3], digest.byte[4], digest.byte[5]);
    kin_buffer_fini(&text);
}

static void count_list(const kin_list *list, kin_inputs_totals *totals)
{
    *totals = (kin_inputs_totals){.inputs = list->count, .text_bytes = list->text_bytes};
    for (uint64_t id = 0; id < list->count; id++) {
        kin_list_row row = kin_list_get(list, id);
        totals->file_bytes += row.bytes;
        totals->key_bytes += row.key_bytes;
    }
}

/* What is stored beside shards. */
static uint64_t other_bytes(const kin_build_state *build)
{
    const kin_build_facts *facts = &build->facts;
    uint64_t hasher = build->options->hasher.file.bytes;
    if (hasher == 0)
        hasher = (uint64_t)facts->dimensions * facts->bits * sizeof(float) + CARD_BYTES;
    return hasher + build->network.bytes;
}

/* The rates of these sources, or of these features. */
static void choose_prefix(const kin_build_state *build, const kin_figures *rates,
                          char prefix[KIN_FIGURE_NAME_BYTES])
{
    const kin_build_facts *facts = &build->facts;
    uint32_t local = kin_plan_local_ranks(facts->ranks, facts->nodes, facts->cores);
    if (!kin_rates_choose(rates, build->rate_names[1], local, prefix))
        (void)kin_rates_choose(rates, build->rate_names[0], local, prefix);
}

static void collect_facts(kin_build_state *build)
{
    const kin_build_options *options = build->options;
    if (build->totals.inputs == 0) count_list(&build->building.list, &build->totals);
    uint32_t ranks = (uint32_t)kin_comm_ranks(build->comm), local = kin_report_local_ranks();
    kin_inputs_totals listed = build->totals;
    if (options->trial > 0) count_list(&build->building.list, &listed);
    build->facts = (kin_build_facts){
        .inputs = listed.inputs,
        .picture_bytes = listed.file_bytes,
        .text_bytes = listed.text_bytes,
        .key_bytes = listed.key_bytes,
        .indexed = 1,
        .dimensions = kin_features_dimensions(build->features),
        .bits = options->bits,
        .sample = options->sample_pictures,
        .learns = options->hasher.file.bytes == 0,
        .keep_features = options->keep_features,
        .value_dimensions = options->rerank ? (uint32_t)options->hasher.bits : 0,
        .centred = kin_features_want_means(build->features) ? KIN_CENTRING_PICTURES : 0,
        .ranks = ranks,
        .nodes = (ranks + local - 1) / local,
        .cores = kin_report_cores(),
        .shards = options->shards,
        .base_bytes = build->base_bytes,
        .parts_bytes = build->parts_bytes,
        .learn_bytes = kin_sampling_memory(build)};
}

void kin_build_report_plan(kin_build_state *build)
{
    kin_figures rates;
    char prefix[KIN_FIGURE_NAME_BYTES] = "none";
    kin_comm_max(build->comm, &build->base_bytes, 1);
    if (kin_comm_rank(build->comm) != 0) return;
    collect_facts(build);
    for (int sources = 0; sources < 2; sources++)
        name_of(build, sources, build->rate_names[sources]);
    kin_build_facts *facts = &build->facts;
    if (kin_rates_load(&rates, NULL) == KIN_OK) choose_prefix(build, &rates, prefix);
    uint64_t chunk = build->building.chunk_pictures;
    facts->indexed = kin_figures_get_in(&rates, prefix, "indexed", 1);
    facts->thumbnail_bytes =
        build->thumbnail_side == 0
            ? 0
            : kin_figures_get_in(&rates, prefix, "thumbnail_bytes",
                                 kin_plan_thumbnail_bytes(build->thumbnail_side));
    facts->parts_bytes = (uint64_t)kin_figures_get_in(
        &rates, prefix, "parts_bytes",
        (double)(kin_features_memory(build->features) + chunk * facts->dimensions * sizeof(float)));
    facts->network_bytes = build->network.bytes;
    facts->checkpoint_bytes = (uint64_t)kin_figures_get_in(&rates, prefix, "checkpoint_bytes", 0);
    facts->other_bytes =
        (uint64_t)kin_figures_get_in(&rates, prefix, "other_bytes", (double)other_bytes(build));
    kin_plan_build(&build->plan, facts, &rates, prefix);
    kin_figures_fini(&rates);
}

void kin_build_report_parts(kin_build_state *build, uint64_t memory_before)
{
    uint64_t now = kin_summary_memory_used();
    build->parts_bytes = now > memory_before ? now - memory_before : 0;
    kin_comm_max(build->comm, &build->parts_bytes, 1);
}

void kin_build_report_disk(kin_build_state *build)
{
    build->disk_peak_bytes = kin_report_folder_bytes(build->building.folder);
}

static void job_figures(const kin_build_state *build, const kin_manifest *manifest,
                        const kin_work_times *times, kin_figures *figures)
{
    const kin_inputs_totals *all = &build->totals;
    const kin_build_options *options = build->options;
    uint64_t inputs = options->trial_inputs > 0 ? options->trial_inputs : all->inputs;
    uint64_t ranks = options->trial_ranks > 0 ? options->trial_ranks : build->facts.ranks;
    struct stat file;
    char *path =
        kin_sprintf("%s/%s/%s", options->index_path, build->building.generation, KIN_ENCODER_FILE);
    uint64_t encoder = stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
    free(path);
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"inputs", (double)build->building.list.count},
        {"indexed", (double)manifest->indexed},
        {"file_bytes", (double)build->facts.picture_bytes},
        {"read_bytes", (double)times->read_bytes},
        {"all_inputs", (double)all->inputs},
        {"all_file_bytes", (double)all->file_bytes},
        {"all_key_bytes", (double)all->key_bytes},
        {"all_text_bytes", (double)all->text_bytes},
        {"ranks", build->facts.ranks},
        {"chunks", (double)build->building.chunk_count},
        {"dimensions", build->facts.dimensions},
        {"centred", build->facts.centred},
        {"learns", build->facts.learns},
        {"thumbnail_bytes", (double)times->thumbnail_bytes},
        {"other_bytes", (double)(encoder + build->network.bytes)},
        {"network_bytes", (double)build->network.bytes},
        {"base_bytes", (double)build->base_bytes},
        {"parts_bytes", (double)build->parts_bytes},
        {"learn_bytes", (double)kin_sampling_memory_of(build, inputs, ranks)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        kin_figures_set_in(figures, "job", rows[i].name, rows[i].value);
    for (int sources = 0; sources < 2; sources++)
        kin_figures_set_in(figures, "name", build->rate_names[sources], 1);
}

void kin_build_report_finish(kin_build_state *build, const kin_manifest *manifest,
                             const kin_work_times *times, uint64_t memory, double seconds)
{
    double each = 1e-9 / kin_comm_ranks(build->comm);
    char *folder = kin_path_join(build->options->index_path, build->building.generation);
    kin_plan fact = {.timed = true,
                     .memory_bytes = memory,
                     .disk_bytes = kin_report_folder_bytes(folder),
                     .disk_peak_bytes = build->disk_peak_bytes};
    free(folder);
    const struct {
        const char *name;
        uint64_t ns;
    } stages[] = {
        {"learn", times->learn_ns},       {"read", times->read_ns}, {"decode", times->decode_ns},
        {"features", times->features_ns}, {"hash", times->hash_ns}, {"write", times->write_ns},
        {"publish", times->publish_ns},
    };
    double list = (double)build->list_ns * 1e-9, rest = seconds;
    kin_plan_add(&fact, "list", list);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        kin_plan_add(&fact, stages[i].name, (double)stages[i].ns * each);
        rest -= (double)stages[i].ns * each;
    }
    kin_plan_add(&fact, "rest", rest);
    if (build->inputs_before == 0) kin_report_compare(&build->plan, &fact);
    if (build->options->report == NULL) return;
    kin_figures figures = {0};
    kin_rates_machine(figures.machine);
    job_figures(build, manifest, times, &figures);
    kin_plan_figures(&build->plan, "plan", &figures);
    kin_plan_figures(&fact, "fact", &figures);
    kin_report_write(&figures, build->options->report);
    kin_figures_fini(&figures);
}
