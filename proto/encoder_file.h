/* The encoder file: what turns a feature vector into a code, and how it was learned.
 * Specification: proto/ENCODER.md. Pure functions of (pointer, length). */
#ifndef PROTO_ENCODER_FILE_H
#define PROTO_ENCODER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "common/base/limits.h"
#include "common/base/status.h"

#define KIN_ENCODER_FILE_VERSION 3

/* What becomes of a vector before the first layer. */
typedef enum kin_hasher_input {
    KIN_INPUT_PLAIN = 0,
    KIN_INPUT_UNIT = 1 /* divided by its Euclidean length */
} kin_hasher_input;

typedef enum kin_layer_activation {
    KIN_ACTIVATE_NONE = 0,
    KIN_ACTIVATE_RELU = 1,
    KIN_ACTIVATE_LOGISTIC = 2,
    KIN_ACTIVATE_TANH = 3,
    KIN_ACTIVATE_SINE = 4 /* of spectral hashing */
} kin_layer_activation;

/* What tells classes by the code layer's values. */
typedef enum kin_head_kind {
    KIN_HEAD_NONE = 0,
    KIN_HEAD_LINEAR = 1,   /* least squares on 0 and 1 */
    KIN_HEAD_LOGISTIC = 2, /* each class against the others; of two classes, one number */
    KIN_HEAD_SOFTMAX = 3
} kin_head_kind;

/* Who made an encoder, from what. Texts are printable ASCII, at least one character. Plain data. */
typedef struct kin_encoder_card {
    char method[16];   /* "itq", "lsh", ... */
    char features[32]; /* kin_features_name */
    char decoder[64];  /* kin_decoder_name */
    char blas[32];     /* kin_blas_core_name of the machine that learned it */
    uint32_t dimensions;
    uint32_t bits; /* of the code layer; version 1: 64, 128 or 256 */
    uint64_t seed;
    uint64_t training_count; /* vectors that it was learned from */
    uint32_t iterations;     /* or epochs */
    /* From version 2 on; zero in version 1. */
    kin_hasher_input input;
    uint32_t layer_count;
    kin_head_kind head;
    uint32_t class_count;
    kin_digest data; /* of the vectors that it was learned from */
} kin_encoder_card;

/* Bits of a code in storage: the next of 64, 128 and 256; what is beyond bits is zero. */
unsigned kin_stored_bits(unsigned bits);

/* 16 to 256 in steps of 8. */
bool kin_learned_bits_valid(unsigned bits);

/* outputs = activation(weights inputs + biases). Numbers are little-endian floats at any alignment,
 * borrowed from the bytes that were parsed (kin_encoder_file_floats reads them). */
typedef struct kin_encoder_layer {
    uint32_t inputs, outputs;
    kin_layer_activation activation;
    const uint8_t *weights; /* float [outputs][inputs] */
    const uint8_t *biases;  /* float [outputs]; NULL for zeros */
} kin_encoder_layer;

typedef struct kin_encoder_text {
    const char *text; /* not NUL-terminated; NULL where there is none */
    size_t bytes;
} kin_encoder_text;

/* A parsed encoder file; borrows the bytes. */
typedef struct kin_encoder_file {
    kin_encoder_card card;
    uint32_t version;
    kin_encoder_layer layer[KIN_HASHER_LAYERS_MAX]; /* card.layer_count of them; the last is the
                                                       code layer */
    const uint8_t *thresholds;                      /* float [bits] */
    kin_encoder_layer head;                         /* where card.head is one: [classes][bits] */
    const char *class_names;                        /* card.class_count texts, each with its NUL */
    kin_encoder_text options, curve, quality;
    /* Version 3: the way back from the code's bits, as numbers 0 and 1, to the features. */
    kin_encoder_layer back[KIN_HASHER_LAYERS_MAX];
    uint32_t back_count; /* 0: there is none */
} kin_encoder_file;

/* Checks everything: container, checksums, texts, limits, sizes, that all numbers are finite. name
 * is for sentences. KIN_CORRUPT, KIN_MISMATCH (a newer version or an unknown method), KIN_LIMIT. A
 * file of version 1 becomes one layer without activation. */
KIN_MUST_USE kin_status kin_encoder_file_parse(kin_encoder_file *file, const void *data,
                                               size_t bytes, const char *name, kin_error *error);

/* count floats out of a section. */
void kin_encoder_file_floats(const uint8_t *section, size_t count, float *values);

/* Appends an encoder file of version 1, which says all there is of planes [bits][dimensions] and
 * thresholds [bits]. The same arguments give the same bytes; what it appends it has parsed. A card
 * that the format cannot hold is KIN_BAD_INPUT, numbers that are not finite are KIN_CORRUPT; then
 * nothing is appended. */
KIN_MUST_USE kin_status kin_encoder_file_build(kin_buffer *out, const kin_encoder_card *card,
                                               const float *planes, const float *thresholds,
                                               kin_error *error);

/* What a file of version 2 or 3 is made from; all borrowed. */
typedef struct kin_hasher_layer {
    uint32_t inputs, outputs;
    kin_layer_activation activation;
    const float *weights; /* [outputs][inputs] */
    const float *biases;  /* [outputs] */
} kin_hasher_layer;

typedef struct kin_encoder_contents {
    kin_encoder_card card;          /* its layer_count and class_count say how many follow */
    const kin_hasher_layer *layers; /* [layer_count] */
    const float *thresholds;        /* [bits] */
    const float *head_weights, *head_biases; /* [classes][bits], [classes]; NULL without a head */
    const char *const *class_names;          /* [classes] */
    const char *options, *curve, *quality;   /* NULL or "": none */
    const kin_hasher_layer *back;            /* [back_count]: the way back, NULL for none */
    uint32_t back_count;
} kin_encoder_contents;

/* The same for version 2, and for version 3 where there is a way back. */
KIN_MUST_USE kin_status kin_encoder_file_write(kin_buffer *out,
                                               const kin_encoder_contents *contents,
                                               kin_error *error);

#endif
