#include "worker/verify/verify_features.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "proto/feature_file.h"
#include "proto/generation.h"
#include "worker/encode/hasher.h"

static kin_status open_hasher(kin_hasher **made, const char *folder, const kin_manifest *manifest,
                              kin_error *error)
{
    char *path = kin_path_join(folder, KIN_ENCODER_FILE);
    kin_buffer bytes = {0};
    kin_encoder_file file;
    kin_status status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &bytes, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&file, bytes.data, bytes.bytes, path, error);
    if (status == KIN_OK && (kin_stored_bits(file.card.bits) != manifest->bits ||
                             file.card.dimensions != manifest->dimensions))
        status = kin_fail(error, KIN_MISMATCH, "%s is of other codes or vectors than the manifest",
                          path);
    if (status == KIN_OK) *made = kin_hasher_new(&file);
    kin_buffer_fini(&bytes);
    free(path);
    return status;
}

/* Of a shard that has values. */
static bool same_values(const kin_hasher *made, const float *vector, const kin_shard_reader *shard,
                        uint64_t row)
{
    int8_t values[KIN_CODE_BITS_MAX];
    uint32_t dimensions = kin_shard_reader_value_dimensions(shard);
    if (dimensions != kin_hasher_bits(made)) return false;
    kin_hasher_store(made, vector, 1, values);
    return memcmp(values, kin_shard_reader_values(shard, row), dimensions) == 0;
}

static kin_status check_rows(const kin_hasher *made, const kin_feature_file *file,
                             const kin_shard_reader *shard, const char *path, kin_error *error)
{
    float *vector = kin_malloc(file->dimensions * sizeof *vector);
    kin_status status = KIN_OK;
    uint32_t hint = 0;
    for (uint64_t row = 0; status == KIN_OK && row < file->count; row++) {
        kin_code stored, code;
        if (!kin_feature_file_get(file, row, vector)) {
            status = kin_fail(error, KIN_CORRUPT, "%s: row %llu has a number that is not finite",
                              path, (unsigned long long)row);
            break;
        }
        kin_hasher_hash(made, vector, 1, &code);
        kin_shard_reader_code(shard, row, &hint, &stored);
        if (kin_code_compare(&stored, &code) != 0)
            status = kin_fail(error, KIN_CORRUPT,
                              "%s: the vector of row %llu gives another code than its shard has",
                              path, (unsigned long long)row);
        else if (kin_shard_reader_value_dimensions(shard) > 0 &&
                 !same_values(made, vector, shard, row))
            status = kin_fail(error, KIN_CORRUPT,
                              "%s: the vector of row %llu gives other values than its shard has",
                              path, (unsigned long long)row);
    }
    free(vector);
    return status;
}

static kin_status check_file(const kin_hasher *made, const char *path,
                             const kin_manifest_shard *listed, const kin_shard_reader *shard,
                             kin_error *error)
{
    kin_mapping mapping;
    kin_feature_file file;
    kin_status status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK)
        status = kin_feature_file_parse(&file, mapping.data, mapping.bytes, path, error);
    if (status == KIN_OK &&
        (file.count != listed->count || file.dimensions != kin_hasher_dimensions(made)))
        status = kin_fail(error, KIN_MISMATCH,
                          "%s: has %llu rows of %u numbers; the shard has %llu rows, and the "
                          "features %u",
                          path, (unsigned long long)file.count, (unsigned)file.dimensions,
                          (unsigned long long)listed->count, (unsigned)kin_hasher_dimensions(made));
    if (status == KIN_OK && shard == NULL)
        status = kin_fail(error, KIN_MISMATCH, "%s: cannot be compared with its shard", path);
    if (status == KIN_OK) status = check_rows(made, &file, shard, path, error);
    kin_mapping_close(&mapping);
    return status;
}

/* Whether any vectors are kept; a note of each file that belongs to no shard. */
static bool find_kept(const char *folder, const kin_manifest *manifest, kin_verify_report *report)
{
    DIR *files = opendir(folder);
    struct dirent *entry;
    bool any = false;
    while (files != NULL && (entry = readdir(files)) != NULL) {
        char name[KIN_FEATURE_FILE_NAME_BYTES] = "";
        unsigned shard = 0;
        if (!kin_feature_file_is_named(entry->d_name)) continue;
        any = true;
        if (sscanf(entry->d_name, "features-%8u", &shard) == 1) kin_feature_file_name(shard, name);
        if (strcmp(name, entry->d_name) == 0 && shard < manifest->shard_count) continue;
        kin_error error;
        (void)kin_fail(&error, KIN_MISMATCH, "%s/%s belongs to no shard of this generation", folder,
                       entry->d_name);
        kin_verify_note(report, entry->d_name, &error);
    }
    if (files != NULL) closedir(files);
    return any;
}

void kin_verify_features(const char *folder, const kin_manifest *manifest,
                         kin_shard_reader *const *shards, kin_verify_report *report)
{
    if (!find_kept(folder, manifest, report)) return;
    kin_hasher *made = NULL;
    kin_error opening = {0};
    kin_status opened = open_hasher(&made, folder, manifest, &opening);
    for (uint32_t s = 0; s < manifest->shard_count; s++) {
        char name[KIN_FEATURE_FILE_NAME_BYTES];
        kin_error error = {0};
        kin_feature_file_name(s, name);
        char *path = kin_path_join(folder, name);
        if (opened != KIN_OK)
            error = opening;
        else
            (void)check_file(made, path, &manifest->shards[s], shards[s], &error);
        kin_verify_note(report, name, &error);
        free(path);
    }
    kin_hasher_destroy(&made);
}
