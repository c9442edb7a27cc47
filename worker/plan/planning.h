/* What is asked becomes a plan: looks up what this machine was measured at, measures what is not
 * known, and does the arithmetic. */
#ifndef WORKER_PLAN_PLANNING_H
#define WORKER_PLAN_PLANNING_H

#include "worker/plan/plan_build.h"
#include "worker/plan/plan_import.h"
#include "worker/plan/plan_options.h"
#include "worker/plan/plan_search.h"

typedef struct kin_planning {
    const kin_plan_options *options;
    kin_figures rates;
    char *scratch;                 /* NULL until something is measured */
    uint32_t local;                /* ranks that are rehearsed */
    bool measured;                 /* rates are new */
    void (*say)(const char *what); /* what is measured now */
    /* The result. */
    kin_plan plan;
    kin_build_facts build;
    kin_import_facts import;
    kin_import_passes passes;
    uint32_t shards, tables;
    uint64_t codes;         /* that are searched */
    uint64_t serving_bytes; /* mapped files that queries read */
    kin_search_plan search;
    double disk_write_s, disk_read_s, memory_s; /* a byte */
} kin_planning;

/* planning: options, rates and say are set. KIN_BAD_INPUT where a small job fails. */
KIN_MUST_USE kin_status kin_planning_run(kin_planning *planning, kin_error *error);

/* Removes the scratch folder. */
void kin_planning_fini(kin_planning *planning);

#endif
