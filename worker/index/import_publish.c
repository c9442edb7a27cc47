#include "worker/index/import_publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "proto/ledger.h"
#include "proto/task_format.h"
#include "worker/encode/features.h"
#include "worker/index/code_health.h"
#include "worker/index/exchange.h"
#include "worker/index/import_write.h"
#include "worker/index/publish.h"
#include "worker/index/report.h"

/* Whoever made the codes has not said how, nor of what. */
#define GIVEN "given"
#define NONE "none"

/* What is known of a shard file's blocks. */
typedef struct blocks {
    uint64_t *checksums;
    uint8_t *known;
} blocks;

/* Takes what a task's record says: sums, and the blocks of the shards that this rank completes. */
static void take_record(kin_import_state *import, uint32_t number, blocks *shards)
{
    kin_error error;
    kin_task task;
    kin_mapping mapping;
    char *path = kin_import_record_path(import, number);
    uint32_t ranks = (uint32_t)kin_comm_ranks(import->comm);
    kin_import_check(import, kin_mapping_open(&mapping, path, &error), &error);
    kin_import_check(import, kin_task_parse(&task, mapping.data, mapping.bytes, path, &error),
                     &error);
    import->distinct_codes += task.head.distinct_codes;
    if (task.head.largest_bucket > import->largest_bucket)
        import->largest_bucket = task.head.largest_bucket;
    const uint8_t *checksum = task.checksums;
    for (uint64_t i = 0; i < task.run_count; i++) {
        kin_task_run run = kin_task_run_get(&task, i);
        KIN_CHECK(run.shard < import->plan.shard_count);
        const kin_shard_outline *outline = &import->outlines[run.shard];
        KIN_CHECK(run.first + run.count <= outline->file.block_count);
        blocks *to = &shards[run.shard / ranks];
        if (run.shard % ranks == (uint32_t)kin_comm_rank(import->comm)) {
            memcpy(to->checksums + run.first, checksum, (size_t)run.count * 8);
            memset(to->known + run.first, 1, (size_t)run.count);
        }
        checksum += run.count * 8;
    }
    kin_mapping_close(&mapping);
    free(path);
}

/* written [shard_count] on every rank. */
static void complete_shards(kin_import_state *import, kin_shard_written *written)
{
    const kin_import_plan *plan = &import->plan;
    uint32_t ranks = (uint32_t)kin_comm_ranks(import->comm);
    uint32_t rank = (uint32_t)kin_comm_rank(import->comm);
    uint32_t own = (plan->shard_count + ranks - 1) / ranks;
    blocks *shards = kin_calloc(own, sizeof *shards);
    for (uint32_t s = rank; s < plan->shard_count; s += ranks) {
        uint64_t count = import->outlines[s].file.block_count;
        shards[s / ranks].checksums = kin_calloc(count, sizeof(uint64_t));
        shards[s / ranks].known = kin_calloc(count, 1);
    }
    for (uint32_t t = 0; t < plan->task_count; t++)
        take_record(import, t, shards);
    memset(written, 0, plan->shard_count * sizeof *written);
    for (uint32_t s = rank; s < plan->shard_count; s += ranks) {
        kin_error error;
        char *path = kin_import_shard_path(import, s);
        blocks *own_blocks = &shards[s / ranks];
        kin_import_check(import,
                         kin_shard_outline_complete(&import->outlines[s], path,
                                                    own_blocks->checksums, own_blocks->known,
                                                    kin_import_tick, import, &written[s], &error),
                         &error);
        free(own_blocks->checksums);
        free(own_blocks->known);
        free(path);
    }
    free(shards);
    kin_comm_sum(import->comm, (uint64_t *)(void *)written,
                 plan->shard_count * sizeof *written / sizeof(uint64_t));
}

/* Planes that take code bits for what they are: bit i of the code is number i of the vector. */
static void build_encoder(kin_import_state *import, const char *features, kin_buffer *out)
{
    kin_error error;
    unsigned bits = import->plan.bits;
    kin_encoder_card card = {
        .method = GIVEN, .decoder = NONE, .blas = NONE, .dimensions = bits, .bits = bits};
    card.training_count = 1;
    snprintf(card.features, sizeof card.features, "%s", features);
    float *planes = kin_calloc((size_t)bits * bits, sizeof *planes);
    float *thresholds = kin_calloc(bits, sizeof *thresholds);
    for (unsigned i = 0; i < bits; i++) {
        planes[(size_t)i * bits + i] = 1;
        thresholds[i] = 0.5f;
    }
    kin_import_check(import, kin_encoder_file_build(out, &card, planes, thresholds, &error),
                     &error);
    free(planes);
    free(thresholds);
}

static void describe_shards(const kin_import_state *import, const kin_shard_written *written,
                            kin_manifest *manifest)
{
    const kin_import_plan *plan = &import->plan;
    manifest->shard_count = plan->shard_count;
    manifest->shards = kin_calloc(plan->shard_count, sizeof *manifest->shards);
    for (uint32_t s = 0; s < plan->shard_count; s++) {
        kin_manifest_shard *shard = &manifest->shards[s];
        kin_exchange_file_name(s, shard->file);
        shard->first = plan->shard_first[s];
        shard->last = kin_import_plan_shard_last(plan, s);
        shard->count = plan->shard_rows[s];
        shard->bytes = written[s].bytes;
        shard->digest = written[s].digest;
    }
}

/* Correlations are of the codes that were looked at for them. */
static void describe(const kin_import_state *import, const char *features,
                     const kin_buffer *encoder, const kin_buffer *ledger, kin_manifest *manifest)
{
    manifest->bits = import->plan.bits;
    snprintf(manifest->features, sizeof manifest->features, "%s", features);
    snprintf(manifest->hasher, sizeof manifest->hasher, "%s", GIVEN);
    snprintf(manifest->decoder, sizeof manifest->decoder, "%s", NONE);
    manifest->dimensions = manifest->bits;
    manifest->training_pictures = 1;
    manifest->fingerprint = kin_digest_of(encoder->data, encoder->bytes);
    manifest->ledger = kin_container_digest(ledger->data);
    manifest->indexed = import->pair_rows;
    kin_health_summarize(import->pairs, manifest);
    manifest->inputs = manifest->indexed = import->source.count;
    memcpy(manifest->bit_ones, import->bit_ones, manifest->bits * sizeof *manifest->bit_ones);
    manifest->distinct_codes = import->distinct_codes;
    manifest->largest_bucket = import->largest_bucket;
}

static void write_into(kin_import_state *import, const char *name, const kin_buffer *bytes)
{
    kin_error error;
    char *path = kin_path_join(import->folder, name);
    kin_import_check(import, kin_file_write_atomic(path, bytes->data, bytes->bytes, &error),
                     &error);
    free(path);
}

/* Rank 0. */
static void complete(kin_import_state *import, const kin_shard_written *written,
                     kin_manifest *manifest)
{
    kin_error error;
    kin_buffer encoder = {0}, ledger = {0}, bytes = {0};
    kin_ledger_builder rejected = {0};
    char features[KIN_FEATURES_NAME_BYTES];
    kin_features_codes_name(&import->codes_digest, features);
    build_encoder(import, features, &encoder);
    kin_ledger_builder_finish(&rejected, &ledger);
    kin_ledger_builder_fini(&rejected);
    describe(import, features, &encoder, &ledger, manifest);
    describe_shards(import, written, manifest);
    kin_manifest_build(manifest, &bytes);
    write_into(import, KIN_ENCODER_FILE, &encoder);
    write_into(import, KIN_LEDGER_FILE, &ledger);
    write_into(import, KIN_MANIFEST_FILE, &bytes);
    import->disk_peak_bytes = kin_report_folder_bytes(import->building.folder);
    kin_import_check(import, kin_publish_place(&import->building, import->folder, &error), &error);
    kin_buffer_fini(&encoder);
    kin_buffer_fini(&ledger);
    kin_buffer_fini(&bytes);
}

void kin_import_publish(kin_import_state *import, kin_manifest *manifest)
{
    kin_shard_written *written = kin_calloc(import->plan.shard_count, sizeof *written);
    complete_shards(import, written);
    if (kin_comm_rank(import->comm) == 0) complete(import, written, manifest);
    free(written);
}
