#include "coordinator/serve/status_report.h"

#include <string.h>

#include "common/base/text.h"

static void append_text(kin_buffer *json, const char *name, const char *text)
{
    kin_buffer_printf(json, "\"%s\": ", name);
    kin_text_append_json(json, text, strlen(text));
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
                      "\"partial\": %llu, \"asked_again\": %llu}",
                      (unsigned long long)figures->queries, open,
                      (unsigned long long)figures->errors, (unsigned long long)figures->partial,
                      (unsigned long long)hedges);
    kin_buffer_printf(json,
                      ", \"latency_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, "
                      "\"p999\": %.3f}}",
                      kin_stats_percentile_ms(&figures->latency, 0.5),
                      kin_stats_percentile_ms(&figures->latency, 0.9),
                      kin_stats_percentile_ms(&figures->latency, 0.99),
                      kin_stats_percentile_ms(&figures->latency, 0.999));
}
