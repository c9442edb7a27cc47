/* What ways to answer a query would take. */
#ifndef WORKER_SEARCH_COST_H
#define WORKER_SEARCH_COST_H

#include "worker/search/probe.h"

/* Shells of a probe's tables: what is known of the next ones. */
typedef struct kin_cost {
    double scan_ns;
    uint32_t typical; /* where the k-th hit of uniform codes would be */
    struct {
        double next_ns;   /* of the next shell */
        double run[2];    /* entries a bucket, of the next shell and of the one before */
        uint32_t sampled; /* shell that next_ns is of, plus 1 */
    } table[KIN_TABLES_MAX];
} kin_cost;

void kin_cost_begin(kin_cost *cost, const kin_probe *probe);

/* The table whose next shell is the cheapest; codes->table_count if every shell was read. */
uint32_t kin_cost_cheapest(kin_cost *cost, const kin_probe *probe);

/* Time to read shells, the cheapest first, until every code within the radius was seen. */
double kin_cost_shells_ns(const kin_cost *cost, const kin_probe *probe, int radius);

/* What is known of a shard that is not there yet. */
typedef struct kin_cost_shape {
    uint64_t count;
    uint32_t tables;
    uint32_t part_bits[KIN_TABLES_MAX]; /* of a table, as kin_probe_table's */
    double entry_bytes[KIN_TABLES_MAX];
    double crowding; /* codes in the buckets that queries read, over those of the mean one */
} kin_cost_shape;

/* Time of a query whose k-th hit is at `radius` (on average: it need not be whole): the cheapest
 * shells until that is proven. *buckets, *entries: what is read of them. */
double kin_cost_shape_ns(const kin_cost_shape *shape, double radius, double *buckets,
                         double *entries);
/* Time of reading all of it. */
double kin_cost_shape_scan_ns(const kin_cost_shape *shape);

#endif
