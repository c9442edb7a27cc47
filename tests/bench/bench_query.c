/* A query of a code through client, coordinator and workers on loopback: latency of one client,
 * then several clients at once, whose answers are counted and compared. Ends with status 1 if an
 * answer is lost or wrong, or the median of one client is above its limit.
 *
 *   build/tests/bench_query               100,000 codes, two workers, 32 clients
 *   build/tests/bench_query INDEX KIND    an index that kindred-index import made of one shard of
 * the synthetic set KIND; one worker; 16 clients */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/synthetic.h"
#include "common/code/topk.h"
#include "coordinator/client/client.h"
#include "coordinator/client/cluster.h"
#include "tests/support/bench_model.h"
#include "tests/support/make_index.h"
#include "worker/search/search.h"
#include "worker/shard/shard_reader.h"

#define CODES 100000
#define SHARDS 4
#define K 10
#define QUERIES_MAX 2000
#define ALONE 2000
#define CLIENTS_MAX 32

typedef struct bench_state {
    int queries; /* different ones */
    int clients, each;
    double median_ms_max;
    kin_code query[QUERIES_MAX];
    kin_hit expected[QUERIES_MAX][K];
    const char *endpoint;
} bench_state;

typedef struct asker {
    const bench_state *bench;
    pthread_t thread;
    int first;
    int right, wrong;
    kin_error error;
} asker;

static int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* An index of random codes; the answers by comparing with every code. */
static void prepare(bench_state *bench, const char *folder)
{
    kin_random random = {7};
    kin_code *codes = kin_calloc(CODES, sizeof *codes);
    bench->queries = 64;
    bench->clients = 32;
    bench->each = 100;
    bench->median_ms_max = 1.5;
    kin_make_codes(codes, CODES, 64, 1);
    for (int q = 0; q < bench->queries; q++) {
        kin_topk topk;
        bench->query[q].word[0] =
            q % 2 ? kin_random_u64(&random) : codes[kin_random_below(&random, CODES)].word[0];
        kin_topk_init(&topk, bench->expected[q], K);
        for (uint64_t id = 0; id < CODES; id++) {
            kin_hit hit = {.id = id, .distance = kin_code_distance(&bench->query[q], &codes[id])};
            kin_topk_push(&topk, &hit);
        }
        kin_topk_finish(&topk);
    }
    kin_make_index(folder, codes, CODES, 64, SHARDS);
    free(codes);
}

/* The questions of the set that the index is of; the answers by searching its one shard here. */
static void prepare_built(bench_state *bench, const char *index, char kind)
{
    kin_error error;
    kin_synthetic *set;
    kin_shard_reader *reader;
    glob_t found;
    char *pattern = kin_sprintf("%s/generation-*/shard-*.kin", index);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) {
        fprintf(stderr, "bench_query: %s: not one file\n", pattern);
        exit(1);
    }
    bench_require(kin_shard_reader_open_lazy(&reader, found.gl_pathv[0], &error), &error);
    const kin_codes_view *codes = kin_shard_reader_codes(reader);
    uint64_t *words = kin_calloc((size_t)QUERIES_MAX * codes->bits / 64, sizeof *words);
    bench->queries = QUERIES_MAX;
    bench->clients = 16;
    bench->each = 1000;
    bench->median_ms_max = 0.5;
    bench_require(kin_synthetic_new(&set, kind, codes->bits, &error), &error);
    kin_synthetic_queries(set, codes->count, 0, QUERIES_MAX, words);
    kin_search_scratch *scratch = kin_search_scratch_new(kin_cpu_level_get(), 1);
    for (int q = 0; q < QUERIES_MAX; q++) {
        kin_topk topk;
        kin_topk_init(&topk, bench->expected[q], K);
        kin_code_from_words(&bench->query[q], words + (size_t)q * codes->bits / 64, codes->bits);
        kin_search_query query = {.code = bench->query[q],
                                  .within = codes->bits,
                                  .topk = &topk,
                                  .deadline_ns = INT64_MAX};
        kin_search_run(codes, &query, 1, scratch);
        kin_topk_finish(&topk);
    }
    kin_search_scratch_destroy(&scratch);
    kin_synthetic_destroy(&set);
    kin_shard_reader_close(&reader);
    globfree(&found);
    free(words);
    free(pattern);
}

static kin_status ask(const bench_state *bench, kin_client *client, int query, bool *right,
                      kin_error *error)
{
    kin_question question = {.code = bench->query[query], .k = K, .within = -1};
    kin_answer answer;
    kin_status status = kin_client_search(client, &question, &answer, error);
    *right = status == KIN_OK && answer.hit_count == K;
    for (uint32_t i = 0; *right && i < K; i++)
        *right = answer.hits[i].id == bench->expected[query][i].id &&
                 answer.hits[i].distance == bench->expected[query][i].distance;
    kin_answer_fini(&answer);
    return status;
}

static kin_client *connect_client(const bench_state *bench)
{
    kin_error error;
    kin_client *client;
    kin_client_options options = KIN_CLIENT_OPTIONS_DEFAULT;
    options.target = bench->endpoint;
    bench_require(kin_client_open(&client, &options, &error), &error);
    return client;
}

static bool measure_one(const bench_state *bench)
{
    static int64_t took_ns[ALONE];
    kin_error error;
    int wrong = 0;
    kin_client *client = connect_client(bench);
    for (int i = 0; i < ALONE; i++) {
        bool right;
        int64_t start_ns = kin_clock_ns();
        bench_require(ask(bench, client, i % bench->queries, &right, &error), &error);
        took_ns[i] = kin_clock_ns() - start_ns;
        wrong += !right;
    }
    kin_client_close(&client);
    qsort(took_ns, ALONE, sizeof *took_ns, compare_ns);
    double median_ms = (double)took_ns[ALONE / 2] / 1e6;
    printf(
        "one client: %d queries, median %.3f ms, p99 %.3f ms, %d wrong (median at most %.1f ms)\n",
        ALONE, median_ms, (double)took_ns[ALONE * 99 / 100] / 1e6, wrong, bench->median_ms_max);
    return wrong == 0 && median_ms <= bench->median_ms_max;
}

static void *run_asker(void *argument)
{
    asker *self = argument;
    kin_client *client = connect_client(self->bench);
    for (int i = 0; i < self->bench->each; i++) {
        bool right;
        if (ask(self->bench, client, (self->first + i) % self->bench->queries, &right,
                &self->error) != KIN_OK)
            continue;
        self->right += right;
        self->wrong += !right;
    }
    kin_client_close(&client);
    return NULL;
}

static bool measure_many(const bench_state *bench)
{
    static asker askers[CLIENTS_MAX];
    int right = 0, wrong = 0, all = bench->clients * bench->each;
    int64_t start_ns = kin_clock_ns();
    for (int i = 0; i < bench->clients; i++) {
        askers[i] = (asker){.bench = bench, .first = i * bench->queries / bench->clients};
        if (pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]) != 0) exit(1);
    }
    for (int i = 0; i < bench->clients; i++) {
        pthread_join(askers[i].thread, NULL);
        right += askers[i].right;
        wrong += askers[i].wrong;
        if (askers[i].error.status != KIN_OK) printf("lost: %s\n", askers[i].error.text);
    }
    double seconds = (double)(kin_clock_ns() - start_ns) / 1e9;
    printf("%d clients at once: %d queries, %d right, %d wrong, %d lost, %.0f a second\n",
           bench->clients, all, right, wrong, all - right - wrong, all / seconds);
    return right == all;
}

int main(int argc, char **argv)
{
    static bench_state bench;
    kin_error error;
    kin_cluster *cluster;
    char folder[] = "/tmp/bench-query-XXXXXX";
    bool built = argc == 3;
    if (!built && mkdtemp(folder) == NULL) return 1;
    /* The programs are in ../bin of this one. */
    char *here = kin_program_folder(), *path = kin_sprintf("%s/../bin", here);
    setenv("PATH", path, 1);
    if (built)
        prepare_built(&bench, argv[1], argv[2][0]);
    else
        prepare(&bench, folder);
    kin_cluster_options options = KIN_CLUSTER_OPTIONS_DEFAULT;
    options.index_path = built ? argv[1] : folder;
    options.client_endpoint = "tcp://127.0.0.1:*";
    options.worker_endpoint = "tcp://127.0.0.1:*";
    options.workers = built ? 1 : 2;
    options.threads = 1;
    options.quiet = true;
    setenv("KINDRED_LOG", "error", 0); /* that the index has no encoder is known */
    bench_require(kin_cluster_start(&cluster, &options, &error), &error);
    bench.endpoint = kin_cluster_endpoint(cluster);
    bool good = measure_one(&bench);
    good = measure_many(&bench) && good;
    kin_cluster_stop(&cluster);
    if (!built) bench_require(kin_directory_remove(folder, &error), &error);
    free(path);
    free(here);
    return good ? 0 : 1;
}
