/* The encoder file: what turns a feature vector into a code, and how it was learned.
 * Specification: proto/ENCODER.md. Pure functions of (pointer, length). */
#ifndef PROTO_ENCODER_FILE_H
#define PROTO_ENCODER_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

#define KIN_ENCODER_FILE_VERSION 1

/* Who made an encoder, from what. Texts are printable ASCII, at least one character. Plain data. */
typedef struct kin_encoder_card {
    char method[16];   /* "itq", "lsh" */
    char features[32]; /* kin_features_name */
    char decoder[64];  /* kin_decoder_name */
    char blas[32];     /* kin_blas_core_name of the machine that learned it */
    uint32_t dimensions;
    uint32_t bits;
    uint64_t seed;
    uint64_t training_count; /* vectors that it was learned from */
    uint32_t iterations;
} kin_encoder_card;

/* A parsed encoder file; planes and thresholds are little-endian floats at any alignment, borrowed
 * from the bytes that were parsed (kin_encoder_file_floats reads them). */
typedef struct kin_encoder_file {
    kin_encoder_card card;
    const uint8_t *planes;     /* float [bits][dimensions] */
    const uint8_t *thresholds; /* float [bits] */
} kin_encoder_file;

/* Checks everything: container, checksums, texts, limits, sizes, that all numbers are finite. name
 * is for sentences. KIN_CORRUPT, KIN_MISMATCH (a newer version or an unknown method), KIN_LIMIT. */
KIN_MUST_USE kin_status kin_encoder_file_parse(kin_encoder_file *file, const void *data,
                                               size_t bytes, const char *name, kin_error *error);

/* count floats out of a section. */
void kin_encoder_file_floats(const uint8_t *section, size_t count, float *values);

/* Appends an encoder file: planes [bits][dimensions], thresholds [bits]. The same arguments give
 * the same bytes; what it appends it has parsed. A card that the format cannot hold is
 * KIN_BAD_INPUT, numbers that are not finite are KIN_CORRUPT; then nothing is appended. */
KIN_MUST_USE kin_status kin_encoder_file_build(kin_buffer *out, const kin_encoder_card *card,
                                               const float *planes, const float *thresholds,
                                               kin_error *error);

#endif
