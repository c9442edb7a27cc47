#include "worker/index/publish.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "proto/ledger.h"
#include "worker/index/build_report.h"
#include "worker/index/code_health.h"
#include "worker/index/collect.h"
#include "worker/index/exchange.h"
#include "worker/index/part_file.h"
#include "worker/index/summary.h"

#define GENERATION_FOLDER "generation"

static void root_check(kin_build_state *build, kin_status status, const kin_error *error)
{
    if (status != KIN_OK) kin_comm_fail(build->comm, error);
}

/* The ledger lists rejected inputs in order of id: the chunks that have some, in order. */
static void build_ledger(kin_build_state *build, const kin_collected *collected, kin_buffer *out)
{
    const kin_building *building = &build->building;
    kin_ledger_builder builder = {0};
    for (uint64_t c = 0; c < building->chunk_count; c++) {
        kin_part_file file;
        kin_error error;
        if (collected->chunk_rejected[c] == 0) continue;
        root_check(build, kin_part_file_open(&file, building, c, &error), &error);
        for (uint32_t i = 0; i < file.part.head.count; i++) {
            kin_part_row row = kin_part_get(&file.part, i);
            if (row.reason == KIN_REASON_NONE) continue;
            uint64_t id = file.part.head.first_id + i;
            kin_list_row input = kin_list_get(&building->list, id);
            kin_ledger_row rejected = {.id = id,
                                       .reason = row.reason,
                                       .key = input.key,
                                       .key_bytes = input.key_bytes,
                                       .detail = row.detail,
                                       .detail_bytes = row.detail_bytes};
            kin_ledger_builder_add(&builder, &rejected);
        }
        kin_part_file_close(&file);
        kin_comm_tick(build->comm);
    }
    kin_ledger_builder_finish(&builder, out);
    kin_ledger_builder_fini(&builder);
}

/* At least as many shards as asked for or as is usual, and more for large collections. */
static uint32_t shards_wanted(const kin_build_state *build, uint64_t indexed)
{
    if (build->options->shards > 0) return build->options->shards;
    return kin_plan_shards(indexed);
}

static void describe_build(const kin_build_state *build, const kin_collected *collected,
                           kin_manifest *manifest)
{
    const kin_build_options *options = build->options;
    manifest->bits = options->bits;
    snprintf(manifest->features, sizeof manifest->features, "%s",
             kin_features_name(build->features));
    snprintf(manifest->hasher, sizeof manifest->hasher, "%s",
             kin_hasher_options_method(&options->hasher));
    snprintf(manifest->decoder, sizeof manifest->decoder, "%s", build->decoder_name);
    manifest->dimensions = kin_features_dimensions(build->features);
    manifest->seed = (uint64_t)options->hasher.seed;
    manifest->training_pictures = build->sampled_pictures;
    manifest->fingerprint = kin_encoder_fingerprint(build->encoder);
    manifest->thumbnail_side = build->thumbnail_side;
    if (options->rerank)
        manifest->value_dimensions = kin_hasher_bits(kin_encoder_hasher(build->encoder));
    manifest->inputs = build->building.list.count;
    manifest->indexed = collected->indexed;
    memcpy(manifest->rejected, collected->rejected, sizeof manifest->rejected);
    manifest->links_not_followed = build->building.list.links_not_followed;
    manifest->picture_bytes = build->kept != NULL
                                  ? kin_kept_index_manifest(build->kept)->picture_bytes
                                  : collected->picture_bytes;
    kin_health_summarize(collected->pairs, manifest);
}

static void describe_shards(const kin_split *splits, const kin_exchange_shard *shards,
                            uint32_t count, kin_manifest *manifest)
{
    manifest->shard_count = count;
    manifest->shards = kin_calloc(count, sizeof *manifest->shards);
    for (uint32_t s = 0; s < count; s++) {
        kin_manifest_shard *shard = &manifest->shards[s];
        kin_exchange_file_name(s, shard->file);
        shard->first = splits[s].first;
        shard->last = splits[s].last;
        shard->count = splits[s].count;
        shard->bytes = shards[s].file.bytes;
        shard->digest = shards[s].file.digest;
        manifest->distinct_codes += shards[s].distinct_codes;
        if (shards[s].largest_bucket > manifest->largest_bucket)
            manifest->largest_bucket = shards[s].largest_bucket;
    }
}

static void write_into(kin_build_state *build, const char *folder, const char *name,
                       const kin_buffer *bytes)
{
    kin_error error;
    char *path = kin_path_join(folder, name);
    root_check(build, kin_file_write_atomic(path, bytes->data, bytes->bytes, &error), &error);
    free(path);
}

kin_status kin_publish_place(const kin_building *building, const char *folder, kin_error *error)
{
    char *place = kin_path_join(building->index_path, building->generation);
    kin_status status = kin_directory_sync(folder, error);
    if (status == KIN_OK && rename(folder, place) != 0)
        status =
            kin_fail(error, KIN_IO, "cannot rename %s to %s: %s", folder, place, strerror(errno));
    if (status == KIN_OK) status = kin_directory_sync(building->index_path, error);
    free(place);
    return status;
}

/* Rank 0: what a generation holds besides its shards, and its name. */
static void complete(kin_build_state *build, const char *folder, const kin_buffer *ledger,
                     const kin_manifest *manifest)
{
    kin_error error;
    kin_buffer encoder = {0}, bytes = {0};
    char *encoder_path = kin_building_path(&build->building, KIN_ENCODER_FILE);
    root_check(build, kin_file_read(encoder_path, SIZE_MAX, &encoder, &error), &error);
    kin_manifest_build(manifest, &bytes);
    write_into(build, folder, KIN_ENCODER_FILE, &encoder);
    write_into(build, folder, KIN_LEDGER_FILE, ledger);
    if (build->network.bytes > 0) write_into(build, folder, KIN_NETWORK_FILE, &build->network);
    write_into(build, folder, KIN_MANIFEST_FILE, &bytes);
    kin_build_report_disk(build);
    root_check(build, kin_publish_place(&build->building, folder, &error), &error);
    kin_buffer_fini(&bytes);
    free(encoder_path);
    kin_buffer_fini(&encoder);
}

/* Rank 0: an empty folder, and the ledger, whatever comes of the shards. */
static void prepare(kin_build_state *build, const kin_collected *collected, const char *folder,
                    kin_buffer *ledger)
{
    kin_error error;
    root_check(build, kin_directory_remove(folder, &error), &error);
    root_check(build, kin_directory_make(folder, &error), &error);
    build_ledger(build, collected, ledger);
}

/* There is nothing to go on with: the next run may look at the sources anew. */
static void refuse_empty(kin_build_state *build, const kin_collected *collected)
{
    kin_error error;
    uint64_t inputs = build->building.list.count;
    kin_comm_barrier(build->comm); /* nobody reads parts any more */
    if (kin_comm_rank(build->comm) == 0) {
        kin_summary_rejected(inputs, collected->rejected);
        root_check(build, kin_building_remove(&build->building, &error), &error);
    }
    (void)kin_fail(&error, KIN_BAD_INPUT,
                   "none of the %llu inputs is a picture that can be indexed, so there is no new "
                   "index; name other sources",
                   (unsigned long long)inputs);
    kin_comm_fail_together(build->comm, &error);
}

void kin_publish_generation(kin_build_state *build, kin_manifest *manifest)
{
    bool root = kin_comm_rank(build->comm) == 0;
    kin_collected collected;
    kin_collect(build, &collected);
    if (collected.indexed == 0) refuse_empty(build, &collected);
    char *folder = kin_building_path(&build->building, GENERATION_FOLDER);
    kin_buffer ledger = {0};
    if (root) prepare(build, &collected, folder, &ledger);
    uint32_t wanted = shards_wanted(build, collected.indexed);
    kin_split *splits = kin_calloc(wanted, sizeof *splits);
    kin_exchange_shard *shards = kin_calloc(wanted, sizeof *shards);
    /* The sums within are also the sign for all ranks that the folder is there. */
    uint32_t count = kin_exchange_split(build, &collected.rows, collected.indexed, wanted, splits);
    kin_comm_barrier(build->comm);
    kin_exchange_write(build, &collected.rows, splits, count, folder, shards);
    if (root) {
        if (count < wanted)
            kin_log(KIN_LOG_INFO,
                    "%u shards, not %u: so many pictures share a code that there is nowhere else "
                    "to cut",
                    (unsigned)count, (unsigned)wanted);
        describe_build(build, &collected, manifest);
        describe_shards(splits, shards, count, manifest);
        manifest->ledger = kin_container_digest(ledger.data);
        complete(build, folder, &ledger, manifest);
    }
    free(shards);
    free(splits);
    kin_buffer_fini(&ledger);
    free(folder);
    kin_collected_fini(&collected);
}

static int descending(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* Removes all but the `keep` newest generations; the current one, which is among them, stays in
 * any case. */
static kin_status remove_old(const char *index_path, const char *current, uint32_t keep,
                             kin_error *error)
{
    unsigned *numbers = NULL;
    size_t count = 0;
    DIR *folder = opendir(index_path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        unsigned number = kin_generation_number(entry->d_name);
        if (number == 0) continue;
        numbers = kin_realloc(numbers, count + 1, sizeof *numbers);
        numbers[count++] = number;
    }
    if (folder != NULL) closedir(folder);
    if (count > 0) qsort(numbers, count, sizeof *numbers, descending);
    kin_status status = KIN_OK;
    for (size_t i = keep; i < count && status == KIN_OK; i++) {
        char name[KIN_GENERATION_NAME_BYTES];
        kin_generation_name(numbers[i], name);
        if (strcmp(name, current) == 0) continue;
        char *path = kin_path_join(index_path, name);
        status = kin_directory_remove(path, error);
        free(path);
    }
    free(numbers);
    return status;
}

kin_status kin_publish_finish(kin_building *building, uint32_t keep, kin_error *error)
{
    char *path = kin_path_join(building->index_path, KIN_CURRENT_FILE);
    char *line = kin_sprintf("%s\n", building->generation);
    kin_status status = kin_file_write_atomic(path, line, strlen(line), error);
    free(line);
    free(path);
    if (status == KIN_OK && keep > 0)
        status = remove_old(building->index_path, building->generation, keep, error);
    if (status == KIN_OK) status = kin_building_remove(building, error);
    return status;
}
