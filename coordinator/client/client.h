/* libkindred: asking an index, from C. Speaks proto/PROTOCOL.md to a coordinator. */
#ifndef COORDINATOR_CLIENT_CLIENT_H
#define COORDINATOR_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/code/class_text.h"
#include "common/code/code.h"
#include "common/code/hit.h"
#include "common/image/image.h"

/* One thread uses a client at a time. */
typedef struct kin_client kin_client;

typedef struct kin_client_options {
    const char *target;     /* "tcp://host:port", "ipc://path", or the folder of an index, which is
                             * then served privately until the client is closed */
    const char *key_file;   /* CURVE key pair of this client (kindred keygen); NULL for none */
    const char *server_key; /* the coordinator's public key, 40 characters of Z85, or NULL */
    int64_t deadline_ms;
    bool allow_partial; /* take answers that miss shards */
} kin_client_options;

#define KIN_CLIENT_OPTIONS_DEFAULT             \
    (kin_client_options)                       \
    {                                          \
        .deadline_ms = KIN_DEADLINE_MS_DEFAULT \
    }

KIN_MUST_USE kin_status kin_client_open(kin_client **client, const kin_client_options *options,
                                        kin_error *error);
void kin_client_close(kin_client **client);

/* What is asked: a picture's bytes, or a code. */
typedef struct kin_question {
    const void *picture; /* borrowed; NULL to ask by code */
    size_t picture_bytes;
    kin_code code;   /* used where picture is NULL */
    uint32_t k;      /* at most so many hits */
    int32_t within;  /* bits; -1 for any distance */
    bool any_ties;   /* of the hits at the last distance any will do: less to look at */
    bool exhaustive; /* look at every code, whatever tables there are: the check */
    bool histogram;  /* with within: how many codes there are at each distance, too */
    uint32_t rerank; /* so many of the first hits are put in order by values; 0: none */
    uint32_t
        thumbnail_side; /* of the question's own picture, as pixels in the answer; 0 for none */
} kin_question;

typedef struct kin_answer {
    kin_code code; /* of the question */
    unsigned bits;
    uint32_t hit_count;
    kin_hit *hits;        /* [hit_count], in order; those behind the scored of (distance, id) */
    char **keys;          /* [hit_count], NUL-terminated copies */
    uint32_t *key_bytes;  /* [hit_count]; keys hold no NUL */
    uint32_t rerank;      /* hits that were to be put in order by values; 0: none */
    uint32_t score_count; /* the first hits, which are in order of (score, distance, id) */
    uint32_t *scores;     /* [score_count]: kin_values_distance */
    uint32_t shards, answered; /* coverage */
    uint64_t total_within;     /* a question with `within`: all hits there are, also beyond k */
    uint64_t *histogram;       /* [within + 1]: codes at each distance; NULL if not asked */
    kin_image thumbnail;       /* of the question's picture; zeroed if not asked */
    /* The certificate: what was asked, and how far the answer is proven. */
    char generation[32];
    char fingerprint[33]; /* of the encoder, hexadecimal; empty if the coordinator is older */
    uint32_t pruned;      /* of the answered shards: they cannot hold a hit, and were not asked */
    int32_t radius;       /* bits: all that is nearer is here; -1: not proven (partial) */
    bool any_ties;
    bool checked; /* by whoever asked: equal to that of a scan of all codes */
} kin_answer;

/* KIN_OK; KIN_PARTIAL with a filled answer if allowed; else a sentence. Free with fini. */
KIN_MUST_USE kin_status kin_client_search(kin_client *client, const kin_question *question,
                                          kin_answer *answer, kin_error *error);
void kin_answer_fini(kin_answer *answer);

/* Many codes at once. */
typedef struct kin_batch {
    const uint8_t *codes; /* [count][bits / 8], bit order of numpy.packbits; borrowed */
    uint64_t count;
    uint32_t k;
    int32_t within; /* bits; -1 for any distance */
    bool any_ties, exhaustive;
} kin_batch;

/* Takes the answers to codes first..first + count - 1, in order: hits [count][k] of which code i
 * has counts[i]; of a hit, id, distance and shard are there. Borrowed for the call. */
typedef kin_status (*kin_batch_take)(void *user, uint64_t first, uint32_t count,
                                     const kin_hit *hits, const uint32_t *counts, kin_error *error);

/* The answers that kin_client_search would give, several messages on their way at a time; exact or
 * refused, never partial. Memory does not grow with count. The deadline is that of each message. */
KIN_MUST_USE kin_status kin_client_batch(kin_client *client, const kin_batch *batch,
                                         kin_batch_take take, void *user, kin_error *error);

/* The thumbnails of an answer's hits, [answer->hit_count] into images (zeroed where none is
 * stored; the caller finishes each) or, as stored JPEG bytes, into buffers; either may be NULL. */
KIN_MUST_USE kin_status kin_client_thumbnails(kin_client *client, const kin_answer *answer,
                                              kin_image *images, kin_buffer *jpegs,
                                              kin_error *error);

/* What a picture is of. */
typedef struct kin_classes_answer {
    kin_class *classes; /* [count], the most probable first; names are the answer's */
    uint32_t count;
    uint64_t total; /* classes that the index tells apart */
} kin_classes_answer;

/* The `top` most probable classes of a picture's bytes, by an index of the hasher supervised;
 * KIN_BAD_INPUT for any other. Free with fini. */
KIN_MUST_USE kin_status kin_client_classify(kin_client *client, const void *picture, size_t bytes,
                                            uint32_t top, kin_classes_answer *answer,
                                            kin_error *error);
void kin_classes_answer_fini(kin_classes_answer *answer);

/* What an index or its cluster says of itself, as one JSON object appended to *json.
 * kin_client_status: workers, shards, replicas, queries, latency percentiles. */
KIN_MUST_USE kin_status kin_client_status(kin_client *client, kin_buffer *json, kin_error *error);

/* Bits of the index's codes, asked once and kept. */
KIN_MUST_USE kin_status kin_client_bits(kin_client *client, unsigned *bits, kin_error *error);

#endif
