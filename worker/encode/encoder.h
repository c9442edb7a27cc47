/* An encoder: features + hasher, loaded from an encoder file (proto/ENCODER.md). Pixels to code. */
#ifndef WORKER_ENCODE_ENCODER_H
#define WORKER_ENCODE_ENCODER_H

#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/code.h"
#include "common/image/image.h"
#include "common/image/raster.h"
#include "worker/encode/features.h"
#include "worker/encode/hasher.h"

/* Immutable after opening; any thread, each with a scratch of its own. */
typedef struct kin_encoder kin_encoder;

/* From the bytes of an encoder file (copied). name is for sentences. features: borrowed, those that
 * the file was made for (KIN_MISMATCH for others); NULL: those built in. */
KIN_MUST_USE kin_status kin_encoder_open(kin_encoder **encoder, const void *data, size_t bytes,
                                         const char *name, const kin_features *features,
                                         kin_error *error);
void kin_encoder_close(kin_encoder **encoder);

/* Bits of a code in storage: 64, 128 or 256; those that are learned may be fewer
 * (kin_hasher_bits), the others are zero. */
unsigned kin_encoder_bits(const kin_encoder *encoder);
/* Borrowed: real-valued code layers, classes. */
const kin_hasher *kin_encoder_hasher(const kin_encoder *encoder);
const kin_features *kin_encoder_features(const kin_encoder *encoder);
const kin_raster_spec *kin_encoder_raster(const kin_encoder *encoder);
/* Digest of the encoder file. */
kin_digest kin_encoder_fingerprint(const kin_encoder *encoder);
/* The decoder (kin_decoder_name) that made the pixels it was trained on. */
const char *kin_encoder_decoder(const kin_encoder *encoder);

/* vectors [count][dimensions] -> codes [count], as kin_hasher_hash. */
void kin_encoder_hash(const kin_encoder *encoder, const float *vectors, uint32_t count,
                      kin_code *codes);

#endif
