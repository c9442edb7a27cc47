#include "worker/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/text.h"

/* A stage that takes less is not worth a word. */
#define SECONDS_SHOWN 0.05

void kin_plan_add(kin_plan *plan, const char *name, double seconds)
{
    KIN_CHECK(plan->stage_count < KIN_PLAN_STAGES_MAX);
    plan->stages[plan->stage_count++] =
        (kin_plan_stage){.name = name, .seconds = seconds > 0 ? seconds : 0};
}

double kin_plan_seconds(const kin_plan *plan)
{
    double sum = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++)
        sum += plan->stages[s].seconds;
    return sum;
}

static double seconds_of(const kin_plan *plan, const char *name)
{
    for (uint32_t s = 0; s < plan->stage_count; s++)
        if (strcmp(plan->stages[s].name, name) == 0) return plan->stages[s].seconds;
    return 0;
}

static void append_ratio(kin_buffer *out, double planned, double taken, double least)
{
    if (planned > 0 && (planned >= least || taken >= least))
        kin_buffer_printf(out, " (%.2f)", taken / planned);
}

static void append_times(const kin_plan *plan, const kin_plan *fact, kin_buffer *out)
{
    bool first = true;
    kin_buffer_append_string(out, "seconds planned and taken:");
    for (uint32_t s = 0; s < fact->stage_count; s++) {
        double taken = fact->stages[s].seconds, planned = seconds_of(plan, fact->stages[s].name);
        if (taken < SECONDS_SHOWN && planned < SECONDS_SHOWN) continue;
        kin_buffer_printf(out, "%s %s %.1f %.1f", first ? "" : ",", fact->stages[s].name, planned,
                          taken);
        append_ratio(out, planned, taken, SECONDS_SHOWN);
        first = false;
    }
    double planned = kin_plan_seconds(plan), taken = kin_plan_seconds(fact);
    kin_buffer_printf(out, "%s all %.1f %.1f", first ? "" : ",", planned, taken);
    append_ratio(out, planned, taken, SECONDS_SHOWN);
    kin_buffer_append_byte(out, '\n');
}

static void append_bytes(kin_buffer *out, const char *what, uint64_t planned, uint64_t taken)
{
    char a[32], b[32];
    kin_buffer_printf(out, "%s %s %s", what, kin_text_bytes(planned, a), kin_text_bytes(taken, b));
    append_ratio(out, (double)planned, (double)taken, 0);
}

void kin_plan_compare(const kin_plan *plan, const kin_plan *fact, kin_buffer *out)
{
    if (plan->timed)
        append_times(plan, fact, out);
    else
        kin_buffer_append_string(out, "neither time nor memory was planned: nobody has measured "
                                      "this machine at such a job; kindred plan does\n");
    kin_buffer_append_string(out, "bytes planned and taken: ");
    if (plan->timed) {
        append_bytes(out, "memory of a rank", plan->memory_bytes, fact->memory_bytes);
        kin_buffer_append_string(out, ", ");
    }
    append_bytes(out, "disk", plan->disk_bytes, fact->disk_bytes);
    append_bytes(out, ", disk at most", plan->disk_peak_bytes, fact->disk_peak_bytes);
    kin_buffer_append_byte(out, '\n');
}

void kin_plan_figures(const kin_plan *plan, const char *prefix, kin_figures *figures)
{
    char name[KIN_FIGURE_NAME_BYTES];
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        if (snprintf(name, sizeof name, "seconds.%s", plan->stages[s].name) > 0)
            kin_figures_set_in(figures, prefix, name, plan->stages[s].seconds);
    }
    kin_figures_set_in(figures, prefix, "timed", plan->timed);
    kin_figures_set_in(figures, prefix, "memory_bytes", (double)plan->memory_bytes);
    kin_figures_set_in(figures, prefix, "disk_bytes", (double)plan->disk_bytes);
    kin_figures_set_in(figures, prefix, "disk_peak_bytes", (double)plan->disk_peak_bytes);
}

double kin_plan_parallel(uint64_t ranks, uint64_t nodes, uint64_t cores)
{
    uint64_t most = nodes * cores;
    return (double)(ranks < most ? ranks : most);
}

uint32_t kin_plan_local_ranks(uint64_t ranks, uint64_t nodes, uint64_t cores)
{
    uint64_t each = (ranks + nodes - 1) / nodes;
    return (uint32_t)(each < cores ? each : cores);
}
