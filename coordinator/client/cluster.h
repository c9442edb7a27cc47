/* A cluster of this machine: a coordinator and workers of one index as child processes, which are
 * started, watched and stopped together. Behind `kindred serve` and behind clients whose target is
 * a folder. */
#ifndef COORDINATOR_CLIENT_CLUSTER_H
#define COORDINATOR_CLIENT_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

/* The thread that starts a cluster outlives it: the children die with that thread. */
typedef struct kin_cluster kin_cluster;

typedef struct kin_cluster_options {
    const char *index_path;
    uint32_t workers;            /* 1 to KIN_WORKERS_MAX */
    uint32_t replicas;           /* of each shard; no more than there are workers */
    uint32_t threads;            /* searching ones a worker; 0: cores / workers, at least 1 */
    uint32_t encoders;           /* pictures encoded at once a worker; 0: cores / 2 / workers,
                                    1 to KIN_ENCODERS_DEFAULT_MAX */
    const char *client_endpoint; /* "tcp://127.0.0.1:7700", "ipc:///run/kindred"; NULL: private */
    const char *worker_endpoint; /* NULL: private, in a folder of this process under /tmp */
    const char *key_file;        /* CURVE key pair of coordinator and workers; NULL for none */
    const char *allow_file;      /* public keys of clients, one a line; goes with key_file */
    bool lazy, resident; /* workers open shards without reading them, or keep them in memory */
    bool no_sandbox;     /* of the workers' decoders; loud */
    bool quiet;          /* children say warnings and errors only */
} kin_cluster_options;

#define KIN_CLUSTER_OPTIONS_DEFAULT                        \
    (kin_cluster_options)                                  \
    {                                                      \
        .workers = 2, .replicas = KIN_CLUSTER_REPLICAS_ANY \
    }

/* KIN_REPLICAS_DEFAULT, or fewer where there are fewer workers. */
#define KIN_CLUSTER_REPLICAS_ANY 0

/* Starts the children and waits until every shard has a worker that serves it. A failure stops all
 * of them and says which program ended, or what a worker said was wrong with its shards. */
KIN_MUST_USE kin_status kin_cluster_start(kin_cluster **cluster, const kin_cluster_options *options,
                                          kin_error *error);

/* Where clients connect, with the port that was bound; valid until the cluster is stopped. */
const char *kin_cluster_endpoint(const kin_cluster *cluster);
/* Where workers of other machines may connect. */
const char *kin_cluster_worker_endpoint(const kin_cluster *cluster);

/* Watches the children until a stop is requested (kin_stop_init, kin_stop_requested), which is
 * KIN_OK. A child that dies is started again, at first at once, then after growing pauses; the same
 * child dying ten times within a minute is KIN_UNAVAILABLE. */
KIN_MUST_USE kin_status kin_cluster_supervise(kin_cluster *cluster, kin_error *error);

/* SIGTERM to the coordinator, which finishes the questions it has, then to the workers; SIGKILL to
 * what is left after a few seconds. Removes the private folder. NULL is fine. */
void kin_cluster_stop(kin_cluster **cluster);

#endif
