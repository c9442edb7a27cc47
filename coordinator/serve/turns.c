#include "coordinator/serve/turns.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/checksum.h"
#include "common/base/memory.h"

#define SLOTS KIN_QUERIES_IN_FLIGHT_MAX
#define NONE KIN_TURNS_NONE
/* Questions hold the bytes of their pictures until they are answered: eight of the largest. */
#define BYTES_MAX ((uint64_t)8 * KIN_PICTURE_BYTES_MAX)
#define CLIENT_BYTES_MAX (BYTES_MAX / 2)

/* Lists of numbers below SLOTS, each of which is in at most one list of its kind. */
typedef struct neighbours {
    uint32_t before, after;
} neighbours;

typedef struct list {
    uint32_t first, last;
} list;

typedef struct question {
    uint32_t client;
    bool waits;
    uint64_t bytes;
} question;

typedef struct client {
    kin_link_peer peer;
    uint32_t open;
    uint64_t bytes;
    list waiting;   /* its questions, the oldest first */
    uint32_t chain; /* the next client of the same bucket */
} client;

struct kin_turns {
    question questions[SLOTS];
    client clients[SLOTS];
    neighbours question_links[SLOTS], client_links[SLOTS];
    list free_questions, free_clients;
    list ring; /* clients of whom a question waits; the first one's turn it is */
    uint32_t buckets[SLOTS];
    uint32_t open, waiting;
    uint64_t bytes;
};

static void append(list *to, neighbours *links, uint32_t i)
{
    links[i] = (neighbours){.before = to->last, .after = NONE};
    if (to->last == NONE)
        to->first = i;
    else
        links[to->last].after = i;
    to->last = i;
}

static void take_out(list *from, neighbours *links, uint32_t i)
{
    neighbours out = links[i];
    if (out.before == NONE)
        from->first = out.after;
    else
        links[out.before].after = out.after;
    if (out.after == NONE)
        from->last = out.before;
    else
        links[out.after].before = out.before;
}

kin_turns *kin_turns_new(void)
{
    kin_turns *turns = kin_calloc(1, sizeof *turns);
    turns->free_questions = turns->free_clients = turns->ring = (list){NONE, NONE};
    for (uint32_t i = 0; i < SLOTS; i++) {
        append(&turns->free_questions, turns->question_links, i);
        append(&turns->free_clients, turns->client_links, i);
        turns->buckets[i] = NONE;
    }
    return turns;
}

void kin_turns_destroy(kin_turns **turns)
{
    free(*turns);
    *turns = NULL;
}

static uint32_t *bucket_of(kin_turns *turns, const kin_link_peer *peer)
{
    return &turns->buckets[kin_checksum(peer->identity, peer->identity_bytes) % SLOTS];
}

static uint32_t find_client(kin_turns *turns, const kin_link_peer *peer)
{
    uint32_t i = *bucket_of(turns, peer);
    while (i != NONE &&
           (turns->clients[i].peer.identity_bytes != peer->identity_bytes ||
            memcmp(turns->clients[i].peer.identity, peer->identity, peer->identity_bytes) != 0))
        i = turns->clients[i].chain;
    return i;
}

static uint32_t add_client(kin_turns *turns, const kin_link_peer *peer)
{
    uint32_t i = turns->free_clients.first, *bucket = bucket_of(turns, peer);
    take_out(&turns->free_clients, turns->client_links, i);
    turns->clients[i] = (client){.peer = *peer, .waiting = {NONE, NONE}, .chain = *bucket};
    *bucket = i;
    return i;
}

static void remove_client(kin_turns *turns, uint32_t i)
{
    uint32_t *at = bucket_of(turns, &turns->clients[i].peer);
    while (*at != i)
        at = &turns->clients[*at].chain;
    *at = turns->clients[i].chain;
    append(&turns->free_clients, turns->client_links, i);
}

/* A question alone is always let in, however large it is. */
static kin_status check_room(const kin_turns *turns, const client *asking, uint64_t bytes,
                             kin_error *error)
{
    if (turns->open == SLOTS)
        return kin_fail(error, KIN_BUSY, "%u questions are open, the limit; ask again later",
                        turns->open);
    if (turns->open > 0 && turns->bytes + bytes > BYTES_MAX)
        return kin_fail(error, KIN_BUSY,
                        "%u questions with large pictures are open; ask again later", turns->open);
    if (asking == NULL) return KIN_OK;
    if (asking->open == KIN_QUERIES_OF_CLIENT_MAX)
        return kin_fail(error, KIN_BUSY,
                        "%u questions of this client are open, the limit; wait for answers first",
                        asking->open);
    if (asking->bytes + bytes > CLIENT_BYTES_MAX)
        return kin_fail(error, KIN_BUSY,
                        "%u questions of this client with large pictures are open; wait for "
                        "answers first",
                        asking->open);
    return KIN_OK;
}

kin_status kin_turns_enter(kin_turns *turns, const kin_link_peer *peer, uint64_t bytes,
                           uint32_t *slot, kin_error *error)
{
    uint32_t i = find_client(turns, peer);
    kin_status status = check_room(turns, i == NONE ? NULL : &turns->clients[i], bytes, error);
    if (status != KIN_OK) return status;
    if (i == NONE) i = add_client(turns, peer);
    client *asking = &turns->clients[i];
    *slot = turns->free_questions.first;
    take_out(&turns->free_questions, turns->question_links, *slot);
    turns->questions[*slot] = (question){.client = i, .waits = true, .bytes = bytes};
    if (asking->waiting.first == NONE) append(&turns->ring, turns->client_links, i);
    append(&asking->waiting, turns->question_links, *slot);
    asking->open++;
    asking->bytes += bytes;
    turns->open++;
    turns->waiting++;
    turns->bytes += bytes;
    return KIN_OK;
}

/* Takes a question from those that wait, and its client out of the ring if that was its last. */
static void stop_waiting(kin_turns *turns, uint32_t slot)
{
    question *stops = &turns->questions[slot];
    client *asking = &turns->clients[stops->client];
    take_out(&asking->waiting, turns->question_links, slot);
    if (asking->waiting.first == NONE) take_out(&turns->ring, turns->client_links, stops->client);
    stops->waits = false;
    turns->waiting--;
}

uint32_t kin_turns_next(kin_turns *turns, uint32_t asked_max)
{
    uint32_t i = turns->ring.first;
    if (i == NONE || turns->open - turns->waiting >= asked_max) return NONE;
    uint32_t slot = turns->clients[i].waiting.first;
    stop_waiting(turns, slot);
    if (turns->clients[i].waiting.first != NONE) { /* to the end of the ring */
        take_out(&turns->ring, turns->client_links, i);
        append(&turns->ring, turns->client_links, i);
    }
    return slot;
}

void kin_turns_leave(kin_turns *turns, uint32_t slot)
{
    question *leaves = &turns->questions[slot];
    KIN_CHECK(leaves->client < SLOTS && turns->clients[leaves->client].open > 0);
    client *asking = &turns->clients[leaves->client];
    if (leaves->waits) stop_waiting(turns, slot);
    asking->open--;
    asking->bytes -= leaves->bytes;
    turns->open--;
    turns->bytes -= leaves->bytes;
    if (asking->open == 0) remove_client(turns, leaves->client);
    append(&turns->free_questions, turns->question_links, slot);
}

uint32_t kin_turns_open(const kin_turns *turns)
{
    return turns->open;
}

uint32_t kin_turns_waiting(const kin_turns *turns)
{
    return turns->waiting;
}
