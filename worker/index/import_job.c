#include "worker/index/import_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"
#include "common/base/text.h"
#include "proto/task_format.h"
#include "worker/index/import_examine.h"
#include "worker/index/import_gather.h"
#include "worker/index/import_made.h"
#include "worker/index/import_publish.h"
#include "worker/index/import_report.h"
#include "worker/index/import_summary.h"
#include "worker/index/import_task_rows.h"
#include "worker/index/import_write.h"
#include "worker/index/publish.h"
#include "worker/index/summary.h"

/* Of the cells of a trial, and of its windows: what takes longer than what is in it. */
#define CELL_BYTES_MIN ((uint64_t)4 << 10)
#define WINDOW_BYTES_MIN ((uint64_t)4 << 20)

static kin_digest options_digest(const kin_import_state *import)
{
    const kin_import_options *options = import->options;
    const kin_code_source *source = &import->source;
    kin_buffer text = {0};
    kin_buffer_printf(&text, "import %s %llu %llu %lld %u %u %s %llu %lld\n", options->codes,
                      (unsigned long long)source->count, (unsigned long long)source->file_bytes,
                      (long long)source->changed_ns, options->shards, options->tables,
                      options->keys == NULL ? "" : options->keys,
                      (unsigned long long)import->keys.file_bytes,
                      (long long)import->keys.changed_ns);
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    kin_buffer_fini(&text);
    return digest;
}

/* Rank 0: the import that is there, or a new one. */
static void begin(kin_import_state *import)
{
    kin_error error;
    kin_building *building = &import->building;
    const kin_import_options *options = import->options;
    bool found = false;
    kin_digest digest = options_digest(import);
    kin_import_check(
        import, kin_building_lock(building, options->index_path, kin_import_tick, import, &error),
        &error);
    if (!options->restart)
        kin_import_check(import, kin_building_find(building, &digest, &found, &error), &error);
    if (found) {
        kin_log(KIN_LOG_INFO, "goes on with the unfinished import in %s", building->folder);
        return;
    }
    kin_import_check(import, kin_building_wipe(building, &error), &error);
    kin_list_builder list = {0};
    kin_buffer bytes = {0};
    kin_list_builder_finish(&list, &digest, 0, &bytes);
    kin_import_check(import, kin_building_begin(building, bytes.data, bytes.bytes, &error), &error);
    kin_list_builder_fini(&list);
    kin_buffer_fini(&bytes);
}

/* Rank 0 knows where the lines of the keys are; the others are told. */
static void share_keys(kin_import_state *import)
{
    kin_error error;
    kin_key_lines *keys = &import->keys;
    bool root = kin_comm_rank(import->comm) == 0;
    if (keys->path == NULL) return;
    if (root) {
        if (import->progress != NULL)
            kin_progress_begin(import->progress, "reading the keys", 0, 0);
        kin_import_check(
            import,
            kin_key_lines_examine(keys, import->source.count, kin_import_tick, import, &error),
            &error);
    }
    uint64_t facts[] = {keys->count, keys->key_bytes, keys->longest, keys->mark_count};
    kin_comm_broadcast(import->comm, facts, sizeof facts);
    if (!root) {
        keys->count = facts[0];
        keys->key_bytes = facts[1];
        keys->longest = (uint32_t)facts[2];
        keys->mark_count = facts[3];
        keys->marks = kin_calloc(keys->mark_count, sizeof *keys->marks);
    }
    kin_comm_broadcast(import->comm, keys->marks, (size_t)keys->mark_count * sizeof *keys->marks);
}

/* A trial has the cells of the larger import, and lets go of what it wrote as that one does. */
static uint64_t scaled(const kin_import_state *import, uint64_t bytes, uint64_t least)
{
    uint64_t all = import->options->trial, count = import->source.count;
    if (all <= count) return bytes;
    bytes = (uint64_t)((double)bytes * (double)count / (double)all);
    return bytes > least ? bytes : least;
}

/* Shards, units and tasks, and how to find them. */
static void make_plan(kin_import_state *import)
{
    const kin_code_source *source = &import->source;
    kin_import_plan *plan = &import->plan;
    uint64_t sample_count;
    uint64_t *sample = kin_import_sample(import, &sample_count);
    uint32_t shards = import->options->shards;
    kin_shard_meta meta = {.count = source->count / shards + 1, .bits = source->bits};
    uint32_t tables = import->options->tables;
    if (tables == 0) tables = kin_plan_import_tables(source->count, source->bits, shards);
    kin_shard_plan(&meta, tables, source->count - 1);
    uint32_t rotation[KIN_TABLES_MAX];
    for (uint32_t t = 0; t < tables; t++)
        rotation[t] = meta.table[t].rotation;
    kin_import_plan_make(
        plan,
        &(kin_import_wishes){.bits = source->bits,
                             .tables = tables,
                             .shards = shards,
                             .rotation = rotation,
                             .count = source->count,
                             .task_rows = {import->task_rows[0], import->task_rows[1]},
                             .cell_bytes = scaled(import, KIN_IMPORT_CELL_BYTES, CELL_BYTES_MIN)},
        sample, sample_count);
    free(sample);
    if (import->progress != NULL && plan->shard_count < shards)
        kin_log(KIN_LOG_INFO,
                "%u shards, not %u: so many codes are equal that there is nowhere else to cut",
                (unsigned)plan->shard_count, (unsigned)shards);
}

static void make_routes(kin_import_state *import)
{
    const kin_import_plan *plan = &import->plan;
    uint32_t cells = plan->cell_count;
    if (plan->table_unit[1] < plan->unit_count) cells = plan->units[plan->table_unit[1]].first_cell;
    kin_import_route_init(&import->route, plan->bits, plan->cell_start, cells);
    import->ranges =
        kin_calloc((size_t)plan->table_count * plan->shard_count, sizeof *import->ranges);
    for (uint32_t u = plan->table_unit[1], count; u < plan->unit_count; u += count) {
        const kin_import_unit *unit = &plan->units[u];
        cells = unit->cell_count;
        for (count = 1; !plan->units[u + count - 1].last; count++)
            cells += unit[count].cell_count;
        kin_import_ranges *ranges =
            &import->ranges[(size_t)unit->table * plan->shard_count + unit->shard];
        ranges->first_cell = unit->first_cell;
        kin_import_route_init(&ranges->route, plan->bits, plan->cell_start + unit->first_cell,
                              cells);
    }
}

static void make_outlines(kin_import_state *import)
{
    const kin_import_plan *plan = &import->plan;
    import->outlines = kin_calloc(plan->shard_count, sizeof *import->outlines);
    for (uint32_t s = 0; s < plan->shard_count; s++) {
        kin_shard_outline_make(
            &import->outlines[s],
            &(kin_shard_facts){.number = s,
                               .bits = plan->bits,
                               .first = plan->shard_first[s],
                               .last = kin_import_plan_shard_last(plan, s),
                               .count = plan->shard_rows[s],
                               .id_max = import->source.count - 1,
                               .tables = plan->table_count,
                               .keys = {import->keys.path != NULL, plan->shard_key_bytes[s]}});
        import->outlines[s].file.window_bytes =
            scaled(import, KIN_CONTAINER_WINDOW_BYTES, WINDOW_BYTES_MIN);
    }
}

/* Rank 0: the files that all ranks write into. */
static void create_files(kin_import_state *import)
{
    kin_error error;
    char *records = kin_building_path(&import->building, "tasks");
    kin_import_check(import, kin_directory_make(import->folder, &error), &error);
    kin_import_check(import, kin_directory_make(records, &error), &error);
    for (uint32_t s = 0; s < import->plan.shard_count; s++) {
        char *path = kin_import_shard_path(import, s);
        kin_import_check(
            import, kin_container_joint_create(&import->outlines[s].file, path, &error), &error);
        free(path);
        kin_comm_tick(import->comm);
    }
    free(records);
}

/* A record counts where it is of this plan and the system has not been started since. */
static bool is_recorded(const kin_import_state *import, uint32_t number)
{
    kin_mapping mapping;
    kin_task task;
    char *path = kin_import_record_path(import, number);
    bool counts = kin_mapping_open(&mapping, path, NULL) == KIN_OK;
    if (counts) {
        counts = kin_task_parse(&task, mapping.data, mapping.bytes, path, NULL) == KIN_OK &&
                 task.head.number == number &&
                 kin_digest_equal(&task.head.plan, &import->plan_digest) &&
                 memcmp(task.head.boot, import->boot, sizeof import->boot) == 0;
        for (uint64_t i = 0; counts && i < task.run_count; i++) {
            kin_task_run run = kin_task_run_get(&task, i);
            counts = run.shard < import->plan.shard_count &&
                     run.first + run.count <= import->outlines[run.shard].file.block_count;
        }
        kin_mapping_close(&mapping);
    }
    free(path);
    return counts;
}

static void find_done(kin_import_state *import)
{
    uint64_t *done = kin_calloc(import->plan.task_count, sizeof *done);
    import->done = kin_calloc(import->plan.task_count, 1);
    for (uint32_t t = 0; kin_comm_rank(import->comm) == 0 && t < import->plan.task_count; t++) {
        done[t] = is_recorded(import, t);
        kin_comm_tick(import->comm);
    }
    kin_comm_sum(import->comm, done, import->plan.task_count);
    for (uint32_t t = 0; t < import->plan.task_count; t++)
        import->done[t] = done[t] != 0;
    free(done);
}

/* Every task fits into the memory of a rank, or the person is told how much would do. */
static void check_memory(kin_import_state *import)
{
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm), most = 0;
    for (uint32_t t = 0; t < import->plan.task_count; t++) {
        uint64_t bytes = kin_import_rows_bytes(import, &import->plan.tasks[t]);
        if (bytes > most) most = bytes;
    }
    if (getenv("KINDRED_IMPORT_ROWS") != NULL) return;
    if (most <= kin_import_memory_for_rows(import->options->memory_bytes, ranks)) return;
    kin_error error;
    char needed[32];
    (void)kin_fail(&error, KIN_LIMIT,
                   "--memory is too small for %llu ranks: give %s or more, or use fewer ranks",
                   (unsigned long long)ranks,
                   kin_text_bytes(ranks * (most + KIN_IMPORT_RANK_BYTES), needed));
    kin_comm_fail_together(import->comm, &error);
}

/* The next tasks that are to be done, of one table, as many as there are ranks and memory. */
static bool next_pass(const kin_import_state *import, uint32_t *task, kin_import_pass *pass)
{
    const kin_import_plan *plan = &import->plan;
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm);
    uint64_t room = ranks * kin_import_memory_for_rows(import->options->memory_bytes, ranks);
    while (*task < plan->task_count && import->done[*task])
        ++*task;
    *pass = (kin_import_pass){.first_task = *task};
    for (uint64_t taken = 0; *task < plan->task_count && pass->task_count < ranks; ++*task) {
        const kin_import_task *one = &plan->tasks[*task];
        uint64_t bytes = kin_import_rows_bytes(import, one);
        if (import->done[*task] || one->table != plan->tasks[pass->first_task].table) break;
        if (pass->task_count > 0 && taken + bytes > room) break;
        taken += bytes;
        pass->task_count++;
    }
    return pass->task_count > 0;
}

static void run_pass(kin_import_state *import, const kin_import_pass *pass, uint64_t number)
{
    const kin_import_plan *plan = &import->plan;
    uint32_t rank = (uint32_t)kin_comm_rank(import->comm), own = pass->first_task + rank;
    bool working = rank < pass->task_count;
    kin_import_rows rows = {0};
    kin_import_sink sink = {0};
    kin_import_stream *stream = NULL;
    int64_t start_ns = kin_clock_ns();
    if (import->progress != NULL) {
        char what[64];
        snprintf(what, sizeof what, "pass %llu of %llu: codes", (unsigned long long)number,
                 (unsigned long long)import->passes);
        free(import->stage);
        import->stage = kin_strdup(what);
        kin_progress_begin(import->progress, import->stage, import->source.count, 0);
    }
    const kin_import_unit *unit = working ? &plan->units[plan->tasks[own].first_unit] : NULL;
    if (working && unit->single && unit->table == 0)
        stream = kin_import_stream_open(import, own, &sink);
    bool gathers = false; /* a pass may be of nothing but copies of one code */
    for (uint32_t t = 0; t < pass->task_count; t++) {
        const kin_import_unit *first = &plan->units[plan->tasks[pass->first_task + t].first_unit];
        gathers = gathers || first->table == 0 || !first->single;
    }
    if (gathers) kin_import_gather(import, pass, &rows, stream == NULL ? NULL : &sink);
    kin_clock_lap(&start_ns, &import->gather_ns);
    if (working) kin_import_write(import, own, &rows, &stream);
    kin_import_rows_fini(&rows);
}

/* How often the codes will be read, and the rows that a rank will hold. */
static void count_passes(kin_import_state *import)
{
    const kin_import_plan *plan = &import->plan;
    kin_import_pass pass;
    uint32_t task = 0;
    while (next_pass(import, &task, &pass)) {
        import->passes++;
        for (uint32_t t = pass.first_task; t < pass.first_task + pass.task_count; t++) {
            uint64_t bytes = kin_import_rows_bytes(import, &plan->tasks[t]);
            if (bytes > import->planned_bytes) import->planned_bytes = bytes;
        }
    }
    import->planned_bytes += KIN_IMPORT_RANK_BYTES;
}

static void run_passes(kin_import_state *import)
{
    kin_import_pass pass;
    uint32_t task = 0;
    for (uint64_t number = 1; next_pass(import, &task, &pass); number++)
        run_pass(import, &pass, number);
}

static void run_stages(kin_import_state *import)
{
    kin_manifest manifest = {0};
    int64_t begin_ns = kin_clock_ns(), start_ns = begin_ns;
    import->sorter = kin_row_sorter_new(kin_import_tick, import);
    kin_import_make_codes(import);
    kin_clock_lap(&start_ns, &import->make_ns);
    make_plan(import);
    make_routes(import);
    kin_import_examine(import);
    kin_import_plan_sum(&import->plan);
    import->plan_digest = kin_import_plan_digest(&import->plan, &import->codes_digest);
    make_outlines(import);
    check_memory(import);
    kin_import_report_plan(import);
    kin_clock_lap(&start_ns, &import->examine_ns);
    if (kin_comm_rank(import->comm) == 0) create_files(import);
    find_done(import); /* whose sum is also the sign that the files are there */
    count_passes(import);
    if (import->progress != NULL) kin_import_print_plan(import);
    run_passes(import);
    kin_comm_barrier(import->comm); /* every record is there */
    start_ns = kin_clock_ns();
    if (import->progress != NULL)
        kin_progress_begin(import->progress, "completing the generation", 0, 0);
    kin_import_publish(import, &manifest);
    kin_clock_lap(&start_ns, &import->publish_ns);
    if (import->progress != NULL) kin_progress_clear(import->progress);
    kin_import_summary_print(import, &manifest, (double)(kin_clock_ns() - begin_ns) / 1e9);
    kin_manifest_fini(&manifest);
}

static void run_job(kin_import_state *import)
{
    kin_error error;
    bool root = kin_comm_rank(import->comm) == 0;
    share_keys(import); /* before a folder is made: wrong keys leave nothing */
    if (root) begin(import);
    kin_comm_barrier(import->comm); /* the list is there */
    kin_import_check(import,
                     kin_building_open(&import->building, import->options->index_path,
                                       kin_comm_rank(import->comm), &error),
                     &error);
    import->folder = kin_building_path(&import->building, "generation");
    uint64_t published = kin_building_is_published(&import->building);
    kin_comm_broadcast(import->comm, &published, sizeof published);
    if (!published) {
        if (root) kin_import_task_rows(import);
        kin_comm_broadcast(import->comm, import->task_rows, sizeof import->task_rows);
        import->base_bytes = kin_summary_memory_used();
        kin_comm_max(import->comm, &import->base_bytes, 1);
        if (root) kin_import_announce(import);
        run_stages(import);
    }
    kin_comm_barrier(import->comm);
    if (root)
        kin_import_check(
            import, kin_publish_finish(&import->building, import->options->keep, &error), &error);
    if (root && published)
        kin_log(KIN_LOG_INFO, "%s/%s was complete; it is the current generation now",
                import->options->index_path, import->building.generation);
}

static void close_all(kin_import_state *import)
{
    for (size_t i = 0;
         import->ranges != NULL && i < (size_t)import->plan.table_count * import->plan.shard_count;
         i++)
        kin_import_route_fini(&import->ranges[i].route);
    free(import->ranges);
    kin_row_sorter_destroy(&import->sorter);
    if (import->arena != NULL) munmap(import->arena, import->arena_bytes);
    kin_import_route_fini(&import->route);
    kin_import_plan_fini(&import->plan);
    free(import->outlines);
    free(import->done);
    free(import->bit_ones);
    free(import->pairs);
    free(import->stage);
    free(import->folder);
    kin_code_source_close(&import->source);
    free(import->made_path);
    kin_key_lines_close(&import->keys);
    kin_building_close(&import->building);
}

/* Which start of the system this is; empty where nobody knows, which equals no other. */
static void read_boot(char boot[40])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    memset(boot, 0, 40);
    if (file == NULL) return;
    if (fgets(boot, 40, file) != NULL) boot[strcspn(boot, "\n")] = 0;
    fclose(file);
}

int kin_import_run(const kin_import_options *options)
{
    kin_import_state import = {.options = options};
    kin_error error;
    bool speaks = kin_comm_launched_rank() <= 0;
    kin_stop_init();
    read_boot(import.boot);
    kin_status status = kin_code_source_open(&import.source, options->codes, &error);
    if (status == KIN_OK && options->keys != NULL)
        status = kin_key_lines_open(&import.keys, options->keys, &error);
    if (status != KIN_OK) {
        if (speaks) kin_log(KIN_LOG_ERROR, "%s", error.text);
        kin_code_source_close(&import.source);
        return 1;
    }
    import.comm = kin_comm_open();
    if (kin_comm_rank(import.comm) == 0) import.progress = kin_progress_new();
    run_job(&import);
    kin_progress_destroy(&import.progress);
    close_all(&import);
    kin_comm_close(&import.comm);
    return 0;
}
