#include "worker/shard/shard_writer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/shard/code_sort.h"

/* Rows between two calls of tick. */
#define TICK_ROWS 4096
/* Codes that are handed on at a time. */
#define FEED_CODES 65536

static void check_rows(const kin_shard_rows *rows)
{
    unsigned words = rows->bits / 64;
    kin_code before = {0}, code;
    for (uint64_t row = 0; row < rows->count; row++) {
        kin_code_from_words(&code, rows->words + row * words, rows->bits);
        int order = row == 0 ? -1 : kin_code_compare(&before, &code);
        KIN_CHECK(order < 0 || (order == 0 && rows->ids[row - 1] < rows->ids[row]));
        KIN_CHECK(row > 0 || kin_code_compare(&rows->first, &code) <= 0);
        before = code;
    }
    KIN_CHECK(rows->count == 0 || kin_code_compare(&before, &rows->last) <= 0);
}

static void tick(const kin_shard_rows *rows, uint64_t row)
{
    if (rows->tick != NULL && row % TICK_ROWS == 0) rows->tick(rows->user);
}

/* How many bytes all keys and all thumbnails have: the first of two passes over them. */
static kin_status measure_pieces(const kin_shard_rows *rows, kin_shard_facts *facts,
                                 kin_error *error)
{
    const char *key;
    const uint8_t *thumbnail;
    uint32_t bytes = 0;
    kin_status status = KIN_OK;
    facts->keys.there = rows->key != NULL;
    facts->thumbnails.there = rows->thumbnail != NULL;
    for (uint64_t row = 0; status == KIN_OK && rows->key != NULL && row < rows->count; row++) {
        status = rows->key(rows->user, row, &key, &bytes, error);
        facts->keys.bytes += bytes;
        tick(rows, row);
    }
    for (uint64_t row = 0; status == KIN_OK && rows->thumbnail != NULL && row < rows->count;
         row++) {
        status = rows->thumbnail(rows->user, row, &thumbnail, &bytes, error);
        facts->thumbnails.bytes += bytes;
        tick(rows, row);
    }
    return status;
}

static kin_status feed_pieces(const kin_shard_rows *rows, kin_shard_stream *stream,
                              kin_error *error)
{
    const char *key;
    const uint8_t *thumbnail;
    uint32_t bytes;
    kin_status status = KIN_OK;
    for (uint64_t row = 0; status == KIN_OK && rows->key != NULL && row < rows->count; row++) {
        status = rows->key(rows->user, row, &key, &bytes, error);
        if (status == KIN_OK) status = kin_shard_stream_key(stream, key, bytes, error);
        tick(rows, row);
    }
    for (uint64_t row = 0; status == KIN_OK && rows->thumbnail != NULL && row < rows->count;
         row++) {
        status = rows->thumbnail(rows->user, row, &thumbnail, &bytes, error);
        if (status == KIN_OK) status = kin_shard_stream_thumbnail(stream, thumbnail, bytes, error);
        tick(rows, row);
    }
    return status;
}

static kin_status feed_values(const kin_shard_rows *rows, kin_shard_stream *stream,
                              kin_error *error)
{
    const int8_t *values;
    kin_status status = KIN_OK;
    if (rows->value_dimensions == 0) return KIN_OK;
    for (uint64_t row = 0; status == KIN_OK && row < rows->count; row++) {
        status = rows->values(rows->user, row, &values, error);
        if (status == KIN_OK) status = kin_shard_stream_values(stream, values, error);
        tick(rows, row);
    }
    return status;
}

static kin_status feed_codes(const kin_shard_rows *rows, kin_shard_stream *stream, uint32_t table,
                             const uint64_t *codes, kin_error *error)
{
    kin_status status = KIN_OK;
    for (uint64_t row = 0; status == KIN_OK && row < rows->count; row += FEED_CODES) {
        uint64_t count = rows->count - row < FEED_CODES ? rows->count - row : FEED_CODES;
        status =
            kin_shard_stream_codes(stream, table, codes + row * (rows->bits / 64), count, error);
        tick(rows, 0);
    }
    return status;
}

/* The tables behind the first: rotated copies, sorted. */
static kin_status feed_tables(const kin_shard_rows *rows, kin_shard_stream *stream,
                              kin_error *error)
{
    const kin_shard_meta *meta = kin_shard_stream_meta(stream);
    unsigned words = rows->bits / 64;
    kin_status status = KIN_OK;
    uint64_t *codes = NULL, *scratch = NULL;
    if (meta->table_count > 1) {
        codes = kin_malloc((size_t)rows->count * words * sizeof *codes);
        scratch = kin_malloc((size_t)rows->count * words * sizeof *codes);
    }
    for (uint32_t j = 1; j < meta->table_count && status == KIN_OK; j++) {
        uint32_t rotation = meta->table[j].rotation;
        for (uint64_t row = 0; row < rows->count; row++) {
            kin_code code;
            kin_code_from_words(&code, rows->words + row * words, rows->bits);
            kin_code_rotate(&code, rows->bits, rotation);
            memcpy(codes + row * words, code.word, rows->bits / 8);
            tick(rows, row);
        }
        kin_code_sort(codes, scratch, rows->count, rows->bits, rows->bits - rotation);
        status = feed_codes(rows, stream, j, codes, error);
    }
    free(codes);
    free(scratch);
    return status;
}

kin_status kin_shard_write(const char *path, const kin_shard_rows *rows, kin_shard_written *written,
                           kin_error *error)
{
    check_rows(rows);
    kin_shard_stream *stream = NULL;
    kin_shard_facts facts = {.number = rows->number,
                             .bits = rows->bits,
                             .first = rows->first,
                             .last = rows->last,
                             .count = rows->count,
                             .id_max = rows->id_max,
                             .tables = rows->tables,
                             .value_dimensions = rows->value_dimensions};
    if (facts.tables == 0) facts.tables = kin_shard_tables_auto(rows->count, rows->bits, 0);
    for (uint64_t row = 0; row < rows->count; row++)
        if (rows->ids[row] > facts.id_max) facts.id_max = rows->ids[row];
    kin_status status = measure_pieces(rows, &facts, error);
    if (status == KIN_OK) status = kin_shard_stream_open(&stream, path, &facts, error);
    if (status == KIN_OK) status = feed_codes(rows, stream, 0, rows->words, error);
    if (status == KIN_OK) status = kin_shard_stream_ids(stream, rows->ids, rows->count, error);
    if (status == KIN_OK) status = feed_tables(rows, stream, error);
    if (status == KIN_OK) status = feed_pieces(rows, stream, error);
    if (status == KIN_OK) status = feed_values(rows, stream, error);
    if (status == KIN_OK) status = kin_shard_stream_finish(&stream, written, error);
    kin_shard_stream_destroy(&stream);
    return status;
}
