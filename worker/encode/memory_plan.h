/* Where the values of a network lie in one block of memory: those that are never needed at the same
 * time share their place. */
#ifndef WORKER_ENCODE_MEMORY_PLAN_H
#define WORKER_ENCODE_MEMORY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "worker/encode/graph.h"

#define KIN_PLAN_ALIGNMENT 64

typedef struct kin_memory_plan {
    size_t *offsets; /* [value_count]; KIN_PLAN_NONE: a constant, or never made */
    size_t bytes;
} kin_memory_plan;

#define KIN_PLAN_NONE SIZE_MAX

/* Values of nodes that are aliases (kin_fast_is_alias) lie where their first input lies; those
 * inside a chain of convolutions (kin_fast_is_chained) have no place. Inputs of the model have
 * their places for themselves; outputs stay from when they are made to the end. */
void kin_memory_plan_make(kin_memory_plan *plan, const kin_graph *graph);
void kin_memory_plan_fini(kin_memory_plan *plan);

#endif
