#include "worker/index/build_job.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"
#include "common/base/text.h"
#include "worker/encode/blas.h"
#include "worker/index/build_report.h"
#include "worker/index/centring.h"
#include "worker/index/given_features.h"
#include "worker/index/hasher_output.h"
#include "worker/index/models.h"
#include "worker/index/part_file.h"
#include "worker/index/publish.h"
#include "worker/index/report.h"
#include "worker/index/sampling.h"
#include "worker/index/sources.h"
#include "worker/index/summary.h"

static void tick(void *user)
{
    kin_build_state *build = user;
    kin_comm_tick(build->comm);
}

static void check(kin_build_state *build, kin_status status, const kin_error *error)
{
    if (status != KIN_OK) kin_comm_fail(build->comm, error);
}

/* Said before anything is begun. */
static kin_status check_hasher(const kin_build_state *build, kin_error *error)
{
    uint32_t dimensions = kin_features_dimensions(build->features);
    const kin_hasher_options *hasher = &build->options->hasher;
    if (hasher->file.bytes > 0) /* features that have yet to learn their means change their name */
        return kin_features_want_means(build->features) ? KIN_OK
                                                        : kin_sampling_check_given(build, error);
    if (hasher->bits > dimensions && kin_hasher_options_within_dimensions(hasher))
        return kin_fail(error, KIN_BAD_INPUT,
                        "the features are %u numbers a picture, which cannot give %u bits; take "
                        "fewer bits (--bits), or other features",
                        (unsigned)dimensions, (unsigned)hasher->bits);
    kin_train_options training = kin_hasher_options_training(hasher);
    training.dimensions = dimensions;
    return kin_train_check(&training, error);
}

static kin_status gather_sources(kin_build_state *build, kin_inputs *inputs, kin_error *error)
{
    const kin_build_options *options = build->options;
    if (options->source != KIN_FEATURES_COMPUTED) {
        kin_status given = kin_given_list(build, inputs, error);
        return given == KIN_OK ? check_hasher(build, error) : given;
    }
    char *unpacked = kin_building_path(&build->building, "unpacked");
    kin_sources_options sources = {.follow_links = options->follow_links,
                                   .index_path = options->index_path,
                                   .unpack_folder = unpacked,
                                   .user = build,
                                   .tick = tick};
    kin_status status = KIN_OK;
    for (int i = 0; i < options->source_count && status == KIN_OK; i++)
        status = kin_sources_add(inputs, &sources, options->sources[i], true, error);
    if (status == KIN_OK && options->list_path != NULL)
        status = kin_sources_add_list(inputs, &sources, options->list_path,
                                      options->null_separated ? 0 : '\n', error);
    free(unpacked);
    if (status == KIN_OK && kin_inputs_count(inputs) == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "the sources hold no file at all; name a folder that has pictures");
    return status;
}

/* Rank 0: the list that is there, or a new one. */
static void freeze_list(kin_build_state *build)
{
    kin_error error;
    kin_building *building = &build->building;
    bool found = false;
    check(build, kin_building_lock(building, build->options->index_path, tick, build, &error),
          &error);
    check(build, kin_given_name(build, &error), &error);
    const char *features =
        build->features != NULL ? kin_features_name(build->features) : build->options->features;
    kin_digest digest = kin_build_options_digest(build->options, features);
    if (!build->options->restart)
        check(build, kin_building_find(building, &digest, &found, &error), &error);
    if (found) {
        kin_log(KIN_LOG_INFO, "goes on with the unfinished build in %s", building->folder);
        return;
    }
    check(build, kin_building_wipe(building, &error), &error);
    kin_progress_begin(build->progress, "listing the inputs", 0, 0);
    kin_inputs *inputs = kin_inputs_new();
    kin_buffer list = {0};
    check(build, gather_sources(build, inputs, &error), &error);
    kin_inputs_sort(inputs, build->options->trial, &build->totals);
    kin_inputs_freeze(inputs, &digest, &list);
    check(build, kin_building_begin(building, list.data, list.bytes, &error), &error);
    kin_buffer_fini(&list);
    kin_inputs_destroy(&inputs);
}

/* Whether the chunk's part is there, whole, and of the kind that is wanted. */
static bool part_is_done(const kin_build_state *build, uint64_t chunk)
{
    kin_part_file file;
    if (kin_part_file_open(&file, &build->building, chunk, NULL) != KIN_OK) return false;
    const kin_part_head *head = &file.part.head;
    kin_part_kind kind = kin_build_part_kind(build, chunk);
    const uint32_t widths[] = {[KIN_PART_CODES] = build->options->bits,
                               [KIN_PART_VECTORS] = kin_features_dimensions(build->features),
                               [KIN_PART_VALUES] = (uint32_t)build->options->hasher.bits};
    bool done = head->kind == kind && head->width == widths[kind] &&
                kin_container_check_all(&file.part.container, file.path, NULL) == KIN_OK;
    kin_part_file_close(&file);
    return done;
}

/* done [chunk_count] on every rank; each looks at its share. */
static void find_done_chunks(kin_build_state *build)
{
    uint64_t chunks = build->building.chunk_count;
    uint64_t *done = kin_calloc(chunks, sizeof *done);
    for (uint64_t c = 0; c < chunks; c++) {
        if (!kin_build_owns_chunk(build, c)) continue;
        done[c] = part_is_done(build, c);
        kin_comm_tick(build->comm);
    }
    kin_comm_sum(build->comm, done, chunks);
    for (uint64_t c = 0; c < chunks; c++)
        build->done[c] = done[c] != 0;
    free(done);
}

/* The inputs of the chunks whose part was there when this run began. */
static uint64_t inputs_done(const kin_build_state *build)
{
    uint64_t inputs = 0;
    for (uint64_t c = 0; c < build->building.chunk_count; c++)
        if (build->done[c]) inputs += kin_building_chunk_inputs(&build->building, c);
    return inputs;
}

static void show_progress(void *user)
{
    kin_build_state *build = user;
    uint64_t done, rejected;
    kin_comm_reported(build->comm, &done, &rejected);
    kin_progress_update(build->progress, build->inputs_before + done, rejected);
}

static void begin_progress(kin_build_state *build)
{
    uint64_t done, rejected;
    kin_comm_reported(build->comm, &done, &rejected);
    kin_progress_begin(build->progress, "pictures", build->building.list.count,
                       build->inputs_before + done);
    kin_comm_watch(build->comm, show_progress, build);
}

/* All ranks: makes the parts that are missing of the sampled chunks, or of the others. */
static void make_parts(kin_build_state *build, bool sampled)
{
    uint64_t chunks = build->building.chunk_count, count = 0;
    uint64_t *items = kin_calloc(chunks, sizeof *items);
    for (uint64_t c = 0; c < chunks; c++)
        if (!build->done[c] && (build->sampled[c] != 0) == sampled) items[count++] = c;
    if (build->progress != NULL) begin_progress(build);
    kin_comm_work_begin(build->comm, items, count);
    uint64_t chunk;
    kin_error error;
    while (kin_comm_work_next(build->comm, &chunk)) {
        const kin_encoder *encoder = kin_build_keeps_vectors(build, chunk) ? NULL : build->encoder;
        check(build, kin_chunk_worker_run(build->worker, chunk, encoder, &error), &error);
    }
    kin_comm_barrier(build->comm);
    kin_comm_watch(build->comm, NULL, NULL);
    free(items);
}

/* Rank 0 says what is about to happen. */
static void announce(kin_build_state *build)
{
    char inputs[32], done[32], memory[32];
    uint64_t before = build->inputs_before;
    kin_log(KIN_LOG_INFO, "%s inputs%s%s, %d rank%s; memory: at most %s a rank",
            kin_text_count(build->building.list.count, inputs), before > 0 ? ", done before: " : "",
            before > 0 ? kin_text_count(before, done) : "", kin_comm_ranks(build->comm),
            kin_comm_ranks(build->comm) == 1 ? "" : "s",
            kin_text_bytes(kin_summary_memory_bound(build), memory));
}

/* A hasher that is given needs no sample. */
static void skip_sample(kin_build_state *build)
{
    build->sampled_pictures = build->options->hasher.card.training_count;
    find_done_chunks(build);
    build->inputs_before = inputs_done(build);
    if (build->progress != NULL) announce(build);
}

/* Reads the sample. Where it holds no picture at all, it is made twice as large, which keeps the
 * chunks that it had, until it holds one or is all there is. */
static void read_sample(kin_build_state *build)
{
    const kin_building *building = &build->building;
    uint64_t pictures = build->options->sample_pictures;
    for (;;) {
        kin_sampling_choose(build->sampled, building->chunk_count, building->chunk_pictures,
                            pictures);
        find_done_chunks(build);
        if (pictures == build->options->sample_pictures) {
            build->inputs_before = inputs_done(build);
            if (build->progress != NULL) announce(build);
        }
        make_parts(build, true);
        kin_sampling_count(build);
        if (build->sampled_pictures > 0 || pictures >= building->list.count) return;
        pictures *= 2;
    }
}

/* All ranks together: the sample's parts, and what is learned from them. Means come first. */
static void learn(kin_build_state *build)
{
    uint64_t memory_before = kin_summary_memory_used();
    kin_building *building = &build->building;
    build->sampled = kin_calloc(building->chunk_count, 1);
    build->done = kin_calloc(building->chunk_count, 1);
    build->sample_first = kin_calloc(building->chunk_count + 1, sizeof *build->sample_first);
    kin_build_report_plan(build);
    int64_t learn_ns = kin_clock_ns();
    if (kin_features_want_means(build->features)) kin_centring_learn(build);
    int64_t centring_ns = kin_clock_ns() - learn_ns;
    bool given = build->options->hasher.file.bytes > 0;
    /* A trial is to see what parts take. */
    if (!given && build->options->trial == 0) kin_sampling_reserve(build);
    const kin_feature_table *table = build->table.path != NULL ? &build->table : NULL;
    build->worker =
        kin_chunk_worker_new(&(kin_chunk_sources){.building = building,
                                                  .decoder = build->decoder,
                                                  .features = build->features,
                                                  .kept = build->kept,
                                                  .table = table,
                                                  .thumbnail_side = build->thumbnail_side,
                                                  .rerank = build->options->rerank,
                                                  .comm = build->comm});
    kin_work_times *times = kin_chunk_worker_times(build->worker);
    times->learn_ns += centring_ns;
    if (given)
        skip_sample(build);
    else
        read_sample(build);
    kin_build_report_parts(build, memory_before);
    if (build->sampled_pictures == 0) return; /* there is no picture, which publishing refuses */
    learn_ns = kin_clock_ns();
    kin_sampling_train(build);
    kin_clock_lap(&learn_ns, &times->learn_ns);
}

static void run_stages(kin_build_state *build)
{
    int64_t start_ms = kin_clock_ms();
    kin_manifest manifest = {0};
    learn(build);
    kin_work_times *times = kin_chunk_worker_times(build->worker);
    if (build->sampled_pictures > 0) make_parts(build, false);
    if (build->progress != NULL)
        kin_progress_begin(build->progress, "writing the generation", 0, 0);
    int64_t publish_ns = kin_clock_ns();
    kin_publish_generation(build, &manifest);
    kin_clock_lap(&publish_ns, &times->publish_ns);
    if (build->progress != NULL) kin_progress_clear(build->progress);
    kin_summary_print(build, &manifest, (double)(kin_clock_ms() - start_ms) / 1000);
    kin_manifest_fini(&manifest);
}

static kin_status write_hasher(const kin_build_state *build, kin_error *error)
{
    kin_buffer file = {0};
    char *path = kin_building_path(&build->building, KIN_ENCODER_FILE);
    uint64_t ns = kin_chunk_worker_times(build->worker)->learn_ns;
    kin_status status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &file, error);
    if (status == KIN_OK)
        status =
            kin_hasher_output_write(build->options->hasher_output, &file, (double)ns / 1e9, error);
    kin_buffer_fini(&file);
    free(path);
    return status;
}

/* Learning, and nothing else: train on pictures. */
static void run_training(kin_build_state *build)
{
    kin_error error;
    char count[32], all[32];
    learn(build);
    uint64_t inputs = build->building.list.count;
    if (build->sampled_pictures == 0) {
        (void)kin_fail(&error, KIN_BAD_INPUT, "none of the %llu inputs is a picture",
                       (unsigned long long)inputs);
        kin_comm_fail_together(build->comm, &error);
    }
    if (kin_comm_rank(build->comm) == 0) {
        kin_progress_clear(build->progress);
        kin_log(KIN_LOG_INFO, "learned from %s pictures of %s inputs",
                kin_text_count(build->sampled_pictures, count), kin_text_count(inputs, all));
        kin_report_learned(build->options->report, build->sampled_pictures,
                           (double)kin_chunk_worker_times(build->worker)->learn_ns / 1e9);
        check(build, write_hasher(build, &error), &error);
        check(build, kin_directory_remove(build->options->index_path, &error), &error);
    }
    kin_comm_barrier(build->comm);
}

static void run_job(kin_build_state *build)
{
    kin_error error;
    bool root = kin_comm_rank(build->comm) == 0;
    int64_t list_ns = kin_clock_ns();
    build->base_bytes = kin_summary_memory_used();
    if (root) freeze_list(build);
    kin_comm_barrier(build->comm); /* the list is there */
    kin_clock_lap(&list_ns, &build->list_ns);
    check(build,
          kin_building_open(&build->building, build->options->index_path,
                            kin_comm_rank(build->comm), &error),
          &error);
    if (build->options->hasher_output != NULL) {
        run_training(build);
        return;
    }
    uint64_t published = kin_building_is_published(&build->building);
    kin_comm_broadcast(build->comm, &published, sizeof published);
    if (!published) {
        check(build, kin_given_open(build, &error), &error);
        run_stages(build);
    }
    kin_comm_barrier(build->comm);
    if (root)
        check(build, kin_publish_finish(&build->building, build->options->keep, &error), &error);
    if (root && published)
        kin_log(KIN_LOG_INFO, "%s/%s was complete; it is the current generation now",
                build->options->index_path, build->building.generation);
}

/* What must be there before MPI starts: the decoder forks, and nothing may fork any more then.
 * Every rank opens the models itself. */
static kin_status open_early(kin_build_state *build, bool speaks, kin_error *error)
{
    const kin_build_options *options = build->options;
    kin_decoder_options decoder = KIN_DECODER_OPTIONS_DEFAULT;
    decoder.no_sandbox = options->no_sandbox;
    kin_status status = KIN_OK;
    if (options->source == KIN_FEATURES_COMPUTED || options->thumbnail_side > 0)
        status = kin_decoder_open(&build->decoder, &decoder, error);
    if (status != KIN_OK || options->source != KIN_FEATURES_COMPUTED) return status;
    if (options->models.count == 0) {
        status = kin_features_open(&build->features,
                                   options->features == NULL ? "builtin" : options->features, NULL,
                                   0, error);
        return status == KIN_OK ? check_hasher(build, error) : status;
    }
    status =
        kin_models_gather(&build->network, &options->models, &options->settings, speaks, error);
    if (status == KIN_OK)
        status = kin_features_open_networks(&build->features, build->network.data,
                                            build->network.bytes, "the models", error);
    return status == KIN_OK ? check_hasher(build, error) : status;
}

/* What a hasher that is made for other builds, too, will not do for them. */
static void warn_of_means(const kin_build_state *build)
{
    if (build->options->hasher_output == NULL || !kin_features_want_means(build->features)) return;
    kin_log(KIN_LOG_WARNING,
            "the models are centred by the mean of these pictures: %s will fit builds of the very "
            "same list of pictures, and no others; for one that fits all, take \"centre\" out of "
            "the sidecars",
            build->options->hasher_output);
}

/* Ranks on several machines may see several files under one name. */
static void check_features(kin_build_state *build)
{
    char name[64] = {0};
    const char *own = kin_features_name(build->features);
    memcpy(name, own, strnlen(own, sizeof name - 1));
    kin_comm_broadcast(build->comm, name, sizeof name);
    if (strcmp(name, own) != 0) {
        kin_error error;
        (void)kin_fail(&error, KIN_MISMATCH,
                       "the features are %s here and %s on rank 0: the models are other files, or "
                       "the processors differ",
                       own, name);
        kin_comm_fail(build->comm, &error);
    }
    if (kin_comm_rank(build->comm) != 0 && !kin_features_want_means(build->features))
        kin_buffer_fini(&build->network);
}

int kin_build_run(const kin_build_options *options)
{
    kin_build_state build = {.options = options,
                             .decoder_name = kin_decoder_name(),
                             .thumbnail_side = options->thumbnail_side};
    kin_error error;
    bool speaks = kin_comm_launched_rank() <= 0;
    kin_stop_init();
    kin_blas_init();
    if (open_early(&build, speaks, &error) != KIN_OK) {
        if (speaks) kin_log(KIN_LOG_ERROR, "%s", error.text);
        return error.status == KIN_BAD_INPUT ? 2 : 1;
    }
    build.comm = kin_comm_open();
    if (kin_comm_rank(build.comm) == 0) build.progress = kin_progress_new();
    if (build.features != NULL) check_features(&build);
    if (build.progress != NULL && build.features != NULL) warn_of_means(&build);
    run_job(&build);
    kin_progress_destroy(&build.progress);
    kin_chunk_worker_destroy(&build.worker);
    kin_encoder_close(&build.encoder);
    kin_building_close(&build.building);
    free(build.sampled);
    free(build.sample_first);
    free(build.done);
    kin_comm_close(&build.comm);
    kin_decoder_close(&build.decoder);
    kin_kept_index_close(&build.kept);
    kin_feature_table_close(&build.table);
    kin_features_close(&build.features);
    kin_buffer_fini(&build.network);
    return 0;
}
