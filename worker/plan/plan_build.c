#include "worker/plan/plan_build.h"

#include <stdio.h>

#include "common/base/limits.h"
#include "proto/container_joint.h"
#include "proto/list_format.h"
#include "proto/part_format.h"
#include "worker/plan/rates.h"
#include "worker/shard/shard_share.h"

/* Of one input while it is listed (inputs.c); the texts grow by doubling, and then are copied. */
#define LISTED_BYTES 80
#define TEXT_COPIES 3
/* Buffers of an exchange that are touched however few rows there are. */
#define ROUND_BYTES ((uint64_t)16 << 20)
/* A manifest and a ledger without rejected inputs: one block each, about. */
#define SMALL_FILES_BYTES ((uint64_t)8 << 10)
/* JPEG's tables; three quarters of a square, at 0.2 bytes a pixel. */
#define THUMBNAIL_HEAD_BYTES 620
#define THUMBNAIL_PIXEL_BYTES 0.15
/* A row, from the part to the shard: sorted twice, sent, written. Measured on one core at 64 bits:
 * 0.8 to 1.5 microseconds. */
#define ROW_SECONDS 1.2e-6
/* And with a thumbnail, which is looked for in its part, and checked: 7 to 26 microseconds. */
#define THUMBNAIL_SECONDS 16e-6
/* A weight of a hasher: a trial is too small to show it. */
#define WEIGHT_SECONDS 1e-10

/* How neighbour learns where nobody says otherwise (worker/train/neighbour.c): batches of an eighth
 * of the sample, up to so many pictures; so many batches at least, or passes over the sample. */
#define NEIGHBOUR_BATCH_MIN 16.0
#define NEIGHBOUR_STEPS 400.0
#define NEIGHBOUR_PASSES 3.0
/* Learning that takes less leaves no checkpoint (worker/train/keeper.c). */
#define CHECKPOINT_SECONDS 10

double kin_plan_neighbour_batch(uint64_t sample)
{
    double batch = (double)sample / 8;
    if (batch < NEIGHBOUR_BATCH_MIN) batch = NEIGHBOUR_BATCH_MIN;
    return batch < KIN_PLAN_NEIGHBOUR_BATCH ? batch : KIN_PLAN_NEIGHBOUR_BATCH;
}

double kin_plan_neighbour_steps(uint64_t sample)
{
    double steps = NEIGHBOUR_PASSES * (double)sample / kin_plan_neighbour_batch(sample);
    return steps < NEIGHBOUR_STEPS ? NEIGHBOUR_STEPS : steps;
}

/* Learning alone. rates: learn.PREFIX's. */
static double learning_s(uint64_t sample, const kin_figures *rates, const char *learn)
{
    double step = kin_figures_get_in(rates, learn, "step", 0) +
                  kin_figures_get_in(rates, learn, "anchor", 0) * kin_plan_neighbour_batch(sample);
    return kin_figures_get_in(rates, learn, "fixed", 0) +
           kin_figures_get_in(rates, learn, "each", 0) * (double)sample +
           step * kin_plan_neighbour_steps(sample);
}

uint32_t kin_plan_chunk_pictures(uint64_t inputs)
{
    uint32_t pictures = KIN_CHUNK_PICTURES;
    while (pictures < KIN_CHUNK_PICTURES_MAX && inputs / pictures >= KIN_CHUNKS_DESIRED)
        pictures *= 2;
    return pictures;
}

uint64_t kin_plan_chunks(uint64_t inputs)
{
    uint32_t pictures = kin_plan_chunk_pictures(inputs);
    return (inputs + pictures - 1) / pictures;
}

uint32_t kin_plan_shards(uint64_t indexed)
{
    uint64_t shards = (indexed + KIN_SHARD_PICTURES_DEFAULT - 1) / KIN_SHARD_PICTURES_DEFAULT;
    if (shards < KIN_SHARDS_DEFAULT) shards = KIN_SHARDS_DEFAULT;
    return shards > KIN_SHARDS_MAX ? KIN_SHARDS_MAX : (uint32_t)shards;
}

double kin_plan_thumbnail_bytes(uint32_t side)
{
    return THUMBNAIL_HEAD_BYTES + THUMBNAIL_PIXEL_BYTES * side * side;
}

uint64_t kin_plan_list_memory(uint64_t inputs, uint64_t text_bytes)
{
    return inputs * LISTED_BYTES + TEXT_COPIES * text_bytes;
}

uint64_t kin_plan_exchange_memory(const kin_build_facts *facts)
{
    uint64_t row_bytes = facts->bits / 8 + sizeof(uint64_t);
    uint64_t shards = facts->shards > 0 ? facts->shards : kin_plan_shards(facts->inputs);
    uint64_t own = facts->inputs / facts->ranks + kin_plan_chunk_pictures(facts->inputs);
    uint64_t shard = (facts->inputs + shards - 1) / shards * row_bytes, round = own * row_bytes;
    if (round > ROUND_BYTES) round = ROUND_BYTES;
    /* Own rows and, while they are sorted, a copy; then those of a shard and what they become. */
    uint64_t sorting = 2 * own * row_bytes, writing = own * row_bytes + 2 * round + 3 * shard;
    return sorting > writing ? sorting : writing;
}

uint64_t kin_plan_shard_bytes(const kin_plan_shape *shape)
{
    uint64_t bytes = 0, shards = shape->shards;
    for (uint32_t s = 0; s < shards; s++) {
        kin_shard_outline outline;
        kin_shard_facts facts = {
            .number = s,
            .bits = shape->bits,
            .count = shape->count / shards + (s < shape->count % shards),
            .id_max = shape->id_max,
            .tables = shape->tables,
            .value_dimensions = shape->value_dimensions,
            .keys = {shape->key_bytes > 0, shape->key_bytes / shards},
            .thumbnails = {shape->thumbnail_bytes > 0, shape->thumbnail_bytes / shards}};
        if (facts.tables == 0) facts.tables = kin_shard_tables_auto(facts.count, facts.bits, 0);
        kin_shard_outline_make(&outline, &facts);
        bytes += outline.file.bytes;
    }
    return bytes;
}

static uint64_t sampled(const kin_build_facts *facts)
{
    uint64_t chunk = kin_plan_chunk_pictures(facts->inputs);
    uint64_t pictures = (facts->sample + chunk - 1) / chunk * chunk;
    if (!facts->learns) return 0;
    return pictures < facts->inputs ? pictures : facts->inputs;
}

/* Parts of all chunks, those of the sample with vectors. */
static uint64_t parts_bytes(const kin_build_facts *facts)
{
    uint64_t chunks = kin_plan_chunks(facts->inputs), bytes = 0;
    uint32_t pictures = kin_plan_chunk_pictures(facts->inputs);
    uint64_t with_vectors =
        facts->keep_features ? chunks : (sampled(facts) + pictures - 1) / pictures;
    for (int vectors = 0; vectors < 2; vectors++) {
        uint64_t count = vectors ? with_vectors : chunks - with_vectors;
        kin_part_head head = {.count = pictures,
                              .kind = vectors ? KIN_PART_VECTORS : KIN_PART_CODES,
                              .width = vectors ? facts->dimensions : facts->bits};
        if (!vectors && facts->value_dimensions > 0) {
            head.kind = KIN_PART_VALUES;
            head.width = facts->value_dimensions;
        }
        if (chunks == 1) head.count = (uint32_t)facts->inputs;
        double indexed = head.count * facts->indexed;
        bytes += count * kin_part_file_bytes(&head, (uint64_t)indexed,
                                             (uint64_t)(indexed * facts->thumbnail_bytes));
    }
    return bytes;
}

static void plan_bytes(kin_plan *plan, const kin_build_facts *facts)
{
    uint64_t indexed = (uint64_t)((double)facts->inputs * facts->indexed);
    uint32_t shards = facts->shards > 0 ? facts->shards : kin_plan_shards(indexed);
    uint64_t thumbnails = (uint64_t)((double)indexed * facts->thumbnail_bytes);
    uint64_t keys = (uint64_t)((double)facts->key_bytes * facts->indexed);
    plan->disk_bytes =
        facts->other_bytes + SMALL_FILES_BYTES +
        kin_plan_shard_bytes(&(kin_plan_shape){.count = indexed,
                                               .id_max = facts->inputs,
                                               .bits = facts->bits,
                                               .shards = shards,
                                               .value_dimensions = facts->value_dimensions,
                                               .key_bytes = keys,
                                               .thumbnail_bytes = thumbnails});
    if (facts->keep_features)
        plan->disk_bytes += indexed * facts->dimensions * sizeof(float) + shards * 128;
    /* What was learned is there twice: the hasher, and a network whose means were. */
    uint64_t learned = facts->other_bytes - (facts->centred > 0 ? 0 : facts->network_bytes);
    plan->disk_peak_bytes = plan->disk_bytes + parts_bytes(facts) + learned +
                            facts->checkpoint_bytes +
                            kin_list_file_bytes(facts->inputs, facts->text_bytes);
    uint64_t exchange = kin_plan_exchange_memory(facts);
    uint64_t list = kin_plan_list_memory(facts->inputs, facts->text_bytes);
    uint64_t most = facts->learn_bytes > exchange ? facts->learn_bytes : exchange;
    most += facts->parts_bytes;
    plan->memory_bytes = facts->base_bytes + (most > list ? most : list);
}

void kin_plan_build(kin_plan *plan, const kin_build_facts *facts, const kin_figures *rates,
                    const char *prefix)
{
    *plan = (kin_plan){0};
    plan_bytes(plan, facts);
    plan->measured_s = kin_rates_made(rates, prefix);
    plan->timed = plan->measured_s > 0;
    if (!plan->timed) return;
    char learn[KIN_FIGURE_NAME_BYTES];
    snprintf(learn, sizeof learn, "learn.%s", prefix);
    double parallel = kin_plan_parallel(facts->ranks, facts->nodes, facts->cores);
    double inputs = (double)facts->inputs, pictures = inputs * facts->indexed;
    double of_byte = kin_figures_get_in(rates, prefix, "decode_byte", 0);
    double decode = kin_figures_get_in(
        rates, prefix, "decode", inputs > 0 ? of_byte * (double)facts->picture_bytes / inputs : 0);
    double features = kin_figures_get_in(rates, prefix, "features", 0);
    double learning = learning_s(sampled(facts), rates, learn);
    if (learning < CHECKPOINT_SECONDS) plan->disk_peak_bytes -= facts->checkpoint_bytes;
    double centred = facts->centred < inputs ? facts->centred : inputs;
    double row = ROW_SECONDS + (facts->thumbnail_bytes > 0 ? THUMBNAIL_SECONDS : 0);
    double disk_write = kin_figures_get_in(rates, prefix, "disk", 0);
    kin_plan_add(plan, "list", inputs * kin_figures_get_in(rates, prefix, "list", 0));
    kin_plan_add(plan, "learn",
                 (facts->learns ? learning : 0) + centred * (decode + features) / parallel);
    kin_plan_add(plan, "read",
                 (double)facts->picture_bytes * kin_figures_get_in(rates, prefix, "read", 0) /
                     parallel);
    kin_plan_add(plan, "decode", inputs * decode / parallel);
    kin_plan_add(plan, "features", pictures * features / parallel);
    double hash = (double)facts->dimensions * facts->bits * WEIGHT_SECONDS;
    kin_plan_add(plan, "hash", (pictures - (double)sampled(facts)) * hash / parallel);
    kin_plan_add(plan, "write",
                 (double)kin_plan_chunks(facts->inputs) *
                     kin_figures_get_in(rates, prefix, "write", 0) / parallel);
    kin_plan_add(plan, "publish",
                 kin_figures_get_in(rates, prefix, "fixed", 0) + pictures * row / parallel +
                     (double)plan->disk_bytes * disk_write);
}
