#include "worker/shard/shard_reader.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/shard_format.h"

struct kin_shard_reader {
    char *path;
    kin_mapping mapping;
    kin_shard_view view;
};

kin_status kin_shard_reader_open(kin_shard_reader **reader, const char *path, kin_error *error)
{
    kin_shard_reader *made = kin_calloc(1, sizeof *made);
    made->path = kin_strdup(path);
    kin_status status = kin_mapping_open(&made->mapping, path, error);
    if (status == KIN_OK)
        status =
            kin_shard_view_parse(&made->view, made->mapping.data, made->mapping.bytes, path, error);
    if (status != KIN_OK) kin_shard_reader_close(&made);
    *reader = made;
    return status;
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

const uint64_t *kin_shard_reader_words(const kin_shard_reader *reader)
{
    return reader->view.words;
}

const uint64_t *kin_shard_reader_ids(const kin_shard_reader *reader)
{
    return reader->view.ids;
}

const char *kin_shard_reader_key(const kin_shard_reader *reader, uint64_t row, uint32_t *bytes)
{
    const kin_shard_view *view = &reader->view;
    KIN_CHECK(row < view->meta.count);
    uint64_t start = row == 0 ? 0 : view->key_ends[row - 1];
    *bytes = (uint32_t)(view->key_ends[row] - start);
    return view->keys + start;
}

kin_status kin_shard_reader_thumbnail(const kin_shard_reader *reader, uint64_t row,
                                      const uint8_t **data, uint32_t *bytes, kin_error *error)
{
    const kin_shard_view *view = &reader->view;
    KIN_CHECK(row < view->meta.count);
    *data = NULL;
    *bytes = 0;
    if (view->thumbnail_ends == NULL) return KIN_OK;
    uint64_t start = row == 0 ? 0 : view->thumbnail_ends[row - 1];
    *bytes = (uint32_t)(view->thumbnail_ends[row] - start);
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
                                      reader->path, error);
    return status;
}
