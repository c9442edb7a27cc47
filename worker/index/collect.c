#include "worker/index/collect.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/index/code_health.h"
#include "worker/index/part_file.h"

static void tick(void *user)
{
    kin_build_state *build = user;
    kin_comm_tick(build->comm);
}

static void code_of(const kin_build_state *build, const kin_part *part, uint32_t value,
                    float *vector, kin_code *code)
{
    if (part->head.kind != KIN_PART_VECTORS) {
        kin_part_code(part, value, code);
    } else {
        kin_part_vector(part, value, vector);
        kin_encoder_hash(build->encoder, vector, 1, code);
    }
}

/* Adds one part's rows and sums; vector is scratch. */
static void collect_part(kin_build_state *build, const kin_part *part, uint64_t chunk,
                         float *vector, kin_collected *collected)
{
    kin_rows *rows = &collected->rows;
    for (uint32_t i = 0; i < part->head.count; i++) {
        kin_part_row row = kin_part_get(part, i);
        if (row.reason != KIN_REASON_NONE) {
            collected->rejected[row.reason]++;
            collected->chunk_rejected[chunk]++;
            continue;
        }
        kin_code code;
        code_of(build, part, row.value, vector, &code);
        uint64_t *target = rows->data + rows->count++ * (rows->words + 1);
        memcpy(target, code.word, rows->words * sizeof *target);
        target[rows->words] = part->head.first_id + i;
        collected->picture_bytes += row.file_bytes;
    }
}

static void collect_own_chunks(kin_build_state *build, kin_collected *collected)
{
    const kin_building *building = &build->building;
    uint64_t inputs = 0;
    for (uint64_t c = 0; c < building->chunk_count; c++)
        if (kin_build_owns_chunk(build, c)) inputs += kin_building_chunk_inputs(building, c);
    kin_rows_init(&collected->rows, build->options->bits, inputs);
    collected->rows.count = 0; /* there is room for all inputs, and those indexed are counted */
    float *vector = kin_malloc(kin_features_dimensions(build->features) * sizeof *vector);
    for (uint64_t c = 0; c < building->chunk_count; c++) {
        if (!kin_build_owns_chunk(build, c)) continue;
        kin_part_file file;
        kin_error error;
        if (kin_part_file_open(&file, building, c, &error) != KIN_OK)
            kin_comm_fail(build->comm, &error);
        collect_part(build, &file.part, c, vector, collected);
        kin_part_file_close(&file);
        kin_comm_tick(build->comm);
    }
    free(vector);
}

void kin_collect(kin_build_state *build, kin_collected *collected)
{
    memset(collected, 0, sizeof *collected);
    uint64_t chunks = build->building.chunk_count;
    uint64_t pairs = kin_health_pairs(build->options->bits);
    collected->chunk_rejected = kin_calloc(chunks, sizeof *collected->chunk_rejected);
    collected->pairs = kin_calloc(pairs, sizeof *collected->pairs);
    collect_own_chunks(build, collected);
    kin_rows_sort(&collected->rows, tick, build);
    kin_health_count(&collected->rows, collected->pairs, tick, build);
    collected->indexed = collected->rows.count;
    kin_comm_sum(build->comm, &collected->indexed, 1);
    kin_comm_sum(build->comm, &collected->picture_bytes, 1);
    kin_comm_sum(build->comm, collected->rejected, KIN_REASON_COUNT);
    kin_comm_sum(build->comm, collected->chunk_rejected, chunks);
    kin_comm_sum(build->comm, collected->pairs, pairs);
    uint64_t accounted = collected->indexed;
    for (int reason = 0; reason < KIN_REASON_COUNT; reason++)
        accounted += collected->rejected[reason];
    KIN_CHECK(accounted == build->building.list.count);
}

void kin_collected_fini(kin_collected *collected)
{
    kin_rows_fini(&collected->rows);
    free(collected->chunk_rejected);
    free(collected->pairs);
    memset(collected, 0, sizeof *collected);
}
