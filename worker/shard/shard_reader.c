#include "worker/shard/shard_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/shard_format.h"

struct kin_shard_reader {
    char *path;
    kin_mapping mapping;
    kin_shard_view view;
};

static kin_status open_checked(kin_shard_reader **reader, const char *path, kin_shard_check check,
                               kin_error *error)
{
    kin_shard_reader *made = kin_calloc(1, sizeof *made);
    made->path = kin_strdup(path);
    kin_status status = kin_mapping_open(&made->mapping, path, error);
    if (status == KIN_OK)
        status = kin_shard_view_parse(&made->view, made->mapping.data, made->mapping.bytes, check,
                                      path, error);
    if (status != KIN_OK) kin_shard_reader_close(&made);
    *reader = made;
    return status;
}

kin_status kin_shard_reader_open(kin_shard_reader **reader, const char *path, kin_error *error)
{
    return open_checked(reader, path, KIN_SHARD_CHECK_BLOCKS, error);
}

kin_status kin_shard_reader_open_lazy(kin_shard_reader **reader, const char *path, kin_error *error)
{
    return open_checked(reader, path, KIN_SHARD_CHECK_LAZY, error);
}

kin_status kin_shard_reader_lock(const kin_shard_reader *reader, kin_error *error)
{
    if (mlock(reader->mapping.data, reader->mapping.bytes) == 0) return KIN_OK;
    return kin_fail(error, KIN_IO, "%s, %zu bytes, cannot be kept in memory: %s", reader->path,
                    reader->mapping.bytes, strerror(errno));
}

void kin_shard_reader_close(kin_shard_reader **reader)
{
    if (*reader == NULL) return;
    kin_mapping_close(&(*reader)->mapping);
    free((*reader)->path);
    free(*reader);
    *reader = NULL;
}

kin_digest kin_shard_reader_digest(const kin_shard_reader *reader)
{
    return kin_container_digest(reader->mapping.data);
}

uint64_t kin_shard_reader_count(const kin_shard_reader *reader)
{
    return reader->view.meta.count;
}

unsigned kin_shard_reader_bits(const kin_shard_reader *reader)
{
    return reader->view.meta.bits;
}

uint32_t kin_shard_reader_number(const kin_shard_reader *reader)
{
    return reader->view.meta.number;
}

void kin_shard_reader_range(const kin_shard_reader *reader, kin_code *first, kin_code *last)
{
    *first = reader->view.meta.first;
    *last = reader->view.meta.last;
}

const kin_codes_view *kin_shard_reader_codes(const kin_shard_reader *reader)
{
    return &reader->view.codes;
}

void kin_shard_reader_code(const kin_shard_reader *reader, uint64_t row, uint32_t *hint,
                           kin_code *code)
{
    KIN_CHECK(row < reader->view.meta.count);
    kin_codes_code(&reader->view.codes, row, hint, code);
}

uint64_t kin_shard_reader_id(const kin_shard_reader *reader, uint64_t row)
{
    KIN_CHECK(row < reader->view.meta.count);
    return kin_codes_id(&reader->view.codes, row);
}

const char *kin_shard_reader_key(const kin_shard_reader *reader, uint64_t row, uint32_t *bytes)
{
    const kin_shard_view *view = &reader->view;
    uint64_t start = 0;
    KIN_CHECK(row < view->meta.count);
    *bytes = 0;
    if (view->key_ends != NULL)
        *bytes = kin_shard_piece(view->key_ends, row, view->key_bytes, &start);
    return view->keys + start;
}

uint32_t kin_shard_reader_value_dimensions(const kin_shard_reader *reader)
{
    return reader->view.meta.value_dimensions;
}

const int8_t *kin_shard_reader_values(const kin_shard_reader *reader, uint64_t row)
{
    const kin_shard_view *view = &reader->view;
    KIN_CHECK(row < view->meta.count && view->values != NULL);
    return view->values + row * view->meta.value_dimensions;
}

kin_status kin_shard_reader_thumbnail(const kin_shard_reader *reader, uint64_t row,
                                      const uint8_t **data, uint32_t *bytes, kin_error *error)
{
    const kin_shard_view *view = &reader->view;
    uint64_t start;
    KIN_CHECK(row < view->meta.count);
    *data = NULL;
    *bytes = 0;
    if (view->thumbnail_ends == NULL) return KIN_OK;
    *bytes = kin_shard_piece(view->thumbnail_ends, row, view->thumbnail_bytes, &start);
    *data = view->thumbnails + start;
    return kin_container_check_range(&view->container, (uint64_t)(*data - view->container.data),
                                     *bytes, reader->path, error);
}

kin_status kin_shard_reader_verify(const kin_shard_reader *reader, kin_error *error)
{
    kin_shard_view again;
    kin_status status = kin_container_check_all(&reader->view.container, reader->path, error);
    if (status == KIN_OK)
        status = kin_shard_view_parse(&again, reader->mapping.data, reader->mapping.bytes,
                                      KIN_SHARD_CHECK_ROWS, reader->path, error);
    return status;
}
