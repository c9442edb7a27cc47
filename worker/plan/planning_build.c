#include "worker/plan/planning_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "proto/shard_format.h"
#include "worker/plan/measure.h"
#include "worker/plan/rates.h"
#include "worker/plan/rehearsal.h"

/* Pictures of a trial: what decoding takes is then known to some percent, in some seconds. */
#define TRIAL_PICTURES 400
/* Pictures that are made up: of three kinds, so that more say no more. */
#define MADE_PICTURES 48
/* Bytes of a key, where there is none to look at: /folder/folder/IMG_1234.jpg. */
#define KEY_BYTES 48
/* Listing a few files says nothing of one: a file in a folder then takes so long (measured 8 to 16
 * microseconds). */
#define LISTED_MIN 1000
#define LIST_SECONDS 12e-6
/* Vectors that learning is tried with, beside the pictures of the trial: full batches of
 * neighbour, which is tried with twice as many, too, and by one pass over them and five. */
#define LEARN_VECTORS 4096
#define LEARN_EPOCHS 5
#define NEIGHBOUR "neighbour"

/* What Adam keeps of each weight, with the weight: a checkpoint, for what is learned by steps. */
#define CHECKPOINT_COPIES 3

/* Seconds of learning: fixed, of each of the sample; of neighbour, of a mini-batch and of each of
 * its pictures. */
typedef struct learning {
    double fixed, each, step, anchor;
} learning;

uint64_t kin_planning_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores >= 1 ? (uint64_t)cores : 1;
}

static bool has_sources(const kin_planning *p)
{
    return p->options->source_count > 0 || p->options->list != NULL;
}

static uint64_t sample_of(const kin_plan_options *o)
{
    return o->sample > 0 ? (uint64_t)o->sample : KIN_TRAINING_PICTURES_DEFAULT;
}

/* What build takes and plan only hands on: sources not among them. */
static void add_options(const kin_plan_options *o, kin_words *words)
{
    char number[24];
    for (uint32_t i = 0; i < o->models.count; i++)
        kin_words_add_option(words, "--model", o->models.items[i]);
    for (uint32_t i = 0; i < o->settings.count; i++)
        kin_words_add_option(words, "--set", o->settings.items[i]);
    kin_words_add_option(words, "--features", o->features);
    kin_words_add_option(words, "--hasher", o->hasher);
    snprintf(number, sizeof number, "%lld", (long long)o->bits);
    kin_words_add_option(words, "--bits", number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)sample_of(o));
    kin_words_add_option(words, "--sample", number);
    snprintf(number, sizeof number, "%lld", (long long)o->thumbnail);
    kin_words_add_option(words, "--thumbnail", o->thumbnail >= 0 ? number : NULL);
    if (o->keep_features) kin_words_add(words, "--keep-features");
    if (o->rerank) kin_words_add(words, "--rerank");
    if (o->no_sandbox) kin_words_add(words, "--no-sandbox");
}

/* "made-HEX.rR": of made-up pictures and these options. What is learned depends on the number of
 * pictures only as far as they are fewer than the sample. */
static void made_prefix(const kin_planning *p, char prefix[KIN_FIGURE_NAME_BYTES])
{
    const kin_plan_options *o = p->options;
    uint64_t sample = sample_of(o), pictures = (uint64_t)o->pictures;
    kin_words words = {0};
    kin_buffer text = {0};
    add_options(o, &words);
    for (uint32_t i = 0; i < words.count; i++)
        kin_buffer_printf(&text, "%s ", words.word[i]);
    kin_buffer_printf(&text, "%llu %llu %lld", (unsigned long long)o->average_bytes,
                      (unsigned long long)(pictures < sample ? pictures : sample),
                      (long long)o->ranks);
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    snprintf(prefix, KIN_FIGURE_NAME_BYTES, "made-%02x%02x%02x%02x%02x%02x.r%u", digest.byte[0],
             digest.byte[1], digest.byte[2], digest.byte[3], digest.byte[4], digest.byte[5],
             (unsigned)p->local);
    kin_buffer_fini(&text);
    kin_words_fini(&words);
}

static kin_status rehearse(kin_planning *p, const kin_words *words, const char *folder,
                           kin_figures *report, kin_error *error)
{
    kin_status status = kin_rehearse(p->scratch, p->local, words, report, error);
    kin_status removed = kin_directory_remove(folder, status == KIN_OK ? error : NULL);
    return status == KIN_OK ? removed : status;
}

/* A build of some of the pictures. */
static kin_status try_build(kin_planning *p, kin_figures *report, kin_error *error)
{
    const kin_plan_options *o = p->options;
    char trial[80];
    kin_words words = {0};
    *report = (kin_figures){0};
    kin_status status = kin_planning_scratch(p, "a small build", error);
    if (status != KIN_OK) return status;
    char *index = kin_path_join(p->scratch, "index"), *made = kin_path_join(p->scratch, "pictures");
    if (!has_sources(p))
        status = kin_measure_pictures(made, MADE_PICTURES, o->average_bytes, error);
    snprintf(trial, sizeof trial, "%d:%lld:%lld", TRIAL_PICTURES, (long long)o->pictures,
             (long long)o->ranks);
    kin_words_add(&words, "build");
    kin_words_add_option(&words, "-o", index);
    kin_words_add_option(&words, "--trial", trial);
    add_options(o, &words);
    kin_words_add_option(&words, "--list", o->list);
    if (o->null_separated) kin_words_add(&words, "--null");
    if (o->follow_links) kin_words_add(&words, "--follow-links");
    if (!has_sources(p)) kin_words_add(&words, made);
    if (o->source_count + words.count > KIN_REHEARSAL_WORDS_MAX - 8)
        status =
            kin_fail(error, KIN_LIMIT, "there are %d sources; name at most 100, or --list FILE",
                     o->source_count);
    for (int i = 0; i < o->source_count && status == KIN_OK; i++)
        kin_words_add(&words, o->sources[i]);
    if (status == KIN_OK) status = rehearse(p, &words, index, report, error);
    kin_words_fini(&words);
    free(index);
    free(made);
    return status;
}

/* Whether learning takes a part that does not depend on the sample and one that grows with it; else
 * it is steps, which all are of the sample. */
static bool solves(const char *hasher)
{
    static const char *const methods[] = {"itq", "lsh", "pcah", "sh"};
    if (hasher == NULL) return true;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(hasher, methods[i]) == 0) return true;
    return false;
}

/* Learning from so many random vectors, in so many passes where it is told (0: it is not); *seconds
 * of it. */
static kin_status try_learning(kin_planning *p, uint64_t count, uint32_t dimensions,
                               unsigned epochs, double *seconds, kin_error *error)
{
    const kin_plan_options *o = p->options;
    char number[24];
    kin_status status = kin_planning_scratch(p, "learning", error);
    if (status != KIN_OK) return status;
    char *folder = kin_path_join(p->scratch, "learning");
    char *vectors = kin_path_join(folder, "vectors.npy");
    char *hasher = kin_path_join(folder, "hasher.kin");
    kin_words words = {0};
    kin_figures report = {0};
    status = kin_directory_make(folder, error);
    if (status == KIN_OK) status = kin_measure_vectors(vectors, count, dimensions, error);
    snprintf(number, sizeof number, "%lld", (long long)o->bits);
    kin_words_add(&words, "train");
    kin_words_add_option(&words, "-o", hasher);
    kin_words_add_option(&words, "--hasher", o->hasher);
    kin_words_add_option(&words, "--bits", number);
    snprintf(number, sizeof number, "%u", epochs);
    kin_words_add_option(&words, "--epochs", epochs > 0 ? number : NULL);
    kin_words_add(&words, vectors);
    if (status == KIN_OK) status = rehearse(p, &words, folder, &report, error);
    *seconds = kin_figures_get_in(&report, "fact.seconds", "learn", 0);
    kin_figures_fini(&report);
    kin_words_fini(&words);
    free(folder);
    free(vectors);
    free(hasher);
    return status;
}

/* Seconds of one rank for one of each, under a prefix; general: of any pictures by these features.
 */
static void take_rates(kin_planning *p, const char *prefix, const kin_figures *report, bool general)
{
    kin_figures *rates = &p->rates;
    double ranks = kin_figures_get_in(report, "job", "ranks", 1);
    double inputs = kin_figures_get_in(report, "job", "inputs", 1);
    double indexed = kin_figures_get_in(report, "job", "indexed", 1);
    double bytes = kin_figures_get_in(report, "job", "file_bytes", 1);
    const struct {
        const char *name;
        double of;
    } stages[] = {
        {"read", bytes},
        {"decode", inputs},
        {"features", indexed},
        {"write", kin_figures_get_in(report, "job", "chunks", 1)},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        double seconds = kin_figures_get_in(report, "fact.seconds", stages[i].name, 0) * ranks;
        bool by_bytes = general && strcmp(stages[i].name, "decode") == 0;
        kin_figures_set_in(rates, prefix, by_bytes ? "decode_byte" : stages[i].name,
                           seconds / (by_bytes ? bytes : stages[i].of));
    }
    double all = kin_figures_get_in(report, "job", "all_inputs", 1);
    double list = kin_figures_get_in(report, "fact.seconds", "list", 0) / all;
    kin_figures_set_in(rates, prefix, "list", all < LISTED_MIN ? LIST_SECONDS : list);
    kin_figures_set_in(rates, prefix, "fixed",
                       kin_figures_get_in(report, "fact.seconds", "publish", 0));
    kin_figures_set_in(rates, prefix, "disk", p->disk_write_s);
    kin_figures_set_in(rates, prefix, "indexed", indexed / inputs);
    kin_figures_set_in(rates, prefix, "thumbnail_bytes",
                       kin_figures_get_in(report, "job", "thumbnail_bytes", 0) / indexed);
    static const char *const same[] = {"dimensions",    "centred",    "learns",      "other_bytes",
                                       "network_bytes", "base_bytes", "parts_bytes", "learn_bytes"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        kin_figures_set_in(rates, prefix, same[i], kin_figures_get_in(report, "job", same[i], 0));
    if (kin_figures_get_in(report, "job", "learns", 0) > 0 && !solves(p->options->hasher))
        kin_figures_set_in(rates, prefix, "checkpoint_bytes",
                           CHECKPOINT_COPIES *
                               (kin_figures_get_in(report, "job", "other_bytes", 0) -
                                kin_figures_get_in(report, "job", "network_bytes", 0)));
    kin_planning_stamp(p, prefix);
}

static void take_learning(kin_planning *p, const char *prefix, const learning *l)
{
    char learn[KIN_FIGURE_NAME_BYTES];
    snprintf(learn, sizeof learn, "learn.%.80s", prefix);
    kin_figures_set_in(&p->rates, learn, "each", l->each > 0 ? l->each : 0);
    kin_figures_set_in(&p->rates, learn, "fixed", l->fixed > 0 ? l->fixed : 0);
    kin_figures_set_in(&p->rates, learn, "step", l->step);
    kin_figures_set_in(&p->rates, learn, "anchor", l->anchor);
}

/* neighbour: full batches of three short trainings, and the small ones of the trial's pictures. */
static kin_status learn_neighbours(kin_planning *p, uint32_t dimensions, double pictures,
                                   double taken, learning *l, kin_error *error)
{
    double once = 0, often = 0, twice = 0, full = KIN_PLAN_NEIGHBOUR_BATCH;
    kin_status status = try_learning(p, LEARN_VECTORS, dimensions, 1, &once, error);
    if (status == KIN_OK)
        status = try_learning(p, LEARN_VECTORS, dimensions, LEARN_EPOCHS, &often, error);
    if (status == KIN_OK) status = try_learning(p, 2 * LEARN_VECTORS, dimensions, 1, &twice, error);
    double pass = LEARN_VECTORS / full, small = kin_plan_neighbour_batch((uint64_t)pictures);
    double batch = fmax(0, (often - once) / (pass * (LEARN_EPOCHS - 1)));
    l->each = fmax(0, (twice - once - pass * batch) / LEARN_VECTORS);
    l->fixed = fmax(0, once - pass * batch - l->each * LEARN_VECTORS);
    double part = (taken - l->fixed - l->each * pictures) /
                  kin_plan_neighbour_steps((uint64_t)pictures); /* a small batch */
    if (part > batch) part = batch;
    if (part < batch * small / full) part = batch * small / full;
    l->anchor = small < full ? (batch - part) / (full - small) : batch / full;
    l->step = batch - l->anchor * full;
    return status;
}

/* Of what each method's time is made; taken: of the trial's pictures. */
static kin_status learn_model(kin_planning *p, uint32_t dimensions, double pictures, double taken,
                              learning *l, kin_error *error)
{
    const char *hasher = p->options->hasher;
    *l = (learning){.each = taken / pictures};
    if (hasher != NULL && strcmp(hasher, NEIGHBOUR) == 0)
        return learn_neighbours(p, dimensions, pictures, taken, l, error);
    if (!solves(hasher)) return KIN_OK;
    double more = 0;
    kin_status status = try_learning(p, LEARN_VECTORS, dimensions, 0, &more, error);
    l->each = more > taken ? (more - taken) / (LEARN_VECTORS - pictures) : 0;
    l->fixed = taken - l->each * pictures;
    return status;
}

/* The seconds of learning, without those of the mean that comes first. */
static double learned_s(const kin_figures *report)
{
    double inputs = kin_figures_get_in(report, "job", "inputs", 1);
    double centred = kin_figures_get_in(report, "job", "centred", 0);
    double of_all = kin_figures_get_in(report, "fact.seconds", "decode", 0) +
                    kin_figures_get_in(report, "fact.seconds", "features", 0);
    double seconds = kin_figures_get_in(report, "fact.seconds", "learn", 0);
    if (centred > 0) seconds -= of_all * (centred < inputs ? centred / inputs : 1);
    return seconds > 0 ? seconds : 0;
}

/* prefix: of made-up pictures; of sources, what the report names is filled in. */
static kin_status take_report(kin_planning *p, const kin_figures *report, char *prefix,
                              kin_error *error)
{
    learning learned = {0};
    kin_status status = KIN_OK;
    if (kin_figures_get_in(report, "job", "learns", 0) > 0)
        status = learn_model(p, (uint32_t)kin_figures_get_in(report, "job", "dimensions", 1),
                             kin_figures_get_in(report, "job", "indexed", 1), learned_s(report),
                             &learned, error);
    if (status != KIN_OK) return status;
    for (uint32_t i = 0; i < report->count; i++) {
        const char *name = report->items[i].name, *mark = "name.";
        if (strncmp(name, mark, strlen(mark)) != 0) continue;
        name += strlen(mark);
        bool general = strncmp(name, "features-", 9) == 0;
        if (!general && !has_sources(p)) continue; /* of a folder that is gone */
        char own[KIN_FIGURE_NAME_BYTES];
        snprintf(own, sizeof own, "%.80s.r%u", name, (unsigned)p->local);
        take_rates(p, own, report, general);
        take_learning(p, own, &learned);
        if (!general) memcpy(prefix, own, sizeof own);
    }
    if (has_sources(p)) return KIN_OK;
    take_rates(p, prefix, report, false);
    take_learning(p, prefix, &learned);
    return KIN_OK;
}

static void collect_facts(kin_planning *p, const char *prefix, const kin_figures *report)
{
    const kin_plan_options *o = p->options;
    const kin_figures *rates = &p->rates;
    double all = kin_figures_get_in(report, "job", "all_inputs", 0);
    double inputs = o->pictures > 0 ? (double)o->pictures : all;
    double key = KEY_BYTES, text = KEY_BYTES + 1, bytes = (double)o->average_bytes;
    if (has_sources(p) && all > 0) {
        key = kin_figures_get_in(report, "job", "all_key_bytes", 0) / all;
        text = kin_figures_get_in(report, "job", "all_text_bytes", 0) / all;
        bytes = kin_figures_get_in(report, "job", "all_file_bytes", 0) / all;
    }
    p->build = (kin_build_facts){
        .inputs = (uint64_t)inputs,
        .picture_bytes = (uint64_t)(inputs * bytes),
        .text_bytes = (uint64_t)(inputs * text),
        .key_bytes = (uint64_t)(inputs * key),
        .indexed = kin_figures_get_in(rates, prefix, "indexed", 1),
        .dimensions = (uint32_t)kin_figures_get_in(rates, prefix, "dimensions", 1),
        .bits = kin_stored_bits((unsigned)o->bits),
        .sample = sample_of(o),
        .learns = kin_figures_get_in(rates, prefix, "learns", 1) > 0,
        .keep_features = o->keep_features,
        .value_dimensions = o->rerank ? (uint32_t)o->bits : 0,
        .centred = (uint32_t)kin_figures_get_in(rates, prefix, "centred", 0),
        .ranks = (uint32_t)o->ranks,
        .nodes = (uint32_t)o->nodes,
        .cores = (uint32_t)o->cores,
        .shards = (uint32_t)o->shards,
        .thumbnail_bytes = kin_figures_get_in(rates, prefix, "thumbnail_bytes", 0),
        .other_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "other_bytes", 0),
        .network_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "network_bytes", 0),
        .base_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "base_bytes", 0),
        .parts_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "parts_bytes", 0),
        .learn_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "learn_bytes", 0),
        .checkpoint_bytes = (uint64_t)kin_figures_get_in(rates, prefix, "checkpoint_bytes", 0)};
}

kin_status kin_planning_build(kin_planning *p, kin_error *error)
{
    char prefix[KIN_FIGURE_NAME_BYTES] = "";
    kin_figures report = {0};
    kin_status status = KIN_OK;
    if (!has_sources(p)) made_prefix(p, prefix);
    if (has_sources(p) || !kin_planning_knows(p, prefix)) {
        status = try_build(p, &report, error);
        if (status == KIN_OK) status = take_report(p, &report, prefix, error);
    }
    if (status == KIN_OK) {
        collect_facts(p, prefix, &report);
        kin_plan_build(&p->plan, &p->build, &p->rates, prefix);
        p->codes = (uint64_t)((double)p->build.inputs * p->build.indexed);
        if (p->codes == 0) p->codes = 1;
        p->shards = p->build.shards > 0 ? p->build.shards : kin_plan_shards(p->codes);
        p->tables = kin_shard_tables_auto(p->codes / p->shards + 1, p->build.bits, 0);
    }
    kin_figures_fini(&report);
    return status;
}
