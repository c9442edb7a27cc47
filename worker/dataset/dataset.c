#include "worker/dataset/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/feature_file.h"
#include "proto/generation.h"
#include "proto/npy_format.h"
#include "worker/dataset/classes.h"
#include "worker/dataset/idx_reader.h"
#include "worker/dataset/index_rows.h"

#define IDX_START "idx:"
/* Bytes of a digest's block: the digest of a file is that of its blocks' digests. */
#define BLOCK_BYTES ((size_t)16 << 20)

typedef enum source_kind { SOURCE_VECTORS, SOURCE_PIXELS, SOURCE_CODES, SOURCE_INDEX } source_kind;

/* Keys of a text file: where line i ends. */
typedef struct key_list {
    kin_mapping mapping;
    uint64_t *starts;
    uint32_t *bytes;
} key_list;

struct kin_dataset {
    char *name;
    source_kind kind;
    uint64_t count;
    uint32_t dimensions;
    kin_mapping mapping; /* of a .npy */
    kin_feature_file vectors;
    const uint8_t *codes; /* [count][bits / 8], in the mapping */
    unsigned bits;        /* of those */
    kin_buffer pixels;
    kin_index_rows *rows;
    key_list keys;
    kin_classes classes;
};

static bool are_codes(const kin_npy *npy)
{
    return npy->kind == 'u' && npy->item_bytes == 1 && npy->rank == 2;
}

static kin_status open_codes(kin_dataset *dataset, const kin_npy *npy, const char *path,
                             bool without_features, kin_error *error)
{
    dataset->kind = SOURCE_CODES;
    if (!without_features)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: holds bytes, as codes are; feature vectors are float32", path);
    if (npy->dims[1] == 0 || npy->dims[1] > KIN_CODE_BYTES_MAX)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: codes of %llu bytes; a code has 1 to %d, eight bits in each "
                        "(numpy.packbits)",
                        path, (unsigned long long)npy->dims[1], KIN_CODE_BYTES_MAX);
    dataset->count = npy->dims[0];
    dataset->bits = (unsigned)npy->dims[1] * 8;
    dataset->codes = npy->data;
    return KIN_OK;
}

static kin_status open_npy(kin_dataset *dataset, const char *path, bool without_features,
                           kin_error *error)
{
    kin_npy npy;
    const kin_mapping *mapping = &dataset->mapping;
    dataset->kind = SOURCE_VECTORS;
    kin_status status = kin_mapping_open(&dataset->mapping, path, error);
    if (status == KIN_OK) status = kin_npy_parse(&npy, mapping->data, mapping->bytes, path, error);
    if (status == KIN_OK && are_codes(&npy)) {
        status = open_codes(dataset, &npy, path, without_features, error);
    } else if (status == KIN_OK) {
        status =
            kin_feature_file_parse(&dataset->vectors, mapping->data, mapping->bytes, path, error);
        dataset->count = dataset->vectors.count;
        dataset->dimensions = dataset->vectors.dimensions;
    }
    if (status == KIN_OK && dataset->count == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: has no rows", path);
    return status;
}

static kin_class_rows class_rows(const kin_dataset *dataset)
{
    const kin_class_rows rows = {.count = dataset->count, .name = dataset->name};
    return rows;
}

static kin_status check_labels(const kin_dataset *dataset, const kin_idx *images, const char *path,
                               const kin_idx *idx, kin_error *error)
{
    if (idx->rank != 1)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: has %u dimensions, as pictures have; classes have one (IMAGES comes "
                        "before LABELS)",
                        path, idx->rank);
    if (idx->dims[0] == images->dims[0]) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "%s has %lu rows, and its pictures (%s) %lu", path,
                    (unsigned long)idx->dims[0], dataset->name, (unsigned long)images->dims[0]);
}

/* IMAGES[,LABELS] */
static kin_status open_pixels(kin_dataset *dataset, const char *paths, bool own_labels,
                              kin_error *error)
{
    const char *comma = strchr(paths, ',');
    char *images_path =
        kin_sprintf("%.*s", comma == NULL ? (int)strlen(paths) : (int)(comma - paths), paths);
    kin_idx images, labels;
    kin_buffer bytes = {0};
    dataset->kind = SOURCE_PIXELS;
    kin_status status = kin_idx_read(images_path, &images, &dataset->pixels, error);
    if (status == KIN_OK && images.rank < 2)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: has one dimension, as classes have; pictures have two or more "
                          "(idx:IMAGES,LABELS)",
                          images_path);
    if (status == KIN_OK && images.row_bytes > KIN_FEATURE_DIMENSIONS_MAX)
        status = kin_fail(
            error, KIN_LIMIT, "%s: pictures of %llu bytes; a feature vector has up to %d numbers",
            images_path, (unsigned long long)images.row_bytes, KIN_FEATURE_DIMENSIONS_MAX);
    if (status == KIN_OK) {
        dataset->count = images.dims[0];
        dataset->dimensions = (uint32_t)images.row_bytes;
    }
    if (status == KIN_OK && comma != NULL && own_labels) {
        kin_class_rows rows = class_rows(dataset);
        status = kin_idx_read(comma + 1, &labels, &bytes, error);
        if (status == KIN_OK) status = check_labels(dataset, &images, comma + 1, &labels, error);
        if (status == KIN_OK)
            status = kin_classes_of_bytes(&dataset->classes, &rows, bytes.data, error);
    }
    kin_buffer_fini(&bytes);
    free(images_path);
    return status;
}

static kin_status open_index(kin_dataset *dataset, const char *path, bool without_features,
                             kin_error *error)
{
    dataset->kind = SOURCE_INDEX;
    kin_status status = kin_index_rows_open(&dataset->rows, path, without_features, error);
    if (status != KIN_OK) return status;
    dataset->count = kin_index_rows_count(dataset->rows);
    if (kin_index_rows_have_features(dataset->rows))
        dataset->dimensions = kin_index_rows_manifest(dataset->rows)->dimensions;
    return KIN_OK;
}

/* One key a line; the parser of classes takes whole lines, which is what keys are. */
static kin_status open_keys(kin_dataset *dataset, const char *path, kin_error *error)
{
    key_list *keys = &dataset->keys;
    kin_status status = kin_mapping_open(&keys->mapping, path, error);
    if (status != KIN_OK) return status;
    const char *text = (const char *)keys->mapping.data, *end = text + keys->mapping.bytes;
    uint64_t lines = 0;
    keys->starts = kin_malloc(dataset->count * sizeof *keys->starts);
    keys->bytes = kin_malloc(dataset->count * sizeof *keys->bytes);
    for (const char *at = text; at != NULL && at < end; lines++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((stop == NULL ? end : stop) - at);
        if (bytes == 0 || bytes > KIN_KEY_BYTES_MAX || memchr(at, 0, bytes) != NULL)
            return kin_fail(error, KIN_BAD_INPUT,
                            "%s, line %llu: is empty, longer than %d bytes or holds a NUL; a key a "
                            "line is wanted",
                            path, (unsigned long long)lines + 1, KIN_KEY_BYTES_MAX);
        if (lines < dataset->count) {
            keys->starts[lines] = (uint64_t)(at - text);
            keys->bytes[lines] = (uint32_t)bytes;
        }
        at = stop == NULL ? end : stop + 1;
    }
    if (lines != dataset->count)
        return kin_fail(error, KIN_BAD_INPUT, "%s has %llu lines, and %s %llu rows: a key a row",
                        path, (unsigned long long)lines, dataset->name,
                        (unsigned long long)dataset->count);
    return KIN_OK;
}

static const char *row_key(const void *user, uint64_t row, uint32_t *bytes)
{
    return kin_dataset_key(user, row, bytes);
}

static kin_status open_source(kin_dataset *dataset, const kin_dataset_options *options,
                              kin_error *error)
{
    const char *source = options->source;
    if (strncmp(source, IDX_START, strlen(IDX_START)) == 0)
        return open_pixels(dataset, source + strlen(IDX_START), options->labels == NULL, error);
    if (kin_path_is_directory(source))
        return open_index(dataset, source, options->without_features, error);
    return open_npy(dataset, source, options->without_features, error);
}

bool kin_dataset_is_named(const char *source)
{
    if (strncmp(source, IDX_START, strlen(IDX_START)) == 0) return true;
    if (kin_text_has_ending(source, ".npy")) return true;
    char *current = kin_path_join(source, KIN_CURRENT_FILE);
    bool is_index = kin_path_exists(current);
    free(current);
    return is_index;
}

kin_status kin_dataset_open(kin_dataset **dataset, const kin_dataset_options *options,
                            kin_error *error)
{
    kin_dataset *made = kin_calloc(1, sizeof *made);
    made->name = kin_strdup(options->source);
    kin_status status = open_source(made, options, error);
    if (status == KIN_OK && options->keys != NULL) {
        if (made->kind == SOURCE_INDEX)
            status = kin_fail(error, KIN_BAD_INPUT, "%s has keys of its own; leave out --keys %s",
                              made->name, options->keys);
        else
            status = open_keys(made, options->keys, error);
    }
    if (status == KIN_OK && options->labels != NULL) {
        kin_class_rows rows = class_rows(made);
        rows.user = made;
        if (made->kind == SOURCE_INDEX || options->keys != NULL) rows.key = row_key;
        status = kin_classes_open(&made->classes, &rows, options->labels, error);
    }
    if (status != KIN_OK) kin_dataset_close(&made);
    *dataset = made;
    return status;
}

void kin_dataset_close(kin_dataset **dataset)
{
    if (*dataset == NULL) return;
    kin_classes_fini(&(*dataset)->classes);
    free((*dataset)->keys.starts);
    free((*dataset)->keys.bytes);
    kin_mapping_close(&(*dataset)->keys.mapping);
    kin_index_rows_close(&(*dataset)->rows);
    kin_buffer_fini(&(*dataset)->pixels);
    kin_mapping_close(&(*dataset)->mapping);
    free((*dataset)->name);
    free(*dataset);
    *dataset = NULL;
}

const char *kin_dataset_name(const kin_dataset *dataset)
{
    return dataset->name;
}

uint64_t kin_dataset_count(const kin_dataset *dataset)
{
    return dataset->count;
}

uint32_t kin_dataset_dimensions(const kin_dataset *dataset)
{
    return dataset->dimensions;
}

static bool read_row(const kin_dataset *dataset, uint64_t row, float *vector)
{
    switch (dataset->kind) {
    case SOURCE_VECTORS:
        return kin_feature_file_get(&dataset->vectors, row, vector);
    case SOURCE_INDEX:
        return kin_index_rows_vector(dataset->rows, row, vector);
    case SOURCE_PIXELS:
    case SOURCE_CODES:
        break;
    }
    const uint8_t *pixels = dataset->pixels.data + row * dataset->dimensions;
    for (uint32_t i = 0; i < dataset->dimensions; i++)
        vector[i] = (float)pixels[i] / 255.0f;
    return true;
}

static kin_status read_checked(const kin_dataset *dataset, uint64_t row, float *vector,
                               kin_error *error)
{
    KIN_CHECK(row < dataset->count && dataset->dimensions > 0);
    if (read_row(dataset, row, vector)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "%s: row %llu has a number that is not finite",
                    dataset->name, (unsigned long long)row);
}

kin_status kin_dataset_read(const kin_dataset *dataset, uint64_t first, uint64_t count,
                            float *vectors, kin_error *error)
{
    kin_status status = KIN_OK;
    for (uint64_t i = 0; status == KIN_OK && i < count; i++)
        status = read_checked(dataset, first + i, vectors + i * dataset->dimensions, error);
    return status;
}

kin_status kin_dataset_gather(const kin_dataset *dataset, const uint64_t *rows, uint64_t count,
                              float *vectors, kin_error *error)
{
    kin_status status = KIN_OK;
    for (uint64_t i = 0; status == KIN_OK && i < count; i++)
        status = read_checked(dataset, rows[i], vectors + i * dataset->dimensions, error);
    return status;
}

const char *kin_dataset_key(const kin_dataset *dataset, uint64_t row, uint32_t *bytes)
{
    KIN_CHECK(row < dataset->count);
    if (dataset->kind == SOURCE_INDEX) return kin_index_rows_key(dataset->rows, row, bytes);
    *bytes = 0;
    if (dataset->keys.starts == NULL) return NULL;
    *bytes = dataset->keys.bytes[row];
    return (const char *)dataset->keys.mapping.data + dataset->keys.starts[row];
}

void kin_dataset_code(const kin_dataset *dataset, uint64_t row, kin_code *code)
{
    KIN_CHECK(row < dataset->count && kin_dataset_bits(dataset) > 0);
    if (dataset->kind == SOURCE_INDEX) {
        kin_index_rows_code(dataset->rows, row, code);
    } else {
        uint8_t bytes[KIN_CODE_BYTES_MAX] = {0};
        memcpy(bytes, dataset->codes + row * (dataset->bits / 8), dataset->bits / 8);
        kin_code_from_bytes(code, bytes, KIN_CODE_BITS_MAX);
    }
}

unsigned kin_dataset_bits(const kin_dataset *dataset)
{
    if (dataset->kind == SOURCE_INDEX) return kin_index_rows_manifest(dataset->rows)->bits;
    return dataset->bits;
}

uint32_t kin_dataset_value_dimensions(const kin_dataset *dataset)
{
    if (dataset->kind != SOURCE_INDEX) return 0;
    return kin_index_rows_manifest(dataset->rows)->value_dimensions;
}

const int8_t *kin_dataset_values(const kin_dataset *dataset, uint64_t row)
{
    KIN_CHECK(row < dataset->count && kin_dataset_value_dimensions(dataset) > 0);
    return kin_index_rows_values(dataset->rows, row);
}

bool kin_dataset_has_thumbnails(const kin_dataset *dataset)
{
    return dataset->kind == SOURCE_INDEX &&
           kin_index_rows_manifest(dataset->rows)->thumbnail_side > 0;
}

kin_status kin_dataset_thumbnail(const kin_dataset *dataset, uint64_t row, const uint8_t **data,
                                 uint32_t *bytes, kin_error *error)
{
    KIN_CHECK(row < dataset->count && dataset->kind == SOURCE_INDEX);
    return kin_index_rows_thumbnail(dataset->rows, row, data, bytes, error);
}

const uint32_t *kin_dataset_labels(const kin_dataset *dataset)
{
    return dataset->classes.labels;
}

uint32_t kin_dataset_classes(const kin_dataset *dataset)
{
    return dataset->classes.count;
}

const char *kin_dataset_class_name(const kin_dataset *dataset, uint32_t label)
{
    KIN_CHECK(label < dataset->classes.count);
    return dataset->classes.names[label];
}

const char *kin_dataset_features(const kin_dataset *dataset)
{
    if (dataset->kind != SOURCE_INDEX) return NULL;
    return kin_index_rows_manifest(dataset->rows)->features;
}

const char *kin_dataset_decoder(const kin_dataset *dataset)
{
    if (dataset->kind != SOURCE_INDEX) return NULL;
    return kin_index_rows_manifest(dataset->rows)->decoder;
}

kin_digest kin_dataset_digest(const kin_dataset *dataset)
{
    if (dataset->kind == SOURCE_INDEX) return kin_index_rows_digest(dataset->rows);
    bool mapped = dataset->kind != SOURCE_PIXELS;
    const uint8_t *data = mapped ? dataset->mapping.data : dataset->pixels.data;
    size_t bytes = mapped ? dataset->mapping.bytes : dataset->pixels.bytes;
    kin_buffer digests = {0};
    for (size_t at = 0; at < bytes; at += BLOCK_BYTES) {
        size_t left = bytes - at;
        kin_digest block = kin_digest_of(data + at, left < BLOCK_BYTES ? left : BLOCK_BYTES);
        kin_buffer_append(&digests, block.byte, sizeof block.byte);
    }
    kin_digest digest = kin_digest_of(digests.data, digests.bytes);
    kin_buffer_fini(&digests);
    return digest;
}
