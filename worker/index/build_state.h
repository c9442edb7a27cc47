/* What the stages of a build share on one rank. Plain data; build_job.c owns all of it. */
#ifndef WORKER_INDEX_BUILD_STATE_H
#define WORKER_INDEX_BUILD_STATE_H

#include "common/base/progress.h"
#include "worker/decode/decoder.h"
#include "worker/encode/encoder.h"
#include "worker/encode/features.h"
#include "worker/index/build_options.h"
#include "worker/index/building.h"
#include "worker/index/chunk_worker.h"
#include "worker/index/comm.h"
#include "worker/index/feature_table.h"
#include "worker/index/inputs.h"
#include "worker/index/kept_index.h"
#include "worker/plan/plan_build.h"

typedef struct kin_build_state {
    const kin_build_options *options;
    kin_comm *comm;
    kin_decoder *decoder;     /* NULL where no picture is opened */
    kin_kept_index *kept;     /* NULL, or what vectors are taken from */
    kin_feature_table table;  /* closed, or where vectors are taken from */
    kin_features *features;   /* NULL, where they are given, until they are opened */
    kin_buffer network;       /* rank 0: the network file of the features, empty without one */
    const char *decoder_name; /* of the pixels that the features are of */
    uint32_t thumbnail_side;
    kin_building building;
    kin_chunk_worker *worker;
    kin_encoder *encoder;      /* NULL until it is learned */
    uint8_t *sampled;          /* [chunk_count]: 1 for the chunks that the hasher learns from */
    uint8_t *done;             /* [chunk_count]: 1 for the chunks whose part is there */
    kin_progress *progress;    /* rank 0; NULL elsewhere */
    uint64_t inputs_before;    /* of the chunks that were done when this run began */
    uint64_t *sample_first;    /* [chunk_count + 1]: vectors of the sample before each chunk */
    uint64_t sampled_pictures; /* vectors of the sample */
    /* What is planned, and what it is compared with. Rank 0 has most of it. */
    kin_inputs_totals totals; /* of the sources; of a build that goes on, of the list */
    kin_build_facts facts;
    kin_plan plan;
    char rate_names[2][KIN_FIGURE_NAME_BYTES]; /* of these features; of these sources by them */
    uint64_t list_ns, disk_peak_bytes;
    uint64_t base_bytes, parts_bytes; /* memory once started, and what parts add to it: the most */
} kin_build_state;

/* The rank whose turn a chunk is in the stages that give none out. */
static inline bool kin_build_owns_chunk(const kin_build_state *build, uint64_t chunk)
{
    return chunk % (uint64_t)kin_comm_ranks(build->comm) == (uint64_t)kin_comm_rank(build->comm);
}

/* Whether a chunk's part holds vectors: where the hasher is learned from it, and everywhere where
 * they are kept. Its codes are then made when parts are collected. */
static inline bool kin_build_keeps_vectors(const kin_build_state *build, uint64_t chunk)
{
    return build->sampled[chunk] != 0 || build->options->keep_features;
}

/* What a chunk's part holds. */
static inline kin_part_kind kin_build_part_kind(const kin_build_state *build, uint64_t chunk)
{
    if (kin_build_keeps_vectors(build, chunk)) return KIN_PART_VECTORS;
    return build->options->rerank ? KIN_PART_VALUES : KIN_PART_CODES;
}

#endif
