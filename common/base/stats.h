/* A histogram of durations with bounded relative error, for percentiles of latency. */
#ifndef COMMON_BASE_STATS_H
#define COMMON_BASE_STATS_H

#include <stdint.h>

/* Buckets grow by 2^(1/16) (4.4 %) from 1 microsecond to more than an hour. */
#define KIN_STATS_BUCKETS 520

/* Zeroed is empty. One thread. */
typedef struct kin_stats {
    uint64_t count;
    uint64_t bucket[KIN_STATS_BUCKETS];
} kin_stats;

void kin_stats_add(kin_stats *stats, int64_t nanoseconds);

/* The duration in milliseconds that `fraction` (0..1) of the entries do not exceed; 0 if empty. */
double kin_stats_percentile_ms(const kin_stats *stats, double fraction);

#endif
