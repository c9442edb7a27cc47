/* Pixels to a feature vector: one interface, several implementations. */
#ifndef WORKER_ENCODE_FEATURES_H
#define WORKER_ENCODE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/image/image.h"
#include "common/image/raster.h"

/* An implementation and its state. Immutable after opening: any thread may use it, each with a
 * scratch of its own. */
typedef struct kin_features kin_features;
typedef struct kin_features_scratch kin_features_scratch;

/* Opens an implementation by its name: "builtin", "pixels:32" or "pixels:28:grey"
 * (worker/encode/features_pixels.h), or "network/..." as kin_network_features_name
 * makes it, for which `network` [bytes] is the network file (borrowed while it opens; NULL: there
 * is none). KIN_BAD_INPUT names those there are; KIN_MISMATCH for another network file, or
 * arithmetic that this machine does not have. */
KIN_MUST_USE kin_status kin_features_open(kin_features **features, const char *name,
                                          const void *network, size_t bytes, kin_error *error);

/* The networks of a network file, whichever they are; file is for sentences. */
KIN_MUST_USE kin_status kin_features_open_networks(kin_features **features, const void *network,
                                                   size_t bytes, const char *file,
                                                   kin_error *error);

/* Whether there are networks whose taps are to be centred by means that are not learned yet: their
 * vectors are for learning them, and for nothing else. */
bool kin_features_want_means(const kin_features *features);
/* Whether there are networks whose taps are centred, or to be centred. */
bool kin_features_are_centred(const kin_features *features);
/* Numbers that the m-th model of their network file gives. */
uint32_t kin_features_model_dimensions(const kin_features *features, uint32_t m);

/* Features whose vectors are given, not computed: no more than a name and a length, for encoders.
 * They want no raster, and are never run. KIN_BAD_INPUT where either is impossible. */
KIN_MUST_USE kin_status kin_features_open_given(kin_features **features, const char *name,
                                                uint32_t dimensions, kin_error *error);

/* "file/0123456789abcdef": vectors that another program made, named after the digest of their file.
 * kin_features_open refuses the name: nobody here can make such a vector of a picture. */
#define KIN_FEATURES_NAME_BYTES 32
void kin_features_file_name(const kin_digest *digest, char name[KIN_FEATURES_NAME_BYTES]);
/* "codes/0123456789abcdef": the same of codes that another program made; their bits are taken as
 * the vector. */
void kin_features_codes_name(const kin_digest *digest, char name[KIN_FEATURES_NAME_BYTES]);
/* Whether it is a name of either kind. */
bool kin_features_is_file(const char *name);

void kin_features_close(kin_features **features);

/* Name and version, for the fingerprint ("builtin/1"). */
const char *kin_features_name(const kin_features *features);
uint32_t kin_features_dimensions(const kin_features *features);
/* The raster that it wants of a picture. */
const kin_raster_spec *kin_features_raster(const kin_features *features);

/* Made and destroyed by one thread, before the features are closed; used by any. */
kin_features_scratch *kin_features_scratch_new(const kin_features *features);
void kin_features_scratch_destroy(kin_features_scratch **scratch);

/* Bytes of networks and what they run in, with one scratch. */
uint64_t kin_features_memory(const kin_features *features);
/* How many pictures a call should have to be fastest; 1 where it does not matter. */
uint32_t kin_features_pictures(const kin_features *features);

/* rasters [count] as kin_features_raster demands -> vectors [count][dimensions]. A picture's
 * vector does not depend on its neighbours in the call. Allocates nothing. */
void kin_features_run(const kin_features *features, kin_features_scratch *scratch,
                      const kin_image *rasters, uint32_t count, float *vectors);

/* Whether vector [dimensions] has finite numbers only: a network may give a picture others, which
 * no hasher takes. */
bool kin_features_finite(const kin_features *features, const float *vector);

#endif
