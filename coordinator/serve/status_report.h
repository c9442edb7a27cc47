/* What `kindred status` shows, as JSON. */
#ifndef COORDINATOR_SERVE_STATUS_REPORT_H
#define COORDINATOR_SERVE_STATUS_REPORT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/stats.h"
#include "coordinator/serve/fleet.h"
#include "proto/manifest.h"

/* Since the coordinator started. */
typedef struct kin_serve_figures {
    uint64_t queries; /* searches */
    uint64_t errors;  /* questions that got an error */
    uint64_t partial; /* answers that miss shards, given or refused */
    kin_stats latency;
} kin_serve_figures;

/* Appends one JSON object. */
void kin_status_report(kin_buffer *json, const kin_manifest *manifest, const char *generation,
                       const kin_fleet *fleet, const kin_serve_figures *figures, uint64_t hedges,
                       uint32_t open);

#endif
