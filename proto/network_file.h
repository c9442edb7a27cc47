/* The networks of a generation: models, and how pictures go in and vectors come out.
 * Specification: proto/NETWORK.md. Pure functions of (pointer, length). */
#ifndef PROTO_NETWORK_FILE_H
#define PROTO_NETWORK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

#define KIN_NETWORK_FILE_VERSION 2
/* Models of one file: each costs a section letter and its share of the time of every picture. */
#define KIN_NETWORK_MODELS_MAX 8
#define KIN_NETWORK_TAPS_MAX 8
#define KIN_NETWORK_NAME_BYTES 64
#define KIN_NETWORK_TAP_BYTES 256

/* How a picture of any shape becomes width x height. */
typedef enum kin_network_resize {
    KIN_NETWORK_RESIZE_STRETCH,
    KIN_NETWORK_RESIZE_CROP, /* shorter side to shorter_side, then the centre */
    KIN_NETWORK_RESIZE_PAD,
    KIN_NETWORK_RESIZES
} kin_network_resize;

/* How pixels between pixels are made; both antialiased. */
typedef enum kin_network_interpolation {
    KIN_NETWORK_BILINEAR,
    KIN_NETWORK_BICUBIC,
    KIN_NETWORK_INTERPOLATIONS
} kin_network_interpolation;

/* How a map of features becomes a vector. */
typedef enum kin_network_pooling {
    KIN_NETWORK_POOL_AVERAGE,
    KIN_NETWORK_POOL_MAX,
    KIN_NETWORK_POOL_GEM, /* generalised mean: Radenovic et al., TPAMI 2019 */
    KIN_NETWORK_POOLINGS
} kin_network_pooling;

/* One model's use. A channel's input is (pixel * scale - mean) / deviation. Plain data. */
typedef struct kin_network_spec {
    char name[KIN_NETWORK_NAME_BYTES]; /* for people: "mobilenet"; printable ASCII */
    uint32_t width, height, shorter_side;
    kin_network_resize resize;
    kin_network_interpolation interpolation;
    bool bgr;
    float scale, mean[3], deviation[3]; /* in the order of the network's channels */
    kin_network_pooling pooling;
    float power;    /* of GEM */
    bool centre;    /* the mean of a collection is taken off each tap's vector, before: */
    bool normalise; /* each tap's vector to length 1 */
    uint32_t tap_count;
    char taps[KIN_NETWORK_TAPS_MAX][KIN_NETWORK_TAP_BYTES]; /* names of tensors */
} kin_network_spec;

typedef struct kin_network_model {
    kin_network_spec spec;
    const void *onnx; /* [bytes], borrowed */
    uint64_t bytes;
    /* Of a model with `centre`: [mean_count] floats of four little-endian bytes, borrowed, one for
     * each number that its taps give. None: they have not been learned yet. */
    const void *means;
    uint64_t mean_count;
} kin_network_model;

typedef struct kin_network_file {
    uint32_t model_count;
    kin_network_model models[KIN_NETWORK_MODELS_MAX];
} kin_network_file;

/* Says what is impossible of a spec. KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_network_spec_check(const kin_network_spec *spec, kin_error *error);

/* Checks everything but what is in the models. KIN_CORRUPT, KIN_MISMATCH. */
KIN_MUST_USE kin_status kin_network_file_parse(kin_network_file *file, const void *data,
                                               size_t bytes, const char *name, kin_error *error);

/* One of a model's means; they are finite. */
float kin_network_mean(const kin_network_model *model, uint64_t i);

/* Appends a network file; specs must be valid. The same arguments give the same bytes: of version
 * 1, where nothing asks for version 2. */
void kin_network_file_build(kin_buffer *out, const kin_network_file *file);

/* "network/0123456789abcdef/fma": the features' name of a network file (data: its start) with that
 * arithmetic, in name [KIN_NETWORK_FEATURES_BYTES]. */
#define KIN_NETWORK_FEATURES_BYTES 32
void kin_network_features_name(const void *data, const char *arithmetic, char *name);
/* Whether a features' name is of a network file. */
bool kin_network_is_features(const char *name);

#endif
