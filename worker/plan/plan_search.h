/* Time that a search will take: small sets are searched on this machine, and scaled. */
#ifndef WORKER_PLAN_PLAN_SEARCH_H
#define WORKER_PLAN_PLAN_SEARCH_H

#include "common/base/status.h"
#include "proto/figures.h"
#include "worker/search/cost.h"

/* Codes of the small sets. */
#define KIN_PLAN_SEARCH_CODES ((uint64_t)1 << 20)
/* How far the k-th hit of a query is: so many quantiles of it. */
#define KIN_PLAN_RADII 16

/* Seconds of one query on one thread, the mean. */
typedef struct kin_search_plan {
    double clustered; /* codes like the sets c: neighbours are near */
    double uniform;   /* codes without any structure: the worst there is */
} kin_search_plan;

typedef struct kin_search_facts {
    uint64_t codes; /* of a shard */
    uint32_t bits, tables, k;
} kin_search_facts;

/* "nearest-64-k10": which rates. */
void kin_plan_search_name(const kin_search_facts *facts, char name[KIN_FIGURE_NAME_BYTES]);

/* Searches sets c and u of KIN_PLAN_SEARCH_CODES codes, in files of the scratch folder. Rates
 * NAME.c- and NAME.u-: r0.. r15, distances of the k-th hit, the quantiles over queries; p0.. p15,
 * the power of the size by which each shrinks, seen between a 16th of the set and all of it (the
 * far ones, which take the time, shrink the least); crowding of the buckets that are read; ratio,
 * seconds taken over those that the cost of shells says. */
KIN_MUST_USE kin_status kin_plan_search_measure(const char *scratch, const kin_search_facts *facts,
                                                kin_figures *rates, kin_error *error);

/* By these rates: the radii of that size, the cost of shells at each, the ratio. */
void kin_plan_search(kin_search_plan *plan, const kin_search_facts *facts,
                     const kin_figures *rates);

/* The shape of a shard by its plan. */
void kin_plan_search_shape(const kin_search_facts *facts, kin_cost_shape *shape);

#endif
