/* kindred-worker: the socket, and the threads behind it. */
#ifndef WORKER_SERVE_WORKER_H
#define WORKER_SERVE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/status.h"
#include "proto/link.h"
#include "worker/decode/decoder.h"
#include "worker/serve/served_index.h"

typedef struct kin_worker_options {
    const char *connect;               /* the coordinator's endpoint for workers */
    const kin_link_security *security; /* NULL: none */
    uint32_t threads;                  /* that search */
    bool lazy;                         /* opens shards without reading them */
    bool resident;                     /* keeps shards in memory */
    uint32_t recheck_every;            /* one of so many answers is looked at again; 0: none */
    const char *name;                  /* NULL: host:pid */
} kin_worker_options;

/* One for each picture that is decoded and encoded at once; none: no pictures. */
typedef struct kin_worker_decoders {
    kin_decoder *list[KIN_ENCODERS_MAX];
    uint32_t count;
} kin_worker_decoders;

/* Serves until a stop is requested (KIN_STOPPED never shows: that is KIN_OK), then finishes what it
 * has. All arguments are borrowed. Starts threads: everything that forks has happened. */
KIN_MUST_USE kin_status kin_worker_run(const kin_worker_options *options,
                                       const kin_served_index *served,
                                       const kin_worker_decoders *decoders, kin_error *error);

#endif
