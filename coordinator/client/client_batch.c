/* Many codes at once: pieces of a batch, several of them on their way, answered in order. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "coordinator/client/client_wire.h"
#include "proto/ranked.h"

/* Pieces on their way at a time: enough to keep several threads of several workers busy. */
#define PIECES_OPEN 8
/* Hits and codes of a piece: large enough that its travel costs nothing, small enough that an
 * answer comes within a deadline where each code has to be looked for by a scan. */
#define PIECE_HITS 262144
#define PIECE_CODES 2048

typedef struct piece {
    uint64_t first, request;
    uint32_t count;
    kin_buffer body;     /* of the reply, once it is there */
    kin_message message; /* borrows from body */
} piece;

typedef struct sending {
    kin_client *client;
    const kin_batch *batch;
    unsigned bits;
    uint32_t piece_codes;
    uint64_t sent, taken;      /* codes */
    piece pieces[PIECES_OPEN]; /* a ring: those that are open, oldest at `oldest` */
    uint32_t oldest, open;
    kin_hit *hits;    /* [piece_codes][k] */
    uint32_t *counts; /* [piece_codes] */
} sending;

static kin_status send_piece(sending *self, kin_error *error)
{
    const kin_batch *batch = self->batch;
    uint64_t left = batch->count - self->sent;
    piece *next = &self->pieces[(self->oldest + self->open) % PIECES_OPEN];
    kin_message message = kin_message_of(KIN_MESSAGE_BATCH);
    next->first = self->sent;
    next->count = left < self->piece_codes ? (uint32_t)left : self->piece_codes;
    message.codes = (kin_bytes){batch->codes + next->first * (self->bits / 8),
                                (size_t)next->count * (self->bits / 8)};
    message.k = batch->k;
    message.within = batch->within;
    message.any_ties = batch->any_ties;
    message.exhaustive = batch->exhaustive;
    kin_status status =
        kin_client_send(self->client, &message, kin_client_end_ms(self->client), error);
    next->request = message.request;
    self->sent += next->count;
    self->open++;
    return status;
}

/* Waits for one reply, whichever piece it belongs to. */
static kin_status receive_piece(sending *self, kin_error *error)
{
    kin_buffer body = {0};
    kin_message message;
    kin_status status =
        kin_client_receive(self->client, &message, &body, kin_client_end_ms(self->client), error);
    for (uint32_t i = 0; status == KIN_OK && i < self->open; i++) {
        piece *one = &self->pieces[(self->oldest + i) % PIECES_OPEN];
        if (one->request != message.request || one->body.bytes > 0) continue;
        one->body = body;
        one->message = message;
        return KIN_OK;
    }
    kin_message_fini(&message); /* of a question that was given up */
    kin_buffer_fini(&body);
    return status;
}

static kin_status take_piece(sending *self, piece *one, kin_batch_take take, void *user,
                             kin_error *error)
{
    uint32_t k = self->batch->k;
    size_t row_bytes = (size_t)k * KIN_RANKED_BYTES;
    kin_status status = kin_client_expect(self->client, &one->message, KIN_MESSAGE_RANKED, error);
    bool right = status != KIN_OK || one->message.ranked.bytes == one->count * row_bytes;
    for (uint32_t i = 0; status == KIN_OK && right && i < one->count; i++)
        right = kin_ranked_parse((const uint8_t *)one->message.ranked.data + i * row_bytes, k,
                                 self->bits, self->hits + (size_t)i * k, &self->counts[i]);
    if (!right) status = kin_fail(error, KIN_CORRUPT, "the coordinator sent an impossible answer");
    if (status != KIN_OK)
        kin_error_prefix(error, "codes %llu to %llu", (unsigned long long)one->first,
                         (unsigned long long)(one->first + one->count - 1));
    else
        status = take(user, one->first, one->count, self->hits, self->counts, error);
    kin_message_fini(&one->message);
    kin_buffer_fini(&one->body);
    return status;
}

static kin_status check(const kin_batch *batch, unsigned bits, kin_error *error)
{
    if (batch->k < 1 || batch->k > KIN_K_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "k is %u; it can be 1 to %u", batch->k, KIN_K_MAX);
    if (batch->within > (int32_t)bits)
        return kin_fail(error, KIN_BAD_INPUT, "within is %d; codes of this index have %u bits",
                        batch->within, bits);
    return KIN_OK;
}

kin_status kin_client_batch(kin_client *client, const kin_batch *batch, kin_batch_take take,
                            void *user, kin_error *error)
{
    sending self = {.client = client, .batch = batch};
    kin_status status = kin_client_bits(client, &self.bits, error);
    if (status == KIN_OK) status = check(batch, self.bits, error);
    if (status != KIN_OK) return status;
    self.piece_codes = PIECE_HITS / batch->k;
    if (self.piece_codes < 1) self.piece_codes = 1;
    if (self.piece_codes > PIECE_CODES) self.piece_codes = PIECE_CODES;
    self.hits = kin_calloc((size_t)self.piece_codes * batch->k, sizeof *self.hits);
    self.counts = kin_calloc(self.piece_codes, sizeof *self.counts);
    while (status == KIN_OK && self.taken < batch->count) {
        piece *oldest = &self.pieces[self.oldest];
        if (self.open > 0 && oldest->body.bytes > 0) {
            status = take_piece(&self, oldest, take, user, error);
            self.taken += oldest->count;
            self.oldest = (self.oldest + 1) % PIECES_OPEN;
            self.open--;
        } else if (self.open < PIECES_OPEN && self.sent < batch->count) {
            status = send_piece(&self, error);
        } else {
            status = receive_piece(&self, error);
        }
    }
    for (uint32_t i = 0; i < PIECES_OPEN; i++) {
        kin_message_fini(&self.pieces[i].message);
        kin_buffer_fini(&self.pieces[i].body);
    }
    free(self.hits);
    free(self.counts);
    return status;
}
