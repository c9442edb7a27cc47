/* What a job will take, or took: time by stage, memory, disk; and the one against the other. */
#ifndef WORKER_PLAN_PLAN_H
#define WORKER_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "proto/figures.h"

#define KIN_PLAN_STAGES_MAX 12

typedef struct kin_plan_stage {
    const char *name; /* a word; not owned */
    double seconds;   /* of a rank, the mean */
} kin_plan_stage;

/* Zeroed is empty. Plain data. */
typedef struct kin_plan {
    bool timed;         /* false: nobody knows the rates, and no stage has a time */
    int64_t measured_s; /* Unix time of the rates; 0: unknown */
    kin_plan_stage stages[KIN_PLAN_STAGES_MAX];
    uint32_t stage_count;
    uint64_t memory_bytes;    /* of the rank that takes most, at most at a time */
    uint64_t disk_bytes;      /* of the generation */
    uint64_t disk_peak_bytes; /* and of what is there beside it before it is published */
} kin_plan;

/* Stages beyond KIN_PLAN_STAGES_MAX are KIN_CHECKed. */
void kin_plan_add(kin_plan *plan, const char *name, double seconds);
/* Of all stages. */
double kin_plan_seconds(const kin_plan *plan);

/* Appends lines, each with its end: stage by stage what was planned and what it was, memory, disk,
 * and how many times as much; of a plan without measured rates the disk alone. Stages that neither
 * plan nor fact has 0.05 s of are left out. */
void kin_plan_compare(const kin_plan *plan, const kin_plan *fact, kin_buffer *out);

/* As figures PREFIX.seconds.STAGE, PREFIX.memory_bytes ... */
void kin_plan_figures(const kin_plan *plan, const char *prefix, kin_figures *figures);

/* How many ranks really run at once, of which `ranks` are on `nodes` machines of `cores` each. */
double kin_plan_parallel(uint64_t ranks, uint64_t nodes, uint64_t cores);
/* The ranks of one machine, and no more than it has cores: what a trial is made with. */
uint32_t kin_plan_local_ranks(uint64_t ranks, uint64_t nodes, uint64_t cores);

#endif
