/* What a worker says of itself with every beat: the numbers of `counts`, in this order
 * (proto/PROTOCOL.md). Readers take what they know of a longer list, and zeros of a shorter one. */
#ifndef PROTO_WORKER_FIGURES_H
#define PROTO_WORKER_FIGURES_H

#define KIN_FIGURE_RATIO_COUNT 9

typedef enum kin_worker_figure {
    KIN_FIGURE_BY_TABLES, /* searches of a shard through its tables */
    KIN_FIGURE_BY_SCAN,   /* searches of a shard by a scan */
    KIN_FIGURE_ENTRIES,   /* codes that were looked at */
    KIN_FIGURE_BUCKETS,   /* buckets that were read */
    KIN_FIGURE_RATIOS,    /* [KIN_FIGURE_RATIO_COUNT]: time taken over time foreseen */
    KIN_FIGURE_CHECKS = KIN_FIGURE_RATIOS + KIN_FIGURE_RATIO_COUNT, /* answers looked at again */
    KIN_FIGURE_MISMATCHES,     /* of them: those that a scan contradicts */
    KIN_FIGURE_RESIDENT_BYTES, /* memory of the process, mapped files included */
    KIN_FIGURES
} kin_worker_figure;

#endif
