/* The messages of proto/PROTOCOL.md as structs: pure functions of (pointer, length). */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/code/hit.h"

#define KIN_PROTOCOL_VERSION 1
#define KIN_WITHIN_ANY (-1)

typedef enum kin_message_type {
    KIN_MESSAGE_NONE,
    /* Clients and the coordinator. */
    KIN_MESSAGE_SEARCH,     /* "search" -> "answer" */
    KIN_MESSAGE_ANSWER,     /* "answer" */
    KIN_MESSAGE_THUMBNAILS, /* "thumbnails" -> "images" */
    KIN_MESSAGE_IMAGES,     /* "images" */
    KIN_MESSAGE_STATUS,     /* "status" -> "report" */
    KIN_MESSAGE_REPORT,     /* "report" */
    KIN_MESSAGE_ERROR,      /* "error": instead of any reply */
    /* Workers and the coordinator. */
    KIN_MESSAGE_HELLO,     /* "hello": a worker is there */
    KIN_MESSAGE_ASSIGN,    /* "assign": the shards it is to serve */
    KIN_MESSAGE_READY,     /* "ready": the shards it serves, and those it refuses */
    KIN_MESSAGE_HEARTBEAT, /* "heartbeat", both ways */
    KIN_MESSAGE_STRANGER,  /* "stranger": the coordinator does not know this worker; say hello */
    KIN_MESSAGE_GOODBYE,   /* "goodbye", both ways */
    KIN_MESSAGE_SCAN,      /* "scan" -> "partial" */
    KIN_MESSAGE_PARTIAL,   /* "partial" */
    KIN_MESSAGE_ENCODE,    /* "encode" -> "encoded" */
    KIN_MESSAGE_ENCODED,   /* "encoded" */
    KIN_MESSAGE_FETCH,     /* "fetch" -> "images" */
    KIN_MESSAGE_TYPES
} kin_message_type;

/* Borrowed bytes; a text has no NUL at its end. */
typedef struct kin_span {
    const char *data;
    size_t bytes;
} kin_span;

/* A hit and the key of its picture. */
typedef struct kin_keyed_hit {
    kin_hit hit;
    kin_span key;
} kin_keyed_hit;

/* Where a picture is. */
typedef struct kin_row {
    uint64_t row;
    uint32_t shard;
} kin_row;

/* JPEG bytes (width and height 0) or pixels [height][width][3]; empty: none is stored. */
typedef struct kin_wire_image {
    uint32_t width, height;
    kin_span data;
} kin_wire_image;

/* A shard that a worker cannot serve, and the sentence that says why. */
typedef struct kin_refusal {
    uint32_t shard;
    kin_span text;
} kin_refusal;

/* Every field of every message; PROTOCOL.md says which belong to which type, the others are zero
 * (`within`: KIN_WITHIN_ANY). A parsed message borrows texts, keys and data from the bytes that
 * were parsed, and lists from itself until the next parse; a message to be written borrows all of
 * them from the caller. */
typedef struct kin_message {
    kin_message_type type;
    uint64_t request; /* the asker's number, echoed in the reply */
    uint32_t k, thumbnail, deadline_ms, bits, shard_count, answered, pid, threads;
    int32_t within;
    bool allow_partial, count, encodes, pixels;
    uint64_t total;
    kin_span code, picture, generation, json, status, text, reason, name, host, fingerprint;
    const uint32_t *shards, *missing;
    uint32_t shards_count, missing_count;
    const uint64_t *totals; /* [totals_count], one a shard of shards */
    uint32_t totals_count;
    const kin_keyed_hit *hits;
    uint32_t hits_count;
    const kin_row *rows;
    uint32_t rows_count;
    const kin_wire_image *images;
    uint32_t images_count;
    const kin_refusal *refused;
    uint32_t refused_count;
} kin_message;

/* What parsing needs; grows to the largest message seen. One thread. */
typedef struct kin_message_reader kin_message_reader;

kin_message_reader *kin_message_reader_new(void);
void kin_message_reader_destroy(kin_message_reader **reader);

/* Walks, unpacks and checks: version, type, the fields that the type demands, their kinds and
 * limits. Unknown fields are ignored. On failure message->request is still set where the bytes had
 * one, so that an error can be sent back. KIN_CORRUPT, KIN_MISMATCH (version), KIN_BAD_INPUT,
 * KIN_LIMIT. */
KIN_MUST_USE kin_status kin_message_parse(kin_message_reader *reader, const void *data,
                                          size_t bytes, kin_message *message, kin_error *error);

/* Replaces out's contents by the message's bytes. A message above KIN_MESSAGE_BYTES_MAX is
 * KIN_LIMIT. */
KIN_MUST_USE kin_status kin_message_write(const kin_message *message, kin_buffer *out,
                                          kin_error *error);

/* The word of a type; "none" for KIN_MESSAGE_NONE. */
const char *kin_message_word(kin_message_type type);

/* A text as a span, and a span as a new NUL-terminated text (the caller frees). */
kin_span kin_span_of(const char *text);
char *kin_span_text(kin_span span);
bool kin_span_is(kin_span span, const char *text);

/* An error reply; borrows the sentence. */
kin_message kin_message_error(uint64_t request, const kin_error *error);
/* The error that an error message carries. */
kin_status kin_message_error_of(const kin_message *message, kin_error *error);

#endif
