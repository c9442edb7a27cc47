#include "coordinator/serve/status_report.h"

#include <string.h>

#include "common/base/text.h"

static void append_text(kin_buffer *json, const char *name, const char *text)
{
    kin_buffer_printf(json, "\"%s\": ", name);
    kin_text_append_json(json, text, strlen(text));
}

/* What a worker did, as it says. */
static void append_figures(kin_buffer *json, const uint64_t *figures)
{
    kin_buffer_printf(json,
                      ", \"resident_bytes\": %llu, \"by_tables\": %llu, \"by_scan\": %llu, "
                      "\"codes_looked_at\": %llu, \"buckets\": %llu, \"taken_over_foreseen\": [",
                      (unsigned long long)figures[KIN_FIGURE_RESIDENT_BYTES],
                      (unsigned long long)figures[KIN_FIGURE_BY_TABLES],
                      (unsigned long long)figures[KIN_FIGURE_BY_SCAN],
                      (unsigned long long)figures[KIN_FIGURE_ENTRIES],
                      (unsigned long long)figures[KIN_FIGURE_BUCKETS]);
    for (int i = 0; i < KIN_FIGURE_RATIO_COUNT; i++)
        kin_buffer_printf(json, "%s%llu", i > 0 ? ", " : "",
                          (unsigned long long)figures[KIN_FIGURE_RATIOS + i]);
    kin_buffer_printf(json, "], \"checks\": %llu, \"mismatches\": %llu",
                      (unsigned long long)figures[KIN_FIGURE_CHECKS],
                      (unsigned long long)figures[KIN_FIGURE_MISMATCHES]);
}

static uint64_t sum_of(const kin_fleet *fleet, kin_worker_figure figure)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < fleet->end; i++)
        if (fleet->workers[i] != NULL) sum += fleet->workers[i]->figures[figure];
    return sum;
}

static void append_workers(kin_buffer *json, const kin_fleet *fleet)
{
    const char *separator = "";
    kin_buffer_append_string(json, "\"workers\": [");
    for (uint32_t i = 0; i < fleet->end; i++) {
        const kin_fleet_worker *worker = fleet->workers[i];
        if (worker == NULL) continue;
        uint32_t shards = 0;
        for (uint32_t s = 0; s < fleet->shard_count; s++)
            shards += worker->serves[s];
        kin_buffer_printf(json, "%s{", separator);
        append_text(json, "name", worker->name);
        kin_buffer_append_string(json, ", ");
        append_text(json, "host", worker->host);
        kin_buffer_printf(json,
                          ", \"pid\": %lld, \"threads\": %u, \"shards\": %u, \"tasks\": %u, "
                          "\"encodes\": %s",
                          (long long)worker->pid, worker->threads, shards, worker->tasks,
                          worker->encodes ? "true" : "false");
        append_figures(json, worker->figures);
        if (worker->no_pictures != NULL && worker->no_pictures[0] != 0) {
            kin_buffer_append_string(json, ", ");
            append_text(json, "no_pictures", worker->no_pictures);
        }
        kin_buffer_append_string(json, "}");
        separator = ", ";
    }
    kin_buffer_append_string(json, "]");
}

static void append_shards(kin_buffer *json, const kin_manifest *manifest, const kin_fleet *fleet)
{
    kin_buffer_append_string(json, "\"shards\": [");
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        kin_buffer_printf(json, "%s{\"shard\": %u, \"pictures\": %llu, \"replicas\": %u",
                          s > 0 ? ", " : "", s, (unsigned long long)manifest->shards[s].count,
                          kin_fleet_replicas_of(fleet, s));
        if (fleet->damage[s] != NULL) {
            kin_buffer_append_string(json, ", ");
            append_text(json, "refused", fleet->damage[s]);
        }
        kin_buffer_append_string(json, "}");
    }
    kin_buffer_append_string(json, "]");
}

void kin_status_report(kin_buffer *json, const kin_manifest *manifest, const char *generation,
                       const kin_fleet *fleet, const kin_serve_figures *figures, uint64_t hedges,
                       uint32_t open)
{
    kin_buffer_append_string(json, "{");
    append_text(json, "generation", generation);
    kin_buffer_printf(json, ", \"settled\": %s, \"pictures\": %llu, \"bits\": %u, ",
                      kin_fleet_settled(fleet) ? "true" : "false",
                      (unsigned long long)manifest->indexed, manifest->bits);
    append_workers(json, fleet);
    kin_buffer_append_string(json, ", ");
    append_shards(json, manifest, fleet);
    kin_buffer_printf(json,
                      ", \"queries\": {\"asked\": %llu, \"open\": %u, \"errors\": %llu, "
                      "\"partial\": %llu, \"asked_again\": %llu, \"checks_total\": %llu, "
                      "\"mismatches_total\": %llu}",
                      (unsigned long long)figures->queries, open,
                      (unsigned long long)figures->errors, (unsigned long long)figures->partial,
                      (unsigned long long)hedges,
                      (unsigned long long)sum_of(fleet, KIN_FIGURE_CHECKS),
                      (unsigned long long)sum_of(fleet, KIN_FIGURE_MISMATCHES));
    kin_buffer_printf(json,
                      ", \"latency_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, "
                      "\"p999\": %.3f}}",
                      kin_stats_percentile_ms(&figures->latency, 0.5),
                      kin_stats_percentile_ms(&figures->latency, 0.9),
                      kin_stats_percentile_ms(&figures->latency, 0.99),
                      kin_stats_percentile_ms(&figures->latency, 0.999));
}
