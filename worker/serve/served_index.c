#include "worker/serve/served_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/network_file.h"
#include "worker/decode/decoder.h"

/* Encoder files are a matrix of bits x dimensions floats. */
#define ENCODER_BYTES_MAX (1u << 30)
#define MANIFEST_BYTES_MAX (64u << 20)

static kin_status digest_manifest(kin_served_index *served, kin_error *error)
{
    kin_buffer data = {0};
    char *path = kin_path_join(served->folder, KIN_MANIFEST_FILE);
    kin_status status = kin_file_read(path, MANIFEST_BYTES_MAX, &data, error);
    if (status == KIN_OK) served->manifest_digest = kin_digest_of(data.data, data.bytes);
    kin_buffer_fini(&data);
    free(path);
    return status;
}

static kin_status check_encoder(const kin_served_index *served, const char *path, kin_error *error)
{
    kin_digest fingerprint = kin_encoder_fingerprint(served->encoder);
    if (!kin_digest_equal(&fingerprint, &served->manifest.fingerprint) ||
        kin_encoder_bits(served->encoder) != served->manifest.bits)
        return kin_fail(error, KIN_MISMATCH,
                        "%s is not the encoder that the manifest names; this worker serves codes "
                        "only",
                        path);
    if (strcmp(kin_encoder_decoder(served->encoder), kin_decoder_name()) != 0)
        return kin_fail(error, KIN_MISMATCH,
                        "the index was made with the decoder '%s', and this worker decodes with "
                        "'%s': it serves codes only; use a worker built with the same DECODER",
                        kin_encoder_decoder(served->encoder), kin_decoder_name());
    return KIN_OK;
}

/* What the encoder needs besides itself: the networks that the index was made with, if it was. */
static kin_status open_features(kin_served_index *served, kin_error *error)
{
    const char *name = served->manifest.features;
    if (kin_features_is_file(name))
        return kin_features_open(&served->features, name, NULL, 0, error); /* which says why not */
    if (!kin_network_is_features(name)) return KIN_OK;
    kin_mapping mapping = {0};
    char *path = kin_path_join(served->folder, KIN_NETWORK_FILE);
    kin_status status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK)
        status = kin_features_open(&served->features, name, mapping.data, mapping.bytes, error);
    kin_mapping_close(&mapping);
    free(path);
    return status;
}

static void open_encoder(kin_served_index *served)
{
    kin_error error = {0};
    kin_buffer data = {0};
    char *path = kin_path_join(served->folder, KIN_ENCODER_FILE);
    kin_status status = open_features(served, &error);
    if (status == KIN_OK) status = kin_file_read(path, ENCODER_BYTES_MAX, &data, &error);
    if (status == KIN_OK)
        status = kin_encoder_open(&served->encoder, data.data, data.bytes, path, served->features,
                                  &error);
    if (status == KIN_OK) status = check_encoder(served, path, &error);
    if (status != KIN_OK) {
        snprintf(served->no_pictures, sizeof served->no_pictures, "%s", error.text);
        kin_encoder_close(&served->encoder);
    }
    kin_buffer_fini(&data);
    free(path);
}

kin_status kin_served_index_open(kin_served_index *served, const char *index_path, kin_error *error)
{
    kin_status status = kin_generation_current(index_path, served->generation, error);
    if (status == KIN_OK)
        status = kin_generation_manifest(index_path, served->generation, &served->manifest,
                                         &served->folder, error);
    if (status == KIN_OK) status = digest_manifest(served, error);
    if (status != KIN_OK) return status;
    open_encoder(served);
    return KIN_OK;
}

void kin_served_index_close(kin_served_index *served)
{
    kin_encoder_close(&served->encoder);
    kin_features_close(&served->features);
    kin_manifest_fini(&served->manifest);
    free(served->folder);
    memset(served, 0, sizeof *served);
}
