/* One question of a client on its way: which workers were asked for which shards, what they said,
 * and what the client gets.
 *
 * A picture is first encoded by one worker, which is all where it is to be classified. Then every
 * shard is asked of one worker that serves it, all shards of a worker in one message (a leg). A leg
 * that fails, or whose worker dies, is asked again elsewhere; one that is late is asked elsewhere
 * as well, and the first answer for a shard counts. Partial lists hold the k first hits of a leg's
 * shards together, so that taking only some shards out of a list and merging stays exact.
 *
 * A search that re-ranks then asks, in a second round, for the scores of the first hits. */
#ifndef COORDINATOR_SERVE_INQUIRY_H
#define COORDINATOR_SERVE_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/serve/fleet.h"
#include "proto/manifest.h"

/* What every question is asked of. */
typedef struct kin_inquiry_scope {
    kin_fleet *fleet;
    const kin_manifest *manifest;
    const char *generation;
    uint64_t next_leg;   /* numbers on the wire; never used twice */
    int64_t late_ns;     /* a leg that takes longer is asked elsewhere, too */
    uint64_t hedges;     /* legs that were */
    uint64_t wave_codes; /* shards of so many codes on average are asked in two waves */
    kin_buffer body;     /* scratch for messages */
} kin_inquiry_scope;

typedef struct kin_leg {
    uint64_t number; /* `request` of the message to the worker */
    uint32_t worker;
    bool open; /* no reply yet */
    bool hedged;
    int64_t sent_ns;
    uint32_t *shards; /* [shard_count]; none: it encodes the picture */
    uint32_t shard_count;
    kin_buffer body; /* of the reply, which borrows from it */
    kin_message reply;
} kin_leg;

/* Of a search that re-ranks (inquiry_score.h). */
typedef struct kin_second_round {
    kin_buffer values; /* of the question, as the encoding worker gave them */
    bool begun;
    uint32_t first_leg;
    kin_hit *hits;    /* [hit_count]: the first ones of the first round, in order */
    uint32_t *scores; /* [hit_count]; UINT32_MAX: not known */
    uint32_t hit_count;
    uint8_t *needed; /* the first round's, while this one is under way */
    uint32_t *owner;
} kin_second_round;

typedef struct kin_inquiry {
    kin_link_peer client;
    kin_message question; /* borrows from body */
    kin_buffer body;
    bool waits; /* for its turn: nothing is asked yet */
    int64_t started_ns, deadline_ns;
    bool encoding; /* first phase: the code is not known yet */
    kin_code code;
    uint32_t pruned; /* shards that cannot hold a hit */
    uint32_t ahead;  /* the shard that is asked first (inquiry_wave.h); KIN_FLEET_NONE: none */
    int32_t bound;   /* bits, of scans: there are k hits that near; -1: not known */
    int64_t wave_ns; /* when it was asked; 0: not yet */
    uint32_t batch;  /* codes of a batch */
    kin_second_round second;
    kin_buffer thumbnail; /* pixels of the question's picture */
    uint32_t thumbnail_width, thumbnail_height;
    uint32_t slot;
    uint32_t shard_count;
    uint8_t *needed;   /* [shard_count]: 1 for those that the question is about */
    uint32_t *owner;   /* [shard_count]: the leg whose answer counts, or KIN_FLEET_NONE */
    uint32_t *pending; /* [shard_count]: open legs */
    uint32_t *avoid;   /* [shard_count]: the worker that failed last */
    uint32_t avoid_encoder;
    kin_leg *legs;
    uint32_t leg_count;
    kin_error failure; /* the last one of a worker; final: the client gets it */
    bool final;
} kin_inquiry;

/* Takes over question and body; nothing is asked before kin_inquiry_ask. KIN_BAD_INPUT,
 * KIN_MISMATCH for a question that cannot be asked; then nothing is taken. */
KIN_MUST_USE kin_status kin_inquiry_start(kin_inquiry **inquiry, kin_inquiry_scope *scope,
                                          uint32_t slot, const kin_link_peer *client,
                                          kin_message *question, kin_buffer *body,
                                          kin_error *error);
void kin_inquiry_destroy(kin_inquiry **inquiry, kin_inquiry_scope *scope);

/* Its turn has come: it waits no more. */
void kin_inquiry_ask(kin_inquiry *inquiry, kin_inquiry_scope *scope);
/* Asks what is not asked yet, unless it waits. */
void kin_inquiry_dispatch(kin_inquiry *inquiry, kin_inquiry_scope *scope);
/* Looks at the time: late legs, shards to try again. */
void kin_inquiry_tick(kin_inquiry *inquiry, kin_inquiry_scope *scope, int64_t now_ns);
/* A worker's reply to one of its legs; takes over reply and body where it uses them. */
void kin_inquiry_reply(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t worker,
                       kin_message *reply, kin_buffer *body);
/* A worker is gone. */
void kin_inquiry_worker_gone(kin_inquiry *inquiry, kin_inquiry_scope *scope, uint32_t worker);

/* Whether there is nothing to wait for: everything answered, a final failure, the deadline. */
bool kin_inquiry_done(const kin_inquiry *inquiry, const kin_inquiry_scope *scope, int64_t now_ns);

/* The reply to the client (inquiry_answer.c): hits of a code or a batch, images, or an error.
 * KIN_OK, KIN_PARTIAL, or the error's status. */
kin_status kin_inquiry_answer(kin_inquiry *inquiry, kin_inquiry_scope *scope, kin_buffer *out);

/* Whether a leg asks for a shard. */
bool kin_leg_has(const kin_leg *leg, uint32_t shard);

/* The slot in a leg's number. */
static inline uint32_t kin_inquiry_slot(uint64_t leg_number)
{
    return (uint32_t)(leg_number % KIN_QUERIES_IN_FLIGHT_MAX);
}

#endif
