#include "worker/index/feature_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/limits.h"
#include "common/base/memory.h"

/* Bytes between two signs of life. */
#define BLOCK_BYTES ((size_t)16 << 20)

kin_status kin_feature_table_open(kin_feature_table *table, const char *path, kin_error *error)
{
    *table = (kin_feature_table){.path = path};
    kin_status status = kin_mapping_open(&table->mapping, path, error);
    if (status == KIN_OK)
        status = kin_feature_file_parse(&table->file, table->mapping.data, table->mapping.bytes,
                                        path, error);
    if (status == KIN_OK && table->file.dimensions < KIN_TABLE_DIMENSIONS_MIN)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: rows of %u numbers, which cannot give a code; a feature vector has "
                          "%d to %d",
                          path, (unsigned)table->file.dimensions, KIN_TABLE_DIMENSIONS_MIN,
                          KIN_FEATURE_DIMENSIONS_MAX);
    if (status == KIN_OK && table->file.count == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: has no rows", path);
    if (status != KIN_OK) kin_feature_table_close(table);
    return status;
}

void kin_feature_table_close(kin_feature_table *table)
{
    kin_mapping_close(&table->mapping);
    memset(table, 0, sizeof *table);
}

kin_status kin_feature_table_examine(const kin_feature_table *table, kin_digest *digest,
                                     void (*tick)(void *user), void *user, kin_error *error)
{
    const kin_mapping *mapping = &table->mapping;
    kin_buffer digests = {0};
    for (size_t at = 0; at < mapping->bytes; at += BLOCK_BYTES) {
        size_t left = mapping->bytes - at;
        kin_digest block =
            kin_digest_of(mapping->data + at, left < BLOCK_BYTES ? left : BLOCK_BYTES);
        kin_buffer_append(&digests, block.byte, sizeof block.byte);
        tick(user);
    }
    *digest = kin_digest_of(digests.data, digests.bytes);
    kin_buffer_fini(&digests);
    kin_status status = KIN_OK;
    float *vector = kin_malloc(table->file.dimensions * sizeof *vector);
    uint64_t tick_rows = 1 + BLOCK_BYTES / (table->file.dimensions * sizeof *vector);
    for (uint64_t row = 0; status == KIN_OK && row < table->file.count; row++) {
        if (!kin_feature_file_get(&table->file, row, vector))
            status = kin_fail(error, KIN_BAD_INPUT, "%s: row %llu has a number that is not finite",
                              table->path, (unsigned long long)row);
        if (row % tick_rows == 0) tick(user);
    }
    free(vector);
    return status;
}

/* A list on its way into the inputs. */
typedef struct listing {
    const kin_feature_table *table;
    kin_inputs *inputs;
    uint64_t lines;
    bool pictures;
} listing;

static kin_status add_line(void *user, const char *path, kin_error *error)
{
    listing *list = user;
    struct stat information;
    (void)error;
    if (list->lines < list->table->file.count) {
        bool there = list->pictures && stat(path, &information) == 0;
        kin_list_row row = {.key = path,
                            .key_bytes = (uint32_t)strlen(path),
                            .member = KIN_LIST_NO_MEMBER,
                            .offset = list->lines,
                            .bytes = there ? (uint64_t)information.st_size : 0};
        kin_inputs_add(list->inputs, &row);
    }
    list->lines++;
    return KIN_OK;
}

kin_status kin_feature_table_list(const kin_feature_table *table, kin_inputs *inputs,
                                  const kin_sources_options *options, const char *list_path,
                                  char separator, bool pictures, kin_error *error)
{
    listing list = {.table = table, .inputs = inputs, .pictures = pictures};
    kin_status status =
        kin_sources_read_list(options, list_path, separator, add_line, &list, error);
    if (status == KIN_OK && list.lines != table->file.count)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s has %llu rows, and the list %llu lines that are not empty; each line "
                          "names what one row is of",
                          table->path, (unsigned long long)table->file.count,
                          (unsigned long long)list.lines);
    return status;
}

kin_status kin_feature_table_get(const kin_feature_table *table, const kin_list_row *row,
                                 float *vector, kin_error *error)
{
    if (row->offset >= table->file.count)
        return kin_fail(error, KIN_MISMATCH, "%s has fewer rows than when it was listed",
                        table->path);
    if (!kin_feature_file_get(&table->file, row->offset, vector))
        return kin_fail(error, KIN_MISMATCH,
                        "%s: row %llu has a number that is not finite, and had none when it was "
                        "listed",
                        table->path, (unsigned long long)row->offset);
    return KIN_OK;
}
