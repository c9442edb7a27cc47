#include "worker/dataset/index_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/feature_file.h"
#include "proto/generation.h"
#include "proto/shard_format.h"

typedef struct shard_rows {
    kin_mapping shard_mapping, feature_mapping;
    kin_shard_view view;
    kin_feature_file vectors;
} shard_rows;

typedef struct place {
    uint64_t id;
    uint64_t row; /* within its shard */
    uint32_t shard;
} place;

struct kin_index_rows {
    kin_manifest manifest;
    char *folder;
    shard_rows *shards; /* [shard_count] */
    place *places;      /* [indexed], ascending by id */
    bool features;
    kin_digest digest;
};

static kin_status open_manifest(kin_index_rows *rows, const char *index_path, kin_error *error)
{
    char name[KIN_GENERATION_NAME_BYTES];
    kin_mapping mapping;
    kin_status status = kin_generation_current(index_path, name, error);
    if (status == KIN_OK)
        status = kin_generation_manifest(index_path, name, &rows->manifest, &rows->folder, error);
    if (status != KIN_OK) return status;
    char *path = kin_path_join(rows->folder, KIN_MANIFEST_FILE);
    status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK) rows->digest = kin_digest_of(mapping.data, mapping.bytes);
    kin_mapping_close(&mapping);
    free(path);
    if (status == KIN_OK && rows->manifest.indexed == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s has no pictures in it", index_path);
    return status;
}

static kin_status look_for_features(kin_index_rows *rows, const char *index_path, bool without,
                                    kin_error *error)
{
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(0, name);
    char *path = kin_path_join(rows->folder, name);
    rows->features = kin_path_exists(path);
    free(path);
    if (rows->features || without) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT,
                    "%s keeps no features; build it again with --keep-features", index_path);
}

static kin_status open_vectors(kin_index_rows *rows, uint32_t s, kin_error *error)
{
    shard_rows *shard = &rows->shards[s];
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(s, name);
    char *path = kin_path_join(rows->folder, name);
    kin_mapping *mapping = &shard->feature_mapping;
    kin_status status = kin_mapping_open(mapping, path, error);
    if (status == KIN_OK)
        status =
            kin_feature_file_parse(&shard->vectors, mapping->data, mapping->bytes, path, error);
    if (status == KIN_OK && (shard->vectors.count != shard->view.meta.count ||
                             shard->vectors.dimensions != rows->manifest.dimensions))
        status =
            kin_fail(error, KIN_MISMATCH, "%s is not the features of its shard's pictures", path);
    free(path);
    return status;
}

static kin_status open_shard(kin_index_rows *rows, uint32_t s, kin_error *error)
{
    shard_rows *shard = &rows->shards[s];
    const kin_manifest_shard *listed = &rows->manifest.shards[s];
    char *path = kin_path_join(rows->folder, listed->file);
    kin_mapping *mapping = &shard->shard_mapping;
    kin_status status = kin_mapping_open(mapping, path, error);
    if (status == KIN_OK)
        status = kin_shard_view_parse(&shard->view, mapping->data, mapping->bytes,
                                      KIN_SHARD_CHECK_BLOCKS, path, error);
    if (status == KIN_OK) {
        kin_digest digest = kin_container_digest(mapping->data);
        if (!kin_digest_equal(&digest, &listed->digest) ||
            shard->view.meta.count != listed->count || shard->view.meta.bits != rows->manifest.bits)
            status =
                kin_fail(error, KIN_MISMATCH, "%s is not the shard that the manifest names", path);
    }
    free(path);
    return status == KIN_OK && rows->features ? open_vectors(rows, s, error) : status;
}

static int compare_places(const void *a, const void *b)
{
    const place *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static void sort_places(kin_index_rows *rows)
{
    uint64_t at = 0;
    rows->places = kin_malloc(rows->manifest.indexed * sizeof *rows->places);
    for (uint32_t s = 0; s < rows->manifest.shard_count; s++)
        for (uint64_t i = 0; i < rows->manifest.shards[s].count; i++)
            rows->places[at++] =
                (place){.id = kin_codes_id(&rows->shards[s].view.codes, i), .row = i, .shard = s};
    qsort(rows->places, rows->manifest.indexed, sizeof *rows->places, compare_places);
}

kin_status kin_index_rows_open(kin_index_rows **rows, const char *index_path, bool without_features,
                               kin_error *error)
{
    kin_index_rows *made = kin_calloc(1, sizeof *made);
    kin_status status = open_manifest(made, index_path, error);
    if (status == KIN_OK) status = look_for_features(made, index_path, without_features, error);
    if (status == KIN_OK)
        made->shards = kin_calloc(made->manifest.shard_count, sizeof *made->shards);
    for (uint32_t s = 0; status == KIN_OK && s < made->manifest.shard_count; s++)
        status = open_shard(made, s, error);
    if (status == KIN_OK) sort_places(made);
    if (status != KIN_OK) kin_index_rows_close(&made);
    *rows = made;
    return status;
}

void kin_index_rows_close(kin_index_rows **rows)
{
    if (*rows == NULL) return;
    for (uint32_t s = 0; (*rows)->shards != NULL && s < (*rows)->manifest.shard_count; s++) {
        kin_mapping_close(&(*rows)->shards[s].shard_mapping);
        kin_mapping_close(&(*rows)->shards[s].feature_mapping);
    }
    free((*rows)->shards);
    free((*rows)->places);
    kin_manifest_fini(&(*rows)->manifest);
    free((*rows)->folder);
    free(*rows);
    *rows = NULL;
}

uint64_t kin_index_rows_count(const kin_index_rows *rows)
{
    return rows->manifest.indexed;
}

const kin_manifest *kin_index_rows_manifest(const kin_index_rows *rows)
{
    return &rows->manifest;
}

const char *kin_index_rows_folder(const kin_index_rows *rows)
{
    return rows->folder;
}

bool kin_index_rows_have_features(const kin_index_rows *rows)
{
    return rows->features;
}

kin_digest kin_index_rows_digest(const kin_index_rows *rows)
{
    return rows->digest;
}

const char *kin_index_rows_key(const kin_index_rows *rows, uint64_t row, uint32_t *bytes)
{
    const place *at = &rows->places[row];
    const kin_shard_view *view = &rows->shards[at->shard].view;
    uint64_t start = 0;
    *bytes = 0;
    if (view->key_ends != NULL)
        *bytes = kin_shard_piece(view->key_ends, at->row, view->key_bytes, &start);
    return view->keys + start;
}

void kin_index_rows_code(const kin_index_rows *rows, uint64_t row, kin_code *code)
{
    const place *at = &rows->places[row];
    uint32_t hint = 0;
    kin_codes_code(&rows->shards[at->shard].view.codes, at->row, &hint, code);
}

const int8_t *kin_index_rows_values(const kin_index_rows *rows, uint64_t row)
{
    const place *at = &rows->places[row];
    const kin_shard_view *view = &rows->shards[at->shard].view;
    return view->values == NULL ? NULL : view->values + at->row * view->meta.value_dimensions;
}

bool kin_index_rows_vector(const kin_index_rows *rows, uint64_t row, float *vector)
{
    const place *at = &rows->places[row];
    return kin_feature_file_get(&rows->shards[at->shard].vectors, at->row, vector);
}

kin_status kin_index_rows_thumbnail(const kin_index_rows *rows, uint64_t row, const uint8_t **data,
                                    uint32_t *bytes, kin_error *error)
{
    const place *at = &rows->places[row];
    const kin_shard_view *view = &rows->shards[at->shard].view;
    uint64_t start;
    *data = NULL;
    *bytes = 0;
    if (view->thumbnail_ends == NULL) return KIN_OK;
    *bytes = kin_shard_piece(view->thumbnail_ends, at->row, view->thumbnail_bytes, &start);
    *data = view->thumbnails + start;
    return kin_container_check_range(&view->container, (uint64_t)(*data - view->container.data),
                                     *bytes, rows->manifest.shards[at->shard].file, error);
}
