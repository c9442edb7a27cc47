#include "worker/index/import_plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/index/row_sort.h"
#include "worker/plan/plan_import.h"

/* Fewer samples than some do not divide a unit evenly. */
#define CELL_SAMPLES_MIN 8
/* Small tasks, which are those of tests, have some cells, too. */
#define TASK_CELLS_MIN 8

/* What a plan is made from. */
typedef struct maker {
    kin_import_plan *plan;
    const kin_import_wishes *wishes;
    unsigned words;
    uint64_t *sample; /* [count][words], sorted */
    uint64_t count;
    uint64_t *shard_from; /* [shards + 1]: where in the sample a shard starts */
    uint64_t *rotated;    /* scratch: as large as the sample */
    kin_row_sorter *sorter;
    uint32_t capacity, cell_capacity; /* of plan->units, and of its cells */
} maker;

static void no_tick(void *user)
{
    (void)user;
}

kin_code kin_import_code_after(const kin_code *code, unsigned bits)
{
    kin_code next = *code;
    unsigned w = bits / 64;
    do
        w--;
    while (++next.word[w] == 0 && w > 0);
    return next;
}

kin_code kin_import_code_before(const kin_code *code, unsigned bits)
{
    kin_code before = *code;
    unsigned w = bits / 64;
    do
        w--;
    while (before.word[w]-- == 0 && w > 0);
    return before;
}

static kin_code last_of_all(unsigned bits)
{
    kin_code code = {{0}};
    memset(code.word, 0xff, bits / 8);
    return code;
}

kin_code kin_import_plan_shard_last(const kin_import_plan *plan, uint32_t shard)
{
    if (shard + 1 == plan->shard_count) return last_of_all(plan->bits);
    return kin_import_code_before(&plan->shard_first[shard + 1], plan->bits);
}

static kin_code sample_at(const maker *m, const uint64_t *sample, uint64_t i)
{
    kin_code code;
    kin_code_from_words(&code, sample + i * m->words, m->plan->bits);
    return code;
}

static bool equal(const maker *m, const uint64_t *sample, uint64_t a, uint64_t b)
{
    return memcmp(sample + a * m->words, sample + b * m->words, m->words * 8) == 0;
}

/* The place nearest to `ideal` where another code starts, behind `least`; count if there is none.
 */
static uint64_t nearest_cut(const maker *m, uint64_t ideal, uint64_t least)
{
    uint64_t down = ideal, up = ideal;
    if (ideal <= least) down = up = least + 1;
    while (down > least && down < m->count && equal(m, m->sample, down - 1, down))
        down--;
    while (up < m->count && equal(m, m->sample, up - 1, up))
        up++;
    if (down <= least) return up;
    if (up == m->count) return down;
    return ideal - down <= up - ideal ? down : up;
}

static void cut_shards(maker *m)
{
    kin_import_plan *plan = m->plan;
    uint32_t wanted = m->wishes->shards;
    plan->shard_first = kin_calloc(wanted, sizeof *plan->shard_first);
    m->shard_from = kin_calloc((size_t)wanted + 1, sizeof *m->shard_from);
    plan->shard_count = 1; /* from the first code of all */
    uint64_t before = 0;
    for (uint32_t s = 1; s < wanted; s++) {
        uint64_t ideal = (uint64_t)((double)m->count * s / wanted);
        uint64_t cut = nearest_cut(m, ideal, before);
        if (cut >= m->count) break;
        plan->shard_first[plan->shard_count] = sample_at(m, m->sample, cut);
        m->shard_from[plan->shard_count++] = before = cut;
    }
    m->shard_from[plan->shard_count] = m->count;
    plan->shard_rows = kin_calloc(plan->shard_count, sizeof *plan->shard_rows);
    plan->shard_key_bytes = kin_calloc(plan->shard_count, sizeof *plan->shard_key_bytes);
}

static void add_cell(maker *m, const kin_code *start)
{
    kin_import_plan *plan = m->plan;
    if (plan->cell_count == m->cell_capacity) {
        m->cell_capacity = m->cell_capacity == 0 ? 64 : 2 * m->cell_capacity;
        plan->cell_start =
            kin_realloc(plan->cell_start, m->cell_capacity, sizeof *plan->cell_start);
        plan->cell_unit = kin_realloc(plan->cell_unit, m->cell_capacity, sizeof *plan->cell_unit);
    }
    plan->cell_start[plan->cell_count] = *start;
    plan->cell_unit[plan->cell_count++] = plan->unit_count - 1;
    plan->units[plan->unit_count - 1].cell_count++;
}

/* A unit, with its first cell. */
static kin_import_unit *add_unit(maker *m, uint32_t table, uint32_t shard, const kin_code *start)
{
    kin_import_plan *plan = m->plan;
    if (plan->unit_count == m->capacity) {
        m->capacity = m->capacity == 0 ? 64 : 2 * m->capacity;
        plan->units = kin_realloc(plan->units, m->capacity, sizeof *plan->units);
    }
    kin_import_unit *unit = &plan->units[plan->unit_count++];
    *unit = (kin_import_unit){
        .start = *start, .table = table, .shard = shard, .first_cell = plan->cell_count};
    add_cell(m, start);
    return unit;
}

/* Rows of the sample that a task may have, about. */
static uint64_t sample_limit(const maker *m, uint32_t table)
{
    double rows = (double)m->wishes->task_rows[table > 0];
    double limit = rows * (double)m->count / (double)m->wishes->count;
    return limit < 1 ? 1 : limit > (double)UINT32_MAX ? UINT32_MAX : (uint64_t)limit;
}

/* Rows of the sample that a cell may have. */
static uint64_t cell_limit(const maker *m, uint32_t table)
{
    uint64_t rows = m->wishes->task_rows[table > 0] / TASK_CELLS_MIN + 1;
    uint64_t bytes = m->wishes->cell_bytes > 0 ? m->wishes->cell_bytes : KIN_IMPORT_CELL_BYTES;
    uint64_t most = 1 + bytes / kin_plan_row_bytes(m->plan->bits, table > 0, false);
    if (rows > most) rows = most;
    double limit = (double)rows * (double)m->count / (double)m->wishes->count;
    return limit < CELL_SAMPLES_MIN ? CELL_SAMPLES_MIN : (uint64_t)limit;
}

/* Units of a part of the sample (sorted), the first from `start` on: as many rows each as the limit
 * allows. A code that has more is alone in its unit. */
static void cut_units(maker *m, uint32_t table, uint32_t shard, const kin_code *start,
                      const uint64_t *sample, uint64_t count, uint64_t limit)
{
    uint64_t held = 0, cell_held = 0, cell_most = cell_limit(m, table);
    kin_code last =
        table > 0 ? last_of_all(m->plan->bits) : kin_import_plan_shard_last(m->plan, shard);
    kin_import_unit *unit = add_unit(m, table, shard, start);
    unit->first = true;
    for (uint64_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && equal(m, sample, i, end);)
            end++;
        kin_code code = sample_at(m, sample, i);
        uint64_t rows = end - i;
        bool many = rows > limit, here = kin_code_compare(&unit->start, &code) == 0;
        if ((held > 0 || many) && rows + held > limit && !here) {
            unit = add_unit(m, table, shard, &code);
            held = cell_held = 0;
        } else if (cell_held > 0 && cell_held + rows > cell_most && !here) {
            add_cell(m, &code);
            cell_held = 0;
        }
        held += rows;
        cell_held += rows;
        if (!many) continue;
        unit->single = true;
        if (kin_code_compare(&code, &last) == 0) break;
        kin_code next = kin_import_code_after(&code, m->plan->bits);
        unit = add_unit(m, table, shard, &next);
        held = cell_held = 0;
    }
    unit->last = true;
}

/* The units of a further table of a shard that has more than one of table 0. */
static void cut_table(maker *m, uint32_t table, uint32_t shard)
{
    uint64_t from = m->shard_from[shard], count = m->shard_from[shard + 1] - from;
    const kin_code zero = {{0}};
    for (uint64_t i = 0; i < count; i++) {
        kin_code code = sample_at(m, m->sample, from + i);
        kin_code_rotate(&code, m->plan->bits, m->plan->rotation[table]);
        memcpy(m->rotated + i * m->words, code.word, m->words * 8);
    }
    kin_row_sort(m->sorter, m->rotated, count, m->words);
    cut_units(m, table, shard, &zero, m->rotated, count, sample_limit(m, table));
}

static void cut_tables(maker *m)
{
    kin_import_plan *plan = m->plan;
    bool *split = kin_calloc(plan->shard_count, sizeof *split);
    for (uint32_t s = 0; s < plan->shard_count; s++) {
        uint64_t from = m->shard_from[s], count = m->shard_from[s + 1] - from;
        split[s] = count > sample_limit(m, 0);
        cut_units(m, 0, s, &plan->shard_first[s], m->sample + from * m->words, count,
                  split[s] ? sample_limit(m, 0) : UINT64_MAX);
        if (!split[s]) plan->units[plan->unit_count - 1].whole = true;
    }
    for (uint32_t t = 1; t < plan->table_count; t++) {
        plan->table_unit[t] = plan->unit_count;
        for (uint32_t s = 0; s < plan->shard_count; s++)
            if (split[s]) cut_table(m, t, s);
    }
    for (uint32_t t = plan->table_count; t <= KIN_TABLES_MAX; t++)
        plan->table_unit[t] = plan->unit_count;
    free(split);
}

/* Whole shards go together as long as they are small; every other unit is a task. */
static void group_units(maker *m)
{
    kin_import_plan *plan = m->plan;
    uint64_t held = 0, limit = sample_limit(m, 0);
    plan->tasks = kin_calloc(plan->unit_count, sizeof *plan->tasks);
    for (uint32_t u = 0; u < plan->unit_count; u++) {
        kin_import_unit *unit = &plan->units[u];
        kin_import_task *task = plan->task_count == 0 ? NULL : &plan->tasks[plan->task_count - 1];
        uint64_t rows =
            unit->whole ? m->shard_from[unit->shard + 1] - m->shard_from[unit->shard] : 0;
        bool joins = unit->whole && u > 0 && plan->units[u - 1].whole && held + rows <= limit;
        if (joins) {
            task->unit_count++;
            held += rows;
        } else {
            plan->tasks[plan->task_count++] =
                (kin_import_task){.first_unit = u, .unit_count = 1, .table = unit->table};
            held = rows;
        }
        unit->task = plan->task_count - 1;
    }
}

void kin_import_plan_make(kin_import_plan *plan, const kin_import_wishes *wishes, uint64_t *sample,
                          uint64_t sample_count)
{
    KIN_CHECK(sample_count > 0 && wishes->shards > 0 && wishes->tables > 0);
    KIN_CHECK(wishes->tables <= KIN_TABLES_MAX);
    memset(plan, 0, sizeof *plan);
    plan->bits = wishes->bits;
    plan->table_count = wishes->tables;
    memcpy(plan->rotation, wishes->rotation, wishes->tables * sizeof *plan->rotation);
    maker m = {.plan = plan,
               .wishes = wishes,
               .words = wishes->bits / 64,
               .sample = sample,
               .count = sample_count,
               .sorter = kin_row_sorter_new(no_tick, NULL)};
    kin_row_sort(m.sorter, sample, sample_count, m.words);
    m.rotated = kin_malloc(sample_count * m.words * sizeof *m.rotated);
    cut_shards(&m);
    cut_tables(&m);
    group_units(&m);
    plan->cell_rows = kin_calloc(plan->cell_count, sizeof *plan->cell_rows);
    kin_row_sorter_destroy(&m.sorter);
    free(m.rotated);
    free(m.shard_from);
}

void kin_import_plan_fini(kin_import_plan *plan)
{
    free(plan->shard_first);
    free(plan->shard_rows);
    free(plan->shard_key_bytes);
    free(plan->cell_start);
    free(plan->cell_unit);
    free(plan->cell_rows);
    free(plan->units);
    free(plan->tasks);
    memset(plan, 0, sizeof *plan);
}

void kin_import_plan_sum(kin_import_plan *plan)
{
    uint64_t row = 0, key_byte = 0;
    for (uint32_t u = 0; u < plan->unit_count; u++) {
        kin_import_unit *unit = &plan->units[u];
        if (unit->first) row = key_byte = 0;
        unit->first_row = row;
        unit->first_key_byte = key_byte;
        row += unit->rows;
        key_byte += unit->key_bytes;
        plan->tasks[unit->task].rows += unit->rows;
        plan->tasks[unit->task].key_bytes += unit->key_bytes;
        if (unit->table > 0) {
            KIN_CHECK(!unit->last || row == plan->shard_rows[unit->shard]);
            continue;
        }
        plan->shard_rows[unit->shard] = row;
        plan->shard_key_bytes[unit->shard] = key_byte;
    }
}

kin_digest kin_import_plan_digest(const kin_import_plan *plan, const kin_digest *codes)
{
    kin_buffer text = {0};
    kin_buffer_append(&text, codes->byte, sizeof codes->byte);
    kin_buffer_printf(&text, "%u %u %u %u %u\n", plan->bits, plan->table_count, plan->shard_count,
                      plan->unit_count, plan->task_count);
    for (uint32_t u = 0; u < plan->unit_count; u++) {
        const kin_import_unit *unit = &plan->units[u];
        char code[KIN_CODE_TEXT_BYTES];
        kin_buffer_printf(&text, "%u %u %u %u %llu %llu %s\n", unit->table, unit->shard, unit->task,
                          plan->rotation[unit->table], (unsigned long long)unit->first_row,
                          (unsigned long long)unit->rows,
                          kin_code_text(&unit->start, plan->bits, code));
    }
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    kin_buffer_fini(&text);
    return digest;
}
