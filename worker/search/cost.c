#include "worker/search/cost.h"

#include <math.h>

/* A bucket: a start, a page that is not known, and what is done whatever it holds. */
#define BUCKET_NS 45.0
/* Memory gives the first bytes at a random place much slower than those of a long run, however far
 * ahead they are asked for: 16 lines in 150 to 200 ns, 64 in 500, 256 in 1,350, of a scan 2 to 3 a
 * line (AMD Zen 4, a virtual machine). */
#define RUN_BYTES 4096.0
#define RUN_BYTE_NS 0.15
#define BYTE_NS 0.045
/* A scan's pieces of about 768 entries. */
#define PIECE_ENTRIES 768
#define PIECE_NS 12.0

/* The smallest distance within which `wanted` of so many uniform codes are. */
static uint32_t typical_distance(uint64_t count, uint32_t bits, double wanted)
{
    uint32_t distance = 0;
    double chance = ldexp(1, -(int)bits), expected = (double)count * chance;
    while (distance < bits && expected < wanted) {
        chance *= (double)(bits - distance) / (distance + 1);
        expected += (double)count * chance;
        distance++;
    }
    return distance;
}

static double scan_ns(double entries, double entry_bytes)
{
    return entries * entry_bytes * BYTE_NS + entries / PIECE_ENTRIES * PIECE_NS;
}

void kin_cost_begin(kin_cost *cost, const kin_probe *probe)
{
    const kin_code_table *first = &probe->codes->table[0];
    double entry_bytes = (double)first->group_bytes / KIN_TABLE_GROUP;
    cost->scan_ns = scan_ns((double)first->count, entry_bytes);
    cost->typical =
        typical_distance(probe->codes->count, probe->codes->bits, probe->query->topk->k);
    for (uint32_t j = 0; j < probe->codes->table_count; j++)
        cost->table[j].sampled = 0;
}

/* So many buckets that hold so many entries together. */
static double buckets_ns(const kin_probe *probe, uint32_t j, double buckets, double entries)
{
    double bytes = entries * probe->codes->table[j].group_bytes / KIN_TABLE_GROUP;
    double slow = bytes < RUN_BYTES * buckets ? bytes : RUN_BYTES * buckets;
    return buckets * BUCKET_NS + slow * RUN_BYTE_NS + (bytes - slow) * BYTE_NS;
}

/* Samples the next shell of a table, once. */
static void look_ahead(kin_cost *cost, const kin_probe *probe, uint32_t j)
{
    uint32_t shell = probe->table[j].shells;
    if (cost->table[j].sampled == shell + 1) return;
    double buckets, entries = kin_probe_shell_entries(probe, j, shell, &buckets);
    double run = buckets > 0 ? entries / buckets : 0;
    cost->table[j].run[1] = cost->table[j].sampled > 0 ? cost->table[j].run[0] : run;
    cost->table[j].run[0] = run;
    cost->table[j].next_ns = buckets_ns(probe, j, buckets, entries);
    cost->table[j].sampled = shell + 1;
}

uint32_t kin_cost_cheapest(kin_cost *cost, const kin_probe *probe)
{
    uint32_t best = probe->codes->table_count;
    for (uint32_t j = 0; j < probe->codes->table_count; j++) {
        if (probe->table[j].shells > probe->table[j].part_bits) continue;
        look_ahead(cost, probe, j);
        if (best == probe->codes->table_count || cost->table[j].next_ns < cost->table[best].next_ns)
            best = j;
    }
    return best;
}

/* A shell that was not sampled: its buckets are as much emptier than the sampled one's as that
 * one's than those before, down to the average of the table. */
static double later_ns(const kin_cost *cost, const kin_probe *probe, uint32_t j, uint32_t beyond,
                       double buckets)
{
    double run = cost->table[j].run[0], before = cost->table[j].run[1];
    double decay = before > 0 ? run / before : 1;
    double average = ldexp((double)probe->codes->count, -(int)probe->table[j].part_bits);
    if (decay > 1) decay = 1;
    if (decay < 0.25) decay = 0.25;
    run *= pow(decay, beyond);
    if (run < average && average < cost->table[j].run[0]) run = average;
    return buckets_ns(probe, j, buckets, buckets * run);
}

double kin_cost_shells_ns(const kin_cost *cost, const kin_probe *probe, int radius)
{
    uint32_t beyond[KIN_TABLES_MAX] = {0}, tables = probe->codes->table_count;
    double next_ns[KIN_TABLES_MAX], buckets[KIN_TABLES_MAX], total = 0;
    for (uint32_t j = 0; j < tables; j++) {
        next_ns[j] = cost->table[j].next_ns;
        buckets[j] = 1; /* of the next shell: a binomial coefficient */
        for (uint32_t i = 0; i < probe->table[j].shells; i++)
            buckets[j] *= (double)(probe->table[j].part_bits - i) / (i + 1);
    }
    for (int proven = kin_probe_proven(probe); proven < radius; proven++) {
        uint32_t best = tables;
        for (uint32_t j = 0; j < tables; j++)
            if (probe->table[j].shells + beyond[j] <= probe->table[j].part_bits &&
                (best == tables || next_ns[j] < next_ns[best]))
                best = j;
        if (best == tables) break;
        uint32_t shell = probe->table[best].shells + beyond[best]++;
        total += next_ns[best];
        buckets[best] *= (double)(probe->table[best].part_bits - shell) / (shell + 1);
        next_ns[best] = later_ns(cost, probe, best, beyond[best], buckets[best]);
    }
    return total;
}

double kin_cost_shape_ns(const kin_cost_shape *shape, double radius, double *buckets,
                         double *entries)
{
    uint32_t shells[KIN_TABLES_MAX] = {0}, best;
    double next[KIN_TABLES_MAX], total = 0; /* buckets of the next shell: binomial coefficients */
    *buckets = *entries = 0;
    for (uint32_t j = 0; j < shape->tables; j++)
        next[j] = 1;
    for (double proven = -1; proven < radius; proven++) {
        double least = INFINITY, read = 0;
        best = shape->tables;
        for (uint32_t j = 0; j < shape->tables; j++) {
            double held =
                next[j] * shape->crowding * ldexp((double)shape->count, -(int)shape->part_bits[j]);
            double ns = next[j] * BUCKET_NS + held * shape->entry_bytes[j] * BYTE_NS;
            if (shells[j] > shape->part_bits[j] || ns >= least) continue;
            least = ns;
            read = held;
            best = j;
        }
        if (best == shape->tables) break;
        double part = radius - proven < 1 ? radius - proven : 1; /* of a shell */
        total += part * least;
        *buckets += part * next[best];
        *entries += part * read;
        next[best] *= (double)(shape->part_bits[best] - shells[best]) / (shells[best] + 1);
        shells[best]++;
    }
    return total;
}

double kin_cost_shape_scan_ns(const kin_cost_shape *shape)
{
    return scan_ns((double)shape->count, shape->entry_bytes[0]);
}
