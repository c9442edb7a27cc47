/* The messages of Kindred: msgpack maps, one a frame. Specification: proto/PROTOCOL.md. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/code/code.h"
#include "common/code/hit.h"

#define KIN_PROTOCOL_VERSION 1

typedef enum kin_message_type {
    KIN_MESSAGE_ERROR,
    /* Client to coordinator, and the reply to it. */
    KIN_MESSAGE_SEARCH,
    KIN_MESSAGE_HITS,
    KIN_MESSAGE_THUMBNAILS, /* coordinator to worker, too */
    KIN_MESSAGE_IMAGES,
    KIN_MESSAGE_BATCH, /* coordinator to worker, too */
    KIN_MESSAGE_RANKED,
    KIN_MESSAGE_CLASSIFY,
    KIN_MESSAGE_CLASSES,
    KIN_MESSAGE_STATUS,
    KIN_MESSAGE_REPORT,
    /* Coordinator to worker, and the reply to it. */
    KIN_MESSAGE_SCAN,
    KIN_MESSAGE_FOUND,
    KIN_MESSAGE_ENCODE,
    KIN_MESSAGE_CODE,
    KIN_MESSAGE_SCORE,
    KIN_MESSAGE_SCORED,
    /* Between coordinator and worker, without a reply. */
    KIN_MESSAGE_HELLO,
    KIN_MESSAGE_ASSIGN,
    KIN_MESSAGE_READY,
    KIN_MESSAGE_BEAT,
    KIN_MESSAGE_REGISTER,
    KIN_MESSAGE_BYE,
    KIN_MESSAGE_TYPES
} kin_message_type;

/* Bytes inside another buffer; NULL is "not there". */
typedef struct kin_bytes {
    const void *data;
    size_t bytes;
} kin_bytes;

/* Where a picture is. */
typedef struct kin_row {
    uint32_t shard;
    uint64_t row;
} kin_row;

typedef struct kin_message_shard {
    uint32_t shard;
    uint64_t total;  /* of FOUND: hits of the shard, also beyond k */
    kin_bytes error; /* of READY: why the shard is refused; no bytes: it is served */
} kin_message_shard;

typedef struct kin_message_image {
    uint32_t width, height; /* 0 for JPEG bytes */
    kin_bytes data;         /* width x height x 3 bytes of RGB, or a JPEG file; no bytes: none */
} kin_message_image;

/* A class that a picture may be of. */
typedef struct kin_message_class {
    kin_bytes name;
    uint32_t billionths; /* its probability, times 10^9 */
} kin_message_class;

#define KIN_BILLION 1000000000U

/* Every field that a message can have; which type has which is a table in message.c and in
 * PROTOCOL.md. Zeroed (within, bound and radius -1) is "not there". Plain data. */
typedef struct kin_message {
    kin_message_type type;
    uint64_t request; /* of a question, repeated in its reply */
    uint32_t k;
    int32_t within; /* bits; -1: any distance */
    int32_t bound;  /* bits: farther hits are not wanted, though they count; -1: any */
    uint32_t bits;
    int64_t deadline_ms; /* left */
    bool partial;        /* take an answer that misses shards */
    bool rgb;            /* thumbnails as pixels, not as stored */
    bool encodes;        /* this worker encodes pictures */
    bool any_ties;       /* of hits at the k-th distance any will do */
    bool exhaustive;     /* look at every code: the check of what tables say */
    bool histogram;      /* count the codes at each distance, too */
    int32_t radius;      /* bits: nothing nearer is missing from the answer; -1: not proven */
    uint32_t pruned;     /* shards that cannot hold a hit, and were not asked */
    uint32_t thumbnail;  /* largest side; 0 for none */
    uint32_t rerank;     /* hits that are put in order by their values; 0: none */
    uint32_t shard_total, threads;
    uint32_t beat_ms, patience_ms;
    int64_t pid;
    uint64_t total;
    kin_bytes code, picture, manifest, fingerprint; /* bytes */
    kin_bytes codes;                                /* [n][bits / 8], one behind the other */
    kin_bytes ranked;                               /* [n][k] of proto/ranked.h */
    kin_bytes values, places, scores;               /* of proto/scored.h */
    kin_bytes status, text, name, host, generation, report; /* words and sentences */
    kin_message_shard *shards;                              /* [shard_count] */
    kin_hit *hits;                                          /* [hit_count] */
    kin_bytes *keys;                                        /* [hit_count], beside hits */
    kin_row *rows;                                          /* [row_count] */
    kin_message_image *images;                              /* [image_count] */
    uint64_t *counts;                                       /* [count_count] */
    kin_message_class *classes; /* [class_count], the most probable first */
    uint32_t shard_count, hit_count, row_count, image_count, count_count, class_count;
} kin_message;

/* {.type = type, .within = -1, .bound = -1, .radius = -1} */
kin_message kin_message_of(kin_message_type type);

/* Puts the message's bytes into out, which is emptied first; fields that its type does not have are
 * ignored. KIN_LIMIT, and out empty, where they would be more than KIN_MESSAGE_BYTES_MAX. */
KIN_MUST_USE kin_status kin_message_build(const kin_message *message, kin_buffer *out,
                                          kin_error *error);

/* Reads one message: kin_walk, then every field's kind and limit. Bytes are borrowed from data, and
 * lists are new: kin_message_fini frees those of a parsed message (also after a failure). A request
 * number is there as soon as it could be read, so that an error can name it. KIN_CORRUPT,
 * KIN_LIMIT, KIN_BAD_INPUT (a value), KIN_MISMATCH (another version). */
KIN_MUST_USE kin_status kin_message_parse(kin_message *message, const void *data, size_t bytes,
                                          kin_error *error);
void kin_message_fini(kin_message *message);

/* The word on the wire. */
const char *kin_message_type_word(kin_message_type type);

/* An error reply. */
void kin_message_build_error(uint64_t request, const kin_error *error, kin_buffer *out);

/* What an error message says, as an error. */
kin_status kin_message_error(const kin_message *message, kin_error *error);

/* Borrowed bytes from a string and back: kin_bytes_text is a new string. */
kin_bytes kin_bytes_of(const char *text);
char *kin_bytes_text(kin_bytes bytes);

#endif
