#include "common/base/stats.h"

#include <math.h>

void kin_stats_add(kin_stats *stats, int64_t nanoseconds)
{
    double microseconds = nanoseconds < 1000 ? 1 : (double)nanoseconds / 1000;
    int bucket = (int)(log2(microseconds) * 16);
    if (bucket >= KIN_STATS_BUCKETS) bucket = KIN_STATS_BUCKETS - 1;
    stats->bucket[bucket]++;
    stats->count++;
}

double kin_stats_percentile_ms(const kin_stats *stats, double fraction)
{
    uint64_t wanted = (uint64_t)ceil(fraction * (double)stats->count);
    uint64_t seen = 0;
    for (int i = 0; i < KIN_STATS_BUCKETS && stats->count > 0; i++) {
        seen += stats->bucket[i];
        if (seen >= wanted && seen > 0) return exp2((i + 0.5) / 16) / 1000;
    }
    return 0;
}
