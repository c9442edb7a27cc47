#include "worker/index/import_write.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/memory.h"
#include "proto/task_format.h"
#include "worker/index/exchange.h"

/* Rows that are handed to a share at a time. */
#define BATCH_ROWS 4096

/* What a task has written so far. */
typedef struct record {
    kin_task_run *runs;
    uint64_t run_count;
    kin_buffer checksums; /* uint64_t, run after run */
    uint64_t distinct, largest, equal;
    uint64_t before[KIN_CODE_WORDS_MAX];
} record;

/* A batch on its way to a share. */
typedef struct batch {
    uint64_t codes[BATCH_ROWS * KIN_CODE_WORDS_MAX];
    uint64_t ids[BATCH_ROWS];
    uint32_t count;
} batch;

struct kin_import_stream {
    kin_import_state *import;
    kin_shard_share *share;
    char *path;
    batch *held;
    uint64_t rows;
};

char *kin_import_shard_path(const kin_import_state *import, uint32_t shard)
{
    char name[32];
    kin_exchange_file_name(shard, name);
    return kin_path_join(import->folder, name);
}

char *kin_import_record_path(const kin_import_state *import, uint32_t task)
{
    return kin_sprintf("%s/tasks/task-%05u.kin", import->building.folder, (unsigned)task);
}

static kin_shard_share *open_share(kin_import_state *import, const kin_import_unit *unit,
                                   uint32_t table, const char *path)
{
    kin_error error;
    kin_shard_share *share;
    kin_shard_range range = {.table = table,
                             .first_row = unit->first_row,
                             .rows = unit->rows,
                             .start = unit->start,
                             .first = unit->first,
                             .last = unit->last,
                             .first_key_byte = unit->first_key_byte,
                             .key_bytes = unit->key_bytes};
    if (table != unit->table) memset(&range.start, 0, sizeof range.start); /* the shard is whole */
    if (!unit->last) range.end = unit[1].start;
    kin_import_check(
        import, kin_shard_share_open(&share, path, &import->outlines[unit->shard], &range, &error),
        &error);
    return share;
}

static void close_share(kin_import_state *import, record *to, uint32_t shard,
                        kin_shard_share **share)
{
    kin_error error;
    kin_block_run runs[KIN_SHARD_SHARE_RUNS];
    kin_import_check(import, kin_shard_share_finish(share, runs, &error), &error);
    for (uint32_t i = 0; i < KIN_SHARD_SHARE_RUNS; i++) {
        if (runs[i].count > 0) {
            to->runs = kin_realloc(to->runs, to->run_count + 1, sizeof *to->runs);
            to->runs[to->run_count++] =
                (kin_task_run){.shard = shard, .first = runs[i].first, .count = runs[i].count};
            kin_buffer_append(&to->checksums, runs[i].checksums,
                              (size_t)runs[i].count * sizeof *runs[i].checksums);
        }
        kin_block_run_fini(&runs[i]);
    }
}

static kin_status flush(kin_import_stream *stream, kin_error *error)
{
    batch *held = stream->held;
    kin_status status = kin_shard_share_codes(stream->share, held->codes,
                                              stream->import->plan.bits / 64, held->count, error);
    if (status == KIN_OK)
        status = kin_shard_share_ids(stream->share, held->ids, 1, held->count, error);
    held->count = 0;
    return status;
}

static kin_status stream_row(void *user, const uint64_t *code, uint64_t id, const uint8_t *key,
                             uint32_t key_bytes, kin_error *error)
{
    kin_import_stream *stream = user;
    unsigned words = stream->import->plan.bits / 64;
    batch *held = stream->held;
    memcpy(held->codes + (size_t)held->count * words, code, words * sizeof *code);
    held->ids[held->count++] = id;
    stream->rows++;
    kin_status status = KIN_OK;
    if (key_bytes > 0) status = kin_shard_share_key(stream->share, key, key_bytes, error);
    if (status == KIN_OK && held->count == BATCH_ROWS) status = flush(stream, error);
    return status;
}

kin_import_stream *kin_import_stream_open(kin_import_state *import, uint32_t task,
                                          kin_import_sink *sink)
{
    const kin_import_unit *unit = &import->plan.units[import->plan.tasks[task].first_unit];
    kin_import_stream *stream = kin_calloc(1, sizeof *stream);
    stream->import = import;
    stream->path = kin_import_shard_path(import, unit->shard);
    stream->share = open_share(import, unit, 0, stream->path);
    stream->held = kin_calloc(1, sizeof *stream->held);
    *sink = (kin_import_sink){.user = stream, .row = stream_row};
    return stream;
}

static void close_stream(kin_import_state *import, record *to, const kin_import_unit *unit,
                         kin_import_stream **stream)
{
    kin_error error;
    kin_import_stream *done = *stream;
    kin_import_check(import, flush(done, &error), &error);
    if (done->rows != unit->rows) {
        (void)kin_fail(&error, KIN_IO, "%s was changed while it is imported", import->source.name);
        kin_comm_fail(import->comm, &error);
    }
    close_share(import, to, unit->shard, &done->share);
    to->distinct = done->rows > 0;
    to->largest = done->rows;
    free(done->held);
    free(done->path);
    free(done);
    *stream = NULL;
}

/* A further table's copies of the one code that a unit holds. */
static void write_copies(kin_import_state *import, record *to, const kin_import_unit *unit)
{
    char *path = kin_import_shard_path(import, unit->shard);
    kin_shard_share *share = open_share(import, unit, unit->table, path);
    batch *held = kin_calloc(1, sizeof *held);
    unsigned words = import->plan.bits / 64;
    kin_error error;
    for (uint64_t row = 0; row < unit->rows; row += held->count) {
        uint64_t left = unit->rows - row;
        held->count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;
        for (uint32_t i = 0; i < held->count; i++)
            memcpy(held->codes + (size_t)i * words, unit->start.word, words * 8);
        kin_import_check(
            import, kin_shard_share_codes(share, held->codes, words, held->count, &error), &error);
        kin_comm_tick(import->comm);
    }
    close_share(import, to, unit->shard, &share);
    free(held);
    free(path);
}

/* Rows of one unit on their way into one table. */
typedef struct writing {
    kin_import_state *import;
    record *to;
    const kin_import_rows *rows;
    uint32_t table;
    unsigned stride;
    kin_shard_share *share;
    char *path;
} writing;

static writing begin_table(kin_import_state *import, record *to, const kin_import_unit *unit,
                           uint32_t table, const kin_import_rows *rows)
{
    char *path = kin_import_shard_path(import, unit->shard);
    return (writing){.import = import,
                     .to = to,
                     .rows = rows,
                     .table = table,
                     .stride = table == 0 ? rows->stride : rows->words,
                     .share = open_share(import, unit, table, path),
                     .path = path};
}

static void end_table(writing *w, uint32_t shard)
{
    close_share(w->import, w->to, shard, &w->share);
    free(w->path);
}

/* How many codes there are, and how many are equal at most. words is a constant where it is
 * inlined. */
static inline void count_equal(record *to, const uint64_t *row, unsigned words, unsigned stride,
                               uint64_t count)
{
    for (uint64_t i = 0; i < count; i++, row += stride) {
        bool same = to->distinct > 0;
        for (unsigned w = 0; w < words; w++)
            same = same && to->before[w] == row[w];
        to->equal = same ? to->equal + 1 : 1;
        to->distinct += !same;
        if (to->equal > to->largest) to->largest = to->equal;
        for (unsigned w = 0; w < words; w++)
            to->before[w] = row[w];
    }
}

/* Rows with keys: their positions say where id and key are. */
static void write_keyed(writing *w, const uint64_t *row, uint64_t count)
{
    const kin_import_rows *rows = w->rows;
    uint64_t ids[BATCH_ROWS];
    kin_error error;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = row[i * w->stride + rows->words], from = at == 0 ? 0 : rows->key_end[at - 1];
        ids[i] = rows->ids[at];
        kin_import_check(w->import,
                         kin_shard_share_key(w->share, rows->keys + from,
                                             (uint32_t)(rows->key_end[at] - from), &error),
                         &error);
    }
    kin_import_check(w->import, kin_shard_share_ids(w->share, ids, 1, count, &error), &error);
}

/* The next sorted rows. */
static void write_rows(writing *w, const uint64_t *row, uint64_t count)
{
    kin_error error;
    unsigned words = w->rows->words;
    for (uint64_t some; count > 0; row += some * w->stride, count -= some) {
        some = count < BATCH_ROWS ? count : BATCH_ROWS;
        kin_import_check(w->import, kin_shard_share_codes(w->share, row, w->stride, some, &error),
                         &error);
        if (w->table == 0) {
            if (words == 1)
                count_equal(w->to, row, 1, w->stride, some);
            else
                count_equal(w->to, row, words, w->stride, some);
            if (w->rows->ids != NULL)
                write_keyed(w, row, some);
            else
                kin_import_check(
                    w->import, kin_shard_share_ids(w->share, row + words, w->stride, some, &error),
                    &error);
        }
        kin_comm_tick(w->import->comm);
    }
}

/* The rows of a unit, which lie cell after cell: each is sorted, and written from the cache. */
static void sort_and_write(kin_import_state *import, record *to, const kin_import_unit *unit,
                           uint64_t *row, const kin_import_rows *rows)
{
    writing w = begin_table(import, to, unit, unit->table, rows);
    int64_t start_ns = kin_clock_ns();
    for (uint32_t c = unit->first_cell; c < unit->first_cell + unit->cell_count; c++) {
        uint64_t count = import->plan.cell_rows[c];
        kin_row_sort(import->sorter, row, count, w.stride);
        kin_clock_lap(&start_ns, &import->sort_ns);
        write_rows(&w, row, count);
        kin_clock_lap(&start_ns, &import->write_ns);
        row += count * w.stride;
    }
    end_table(&w, unit->shard);
    kin_clock_lap(&start_ns, &import->write_ns);
}

/* The further tables of a shard that is here as a whole: its rows lose their ids, and are sorted
 * anew for each. */
static void write_further(kin_import_state *import, record *to, const kin_import_unit *unit,
                          uint64_t *data, const kin_import_rows *rows)
{
    const kin_import_plan *plan = &import->plan;
    unsigned words = rows->words;
    for (uint64_t i = 0; i < unit->rows; i++)
        memmove(data + i * words, data + i * rows->stride, words * sizeof *data);
    for (uint32_t t = 1; t < plan->table_count; t++) {
        int64_t start_ns = kin_clock_ns();
        for (uint64_t i = 0; i < unit->rows; i++)
            kin_import_rotate(data + i * words, words, plan->rotation[t] - plan->rotation[t - 1]);
        kin_row_sort(import->sorter, data, unit->rows, words);
        kin_clock_lap(&start_ns, &import->sort_ns);
        writing w = begin_table(import, to, unit, t, rows);
        write_rows(&w, data, unit->rows);
        end_table(&w, unit->shard);
        kin_clock_lap(&start_ns, &import->write_ns);
    }
}

static void write_record(kin_import_state *import, uint32_t task, record *written)
{
    kin_task_head head = {.plan = import->plan_digest,
                          .number = task,
                          .distinct_codes = written->distinct,
                          .largest_bucket = written->largest};
    memcpy(head.boot, import->boot, sizeof head.boot);
    kin_buffer bytes = {0};
    kin_error error;
    char *path = kin_import_record_path(import, task);
    kin_task_build(&bytes, &head, written->runs, written->run_count,
                   (const uint64_t *)(const void *)written->checksums.data);
    kin_import_check(import, kin_file_write_atomic(path, bytes.data, bytes.bytes, &error), &error);
    free(path);
    kin_buffer_fini(&bytes);
}

void kin_import_write(kin_import_state *import, uint32_t task, kin_import_rows *rows,
                      kin_import_stream **stream)
{
    const kin_import_plan *plan = &import->plan;
    const kin_import_task *work = &plan->tasks[task];
    const kin_import_unit *unit = &plan->units[work->first_unit];
    record written = {0};
    if (*stream != NULL) {
        close_stream(import, &written, unit, stream);
    } else if (unit->single) {
        write_copies(import, &written, unit);
    } else {
        uint64_t *data = rows->rows;
        for (uint32_t u = 0; u < work->unit_count; u++, unit++) {
            sort_and_write(import, &written, unit, data, rows);
            if (unit->whole) write_further(import, &written, unit, data, rows);
            data += unit->rows * rows->stride;
        }
    }
    int64_t start_ns = kin_clock_ns();
    write_record(import, task, &written);
    kin_clock_lap(&start_ns, &import->write_ns);
    free(written.runs);
    kin_buffer_fini(&written.checksums);
}
