#include "worker/index/kept_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/feature_file.h"
#include "proto/ledger.h"
#include "proto/network_file.h"
#include "worker/encode/encoder.h"
#include "worker/encode/onnx_file.h"
#include "worker/shard/shard_reader.h"

/* As many models as a file may have, each of the largest size. */
#define NETWORK_BYTES_MAX (KIN_NETWORK_MODELS_MAX * KIN_ONNX_BYTES_MAX)
/* Rows between two signs of life. */
#define TICK_ROWS 4096

typedef struct kept_shard {
    kin_shard_reader *shard;
    kin_mapping mapping; /* of its vectors */
    kin_feature_file vectors;
} kept_shard;

struct kin_kept_index {
    char generation[KIN_GENERATION_NAME_BYTES];
    char *folder;
    kin_digest digest;
    kin_manifest manifest;
    kin_features *features;
    kin_encoder *encoder;
    kin_mapping mapping; /* of the ledger */
    kin_ledger ledger;
    kept_shard *shards; /* [manifest.shard_count] */
};

static kin_status open_manifest(kin_kept_index *kept, const char *index_path,
                                const char *generation, kin_error *error)
{
    kin_status status = KIN_OK;
    if (generation == NULL)
        status = kin_generation_current(index_path, kept->generation, error);
    else
        memcpy(kept->generation, generation,
               strnlen(generation, sizeof kept->generation - 1)); /* it was zeroed */
    if (status == KIN_OK)
        status = kin_generation_manifest(index_path, kept->generation, &kept->manifest,
                                         &kept->folder, error);
    if (status != KIN_OK) return status;
    char *path = kin_path_join(kept->folder, KIN_MANIFEST_FILE);
    kin_mapping mapping;
    status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK) kept->digest = kin_digest_of(mapping.data, mapping.bytes);
    kin_mapping_close(&mapping);
    free(path);
    return status;
}

static kin_status check_kept(const kin_kept_index *kept, const char *index_path, kin_error *error)
{
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(0, name);
    char *path = kin_path_join(kept->folder, name);
    bool there = kin_path_exists(path);
    free(path);
    if (there) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT,
                    "%s has no kept features: its %s was built without --keep-features; build it "
                    "again with that option",
                    index_path, kept->generation);
}

static kin_status open_encoder(kin_kept_index *kept, kin_error *error)
{
    char *path = kin_path_join(kept->folder, KIN_ENCODER_FILE);
    kin_buffer bytes = {0};
    kin_status status = kin_features_open_given(&kept->features, kept->manifest.features,
                                                kept->manifest.dimensions, error);
    if (status == KIN_OK) status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &bytes, error);
    if (status == KIN_OK)
        status =
            kin_encoder_open(&kept->encoder, bytes.data, bytes.bytes, path, kept->features, error);
    if (status == KIN_OK) {
        kin_digest digest = kin_encoder_fingerprint(kept->encoder);
        if (!kin_digest_equal(&digest, &kept->manifest.fingerprint) ||
            kin_encoder_bits(kept->encoder) != kept->manifest.bits)
            status = kin_fail(error, KIN_MISMATCH, "%s is not the encoder that the manifest names",
                              path);
    }
    kin_buffer_fini(&bytes);
    free(path);
    return status;
}

static kin_status open_ledger(kin_kept_index *kept, kin_error *error)
{
    char *path = kin_path_join(kept->folder, KIN_LEDGER_FILE);
    const kin_mapping *mapping = &kept->mapping;
    kin_status status = kin_mapping_open(&kept->mapping, path, error);
    if (status == KIN_OK)
        status = kin_ledger_parse(&kept->ledger, mapping->data, mapping->bytes, path, error);
    if (status == KIN_OK) {
        kin_digest digest = kin_container_digest(mapping->data);
        if (!kin_digest_equal(&digest, &kept->manifest.ledger))
            status =
                kin_fail(error, KIN_MISMATCH, "%s is not the ledger that the manifest names", path);
    }
    free(path);
    return status;
}

static kin_status open_vectors(kin_kept_index *kept, uint32_t s, kin_error *error)
{
    kept_shard *shard = &kept->shards[s];
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(s, name);
    char *path = kin_path_join(kept->folder, name);
    kin_feature_file *vectors = &shard->vectors;
    kin_status status = kin_mapping_open(&shard->mapping, path, error);
    if (status == KIN_OK)
        status =
            kin_feature_file_parse(vectors, shard->mapping.data, shard->mapping.bytes, path, error);
    if (status == KIN_OK && (vectors->count != kept->manifest.shards[s].count ||
                             vectors->dimensions != kept->manifest.dimensions))
        status = kin_fail(error, KIN_MISMATCH,
                          "%s: has %llu rows of %u numbers, and its shard %llu of %u: these are "
                          "not the features that were kept",
                          path, (unsigned long long)vectors->count, (unsigned)vectors->dimensions,
                          (unsigned long long)kept->manifest.shards[s].count,
                          (unsigned)kept->manifest.dimensions);
    free(path);
    return status;
}

static kin_status open_shard(kin_kept_index *kept, uint32_t s, kin_error *error)
{
    const kin_manifest_shard *listed = &kept->manifest.shards[s];
    kin_shard_reader **reader = &kept->shards[s].shard;
    char *path = kin_path_join(kept->folder, listed->file);
    kin_status status = kin_shard_reader_open(reader, path, error);
    if (status == KIN_OK) {
        kin_digest digest = kin_shard_reader_digest(*reader);
        if (!kin_digest_equal(&digest, &listed->digest) ||
            kin_shard_reader_count(*reader) != listed->count ||
            kin_shard_reader_bits(*reader) != kept->manifest.bits)
            status =
                kin_fail(error, KIN_MISMATCH, "%s is not the shard that the manifest names", path);
    }
    free(path);
    return status == KIN_OK ? open_vectors(kept, s, error) : status;
}

kin_status kin_kept_index_open(kin_kept_index **kept, const char *index_path,
                               const char *generation, kin_error *error)
{
    kin_kept_index *made = kin_calloc(1, sizeof *made);
    kin_status status = open_manifest(made, index_path, generation, error);
    if (status == KIN_OK) status = check_kept(made, index_path, error);
    if (status == KIN_OK) status = open_encoder(made, error);
    if (status == KIN_OK) status = open_ledger(made, error);
    made->shards = kin_calloc(made->manifest.shard_count, sizeof *made->shards);
    for (uint32_t s = 0; status == KIN_OK && s < made->manifest.shard_count; s++)
        status = open_shard(made, s, error);
    if (status != KIN_OK) kin_kept_index_close(&made);
    *kept = made;
    return status;
}

void kin_kept_index_close(kin_kept_index **kept)
{
    if (*kept == NULL) return;
    for (uint32_t s = 0; (*kept)->shards != NULL && s < (*kept)->manifest.shard_count; s++) {
        kin_shard_reader_close(&(*kept)->shards[s].shard);
        kin_mapping_close(&(*kept)->shards[s].mapping);
    }
    free((*kept)->shards);
    kin_mapping_close(&(*kept)->mapping);
    kin_encoder_close(&(*kept)->encoder);
    kin_features_close(&(*kept)->features);
    kin_manifest_fini(&(*kept)->manifest);
    free((*kept)->folder);
    free(*kept);
    *kept = NULL;
}

const char *kin_kept_index_generation(const kin_kept_index *kept)
{
    return kept->generation;
}

const kin_manifest *kin_kept_index_manifest(const kin_kept_index *kept)
{
    return &kept->manifest;
}

kin_digest kin_kept_index_digest(const kin_kept_index *kept)
{
    return kept->digest;
}

kin_status kin_kept_index_network(const kin_kept_index *kept, kin_buffer *out, kin_error *error)
{
    if (!kin_network_is_features(kept->manifest.features)) return KIN_OK;
    char *path = kin_path_join(kept->folder, KIN_NETWORK_FILE);
    kin_network_file file;
    char name[KIN_NETWORK_FEATURES_BYTES];
    kin_status status = kin_file_read(path, NETWORK_BYTES_MAX, out, error);
    if (status == KIN_OK)
        status = kin_network_file_parse(&file, out->data, out->bytes, path, error);
    if (status == KIN_OK) {
        kin_network_features_name(out->data, "", name); /* without the arithmetic */
        if (strncmp(name, kept->manifest.features, strlen(name)) != 0)
            status = kin_fail(error, KIN_MISMATCH, "%s is not the networks that the manifest names",
                              path);
    }
    free(path);
    return status;
}

/* Lists have no empty keys and none with a NUL; an index that has one is no work of this program.
 */
static kin_status add_input(const kin_kept_index *kept, kin_inputs *inputs, const kin_list_row *row,
                            kin_error *error)
{
    if (row->key_bytes == 0 || memchr(row->key, 0, row->key_bytes) != NULL)
        return kin_fail(error, KIN_CORRUPT, "%s: an input has an impossible key", kept->folder);
    kin_inputs_add(inputs, row);
    return KIN_OK;
}

kin_status kin_kept_index_list(const kin_kept_index *kept, kin_inputs *inputs,
                               void (*tick)(void *user), void *user, kin_error *error)
{
    kin_status status = KIN_OK;
    for (uint32_t s = 0; s < kept->manifest.shard_count; s++)
        for (uint64_t i = 0; status == KIN_OK && i < kept->manifest.shards[s].count; i++) {
            kin_list_row row = {.member = s, .offset = i};
            row.key = kin_shard_reader_key(kept->shards[s].shard, i, &row.key_bytes);
            status = add_input(kept, inputs, &row, error);
            if (i % TICK_ROWS == 0) tick(user);
        }
    for (uint64_t i = 0; status == KIN_OK && i < kept->ledger.count; i++) {
        kin_ledger_row rejected = kin_ledger_get(&kept->ledger, i);
        kin_list_row row = {.key = rejected.key,
                            .key_bytes = rejected.key_bytes,
                            .member = KIN_LIST_NO_MEMBER,
                            .offset = i,
                            .reason = rejected.reason};
        status = add_input(kept, inputs, &row, error);
        if (i % TICK_ROWS == 0) tick(user);
    }
    kin_inputs_count_links(inputs, kept->manifest.links_not_followed);
    return status;
}

/* The list is of this index, or else of none. */
static kin_status refuse_row(const kin_kept_index *kept, uint64_t id, kin_error *error)
{
    return kin_fail(error, KIN_CORRUPT,
                    "%s: input %llu is not where the order of keys puts it; kindred-verify says "
                    "what is wrong with that index",
                    kept->folder, (unsigned long long)id);
}

static kin_status get_rejected(const kin_kept_index *kept, uint64_t id, const kin_list_row *row,
                               kin_part_row *part, kin_error *error)
{
    if (row->offset >= kept->ledger.count) return refuse_row(kept, id, error);
    kin_ledger_row rejected = kin_ledger_get(&kept->ledger, row->offset);
    if (rejected.id != id) return refuse_row(kept, id, error);
    *part = (kin_part_row){.reason = rejected.reason,
                           .detail = rejected.detail,
                           .detail_bytes = rejected.detail_bytes};
    return KIN_OK;
}

/* The vector of a row, if it gives the code that the shard has for it. */
static kin_status get_vector(const kin_kept_index *kept, uint64_t s, uint64_t row, float *vector,
                             kin_error *error)
{
    const kept_shard *shard = &kept->shards[s];
    kin_code code, stored;
    bool finite = kin_feature_file_get(&shard->vectors, row, vector);
    if (finite) {
        kin_encoder_hash(kept->encoder, vector, 1, &code);
        uint32_t hint = 0;
        kin_shard_reader_code(shard->shard, row, &hint, &stored);
        if (kin_code_compare(&code, &stored) == 0) return KIN_OK;
    }
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name((uint32_t)s, name);
    return kin_fail(
        error, KIN_CORRUPT, "%s/%s: row %llu %s: these are not the features that were kept",
        kept->folder, name, (unsigned long long)row,
        finite ? "gives another code than the shard has" : "has a number that is not finite");
}

kin_status kin_kept_index_get(const kin_kept_index *kept, uint64_t id, const kin_list_row *row,
                              kin_part_row *part, float *vector, kin_error *error)
{
    uint64_t s = row->member, at = row->offset;
    if (s == KIN_LIST_NO_MEMBER) return get_rejected(kept, id, row, part, error);
    if (s >= kept->manifest.shard_count || at >= kept->manifest.shards[s].count ||
        kin_shard_reader_id(kept->shards[s].shard, at) != id)
        return refuse_row(kept, id, error);
    *part = (kin_part_row){.reason = KIN_REASON_NONE, .detail = ""};
    kin_status status = get_vector(kept, s, at, vector, error);
    if (status == KIN_OK)
        status = kin_shard_reader_thumbnail(kept->shards[s].shard, at, &part->thumbnail,
                                            &part->thumbnail_bytes, error);
    return status;
}
