#include "worker/eval/metrics.h"

#include <math.h>

void kin_metrics_harmonics(double *numbers, size_t count)
{
    numbers[0] = 0;
    for (size_t i = 1; i <= count; i++)
        numbers[i] = numbers[i - 1] + 1 / (double)i;
}

/* What `group` rows of one distance, `relevant` of them relevant, add to the sum of precisions if
 * they come in any order, behind `before` rows of which `relevant_before` are relevant. The row at
 * place i of the group is relevant with probability r/n; if it is, (i - 1) (r - 1) / (n - 1) of the
 * rows of the group before it are. The sums over i are of 1 / (before + i), by harmonic numbers. */
static double tied_precisions(const double *harmonics, size_t before, size_t relevant_before,
                              size_t group, size_t relevant)
{
    if (relevant == 0) return 0;
    double inverse = harmonics[before + group] - harmonics[before];
    double n = (double)group, r = (double)relevant;
    double spread = group == 1 ? 0 : (r - 1) / (n - 1);
    /* (i - 1) / (before + i) = 1 - (before + 1) / (before + i) */
    double places = n - ((double)before + 1) * inverse;
    return r / n * (((double)relevant_before + 1) * inverse + spread * places);
}

static void add_first(kin_metrics *metrics, const kin_metrics_rows *rows, size_t relevant,
                      size_t found, double precisions)
{
    metrics->precision_first += (double)found / (double)rows->first;
    metrics->recall_first += (double)found / (double)relevant;
    if (found > 0) metrics->mean_precision_first += precisions / (double)found;
}

/* What depends on the order of rows alone. */
static void add_order(kin_metrics *metrics, const kin_metrics_rows *rows, uint32_t label,
                      const uint32_t *order, size_t relevant)
{
    size_t found = 0, level = 0;
    double precisions = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->labels[order[i]] == label) {
            double precision = (double)++found / (double)(i + 1);
            precisions += precision;
            for (; level < KIN_CURVE_POINTS && found * KIN_CURVE_POINTS >= (level + 1) * relevant;
                 level++)
                metrics->curve[level] += precision;
        }
        if (i + 1 == rows->first) add_first(metrics, rows, relevant, found, precisions);
    }
    metrics->mean_precision += precisions / (double)relevant;
}

/* What equal distances matter to. */
static void add_distances(kin_metrics *metrics, const kin_metrics_rows *rows, uint32_t label,
                          const uint32_t *order, const uint32_t *starts, size_t relevant)
{
    size_t found = 0;
    double precisions = 0;
    for (size_t d = 0; d < KIN_RANKING_DISTANCES; d++) {
        size_t start = starts[d], end = starts[d + 1], here = 0;
        for (size_t i = start; i < end; i++)
            here += rows->labels[order[i]] == label;
        precisions += tied_precisions(rows->harmonics, start, found, end - start, here);
        found += here;
        if (d == KIN_LOOKUP_RADIUS && end > 0)
            metrics->precision_radius += (double)found / (double)end;
        if (d == KIN_LOOKUP_RADIUS && end == 0) metrics->empty_radius++;
    }
    metrics->mean_precision_ties += precisions / (double)relevant;
}

void kin_metrics_add(kin_metrics *metrics, const kin_metrics_rows *rows, uint32_t label,
                     const kin_ranking *ranking)
{
    const uint32_t *order = kin_ranking_order(ranking), *starts = kin_ranking_starts(ranking);
    size_t relevant = (size_t)rows->sizes[label];
    if (relevant == 0) {
        metrics->without_relevant++;
        return;
    }
    metrics->queries++;
    add_order(metrics, rows, label, order, relevant);
    if (starts != NULL) {
        add_distances(metrics, rows, label, order, starts, relevant);
    } else {
        metrics->mean_precision_ties = NAN;
        metrics->precision_radius = NAN;
        metrics->empty_radius = NAN;
    }
}

void kin_metrics_finish(kin_metrics *metrics)
{
    double *const sums[] = {&metrics->mean_precision,       &metrics->mean_precision_ties,
                            &metrics->mean_precision_first, &metrics->precision_first,
                            &metrics->recall_first,         &metrics->precision_radius,
                            &metrics->empty_radius};
    double queries = (double)metrics->queries;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        *sums[i] /= queries;
    for (size_t i = 0; i < KIN_CURVE_POINTS; i++)
        metrics->curve[i] /= queries;
}

size_t kin_metrics_found(const uint32_t *order, size_t first, const uint32_t *near, size_t count,
                         uint8_t *marks)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        marks[near[i]] = 1;
    for (size_t i = 0; i < first; i++)
        found += marks[order[i]];
    for (size_t i = 0; i < count; i++)
        marks[near[i]] = 0;
    return found;
}
