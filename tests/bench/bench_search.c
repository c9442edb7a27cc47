/* Search over the tables of a shard, against scans of the same codes in the same run.
 *
 *   build/tests/bench_search [KIND [BITS [COUNT [TABLES [QUERIES [FOLDER]]]]]]
 *   build/tests/bench_search --dump KIND BITS COUNT QUERIES FOLDER    codes and questions, as bytes
 *   build/tests/bench_search --scan KIND BITS FILE    scans a raw file of codes of the set
 *
 * KIND: a set of common/code/synthetic.h (c). The shard, COUNT (1000000) codes of BITS (64) in
 * TABLES (0: as the writer likes) tables, is written to FOLDER (/tmp) and mapped from there, as a
 * worker maps it; a file that is there already is used again, and stays if FOLDER is given. k = 10,
 * one thread unless said otherwise. Up to 2 GB of codes are scanned as plain words, too.
 * KINDRED_BENCH_WRITE=1 ends after writing; KINDRED_BENCH_CHECK=N holds N answers against the plain
 * scan (kin_search_scan), not only the first twelve. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/code/synthetic.h"
#include "tests/support/bench_model.h"
#include "tests/support/read_sum.h"
#include "worker/search/search.h"
#include "worker/shard/code_sort.h"
#include "worker/shard/shard_reader.h"
#include "worker/shard/shard_writer.h"

#define K 10
#define ROUNDS 5
#define SCANS 12
#define THREADS 2
/* A billion codes as words would leave no room for the tables. */
#define WORDS_BYTES_MAX ((uint64_t)2 << 30)

typedef struct settings {
    char kind;
    unsigned bits;
    uint64_t count, queries;
    uint32_t tables;
} settings;

/* Rows in order of (code, id): words + 1 numbers each while they are sorted. */
static void write_shard(const settings *set, const kin_synthetic *codes, const char *path)
{
    unsigned words = set->bits / 64, row_words = words + 1;
    uint64_t *rows = kin_malloc((size_t)set->count * row_words * 8);
    uint64_t *scratch = kin_malloc((size_t)set->count * row_words * 8);
    uint64_t *ids = kin_malloc((size_t)set->count * 8);
    kin_synthetic_codes(codes, 0, set->count, scratch);
    for (uint64_t i = 0; i < set->count; i++) {
        memcpy(rows + i * row_words, scratch + i * words, set->bits / 8);
        rows[i * row_words + words] = i;
    }
    kin_code_sort(rows, scratch, set->count, 64 * row_words, set->bits);
    for (uint64_t i = 0; i < set->count; i++) {
        memcpy(scratch + i * words, rows + i * row_words, set->bits / 8);
        ids[i] = rows[i * row_words + words];
    }
    free(rows);
    kin_shard_rows shard = {.bits = set->bits,
                            .count = set->count,
                            .words = scratch,
                            .ids = ids,
                            .tables = set->tables};
    memset(shard.last.word, 255, set->bits / 8);
    kin_shard_written written;
    kin_error error = {0};
    bench_require(kin_shard_write(path, &shard, &written, &error), &error);
    free(scratch);
    free(ids);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(int64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, compare_times);
    return (double)times[count / 2] / 1e6;
}

typedef struct work {
    const kin_codes_view *view;
    const uint64_t *questions; /* [count][bits / 64] */
    uint32_t count;
    bool any_ties;
    kin_search_scratch *scratch;
    kin_hit hits[KIN_SEARCH_QUERIES_MAX][K]; /* of the last call */
} work;

/* One call with all of the work's questions. */
static void search(work *todo)
{
    kin_topk topks[KIN_SEARCH_QUERIES_MAX];
    kin_search_query queries[KIN_SEARCH_QUERIES_MAX] = {0};
    for (uint32_t i = 0; i < todo->count; i++) {
        kin_topk_init(&topks[i], todo->hits[i], K);
        queries[i] = (kin_search_query){.within = todo->view->bits,
                                        .topk = &topks[i],
                                        .any_ties = todo->any_ties,
                                        .deadline_ns = INT64_MAX};
        kin_code_from_words(&queries[i].code, todo->questions + i * (todo->view->bits / 64),
                            todo->view->bits);
    }
    kin_search_run(todo->view, queries, todo->count, todo->scratch);
    for (uint32_t i = 0; i < todo->count; i++)
        kin_topk_finish(&topks[i]);
}

static void *search_thread(void *user)
{
    search(user);
    return NULL;
}

static work *work_new(const kin_codes_view *view, const uint64_t *questions, uint32_t count)
{
    work *made = kin_calloc(1, sizeof *made);
    made->view = view;
    made->questions = questions;
    made->count = count;
    made->scratch = kin_search_scratch_new(kin_cpu_level_get(), count);
    return made;
}

static void work_free(work *done)
{
    kin_search_scratch_destroy(&done->scratch);
    free(done);
}

/* Milliseconds a question when 64 share a scan, on so many threads. */
static double batch_ms(const kin_codes_view *view, const uint64_t *questions, uint32_t threads)
{
    int64_t times[ROUNDS];
    work *works[THREADS];
    for (uint32_t t = 0; t < threads; t++) {
        uint32_t count = KIN_SEARCH_QUERIES_MAX / threads;
        works[t] = work_new(view, questions + (size_t)t * count * (view->bits / 64), count);
        kin_search_scratch_force(works[t]->scratch, KIN_SEARCH_SCAN, 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t others[THREADS];
        int64_t start = kin_clock_ns();
        for (uint32_t t = 1; t < threads; t++)
            pthread_create(&others[t], NULL, search_thread, works[t]);
        search(works[0]);
        for (uint32_t t = 1; t < threads; t++)
            pthread_join(others[t], NULL);
        times[round] = kin_clock_ns() - start;
    }
    for (uint32_t t = 0; t < threads; t++)
        work_free(works[t]);
    return median_ms(times, ROUNDS) / KIN_SEARCH_QUERIES_MAX;
}

typedef struct scan_figures {
    double read_ms, words_ms; /* of plain words; 0: too many */
    double read_table_ms, table_ms, batch_ms[THREADS];
} scan_figures;

/* Plain words, if there are any: reading and scanning them; the hits must be the table's. */
static void measure_words(const kin_codes_view *words, const work *mine, int64_t *read,
                          int64_t *scan)
{
    static volatile uint64_t sink;
    if (words->words == NULL) return;
    work *theirs = work_new(words, mine->questions, 1);
    int64_t start = kin_clock_ns();
    sink +=
        read_sum(words->words, words->count * (words->bits / 64) / 32 * 32, kin_cpu_level_get());
    *read = kin_clock_ns() - start;
    start = kin_clock_ns();
    search(theirs);
    *scan = kin_clock_ns() - start;
    if (memcmp(mine->hits, theirs->hits, K * sizeof(kin_hit)) != 0) {
        fprintf(stderr, "bench_search: the scans differ\n");
        exit(1);
    }
    work_free(theirs);
}

/* Scans alternate with reading the same bytes. words: NULL where there are too many. */
static scan_figures measure_scans(const kin_codes_view *view, const uint64_t *words,
                                  const uint64_t *questions)
{
    int64_t read[SCANS] = {0}, plain[SCANS] = {0}, table[SCANS], read_table[SCANS];
    const kin_code_table *first = &view->table[0];
    uint64_t table_words = kin_table_groups(view->count) * first->group_bytes / 8 / 32 * 32;
    static volatile uint64_t sink;
    kin_codes_view as_words = {.words = words,
                               .ids = view->ids,
                               .id_bytes = view->id_bytes,
                               .count = view->count,
                               .bits = view->bits};
    for (int i = 0; i < SCANS; i++) {
        const uint64_t *question = questions + (size_t)i * (view->bits / 64);
        work *mine = work_new(view, question, 1);
        kin_search_scratch_force(mine->scratch, KIN_SEARCH_SCAN, 0);
        int64_t start = kin_clock_ns();
        sink += read_sum((const uint64_t *)first->groups, table_words, kin_cpu_level_get());
        read_table[i] = kin_clock_ns() - start;
        start = kin_clock_ns();
        search(mine);
        table[i] = kin_clock_ns() - start;
        measure_words(&as_words, mine, &read[i], &plain[i]);
        work_free(mine);
    }
    scan_figures got = {.read_ms = median_ms(read, SCANS),
                        .words_ms = median_ms(plain, SCANS),
                        .read_table_ms = median_ms(read_table, SCANS),
                        .table_ms = median_ms(table, SCANS)};
    for (uint32_t t = 0; t < THREADS; t++)
        got.batch_ms[t] = batch_ms(view, questions, t + 1);
    return got;
}

/* The first answers against those of the plain scan, 64 questions a scan. */
static void check_answers(const settings *set, work *mine, uint64_t checked)
{
    unsigned words = set->bits / 64;
    const uint64_t *questions = mine->questions;
    int64_t start = kin_clock_ns(), scan_ns = 0;
    for (uint64_t first = 0; first < checked; first += KIN_SEARCH_QUERIES_MAX) {
        kin_hit hits[KIN_SEARCH_QUERIES_MAX][K];
        kin_topk topks[KIN_SEARCH_QUERIES_MAX];
        kin_search_query queries[KIN_SEARCH_QUERIES_MAX] = {0};
        uint64_t left = checked - first;
        uint32_t count = left < KIN_SEARCH_QUERIES_MAX ? (uint32_t)left : KIN_SEARCH_QUERIES_MAX;
        for (uint32_t i = 0; i < count; i++) {
            kin_topk_init(&topks[i], hits[i], K);
            queries[i] = (kin_search_query){
                .within = set->bits, .topk = &topks[i], .deadline_ns = INT64_MAX};
            kin_code_from_words(&queries[i].code, questions + (first + i) * words, set->bits);
        }
        start = kin_clock_ns();
        kin_search_scan(mine->view, queries, count, kin_cpu_level_get());
        scan_ns += kin_clock_ns() - start;
        for (uint32_t i = 0; i < count; i++) {
            kin_topk_finish(&topks[i]);
            mine->questions = questions + (first + i) * words;
            search(mine);
            if (memcmp(mine->hits, hits[i], sizeof hits[i]) == 0) continue;
            fprintf(stderr, "bench_search: answer %llu differs from the scan\n",
                    (unsigned long long)(first + i));
            exit(1);
        }
    }
    mine->questions = questions;
    printf("%llu answers equal those of the plain scan, which took %.2f ms each\n",
           (unsigned long long)checked, (double)scan_ns / 1e6 / (double)checked);
}

/* Every question alone, twice; the second time counts. Then answers are checked. */
static void measure_searches(const settings *set, const kin_codes_view *view,
                             const uint64_t *questions, const scan_figures *scans, bool any_ties)
{
    int64_t *times = kin_calloc(set->queries, sizeof *times);
    work *mine = work_new(view, questions, 1);
    double sum = 0;
    mine->any_ties = any_ties;
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < set->queries; i++) {
            mine->questions = questions + i * (set->bits / 64);
            int64_t start = kin_clock_ns();
            search(mine);
            times[i] = kin_clock_ns() - start;
        }
    for (uint64_t i = 0; i < set->queries; i++)
        sum += (double)times[i] / 1e6 / (double)set->queries;
    const kin_search_counters *counters = kin_search_scratch_counters(mine->scratch);
    double median = median_ms(times, set->queries);
    printf("%s: median %.4f ms, mean %.4f, p99 %.4f, worst %.3f; scan of all codes / mean %.0f, "
           "scan of "
           "the table / mean %.1f; scans %llu of %llu; buckets %.0f, entries %.0f a query\n",
           any_ties ? "any ties" : "search", median, sum,
           (double)times[set->queries * 99 / 100] / 1e6, (double)times[set->queries - 1] / 1e6,
           scans->words_ms / sum, scans->table_ms / sum,
           (unsigned long long)counters->queries[KIN_SEARCH_SCAN],
           (unsigned long long)(counters->queries[0] + counters->queries[1]),
           (double)counters->buckets / (double)(counters->queries[0] + counters->queries[1]),
           (double)counters->entries / (double)(counters->queries[0] + counters->queries[1]));
    if (!any_ties) {
        printf("time taken over time foreseen, from 1/16 to 16:");
        for (int i = 0; i < KIN_SEARCH_RATIOS; i++)
            printf(" %llu", (unsigned long long)counters->ratios[i]);
        printf("\n");
    }
    const char *wanted = getenv("KINDRED_BENCH_CHECK");
    uint64_t checked = wanted != NULL ? strtoull(wanted, NULL, 10) : SCANS;
    mine->questions = questions;
    if (!any_ties) check_answers(set, mine, checked < set->queries ? checked : set->queries);
    work_free(mine);
    free(times);
}

static void measure(const settings *set, const kin_synthetic *codes, const char *path)
{
    kin_shard_reader *reader = NULL;
    kin_error error = {0};
    bench_require(kin_shard_reader_open(&reader, path, &error), &error);
    const kin_codes_view *view = kin_shard_reader_codes(reader);
    uint64_t queries =
        set->queries > KIN_SEARCH_QUERIES_MAX ? set->queries : KIN_SEARCH_QUERIES_MAX;
    uint64_t *questions = kin_calloc(queries * (set->bits / 64), 8);
    uint64_t *words = NULL;
    uint32_t hint = 0;
    if (set->count * (set->bits / 8) <= WORDS_BYTES_MAX)
        words = kin_malloc((size_t)set->count * (set->bits / 8));
    kin_synthetic_queries(codes, set->count, 0, queries, questions);
    for (uint64_t row = 0; row < set->count && words != NULL; row++) {
        kin_code code;
        kin_codes_code(view, row, &hint, &code);
        memcpy(words + row * (set->bits / 64), code.word, set->bits / 8);
    }
    printf("%c, %u bits, %llu codes, %u tables of", set->kind, set->bits,
           (unsigned long long)set->count, (unsigned)view->table_count);
    for (uint32_t j = 0; j < view->table_count; j++)
        printf(" 2^%u", (unsigned)view->table[j].bucket_bits);
    printf(" buckets\n");
    scan_figures scans = measure_scans(view, words, questions);
    free(words);
    printf("scan: reading plain codes %.2f ms, scanning them %.2f (0: too many); reading the first "
           "table %.2f, scanning it %.2f; 64 together %.3f a query on one thread, %.3f on two\n",
           scans.read_ms, scans.words_ms, scans.read_table_ms, scans.table_ms, scans.batch_ms[0],
           scans.batch_ms[1]);
    measure_searches(set, view, questions, &scans, false);
    measure_searches(set, view, questions, &scans, true);
    free(questions);
    kin_shard_reader_close(&reader);
}

static void dump_file(const char *folder, const char *name, const uint64_t *words, uint64_t count)
{
    kin_error error = {0};
    char *path = kin_path_join(folder, name);
    uint8_t *bytes = kin_malloc((size_t)count * 8 + 1);
    for (uint64_t i = 0; i < count; i++)
        kin_store_be64(bytes + i * 8, words[i]);
    bench_require(kin_file_write_atomic(path, bytes, (size_t)count * 8, &error), &error);
    free(bytes);
    free(path);
}

static int dump(char **argv)
{
    kin_synthetic *codes = NULL;
    kin_error error = {0};
    unsigned bits = (unsigned)atoi(argv[1]);
    uint64_t count = strtoull(argv[2], NULL, 10), queries = strtoull(argv[3], NULL, 10);
    bench_require(kin_synthetic_new(&codes, argv[0][0], bits, &error), &error);
    uint64_t *words = kin_malloc((size_t)(count > queries ? count : queries) * bits / 8);
    kin_synthetic_codes(codes, 0, count, words);
    dump_file(argv[4], "codes", words, count * bits / 64);
    kin_synthetic_queries(codes, count, 0, queries, words);
    dump_file(argv[4], "questions", words, queries * bits / 64);
    kin_synthetic_destroy(&codes);
    free(words);
    return 0;
}

/* One query at a time over a file of raw codes, which is mapped: codes and questions have their
 * bytes the other way round, which changes no distance. */
static int scan_file(char **argv)
{
    kin_synthetic *codes = NULL;
    kin_mapping mapping;
    kin_error error = {0};
    int64_t read[SCANS] = {0}, scan[SCANS] = {0};
    static volatile uint64_t sink;
    unsigned bits = (unsigned)atoi(argv[1]);
    bench_require(kin_synthetic_new(&codes, argv[0][0], bits, &error), &error);
    bench_require(kin_mapping_open(&mapping, argv[2], &error), &error);
    uint64_t count = mapping.bytes / (bits / 8), questions[SCANS * KIN_CODE_WORDS_MAX];
    uint64_t *ids = kin_calloc(count, 4);
    kin_codes_view view = {.words = (const uint64_t *)(const void *)mapping.data,
                           .ids = (const uint8_t *)ids,
                           .id_bytes = 4,
                           .count = count,
                           .bits = bits};
    kin_synthetic_queries(codes, count, 0, SCANS, questions);
    for (unsigned i = 0; i < SCANS * bits / 64; i++)
        questions[i] = __builtin_bswap64(questions[i]);
    for (int i = -1; i < SCANS; i++) { /* once for the pages */
        work *mine = work_new(&view, questions + (size_t)(i < 0 ? 0 : i) * bits / 64, 1);
        int64_t start = kin_clock_ns();
        sink += read_sum(view.words, mapping.bytes / 8 / 32 * 32, kin_cpu_level_get());
        if (i >= 0) read[i] = kin_clock_ns() - start;
        start = kin_clock_ns();
        search(mine);
        if (i >= 0) scan[i] = kin_clock_ns() - start;
        work_free(mine);
    }
    printf("%llu plain codes of %u bits: reading them %.2f ms, scanning them %.2f\n",
           (unsigned long long)count, bits, median_ms(read, SCANS), median_ms(scan, SCANS));
    kin_mapping_close(&mapping);
    kin_synthetic_destroy(&codes);
    free(ids);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--scan") == 0) return scan_file(argv + 2);
    if (argc == 7 && strcmp(argv[1], "--dump") == 0) return dump(argv + 2);
    settings set = {.kind = argc > 1 ? argv[1][0] : 'c',
                    .bits = argc > 2 ? (unsigned)atoi(argv[2]) : 64,
                    .count = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000,
                    .tables = argc > 4 ? (uint32_t)atoi(argv[4]) : 0,
                    .queries = argc > 5 ? strtoull(argv[5], NULL, 10) : 1000};
    kin_synthetic *codes = NULL;
    kin_error error = {0};
    if (set.count < KIN_SEARCH_QUERIES_MAX || set.tables > KIN_TABLES_MAX || set.queries < 1) {
        fprintf(stderr, "bench_search: 64 codes or more, up to %d tables, a query\n",
                KIN_TABLES_MAX);
        return 2;
    }
    bench_require(kin_synthetic_new(&codes, set.kind, set.bits, &error), &error);
    char *path = kin_sprintf("%s/bench-%c-%u-%llu-%u.kin", argc > 6 ? argv[6] : "/tmp", set.kind,
                             set.bits, (unsigned long long)set.count, (unsigned)set.tables);
    if (argc <= 6) unlink(path); /* of a run that was stopped */
    if (!kin_path_exists(path)) write_shard(&set, codes, path);
    if (getenv("KINDRED_BENCH_WRITE") == NULL) measure(&set, codes, path);
    if (argc <= 6) unlink(path);
    kin_synthetic_destroy(&codes);
    free(path);
    return 0;
}
