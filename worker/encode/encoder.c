#include "worker/encode/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "worker/encode/hash.h"

struct kin_encoder {
    const kin_features *features;
    kin_features *own_features; /* NULL where they are borrowed */
    kin_encoder_card card;
    kin_digest fingerprint;
    float *planes; /* [bits][kin_hash_padded(dimensions)] */
    float *thresholds;
};

static kin_status take_features(kin_encoder *encoder, const kin_features *features,
                                const char *name, kin_error *error)
{
    const kin_encoder_card *card = &encoder->card;
    encoder->features = features;
    if (features == NULL &&
        kin_features_open(&encoder->own_features, card->features, NULL, 0, error) == KIN_OK)
        encoder->features = encoder->own_features;
    if (encoder->features == NULL ||
        strcmp(kin_features_name(encoder->features), card->features) != 0)
        return kin_fail(
            error, KIN_MISMATCH,
            "%s: was made for the features '%s', which are not at hand; use the Kindred "
            "that made it, or build the index again",
            name, card->features);
    uint32_t dimensions = kin_features_dimensions(encoder->features);
    if (dimensions != card->dimensions)
        return kin_fail(error, KIN_CORRUPT, "%s: %u dimensions, but the features '%s' have %u",
                        name, (unsigned)card->dimensions, card->features, (unsigned)dimensions);
    return KIN_OK;
}

kin_status kin_encoder_open(kin_encoder **encoder, const void *data, size_t bytes, const char *name,
                            const kin_features *features, kin_error *error)
{
    *encoder = NULL;
    kin_encoder_file file;
    kin_status status = kin_encoder_file_parse(&file, data, bytes, name, error);
    if (status != KIN_OK) return status;
    kin_encoder *opened = kin_calloc(1, sizeof *opened);
    opened->card = file.card;
    status = take_features(opened, features, name, error);
    if (status != KIN_OK) {
        kin_encoder_close(&opened);
        return status;
    }
    opened->fingerprint = kin_digest_of(data, bytes);
    size_t dimensions = file.card.dimensions, stride = kin_hash_padded(dimensions);
    opened->planes = kin_calloc(file.card.bits * stride, sizeof(float));
    opened->thresholds = kin_calloc(file.card.bits, sizeof(float));
    for (size_t i = 0; i < file.card.bits; i++)
        kin_encoder_file_floats(file.planes + i * dimensions * sizeof(float), dimensions,
                                opened->planes + i * stride);
    kin_encoder_file_floats(file.thresholds, file.card.bits, opened->thresholds);
    *encoder = opened;
    return KIN_OK;
}

void kin_encoder_close(kin_encoder **encoder)
{
    if (*encoder == NULL) return;
    kin_features_close(&(*encoder)->own_features);
    free((*encoder)->planes);
    free((*encoder)->thresholds);
    free(*encoder);
    *encoder = NULL;
}

unsigned kin_encoder_bits(const kin_encoder *encoder)
{
    return encoder->card.bits;
}

const kin_features *kin_encoder_features(const kin_encoder *encoder)
{
    return encoder->features;
}

const kin_raster_spec *kin_encoder_raster(const kin_encoder *encoder)
{
    return kin_features_raster(encoder->features);
}

kin_digest kin_encoder_fingerprint(const kin_encoder *encoder)
{
    return encoder->fingerprint;
}

const char *kin_encoder_decoder(const kin_encoder *encoder)
{
    return encoder->card.decoder;
}

void kin_encoder_hash(const kin_encoder *encoder, const float *vectors, uint32_t count,
                      kin_code *codes)
{
    size_t dimensions = encoder->card.dimensions;
    for (uint32_t i = 0; i < count; i++)
        kin_hash(encoder->planes, encoder->thresholds, encoder->card.bits, dimensions,
                 vectors + i * dimensions, &codes[i]);
}
