#include "proto/feature_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/npy_format.h"

#define NAME_START "features-"
#define NAME_END ".npy"

kin_status kin_feature_file_parse(kin_feature_file *file, const void *data, size_t bytes,
                                  const char *name, kin_error *error)
{
    kin_npy npy;
    memset(file, 0, sizeof *file);
    kin_status status = kin_npy_parse(&npy, data, bytes, name, error);
    if (status != KIN_OK) return status;
    if (npy.kind != 'f' || npy.item_bytes != sizeof(float))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: feature vectors are float32; save array.astype('float32')", name);
    if (npy.rank != 2)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: has %u dimensions; feature vectors have two, rows and their numbers",
                        name, (unsigned)npy.rank);
    if (npy.dims[1] < 1 || npy.dims[1] > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: rows of %llu numbers; a feature vector has 1 to %d",
                        name, (unsigned long long)npy.dims[1], KIN_FEATURE_DIMENSIONS_MAX);
    *file = (kin_feature_file){
        .count = npy.dims[0], .dimensions = (uint32_t)npy.dims[1], .data = npy.data};
    return KIN_OK;
}

bool kin_feature_file_get(const kin_feature_file *file, uint64_t row, float *vector)
{
    KIN_CHECK(row < file->count);
    const uint8_t *data = file->data + row * file->dimensions * sizeof(float);
    bool finite = true;
    for (uint32_t i = 0; i < file->dimensions; i++) {
        uint32_t bits = kin_load_le32(data + i * sizeof(float));
        memcpy(&vector[i], &bits, sizeof bits);
        finite = finite && isfinite(vector[i]);
    }
    return finite;
}

void kin_feature_file_begin(kin_buffer *out, uint64_t count, uint32_t dimensions)
{
    const uint64_t dims[] = {count, dimensions};
    kin_npy_build_header(out, "<f4", dims, 2);
}

void kin_feature_file_name(uint32_t shard, char name[KIN_FEATURE_FILE_NAME_BYTES])
{
    snprintf(name, KIN_FEATURE_FILE_NAME_BYTES, NAME_START "%04u" NAME_END, (unsigned)shard);
}

bool kin_feature_file_is_named(const char *name)
{
    size_t bytes = strlen(name), end = strlen(NAME_END);
    return strncmp(name, NAME_START, strlen(NAME_START)) == 0 && bytes > end &&
           strcmp(name + bytes - end, NAME_END) == 0;
}
