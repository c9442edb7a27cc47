#include "worker/index/feature_writer.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/file.h"
#include "proto/feature_file.h"

/* Rows between two signs of life. */
#define TICK_ROWS 1024

static kin_status write_rows(kin_file_writer *writer, kin_shard_source *source, uint64_t count,
                             uint32_t dimensions, kin_error *error)
{
    kin_buffer start = {0};
    kin_feature_file_begin(&start, count, dimensions);
    kin_status status = kin_file_writer_append(writer, start.data, start.bytes, error);
    kin_buffer_fini(&start);
    for (uint64_t row = 0; status == KIN_OK && row < count; row++) {
        const uint8_t *vector;
        status = kin_shard_source_vector(source, row, &vector, error);
        if (status == KIN_OK)
            status = kin_file_writer_append(writer, vector, dimensions * sizeof(float), error);
        if (row % TICK_ROWS == 0) kin_shard_source_tick(source);
    }
    return status;
}

/* What was written is held to the reader's rules. */
static kin_status read_back(const char *path, uint64_t count, uint32_t dimensions, kin_error *error)
{
    kin_mapping mapping;
    kin_feature_file file;
    kin_status status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK)
        status = kin_feature_file_parse(&file, mapping.data, mapping.bytes, path, error);
    KIN_CHECK(status != KIN_OK || (file.count == count && file.dimensions == dimensions));
    kin_mapping_close(&mapping);
    return status;
}

kin_status kin_feature_writer_run(kin_shard_source *source, const char *folder, uint32_t shard,
                                  uint64_t count, uint32_t dimensions, kin_error *error)
{
    char name[KIN_FEATURE_FILE_NAME_BYTES];
    kin_feature_file_name(shard, name);
    char *path = kin_path_join(folder, name);
    kin_file_writer writer = {0};
    kin_status status = kin_file_writer_open(&writer, path, error);
    if (status == KIN_OK) status = write_rows(&writer, source, count, dimensions, error);
    if (status == KIN_OK) status = kin_file_writer_publish(&writer, error);
    kin_file_writer_discard(&writer);
    if (status == KIN_OK) status = read_back(path, count, dimensions, error);
    free(path);
    return status;
}
