#include "worker/encode/features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/cpu.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/network_file.h"
#include "worker/encode/features_builtin.h"
#include "worker/encode/features_pixels.h"
#include "worker/encode/picture_network.h"

#define BUILTIN "builtin"
#define BUILTIN_VERSION "builtin/1"
#define FILE_PREFIX "file/"
#define CODES_PREFIX "codes/"
#define FILE_DIGITS 16

_Static_assert(KIN_FEATURES_NAME_BYTES >= KIN_NETWORK_FEATURES_BYTES, "a network's name fits");
_Static_assert(KIN_FEATURES_NAME_BYTES >= KIN_PIXELS_NAME_BYTES, "a name of pixels fits");

struct kin_features {
    char name[KIN_FEATURES_NAME_BYTES];
    uint32_t dimensions;
    kin_raster_spec raster;
    kin_pixels pixels;      /* zeroed: it is something else */
    uint32_t network_count; /* 0: builtin, or pixels */
    kin_picture_network *networks[KIN_NETWORK_MODELS_MAX];
};

struct kin_features_scratch {
    kin_builtin_scratch builtin;
    uint32_t network_count;
    kin_picture_network *networks[KIN_NETWORK_MODELS_MAX]; /* clones */
};

static void open_builtin(kin_features **features)
{
    *features = kin_calloc(1, sizeof **features);
    **features = (kin_features){.name = BUILTIN_VERSION,
                                .dimensions = KIN_BUILTIN_DIMENSIONS,
                                .raster = {.mode = KIN_RASTER_STRETCH,
                                           .width = KIN_BUILTIN_SIDE,
                                           .height = KIN_BUILTIN_SIDE}};
}

static kin_status open_pixels(kin_features **features, const char *name, kin_error *error)
{
    kin_pixels pixels;
    kin_status status = kin_pixels_parse(&pixels, name, error);
    if (status != KIN_OK) return status;
    *features = kin_calloc(1, sizeof **features);
    **features = (kin_features){
        .dimensions = kin_pixels_dimensions(&pixels),
        .pixels = pixels,
        .raster = {.mode = KIN_RASTER_STRETCH, .width = pixels.side, .height = pixels.side}};
    kin_pixels_name(&pixels, (*features)->name);
    return KIN_OK;
}

/* Networks give the same bits wherever multiplications and additions are fused. */
static const char *arithmetic(void)
{
    kin_cpu_level level = kin_cpu_level_get();
    return level == KIN_CPU_AVX2 || level == KIN_CPU_AVX512 ? "fma" : "scalar";
}

static kin_status add_network(kin_features *made, const kin_network_model *model, kin_error *error)
{
    kin_raster_spec raster = kin_picture_network_raster(&model->spec);
    if (made->network_count > 0 && memcmp(&raster, &made->raster, sizeof raster) != 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the model %s wants pictures of %u x %u, resized in its way, and the "
                        "models before it do not; all of them get one raster",
                        model->spec.name, (unsigned)raster.width, (unsigned)raster.height);
    kin_picture_network **network = &made->networks[made->network_count];
    kin_status status = kin_picture_network_open(network, model, error);
    if (status != KIN_OK) return status;
    made->raster = raster;
    made->network_count++;
    made->dimensions += kin_picture_network_dimensions(*network);
    if (made->dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "the models give %u numbers a picture; the limit is %d",
                        (unsigned)made->dimensions, KIN_FEATURE_DIMENSIONS_MAX);
    return KIN_OK;
}

kin_status kin_features_open_networks(kin_features **features, const void *network, size_t bytes,
                                      const char *file, kin_error *error)
{
    kin_network_file parsed;
    *features = NULL;
    kin_status status = kin_network_file_parse(&parsed, network, bytes, file, error);
    if (status != KIN_OK) return status;
    kin_features *made = kin_calloc(1, sizeof *made);
    kin_network_features_name(network, arithmetic(), made->name);
    for (uint32_t m = 0; status == KIN_OK && m < parsed.model_count; m++)
        status = add_network(made, &parsed.models[m], error);
    if (status != KIN_OK) kin_features_close(&made);
    *features = made;
    return status;
}

kin_status kin_features_open(kin_features **features, const char *name, const void *network,
                             size_t bytes, kin_error *error)
{
    *features = NULL;
    if (strcmp(name, BUILTIN) == 0 || strcmp(name, BUILTIN_VERSION) == 0) {
        open_builtin(features);
        return KIN_OK;
    }
    if (kin_pixels_is_name(name)) return open_pixels(features, name, error);
    if (kin_features_is_file(name))
        return kin_fail(
            error, KIN_MISMATCH,
            "the index is of codes or feature vectors that another program made ('%s'): "
            "pictures cannot be described in that way here, only codes be searched for",
            name);
    if (!kin_network_is_features(name))
        return kin_fail(error, KIN_BAD_INPUT,
                        "there are no features '%s'; there are: " BUILTIN " (" BUILTIN_VERSION
                        "), pixels:SIDE, pixels:SIDE:grey, and networks (--model)",
                        name);
    if (network == NULL)
        return kin_fail(error, KIN_MISMATCH, "the networks of the features '%s' are missing", name);
    kin_status status = kin_features_open_networks(features, network, bytes, name, error);
    if (status == KIN_OK && kin_features_want_means(*features)) {
        status = kin_fail(error, KIN_CORRUPT,
                          "the networks of the features '%s' are centred, and have no means", name);
        kin_features_close(features);
    }
    if (status != KIN_OK) return status;
    if (strcmp((*features)->name, name) != 0) {
        status = kin_fail(error, KIN_MISMATCH,
                          "the features '%s' are wanted, and these are '%s': other networks, or a "
                          "processor with other arithmetic",
                          name, (*features)->name);
        kin_features_close(features);
    }
    return status;
}

bool kin_features_want_means(const kin_features *features)
{
    for (uint32_t n = 0; n < features->network_count; n++)
        if (kin_picture_network_wants_means(features->networks[n])) return true;
    return false;
}

bool kin_features_are_centred(const kin_features *features)
{
    for (uint32_t n = 0; n < features->network_count; n++)
        if (kin_picture_network_is_centred(features->networks[n])) return true;
    return false;
}

uint32_t kin_features_model_dimensions(const kin_features *features, uint32_t m)
{
    KIN_CHECK(m < features->network_count);
    return kin_picture_network_dimensions(features->networks[m]);
}

kin_status kin_features_open_given(kin_features **features, const char *name, uint32_t dimensions,
                                   kin_error *error)
{
    *features = NULL;
    if (strlen(name) >= sizeof(*features)->name || dimensions < 1 ||
        dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "there are no features '%s' of %u numbers", name,
                        (unsigned)dimensions);
    *features = kin_calloc(1, sizeof **features);
    memcpy((*features)->name, name, strlen(name));
    (*features)->dimensions = dimensions;
    return KIN_OK;
}

void kin_features_file_name(const kin_digest *digest, char name[KIN_FEATURES_NAME_BYTES])
{
    char digits[33];
    kin_digest_text(digest, digits);
    snprintf(name, KIN_FEATURES_NAME_BYTES, FILE_PREFIX "%.*s", FILE_DIGITS, digits);
}

void kin_features_codes_name(const kin_digest *digest, char name[KIN_FEATURES_NAME_BYTES])
{
    char digits[33];
    kin_digest_text(digest, digits);
    snprintf(name, KIN_FEATURES_NAME_BYTES, CODES_PREFIX "%.*s", FILE_DIGITS, digits);
}

bool kin_features_is_file(const char *name)
{
    return strncmp(name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 ||
           strncmp(name, CODES_PREFIX, strlen(CODES_PREFIX)) == 0;
}

void kin_features_close(kin_features **features)
{
    if (*features == NULL) return;
    for (uint32_t i = 0; i < KIN_NETWORK_MODELS_MAX; i++)
        kin_picture_network_close(&(*features)->networks[i]);
    free(*features);
    *features = NULL;
}

const char *kin_features_name(const kin_features *features)
{
    return features->name;
}

uint32_t kin_features_dimensions(const kin_features *features)
{
    return features->dimensions;
}

const kin_raster_spec *kin_features_raster(const kin_features *features)
{
    return &features->raster;
}

kin_features_scratch *kin_features_scratch_new(const kin_features *features)
{
    KIN_CHECK(features != NULL);
    kin_features_scratch *scratch = kin_calloc(1, sizeof *scratch);
    scratch->network_count = features->network_count;
    for (uint32_t i = 0; i < features->network_count; i++)
        scratch->networks[i] = kin_picture_network_clone(features->networks[i]);
    return scratch;
}

void kin_features_scratch_destroy(kin_features_scratch **scratch)
{
    if (*scratch == NULL) return;
    for (uint32_t i = 0; i < (*scratch)->network_count; i++)
        kin_picture_network_close(&(*scratch)->networks[i]);
    free(*scratch);
    *scratch = NULL;
}

uint64_t kin_features_memory(const kin_features *features)
{
    uint64_t bytes = 0;
    for (uint32_t n = 0; n < features->network_count; n++)
        bytes += kin_picture_network_memory(features->networks[n]);
    return bytes;
}

uint32_t kin_features_pictures(const kin_features *features)
{
    uint32_t most = 1;
    for (uint32_t n = 0; n < features->network_count; n++) {
        uint32_t own = kin_picture_network_pictures(features->networks[n]);
        if (own > most) most = own;
    }
    return most;
}

/* All pictures through one network, as many at a time as it takes. */
static void run_network(kin_picture_network *network, const kin_image *rasters, uint32_t count,
                        float *vectors, size_t stride)
{
    uint32_t each = kin_picture_network_pictures(network);
    for (uint32_t i = 0; i < count; i += each)
        kin_picture_network_run(network, rasters + i, count - i < each ? count - i : each,
                                vectors + i * stride, stride);
}

void kin_features_run(const kin_features *features, kin_features_scratch *scratch,
                      const kin_image *rasters, uint32_t count, float *vectors)
{
    KIN_CHECK(features->raster.mode != KIN_RASTER_NONE);
    for (uint32_t i = 0; i < count; i++) {
        KIN_CHECK(rasters[i].width == features->raster.width);
        KIN_CHECK(rasters[i].height == features->raster.height);
        float *vector = vectors + (size_t)i * features->dimensions;
        if (features->pixels.side > 0)
            kin_pixels_run(&features->pixels, rasters[i].pixels, vector);
        else if (features->network_count == 0)
            kin_builtin_run(&scratch->builtin, rasters[i].pixels, vector);
    }
    float *part = vectors;
    for (uint32_t n = 0; n < features->network_count; n++) {
        run_network(scratch->networks[n], rasters, count, part, features->dimensions);
        part += kin_picture_network_dimensions(scratch->networks[n]);
    }
}

bool kin_features_finite(const kin_features *features, const float *vector)
{
    bool finite = true;
    for (uint32_t d = 0; d < features->dimensions; d++)
        finite = finite && isfinite(vector[d]);
    return finite;
}
