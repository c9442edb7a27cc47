#include "worker/index/import_gather.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/inline.h"
#include "common/base/memory.h"

/* What a rank receives in one round, about. */
#define ROUND_BYTES (4u << 20)
/* How far behind a row's place memory is fetched: the next line of its cell. */
#define AHEAD_WORDS 8
#define NOBODY UINT16_MAX
_Static_assert(KIN_RANKS_MAX < NOBODY, "a rank is 16 bits");

/* A pass under way. */
typedef struct gathering {
    kin_import_state *import;
    const kin_import_pass *pass;
    kin_import_rows *rows;
    const kin_import_sink *sink; /* of this rank's task, if it holds one code */
    uint32_t table;
    int ranks;
    uint64_t block_rows;
    uint64_t *codes;     /* [block_rows][words] */
    kin_buffer text;     /* of the block's keys */
    uint16_t *key_bytes; /* [block_rows]; NULL: no keys */
    uint16_t *owner;     /* [block_rows]: rank, or NOBODY */
    kin_import_route
        tasks;            /* ranges of codes; empty where the code alone does not say whose it is */
    uint16_t *task_owner; /* [tasks.count]: rank, or NOBODY */
    uint64_t *counts;     /* [ranks][2]: rows and bytes of keys for each rank */
    uint64_t *coming;     /* [ranks][2] */
    bool direct;          /* rows go to their owners' regions of `out` as they are read */
    kin_comm_parcel facts_out, facts_in, out, in;
    size_t in_capacity;
} gathering;

uint64_t kin_import_row_bytes(const kin_import_state *import, uint32_t table)
{
    return kin_plan_row_bytes(import->source.bits, table > 0, import->keys.path != NULL);
}

uint64_t kin_import_rows_bytes(const kin_import_state *import, const kin_import_task *task)
{
    if (import->plan.units[task->first_unit].single) return 0;
    return task->rows * kin_import_row_bytes(import, task->table) + task->key_bytes;
}

/* Memory that stays from pass to pass: the system takes its time to clear new pages. */
static void *take_arena(kin_import_state *import, size_t bytes)
{
    if (bytes <= import->arena_bytes) return import->arena;
    if (import->arena != NULL) munmap(import->arena, import->arena_bytes);
    import->arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (import->arena == MAP_FAILED) {
        kin_error error;
        (void)kin_fail(&error, KIN_LIMIT,
                       "the system has not the %llu bytes that --memory allows for rows",
                       (unsigned long long)bytes);
        kin_comm_fail(import->comm, &error);
    }
    import->arena_bytes = bytes;
    madvise(import->arena, bytes, MADV_HUGEPAGE); /* rows go to many places in it */
    return import->arena;
}

static void rows_init(kin_import_rows *rows, kin_import_state *import, const kin_import_task *task)
{
    const kin_import_plan *plan = &import->plan;
    *rows = (kin_import_rows){.words = plan->bits / 64};
    rows->stride = rows->words + (task != NULL && task->table == 0);
    if (task == NULL || plan->units[task->first_unit].single || task->rows == 0) return;
    rows->capacity = task->rows;
    rows->rows = take_arena(import, (size_t)task->rows * rows->stride * sizeof *rows->rows);
    const kin_import_unit *first = &plan->units[task->first_unit];
    const kin_import_unit *last = first + task->unit_count - 1;
    uint32_t cells = last->first_cell + last->cell_count - first->first_cell;
    uint64_t row = 0;
    rows->first_cell = first->first_cell;
    rows->shard = first->shard;
    rows->next = kin_malloc(cells * sizeof *rows->next);
    rows->end = kin_malloc(cells * sizeof *rows->end);
    for (uint32_t c = 0; c < cells; c++) {
        rows->next[c] = row;
        rows->end[c] = row += plan->cell_rows[first->first_cell + c];
    }
    if (task->table > 0 || import->keys.path == NULL) return;
    rows->ids = kin_malloc((size_t)task->rows * sizeof *rows->ids);
    rows->key_end = kin_malloc((size_t)task->rows * sizeof *rows->key_end);
    rows->keys = kin_malloc((size_t)task->key_bytes);
}

void kin_import_rows_fini(kin_import_rows *rows)
{
    free(rows->next);
    free(rows->end);
    free(rows->ids);
    free(rows->key_end);
    free(rows->keys);
    memset(rows, 0, sizeof *rows);
}

static void parcel_init(kin_comm_parcel *parcel, int ranks, size_t bytes)
{
    parcel->bytes = kin_calloc((size_t)ranks, sizeof *parcel->bytes);
    parcel->at = kin_calloc((size_t)ranks, sizeof *parcel->at);
    parcel->data = kin_malloc(bytes);
}

static void parcel_fini(kin_comm_parcel *parcel)
{
    free(parcel->bytes);
    free(parcel->at);
    free(parcel->data);
}

/* The pass's tasks as ranges of codes, and what is before and behind them. */
static void make_task_route(gathering *g)
{
    const kin_import_plan *plan = &g->import->plan;
    const kin_import_pass *pass = g->pass;
    kin_code *starts = kin_calloc(pass->task_count + 2, sizeof *starts);
    uint32_t count = 0, behind = pass->first_task + pass->task_count;
    g->task_owner = kin_malloc((pass->task_count + 2) * sizeof *g->task_owner);
    for (uint32_t t = pass->first_task; t <= behind && t < plan->task_count; t++) {
        const kin_import_unit *unit = &plan->units[plan->tasks[t].first_unit];
        if (unit->table != g->table) break;
        if (count == 0 && kin_code_compare(&unit->start, &starts[0]) > 0)
            g->task_owner[count++] = NOBODY; /* from the first code of all on */
        bool wanted = t < behind && (g->table == 0 || !unit->single);
        starts[count] = unit->start;
        g->task_owner[count++] = wanted ? (uint16_t)(t - pass->first_task) : NOBODY;
    }
    kin_import_route_init(&g->tasks, plan->bits, starts, count);
    free(starts);
}

static void begin(gathering *g)
{
    const kin_import_state *import = g->import;
    size_t ranks = (size_t)g->ranks, words = g->rows->words;
    bool keyed = import->keys.path != NULL && g->table == 0;
    size_t row_bytes = (words + 1) * 8 + (keyed ? 2 + (size_t)import->keys.longest : 0);
    g->block_rows = ROUND_BYTES / ranks / row_bytes;
    if (keyed) g->block_rows -= g->block_rows % KIN_KEY_LINES_MARK;
    if (g->block_rows == 0) g->block_rows = KIN_KEY_LINES_MARK;
    g->codes = kin_malloc((size_t)g->block_rows * words * sizeof *g->codes);
    g->owner = kin_malloc((size_t)g->block_rows * sizeof *g->owner);
    if (keyed) g->key_bytes = kin_malloc((size_t)g->block_rows * sizeof *g->key_bytes);
    g->counts = kin_calloc(2 * ranks, sizeof *g->counts);
    g->coming = kin_calloc(2 * ranks, sizeof *g->coming);
    parcel_init(&g->facts_out, g->ranks, 2 * ranks * sizeof *g->counts);
    parcel_init(&g->facts_in, g->ranks, 2 * ranks * sizeof *g->counts);
    for (int r = 0; r < g->ranks; r++) {
        g->facts_out.bytes[r] = g->facts_in.bytes[r] = 16;
        g->facts_out.at[r] = g->facts_in.at[r] = 16 * r;
    }
    if (g->table == 0 || import->plan.shard_count == 1) make_task_route(g);
    g->direct = g->key_bytes == NULL && g->tasks.count > 0;
    /* Directly: a region for each rank, and a row that nobody wants. */
    size_t regions = g->direct ? ranks : 1;
    parcel_init(&g->out, g->ranks, (regions * g->block_rows + 1) * row_bytes);
    g->in_capacity = ROUND_BYTES;
    parcel_init(&g->in, g->ranks, g->in_capacity);
}

static void end(gathering *g)
{
    free(g->codes);
    free(g->owner);
    free(g->task_owner);
    kin_import_route_fini(&g->tasks);
    free(g->key_bytes);
    free(g->counts);
    free(g->coming);
    kin_buffer_fini(&g->text);
    parcel_fini(&g->facts_out);
    parcel_fini(&g->facts_in);
    parcel_fini(&g->out);
    parcel_fini(&g->in);
}

/* Rotates a code, and says who owns it. */
KIN_INLINE uint16_t owner_of(const gathering *g, uint64_t *code, unsigned words)
{
    const kin_import_state *import = g->import;
    const kin_import_plan *plan = &import->plan;
    uint32_t shard = 0;
    if (g->tasks.count > 0) {
        if (g->table > 0) kin_import_rotate(code, words, plan->rotation[g->table]);
        return g->task_owner[kin_import_route_find(&g->tasks, code)];
    }
    shard = plan->units[plan->cell_unit[kin_import_cell_of(import, code)]].shard;
    kin_import_rotate(code, words, plan->rotation[g->table]);
    uint32_t cell = kin_import_table_cell(import, g->table, shard, code);
    if (cell == UINT32_MAX) return NOBODY;
    const kin_import_unit *unit = &plan->units[plan->cell_unit[cell]];
    uint32_t owner = unit->task - g->pass->first_task; /* wraps around for earlier tasks */
    return owner >= g->pass->task_count || unit->single ? NOBODY : (uint16_t)owner;
}

static void find_owners(gathering *g, uint64_t count)
{
    unsigned words = g->rows->words;
    memset(g->counts, 0, 2 * (size_t)g->ranks * sizeof *g->counts);
    for (uint64_t i = 0; i < count; i++) {
        uint16_t owner = g->owner[i] = owner_of(g, g->codes + i * words, words);
        if (owner == NOBODY) continue;
        g->counts[2 * owner]++;
        if (g->key_bytes != NULL) g->counts[2 * owner + 1] += g->key_bytes[i];
    }
}

/* Rows that have no keys go to their owners' regions at once. words and stride are constants where
 * it is inlined. */
KIN_INLINE void scatter(gathering *g, uint64_t first, uint64_t count, unsigned words,
                        unsigned stride)
{
    uint64_t *next[KIN_RANKS_MAX + 1], step[KIN_RANKS_MAX + 1];
    uint64_t *regions = (uint64_t *)(void *)g->out.data;
    const size_t ranks = (size_t)g->ranks;
    for (size_t r = 0; r <= ranks; r++) {
        next[r] = regions + r * g->block_rows * stride;
        step[r] = r < ranks ? stride : 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t *code = g->codes + i * words;
        uint16_t owner = owner_of(g, code, words);
        size_t r = owner < ranks ? owner : ranks;
        uint64_t *row = next[r];
        for (unsigned w = 0; w < words; w++)
            row[w] = code[w];
        if (stride > words) row[words] = first + i;
        next[r] = row + step[r];
    }
    for (size_t r = 0; r < ranks; r++) {
        uint64_t *region = regions + r * g->block_rows * stride;
        g->counts[2 * r] = (uint64_t)(next[r] - region) / stride;
        g->counts[2 * r + 1] = 0;
        g->out.at[r] = (int)((const uint8_t *)region - g->out.data);
        g->out.bytes[r] = (int)((const uint8_t *)next[r] - (const uint8_t *)region);
    }
}

static void scatter_rows(gathering *g, uint64_t first, uint64_t count)
{
    unsigned words = g->rows->words, stride = g->rows->stride;
    if (words == 1 && stride == 1)
        scatter(g, first, count, 1, 1);
    else if (words == 1)
        scatter(g, first, count, 1, 2);
    else
        scatter(g, first, count, words, stride);
}

/* Bytes of so many rows on their way. */
static uint64_t parcel_bytes(const gathering *g, const uint64_t *counts)
{
    return counts[0] * (g->rows->stride * 8 + (g->key_bytes != NULL ? 2 : 0)) + counts[1];
}

/* For each rank: its rows, then the lengths of their keys, then the keys. */
static void pack(gathering *g, uint64_t first, uint64_t count)
{
    unsigned words = g->rows->words, stride = g->rows->stride;
    uint8_t *row_at[KIN_RANKS_MAX], *length_at[KIN_RANKS_MAX], *key_at[KIN_RANKS_MAX];
    const uint8_t *key = g->text.data;
    uint64_t at = 0;
    for (int r = 0; r < g->ranks; r++) {
        const uint64_t *counts = g->counts + 2 * (size_t)r;
        g->out.at[r] = (int)at;
        g->out.bytes[r] = (int)parcel_bytes(g, counts);
        row_at[r] = g->out.data + at;
        length_at[r] = row_at[r] + counts[0] * stride * 8;
        key_at[r] = length_at[r] + counts[0] * 2;
        at += (uint64_t)g->out.bytes[r];
    }
    for (uint64_t i = 0; i < count; i++) {
        uint16_t owner = g->owner[i], bytes = g->key_bytes != NULL ? g->key_bytes[i] : 0;
        if (owner != NOBODY) {
            uint64_t id = first + i;
            for (unsigned w = 0; w < words; w++)
                memcpy(row_at[owner] + w * sizeof id, &g->codes[i * words + w], sizeof id);
            if (stride > words) memcpy(row_at[owner] + words * sizeof id, &id, sizeof id);
            row_at[owner] += stride * sizeof id;
            if (g->key_bytes != NULL) {
                memcpy(length_at[owner], &bytes, sizeof bytes);
                memcpy(key_at[owner], key, bytes);
                length_at[owner] += sizeof bytes;
                key_at[owner] += bytes;
            }
        }
        key += bytes;
    }
}

_Noreturn static void fail_changed(const gathering *g)
{
    kin_error error;
    (void)kin_fail(&error, KIN_IO, "%s was changed while it is imported", g->import->source.name);
    kin_comm_fail(g->import->comm, &error);
}

/* The cells of some rows, of those of this rank's task. */
KIN_INLINE void find_cells(const gathering *g, const uint64_t *rows, unsigned stride,
                           unsigned count, uint32_t *cells)
{
    const kin_import_state *import = g->import;
    const kin_import_route *route = &import->route;
    uint32_t before = g->rows->first_cell;
    if (g->table > 0) {
        const kin_import_ranges *ranges =
            &import->ranges[(size_t)g->table * import->plan.shard_count + g->rows->shard];
        route = &ranges->route;
        before -= ranges->first_cell;
    }
    kin_import_route_find_some(route, rows, stride, count, cells);
    for (unsigned i = 0; i < count; i++)
        cells[i] -= before;
}

/* The next place of a cell. The one behind it is fetched. */
KIN_INLINE uint64_t *take_place(const gathering *g, uint32_t cell, unsigned stride)
{
    kin_import_rows *rows = g->rows;
    uint64_t next = rows->next[cell]++;
    if (next == rows->end[cell]) fail_changed(g);
    uint64_t *place = rows->rows + next * stride;
    __builtin_prefetch(place + AHEAD_WORDS, 1);
    return place;
}

/* Rows with keys, or of one code. */
static void take_one_by_one(gathering *g, const uint8_t *data, uint64_t count, uint64_t key_bytes)
{
    kin_import_rows *rows = g->rows;
    kin_error error;
    size_t row_bytes = rows->stride * sizeof(uint64_t);
    const uint8_t *lengths = data + count * row_bytes, *key = lengths + 2 * count;
    uint64_t row[KIN_CODE_WORDS_MAX + 1];
    uint64_t at = rows->ids != NULL && rows->count > 0 ? rows->key_end[rows->count - 1] : 0;
    if (rows->ids != NULL) memcpy(rows->keys + at, key, key_bytes);
    for (uint64_t i = 0; i < count; i++) {
        uint16_t bytes = 0;
        memcpy(row, data + i * row_bytes, row_bytes);
        if (g->key_bytes != NULL) memcpy(&bytes, lengths + 2 * i, 2);
        if (g->sink != NULL) {
            kin_import_check(g->import,
                             g->sink->row(g->sink->user, row, row[rows->words], key, bytes, &error),
                             &error);
            key += bytes;
            continue;
        }
        uint32_t cell;
        find_cells(g, row, rows->stride, 1, &cell);
        uint64_t arrival = rows->count++, *place = take_place(g, cell, rows->stride);
        rows->ids[arrival] = row[rows->words];
        rows->key_end[arrival] = at += bytes;
        row[rows->words] = arrival;
        memcpy(place, row, row_bytes);
    }
}

/* stride is a constant where it is inlined. */
KIN_INLINE void take_all(gathering *g, const uint64_t *row, uint64_t count, unsigned stride)
{
    uint32_t cells[KIN_ROUTE_LANES];
    g->rows->count += count;
    for (unsigned some; count > 0; count -= some) {
        some = count < KIN_ROUTE_LANES ? (unsigned)count : KIN_ROUTE_LANES;
        find_cells(g, row, stride, some, cells);
        for (unsigned i = 0; i < some; i++, row += stride) {
            uint64_t *place = take_place(g, cells[i], stride);
            for (unsigned w = 0; w < stride; w++)
                place[w] = row[w];
        }
    }
}

/* What one rank sent: without keys, rows are aligned. */
static void take(gathering *g, const uint8_t *data, uint64_t count, uint64_t key_bytes)
{
    const uint64_t *row = (const uint64_t *)(const void *)data;
    if (g->sink == NULL && g->rows->count + count > g->rows->capacity) fail_changed(g);
    if (g->sink != NULL || g->rows->ids != NULL)
        take_one_by_one(g, data, count, key_bytes);
    else if (g->rows->stride == 1)
        take_all(g, row, count, 1);
    else if (g->rows->stride == 2)
        take_all(g, row, count, 2);
    else
        take_all(g, row, count, g->rows->stride);
}

static void send_and_take(gathering *g)
{
    uint64_t total = 0;
    int own = kin_comm_rank(g->import->comm); /* whose rows stay where they are */
    memcpy(g->facts_out.data, g->counts, 2 * (size_t)g->ranks * sizeof *g->counts);
    kin_comm_exchange(g->import->comm, &g->facts_out, &g->facts_in);
    memcpy(g->coming, g->facts_in.data, 2 * (size_t)g->ranks * sizeof *g->coming);
    for (int r = 0; r < g->ranks; r++) {
        uint64_t bytes = r == own ? 0 : parcel_bytes(g, g->coming + 2 * (size_t)r);
        g->in.at[r] = (int)total;
        g->in.bytes[r] = (int)bytes;
        total += bytes;
    }
    if (total > INT_MAX / 2) {
        kin_error error;
        (void)kin_fail(&error, KIN_LIMIT,
                       "the keys of one round are %llu bytes, more than ranks can exchange at "
                       "once; use fewer ranks, or shorter keys",
                       (unsigned long long)total);
        kin_comm_fail(g->import->comm, &error);
    }
    if (total > g->in_capacity) {
        g->in.data = kin_realloc(g->in.data, (size_t)total, 1);
        g->in_capacity = (size_t)total;
    }
    g->out.bytes[own] = 0;
    kin_comm_exchange(g->import->comm, &g->out, &g->in);
    for (int r = 0; r < g->ranks; r++) {
        const uint64_t *coming = g->coming + 2 * (size_t)r;
        const kin_comm_parcel *from = r == own ? &g->out : &g->in;
        if (coming[0] > 0) take(g, from->data + from->at[r], coming[0], coming[1]);
    }
}

static void run_rounds(gathering *g)
{
    kin_import_state *import = g->import;
    uint64_t total = import->source.count, ranks = (uint64_t)g->ranks;
    uint64_t each = g->block_rows * ranks, rounds = (total + each - 1) / each;
    for (uint64_t round = 0; round < rounds; round++) {
        kin_error error;
        uint64_t first = round * each + (uint64_t)kin_comm_rank(import->comm) * g->block_rows;
        uint64_t left = first < total ? total - first : 0;
        uint64_t count = left < g->block_rows ? left : g->block_rows;
        kin_import_check(
            import, kin_code_source_read(&import->source, first, count, g->codes, &error), &error);
        if (g->key_bytes != NULL && count > 0)
            kin_import_check(
                import,
                kin_key_lines_read(&import->keys, first, count, &g->text, g->key_bytes, &error),
                &error);
        if (g->direct) {
            scatter_rows(g, first, count);
        } else {
            find_owners(g, count);
            pack(g, first, count);
        }
        send_and_take(g);
        if (import->progress != NULL)
            kin_progress_update(import->progress,
                                (round + 1) * each < total ? (round + 1) * each : total, 0);
        kin_comm_tick(import->comm);
    }
}

void kin_import_gather(kin_import_state *import, const kin_import_pass *pass, kin_import_rows *rows,
                       const kin_import_sink *sink)
{
    const kin_import_plan *plan = &import->plan;
    uint32_t rank = (uint32_t)kin_comm_rank(import->comm);
    const kin_import_task *task =
        rank < pass->task_count ? &plan->tasks[pass->first_task + rank] : NULL;
    bool single = task != NULL && plan->units[task->first_unit].single;
    rows_init(rows, import, task);
    gathering g = {.import = import,
                   .pass = pass,
                   .rows = rows,
                   .sink = single ? sink : NULL,
                   .table = plan->tasks[pass->first_task].table,
                   .ranks = kin_comm_ranks(import->comm)};
    rows->stride = rows->words + (g.table == 0); /* of those that it sends, too */
    begin(&g);
    run_rounds(&g);
    if (task != NULL && !single && rows->count != task->rows) fail_changed(&g);
    end(&g);
}
