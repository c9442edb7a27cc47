/* The coordinator: one thread between clients and workers. */
#ifndef COORDINATOR_SERVE_COORDINATOR_H
#define COORDINATOR_SERVE_COORDINATOR_H

#include <stdint.h>

#include "common/base/status.h"

typedef struct kin_coordinator_options {
    const char *index_path;
    const char *endpoint;        /* where clients connect */
    const char *worker_endpoint; /* where workers connect */
    const char *key_file;        /* CURVE key pair; NULL for none */
    const char *allow_file;      /* public keys of those let in; NULL: only the own key's owners */
    uint32_t replicas;
    uint64_t wave_codes;  /* shards of so many codes on average are asked in two waves */
    uint32_t beat_ms;     /* between heartbeats */
    uint32_t patience_ms; /* of silence before a worker counts as dead */
} kin_coordinator_options;

/* Binds, prints `clients ENDPOINT` and `workers ENDPOINT` on standard output, and serves until a
 * stop is requested (kin_stop_init); then finishes the questions it has. */
KIN_MUST_USE kin_status kin_coordinator_run(const kin_coordinator_options *options,
                                            kin_error *error);

#endif
