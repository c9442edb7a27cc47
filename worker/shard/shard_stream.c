#include "worker/shard/shard_stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

/* Starts that are held before they are written. */
#define STARTS_HELD 512

/* A table and where it has come to. */
typedef struct table_feed {
    uint64_t count;                                       /* codes so far */
    uint64_t group[KIN_TABLE_GROUP * KIN_CODE_WORDS_MAX]; /* [count % 16][words], not written yet */
    kin_code before;
    uint64_t next_bucket; /* whose start is not known yet */
    uint32_t held;
    uint8_t starts[STARTS_HELD * 8];
} table_feed;

/* Keys or thumbnails. */
typedef struct pieces_feed {
    uint64_t count, end;
    uint32_t section; /* of the ends; the pieces are the next one */
} pieces_feed;

struct kin_shard_stream {
    char *path;
    kin_container_placed *file;
    kin_shard_meta meta;
    kin_shard_facts facts;
    table_feed *tables; /* [meta.table_count] */
    uint64_t id_count, value_count;
    pieces_feed keys, thumbnails;
};

kin_status kin_shard_stream_open(kin_shard_stream **stream, const char *path,
                                 const kin_shard_facts *facts, kin_error *error)
{
    kin_shard_stream *made = kin_calloc(1, sizeof *made);
    uint8_t meta[KIN_SHARD_META_BYTES_MAX];
    kin_placed_section sections[KIN_SHARD_SECTIONS_MAX];
    made->path = kin_strdup(path);
    made->facts = *facts;
    made->meta = (kin_shard_meta){.count = facts->count,
                                  .bits = facts->bits,
                                  .number = facts->number,
                                  .first = facts->first,
                                  .last = facts->last,
                                  .value_dimensions = facts->value_dimensions};
    kin_shard_plan(&made->meta, facts->tables, facts->id_max);
    made->tables = kin_calloc(made->meta.table_count, sizeof *made->tables);
    made->keys.section = KIN_SHARD_AT_PIECES(made->meta.table_count);
    made->thumbnails.section = made->keys.section + 2 + (facts->value_dimensions > 0);
    uint32_t count = kin_shard_sections(&made->meta, facts->keys, facts->thumbnails, sections);
    kin_status status = kin_container_placed_open(
        &made->file, path, KIN_FILE_SHARD, kin_shard_version(&made->meta), sections, count, error);
    kin_shard_meta_build(&made->meta, meta);
    if (status == KIN_OK)
        status = kin_container_placed_append(made->file, KIN_SHARD_AT_META, meta,
                                             kin_shard_meta_bytes(&made->meta), error);
    if (status != KIN_OK) kin_shard_stream_destroy(&made);
    *stream = made;
    return status;
}

const kin_shard_meta *kin_shard_stream_meta(const kin_shard_stream *stream)
{
    return &stream->meta;
}

static kin_status flush_starts(kin_shard_stream *stream, uint32_t table, kin_error *error)
{
    table_feed *feed = &stream->tables[table];
    size_t bytes = (size_t)feed->held * stream->meta.start_bytes;
    feed->held = 0;
    return kin_container_placed_append(stream->file, KIN_SHARD_AT_STARTS(table), feed->starts,
                                       bytes, error);
}

/* The starts of all buckets up to bucket, whose first code is the next one. */
static kin_status add_starts(kin_shard_stream *stream, uint32_t table, uint64_t bucket,
                             kin_error *error)
{
    table_feed *feed = &stream->tables[table];
    kin_status status = KIN_OK;
    for (; feed->next_bucket <= bucket && status == KIN_OK; feed->next_bucket++) {
        if (stream->meta.start_bytes == 4)
            kin_store_le32(feed->starts + (size_t)4 * feed->held, (uint32_t)feed->count);
        else
            kin_store_le64(feed->starts + (size_t)8 * feed->held, feed->count);
        if (++feed->held == STARTS_HELD) status = flush_starts(stream, table, error);
    }
    return status;
}

static kin_status flush_group(kin_shard_stream *stream, uint32_t table, kin_error *error)
{
    table_feed *feed = &stream->tables[table];
    uint8_t group[KIN_TABLE_GROUP * KIN_CODE_BYTES_MAX];
    uint32_t bucket_bits = stream->meta.table[table].bucket_bits;
    kin_table_pack(feed->group, stream->meta.bits, bucket_bits, group);
    memset(feed->group, 0, sizeof feed->group);
    return kin_container_placed_append(stream->file, KIN_SHARD_AT_TABLE(table), group,
                                       kin_table_group_bytes(stream->meta.bits, bucket_bits),
                                       error);
}

kin_status kin_shard_stream_codes(kin_shard_stream *stream, uint32_t table, const uint64_t *codes,
                                  uint64_t count, kin_error *error)
{
    KIN_CHECK(table < stream->meta.table_count);
    table_feed *feed = &stream->tables[table];
    unsigned words = stream->meta.bits / 64;
    uint32_t bucket_bits = stream->meta.table[table].bucket_bits;
    kin_status status = KIN_OK;
    KIN_CHECK(count <= stream->meta.count - feed->count);
    for (uint64_t i = 0; i < count && status == KIN_OK; i++) {
        kin_code code;
        kin_code_from_words(&code, codes + i * words, stream->meta.bits);
        KIN_CHECK(feed->count == 0 || kin_code_compare(&feed->before, &code) <= 0);
        feed->before = code;
        status = add_starts(stream, table, kin_table_bucket_of(&code, bucket_bits), error);
        memcpy(feed->group + feed->count % KIN_TABLE_GROUP * words, codes + i * words,
               stream->meta.bits / 8);
        if (++feed->count % KIN_TABLE_GROUP == 0 && status == KIN_OK)
            status = flush_group(stream, table, error);
    }
    return status;
}

kin_status kin_shard_stream_ids(kin_shard_stream *stream, const uint64_t *ids, uint64_t count,
                                kin_error *error)
{
    kin_status status = KIN_OK;
    KIN_CHECK(count <= stream->meta.count - stream->id_count);
    for (uint64_t i = 0; i < count && status == KIN_OK; i++) {
        uint8_t id[8];
        KIN_CHECK(ids[i] <= stream->facts.id_max);
        kin_store_le64(id, ids[i]);
        status = kin_container_placed_append(stream->file, KIN_SHARD_AT_IDS, id,
                                             stream->meta.id_bytes, error);
    }
    stream->id_count += count;
    return status;
}

static kin_status add_piece(kin_shard_stream *stream, pieces_feed *feed, const void *data,
                            uint32_t bytes, kin_error *error)
{
    uint8_t end[8];
    feed->count++;
    feed->end += bytes;
    kin_store_le64(end, feed->end);
    kin_status status =
        kin_container_placed_append(stream->file, feed->section, end, sizeof end, error);
    if (status == KIN_OK)
        status = kin_container_placed_append(stream->file, feed->section + 1, data, bytes, error);
    return status;
}

kin_status kin_shard_stream_key(kin_shard_stream *stream, const char *key, uint32_t bytes,
                                kin_error *error)
{
    KIN_CHECK(bytes <= KIN_KEY_BYTES_MAX);
    return add_piece(stream, &stream->keys, key, bytes, error);
}

kin_status kin_shard_stream_thumbnail(kin_shard_stream *stream, const uint8_t *data, uint32_t bytes,
                                      kin_error *error)
{
    KIN_CHECK(bytes <= KIN_THUMBNAIL_BYTES_MAX);
    return add_piece(stream, &stream->thumbnails, data, bytes, error);
}

kin_status kin_shard_stream_values(kin_shard_stream *stream, const int8_t *values, kin_error *error)
{
    uint32_t dimensions = stream->meta.value_dimensions;
    KIN_CHECK(dimensions > 0 && stream->value_count < stream->meta.count);
    stream->value_count++;
    return kin_container_placed_append(stream->file, KIN_SHARD_AT_VALUES(stream->meta.table_count),
                                       values, dimensions, error);
}

/* The last group, and the starts of the buckets behind the last code's. */
static kin_status end_table(kin_shard_stream *stream, uint32_t table, kin_error *error)
{
    table_feed *feed = &stream->tables[table];
    KIN_CHECK(feed->count == stream->meta.count);
    kin_status status = KIN_OK;
    if (feed->count % KIN_TABLE_GROUP != 0) status = flush_group(stream, table, error);
    if (status == KIN_OK)
        status =
            add_starts(stream, table, (uint64_t)1 << stream->meta.table[table].bucket_bits, error);
    return status == KIN_OK ? flush_starts(stream, table, error) : status;
}

kin_status kin_shard_written_read(kin_shard_written *written, const char *path, kin_error *error)
{
    kin_mapping mapping;
    kin_shard_view view;
    kin_status status = kin_mapping_open(&mapping, path, error);
    if (status != KIN_OK) return status;
    status =
        kin_shard_view_parse(&view, mapping.data, mapping.bytes, KIN_SHARD_CHECK_LAZY, path, error);
    written->bytes = mapping.bytes;
    if (status == KIN_OK) written->digest = kin_container_digest(mapping.data);
    kin_mapping_close(&mapping);
    return status;
}

kin_status kin_shard_stream_finish(kin_shard_stream **stream, kin_shard_written *written,
                                   kin_error *error)
{
    kin_shard_stream *done = *stream;
    kin_status status = KIN_OK;
    KIN_CHECK(done->id_count == done->meta.count);
    KIN_CHECK(done->keys.count == (done->facts.keys.there ? done->meta.count : 0));
    KIN_CHECK(done->thumbnails.count == (done->facts.thumbnails.there ? done->meta.count : 0));
    KIN_CHECK(done->value_count == (done->meta.value_dimensions > 0 ? done->meta.count : 0));
    for (uint32_t j = 0; j < done->meta.table_count && status == KIN_OK; j++)
        status = end_table(done, j, error);
    if (status == KIN_OK) status = kin_container_placed_publish(&done->file, error);
    if (status == KIN_OK) status = kin_shard_written_read(written, done->path, error);
    kin_shard_stream_destroy(stream);
    return status;
}

void kin_shard_stream_destroy(kin_shard_stream **stream)
{
    if (*stream == NULL) return;
    kin_container_placed_destroy(&(*stream)->file);
    free((*stream)->tables);
    free((*stream)->path);
    free(*stream);
    *stream = NULL;
}
