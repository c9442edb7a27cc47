/* The arithmetic of a build: what it takes, from what is known of it and the rates of a machine. */
#ifndef WORKER_PLAN_PLAN_BUILD_H
#define WORKER_PLAN_PLAN_BUILD_H

#include "worker/plan/plan.h"

/* Plain data. */
typedef struct kin_build_facts {
    uint64_t inputs;
    uint64_t picture_bytes, text_bytes; /* of all files; of all keys and paths in the list */
    double indexed;                     /* share of the inputs */
    uint32_t dimensions, bits;          /* of a vector, of a code in storage */
    uint64_t sample;                    /* pictures that are learned from, at most */
    bool learns, keep_features;
    uint32_t value_dimensions;            /* kept for re-ranking; 0: none */
    uint32_t centred;                     /* pictures whose mean is learned first; 0: of none */
    uint32_t ranks, nodes, cores, shards; /* cores of a node; shards 0: as the collection asks */
    double thumbnail_bytes;               /* of an indexed picture, the mean */
    uint64_t key_bytes;                   /* of all keys */
    uint64_t other_bytes;                 /* of a generation: encoder and network */
    uint64_t network_bytes;               /* of the network alone */
    /* Memory of a rank, as the program says and a trial has shown. */
    uint64_t base_bytes;       /* once it has started and opened its models */
    uint64_t parts_bytes;      /* what making parts adds to that */
    uint64_t learn_bytes;      /* kin_training_memory */
    uint64_t checkpoint_bytes; /* what learning by steps keeps until the build is done */
} kin_build_facts;

/* Pictures of a chunk of a build of so many inputs, and its chunks. */
uint32_t kin_plan_chunk_pictures(uint64_t inputs);
uint64_t kin_plan_chunks(uint64_t inputs);
/* Shards where nobody said how many. */
uint32_t kin_plan_shards(uint64_t indexed);

/* Bytes of a thumbnail whose longer side is `side`, where nobody has seen any. */
double kin_plan_thumbnail_bytes(uint32_t side);

/* The most bytes that listing takes on rank 0, and that collecting and exchanging rows takes,
 * beside what is there already. */
uint64_t kin_plan_list_memory(uint64_t inputs, uint64_t text_bytes);
uint64_t kin_plan_exchange_memory(const kin_build_facts *facts);

/* The bytes of a generation's shards of so many codes with ids up to id_max, cut evenly. tables 0:
 * as many as pay. */
typedef struct kin_plan_shape {
    uint64_t count, id_max;
    uint32_t bits, tables, shards, value_dimensions;
    uint64_t key_bytes, thumbnail_bytes; /* of all; 0: there are none */
} kin_plan_shape;
uint64_t kin_plan_shard_bytes(const kin_plan_shape *shape);

/* rates: PREFIX.list, .read, .decode, .features, .write, .fixed: seconds of one rank for one input,
 * byte, input, picture, chunk and generation;  .decode_byte where there is no .decode, of one
 * byte; .disk of one byte; learn.PREFIX.fixed, .each: of learning and of one picture of the sample,
 * .step, .anchor: of a mini-batch of neighbour and of one picture of it. Without .made there are no
 * times. */
void kin_plan_build(kin_plan *plan, const kin_build_facts *facts, const kin_figures *rates,
                    const char *prefix);

#define KIN_PLAN_NEIGHBOUR_BATCH 512.0 /* pictures of a full one */

/* How neighbour learns from so many pictures: pictures of a mini-batch, and how many of these. */
double kin_plan_neighbour_batch(uint64_t sample);
double kin_plan_neighbour_steps(uint64_t sample);

#endif
