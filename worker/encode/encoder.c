#include "worker/encode/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "worker/encode/hasher.h"

struct kin_encoder {
    const kin_features *features;
    kin_features *own_features; /* NULL where they are borrowed */
    kin_encoder_card card;
    kin_digest fingerprint;
    kin_hasher *hasher;
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
    opened->hasher = kin_hasher_new(&file);
    *encoder = opened;
    return KIN_OK;
}

void kin_encoder_close(kin_encoder **encoder)
{
    if (*encoder == NULL) return;
    kin_features_close(&(*encoder)->own_features);
    kin_hasher_destroy(&(*encoder)->hasher);
    free(*encoder);
    *encoder = NULL;
}

unsigned kin_encoder_bits(const kin_encoder *encoder)
{
    return kin_stored_bits(encoder->card.bits);
}

const kin_hasher *kin_encoder_hasher(const kin_encoder *encoder)
{
    return encoder->hasher;
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
    kin_hasher_hash(encoder->hasher, vectors, count, codes);
}
