#include "worker/plan/plan_search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/code/synthetic.h"
#include "proto/shard_format.h"
#include "worker/search/search.h"
#include "worker/shard/code_sort.h"
#include "worker/shard/shard_reader.h"
#include "worker/shard/shard_writer.h"

#define QUERIES 256
/* A query that ends with a scan has read some shells before. */
#define SCAN_RATIO 1.5
/* The radius is looked at here, too, to see how it shrinks: so many times fewer codes. */
#define FEWER 16

void kin_plan_search_name(const kin_search_facts *facts, char name[KIN_FIGURE_NAME_BYTES])
{
    snprintf(name, KIN_FIGURE_NAME_BYTES, "nearest-%u-k%u", (unsigned)facts->bits,
             (unsigned)facts->k);
}

void kin_plan_search_shape(const kin_search_facts *facts, kin_cost_shape *shape)
{
    kin_shard_meta meta = {.count = facts->codes, .bits = facts->bits};
    kin_shard_plan(&meta, facts->tables, facts->codes - 1);
    *shape = (kin_cost_shape){.count = facts->codes, .tables = facts->tables, .crowding = 1};
    for (uint32_t j = 0; j < facts->tables; j++) {
        uint32_t next = j + 1 < facts->tables ? meta.table[j + 1].rotation : facts->bits;
        uint32_t part = next - meta.table[j].rotation, bucket_bits = meta.table[j].bucket_bits;
        shape->part_bits[j] = part < bucket_bits ? part : bucket_bits;
        shape->entry_bytes[j] =
            (double)kin_table_group_bytes(facts->bits, bucket_bits) / KIN_TABLE_GROUP;
    }
}

static int compare_rows(const void *a, const void *b, void *words)
{
    const uint64_t *left = a, *right = b;
    for (unsigned w = 0; w <= *(const unsigned *)words; w++)
        if (left[w] != right[w]) return left[w] < right[w] ? -1 : 1;
    return 0;
}

/* The first codes of the set as a shard file. */
static kin_status write_set(const kin_synthetic *set, const kin_search_facts *facts,
                            const char *path, kin_error *error)
{
    uint64_t count = facts->codes;
    unsigned words = facts->bits / 64;
    uint64_t *codes = kin_malloc((size_t)count * words * 8), *ids = kin_malloc((size_t)count * 8);
    uint64_t *rows = kin_malloc((size_t)count * (words + 1) * 8);
    kin_synthetic_codes(set, 0, count, codes);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(rows + i * (words + 1), codes + i * words, words * 8);
        rows[i * (words + 1) + words] = i;
    }
    qsort_r(rows, count, (words + 1) * 8, compare_rows, &words);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(codes + i * words, rows + i * (words + 1), words * 8);
        ids[i] = rows[i * (words + 1) + words];
    }
    free(rows);
    kin_shard_rows shard = {
        .bits = facts->bits, .count = count, .words = codes, .ids = ids, .tables = facts->tables};
    memset(shard.last.word, 0xff, facts->bits / 8);
    kin_shard_written written;
    kin_status status = kin_shard_write(path, &shard, &written, error);
    free(codes);
    free(ids);
    return status;
}

static int compare_radii(const void *a, const void *b)
{
    return (int)*(const uint32_t *)a - (int)*(const uint32_t *)b;
}

/* What queries met. */
typedef struct answers {
    uint32_t radii[QUERIES]; /* how far the k-th hit is; sorted */
    double seconds;          /* a query, the mean of the second time, when all is in memory */
    double filled;           /* entries of a bucket that was read */
} answers;

static void ask(const uint64_t *asked, const kin_search_facts *facts,
                const kin_shard_reader *reader, answers *met)
{
    unsigned words = facts->bits / 64;
    kin_hit *heap = kin_malloc(facts->k * sizeof *heap);
    kin_search_scratch *scratch = kin_search_scratch_new(kin_cpu_level_get(), 1);
    int64_t start_ns = 0;
    for (int round = 0; round < 2; round++) {
        start_ns = kin_clock_ns();
        for (int i = 0; i < QUERIES; i++) {
            kin_topk topk;
            kin_topk_init(&topk, heap, facts->k);
            kin_search_query query = {
                .within = facts->bits, .topk = &topk, .deadline_ns = INT64_MAX};
            kin_code_from_words(&query.code, asked + (size_t)i * words, facts->bits);
            kin_search_run(kin_shard_reader_codes(reader), &query, 1, scratch);
            met->radii[i] = kin_topk_bound(&topk);
        }
    }
    met->seconds = (double)(kin_clock_ns() - start_ns) * 1e-9 / QUERIES;
    qsort(met->radii, QUERIES, sizeof *met->radii, compare_radii);
    const kin_search_counters *counters = kin_search_scratch_counters(scratch);
    met->filled = counters->buckets > 0 ? (double)counters->entries / (double)counters->buckets : 0;
    kin_search_scratch_destroy(&scratch);
    free(heap);
}

/* The mean over the quantiles, shells taking `ratio` times what their cost says, and none longer
 * than a scan; *filled: entries of a bucket that is read. */
static double shells_s(const kin_search_facts *facts, const double *radii, double crowding,
                       double ratio, double *filled)
{
    kin_cost_shape shape;
    double sum = 0, read = 0, of = 0, buckets, entries;
    kin_plan_search_shape(facts, &shape);
    shape.crowding = crowding;
    double most = SCAN_RATIO * kin_cost_shape_scan_ns(&shape);
    for (int i = 0; i < KIN_PLAN_RADII; i++) {
        double ns = ratio * kin_cost_shape_ns(&shape, radii[i], &buckets, &entries);
        sum += ns < most ? ns : most;
        read += entries;
        of += buckets;
    }
    *filled = of > 0 ? read / of : 0;
    return sum / KIN_PLAN_RADII * 1e-9;
}

/* Quantiles, each the mean of a stretch of the sorted radii. */
static void take_quantiles(const uint32_t *radii, double *quantiles)
{
    memset(quantiles, 0, KIN_PLAN_RADII * sizeof *quantiles);
    for (int i = 0; i < QUERIES; i++)
        quantiles[i * KIN_PLAN_RADII / QUERIES] += radii[i] / (double)(QUERIES / KIN_PLAN_RADII);
}

/* The power of the size by which a distance went from `before` to `after`, FEWER times the codes.
 */
static double shrinking(double before, double after)
{
    if (before <= 0 || after <= 0 || after >= before) return 0;
    return log(after / before) / log(FEWER);
}

static void set_rate(kin_figures *rates, const char *prefix, char kind, const char *name,
                     double value)
{
    char own[KIN_FIGURE_NAME_BYTES];
    snprintf(own, sizeof own, "%c-%s", kind, name);
    kin_figures_set_in(rates, prefix, own, value);
}

static double get_rate(const kin_figures *rates, const char *prefix, char kind, const char *name)
{
    char own[KIN_FIGURE_NAME_BYTES];
    snprintf(own, sizeof own, "%c-%s", kind, name);
    return kin_figures_get_in(rates, prefix, own, 0);
}

/* radii: quantiles in the smaller and in the larger set; facts: of the larger. */
static void take_rates(char kind, const kin_search_facts *facts, const answers *met,
                       double (*radii)[KIN_PLAN_RADII], const char *prefix, kin_figures *rates)
{
    double filled;
    char name[16];
    for (int i = 0; i < KIN_PLAN_RADII; i++) {
        snprintf(name, sizeof name, "r%d", i);
        set_rate(rates, prefix, kind, name, radii[1][i]);
        snprintf(name, sizeof name, "p%d", i);
        set_rate(rates, prefix, kind, name, shrinking(radii[0][i], radii[1][i]));
    }
    (void)shells_s(facts, radii[1], 1, 1, &filled);
    double crowding = filled > 0 && met->filled > filled ? met->filled / filled : 1;
    set_rate(rates, prefix, kind, "crowding", crowding);
    set_rate(rates, prefix, kind, "ratio",
             met->seconds / shells_s(facts, radii[1], crowding, 1, &filled));
}

static kin_status measure_set(char kind, const char *path, const kin_search_facts *facts,
                              const char *prefix, kin_figures *rates, kin_error *error)
{
    kin_synthetic *set = NULL;
    answers met = {0};
    double radii[2][KIN_PLAN_RADII] = {0};
    uint64_t *asked = kin_malloc((size_t)QUERIES * facts->bits / 8);
    kin_search_facts small = *facts;
    kin_status status = kin_synthetic_new(&set, kind, facts->bits, error);
    if (status == KIN_OK) kin_synthetic_queries(set, KIN_PLAN_SEARCH_CODES, 0, QUERIES, asked);
    for (int size = 0; size < 2 && status == KIN_OK; size++) {
        kin_shard_reader *reader = NULL;
        small.codes = size == 0 ? KIN_PLAN_SEARCH_CODES / FEWER : KIN_PLAN_SEARCH_CODES;
        small.tables = kin_shard_tables_auto(small.codes, facts->bits, 0);
        status = write_set(set, &small, path, error);
        if (status == KIN_OK) status = kin_shard_reader_open(&reader, path, error);
        if (status == KIN_OK) ask(asked, &small, reader, &met);
        if (status == KIN_OK) take_quantiles(met.radii, radii[size]);
        kin_shard_reader_close(&reader);
    }
    if (status == KIN_OK) take_rates(kind, &small, &met, radii, prefix, rates);
    kin_synthetic_destroy(&set);
    free(asked);
    return status;
}

kin_status kin_plan_search_measure(const char *scratch, const kin_search_facts *facts,
                                   kin_figures *rates, kin_error *error)
{
    char name[KIN_FIGURE_NAME_BYTES];
    char *path = kin_path_join(scratch, "set.kin");
    kin_plan_search_name(facts, name);
    kin_status status = measure_set('c', path, facts, name, rates, error);
    if (status == KIN_OK) status = measure_set('u', path, facts, name, rates, error);
    free(path);
    return status;
}

static double planned_s(char kind, const kin_search_facts *facts, const char *prefix,
                        const kin_figures *rates)
{
    char name[16];
    double radii[KIN_PLAN_RADII], filled;
    double times = (double)facts->codes / (double)KIN_PLAN_SEARCH_CODES;
    for (int i = 0; i < KIN_PLAN_RADII; i++) {
        snprintf(name, sizeof name, "p%d", i);
        double shrunk = pow(times, get_rate(rates, prefix, kind, name));
        snprintf(name, sizeof name, "r%d", i);
        radii[i] = get_rate(rates, prefix, kind, name) * shrunk;
        if (radii[i] > facts->bits) radii[i] = facts->bits;
    }
    return shells_s(facts, radii, get_rate(rates, prefix, kind, "crowding"),
                    get_rate(rates, prefix, kind, "ratio"), &filled);
}

void kin_plan_search(kin_search_plan *plan, const kin_search_facts *facts, const kin_figures *rates)
{
    char name[KIN_FIGURE_NAME_BYTES];
    kin_plan_search_name(facts, name);
    plan->clustered = planned_s('c', facts, name, rates);
    plan->uniform = planned_s('u', facts, name, rates);
}
