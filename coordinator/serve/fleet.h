/* The workers that a coordinator knows: who they are, which shards they serve, and which they are
 * to serve. */
#ifndef COORDINATOR_SERVE_FLEET_H
#define COORDINATOR_SERVE_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/limits.h"
#include "proto/link.h"
#include "proto/message.h"
#include "proto/worker_figures.h"

typedef struct kin_fleet_worker {
    kin_link_peer peer;
    char *name, *host;
    char *no_pictures; /* why it does not encode pictures; "" if it says nothing */
    int64_t pid;
    uint32_t threads;
    bool encodes;
    bool leaving;                  /* it said bye: it finishes what it has */
    bool late;                     /* it did not answer in time, and has not been heard since */
    uint64_t hash;                 /* of the name, for placement */
    int64_t heard_ns;              /* when its last message came */
    uint32_t tasks;                /* shards and pictures that it works on for us */
    uint8_t *serves;               /* [shard_count]: it said ready */
    uint8_t *refuses;              /* [shard_count]: it said why not */
    uint8_t *assigned;             /* [shard_count]: what it was told last */
    bool told;                     /* assigned was sent */
    uint64_t figures[KIN_FIGURES]; /* what it said of itself with its last beat */
} kin_fleet_worker;

/* One thread: the coordinator's. */
typedef struct kin_fleet {
    kin_link *link; /* borrowed */
    kin_digest manifest;
    uint32_t shard_count, replicas;
    uint32_t beat_ms, patience_ms;
    int64_t beat_ns;                            /* when the last beats were sent */
    kin_fleet_worker *workers[KIN_WORKERS_MAX]; /* NULL: no worker of that number */
    uint32_t count, end;                        /* workers; one past the last number in use */
    char **damage; /* [shard_count]: what a worker said of a shard that it refuses, or NULL */
    kin_buffer body;
} kin_fleet;

#define KIN_FLEET_NONE UINT32_MAX

void kin_fleet_init(kin_fleet *fleet, kin_link *link, const kin_digest *manifest,
                    uint32_t shard_count, uint32_t replicas, uint32_t beat_ms,
                    uint32_t patience_ms);
void kin_fleet_fini(kin_fleet *fleet);

/* The worker behind a peer, or KIN_FLEET_NONE. */
uint32_t kin_fleet_find(const kin_fleet *fleet, const kin_link_peer *peer);
/* The worker of that name, or KIN_FLEET_NONE. */
uint32_t kin_fleet_named(const kin_fleet *fleet, kin_bytes name);

/* A worker says who it is: a new one, or one that lost us and is there again. KIN_MISMATCH for a
 * worker of another index, KIN_LIMIT for one too many. */
KIN_MUST_USE kin_status kin_fleet_hello(kin_fleet *fleet, const kin_link_peer *peer,
                                        const kin_message *hello, kin_error *error);
/* A worker says which of its shards it serves. */
void kin_fleet_ready(kin_fleet *fleet, uint32_t worker, const kin_message *ready);
/* A worker says what it did so far. */
void kin_fleet_figures(kin_fleet *fleet, uint32_t worker, const kin_message *beat);
/* A worker leaves: it gets nothing new. */
void kin_fleet_bye(kin_fleet *fleet, uint32_t worker);
/* Forgets a worker; whoever waited for it asks another. */
void kin_fleet_remove(kin_fleet *fleet, uint32_t worker);

/* Sends beats when they are due. */
void kin_fleet_beat(kin_fleet *fleet, int64_t now_ns);
/* A worker that was silent for too long, or KIN_FLEET_NONE. */
uint32_t kin_fleet_silent(const kin_fleet *fleet, int64_t now_ns);

/* The worker with the least to do that serves a shard, other than `avoid`; late ones only where
 * there is no other. KIN_FLEET_NONE if there is none. */
uint32_t kin_fleet_choose(const kin_fleet *fleet, uint32_t shard, uint32_t avoid);
/* The same for a picture to encode. */
uint32_t kin_fleet_choose_encoder(const kin_fleet *fleet, uint32_t avoid);

/* Workers that serve a shard. */
uint32_t kin_fleet_replicas_of(const kin_fleet *fleet, uint32_t shard);
/* Whether every worker there is (at least one) refuses the shard: waiting for it is in vain. */
bool kin_fleet_lost(const kin_fleet *fleet, uint32_t shard);
/* Whether every shard is served, or lost. */
bool kin_fleet_settled(const kin_fleet *fleet);

#endif
