/* A query of a code through client, coordinator and two workers on loopback, 100,000 codes: latency
 * of one client, then 32 clients at once, whose answers are counted and compared. Ends with status
 * 1 if an answer is lost or wrong, or the median of one client is above its limit. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/topk.h"
#include "coordinator/client/client.h"
#include "coordinator/client/cluster.h"
#include "tests/support/make_index.h"

#define CODES 100000
#define SHARDS 4
#define K 12
#define QUERIES 64 /* different ones */
#define ALONE 2000
#define CLIENTS 32
#define EACH 100
#define MEDIAN_MS_MAX 1.5

typedef struct bench_state {
    kin_code *codes;
    kin_code query[QUERIES];
    kin_hit expected[QUERIES][K];
    const char *endpoint;
} bench_state;

typedef struct asker {
    const bench_state *bench;
    pthread_t thread;
    int first;
    int right, wrong;
    kin_error error;
} asker;

static void require(kin_status status, const kin_error *error)
{
    if (status == KIN_OK) return;
    fprintf(stderr, "bench_query: %s\n", error->text);
    exit(1);
}

static int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The answers by comparing with every code. */
static void prepare(bench_state *bench)
{
    kin_random random = {7};
    bench->codes = kin_calloc(CODES, sizeof *bench->codes);
    kin_make_codes(bench->codes, CODES, 64, 1);
    for (int q = 0; q < QUERIES; q++) {
        kin_topk topk;
        bench->query[q].word[0] = q % 2 ? kin_random_u64(&random)
                                        : bench->codes[kin_random_below(&random, CODES)].word[0];
        kin_topk_init(&topk, bench->expected[q], K);
        for (uint64_t id = 0; id < CODES; id++) {
            kin_hit hit = {.id = id,
                           .distance = kin_code_distance(&bench->query[q], &bench->codes[id])};
            kin_topk_push(&topk, &hit);
        }
        kin_topk_finish(&topk);
    }
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
    require(kin_client_open(&client, &options, &error), &error);
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
        require(ask(bench, client, i % QUERIES, &right, &error), &error);
        took_ns[i] = kin_clock_ns() - start_ns;
        wrong += !right;
    }
    kin_client_close(&client);
    qsort(took_ns, ALONE, sizeof *took_ns, compare_ns);
    double median_ms = (double)took_ns[ALONE / 2] / 1e6;
    printf(
        "one client: %d queries, median %.3f ms, p99 %.3f ms, %d wrong (median at most %.1f ms)\n",
        ALONE, median_ms, (double)took_ns[ALONE * 99 / 100] / 1e6, wrong, MEDIAN_MS_MAX);
    return wrong == 0 && median_ms <= MEDIAN_MS_MAX;
}

static void *run_asker(void *argument)
{
    asker *self = argument;
    kin_client *client = connect_client(self->bench);
    for (int i = 0; i < EACH; i++) {
        bool right;
        if (ask(self->bench, client, (self->first + i) % QUERIES, &right, &self->error) != KIN_OK)
            continue;
        self->right += right;
        self->wrong += !right;
    }
    kin_client_close(&client);
    return NULL;
}

static bool measure_many(const bench_state *bench)
{
    static asker askers[CLIENTS];
    int right = 0, wrong = 0;
    int64_t start_ns = kin_clock_ns();
    for (int i = 0; i < CLIENTS; i++) {
        askers[i] = (asker){.bench = bench, .first = i};
        if (pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]) != 0) exit(1);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(askers[i].thread, NULL);
        right += askers[i].right;
        wrong += askers[i].wrong;
        if (askers[i].error.status != KIN_OK) printf("lost: %s\n", askers[i].error.text);
    }
    double seconds = (double)(kin_clock_ns() - start_ns) / 1e9;
    printf("%d clients at once: %d queries, %d right, %d wrong, %d lost, %.0f a second\n", CLIENTS,
           CLIENTS * EACH, right, wrong, CLIENTS * EACH - right - wrong, CLIENTS * EACH / seconds);
    return right == CLIENTS * EACH;
}

int main(void)
{
    static bench_state bench;
    kin_error error;
    kin_cluster *cluster;
    char folder[] = "/tmp/bench-query-XXXXXX";
    if (mkdtemp(folder) == NULL) return 1;
    /* The programs are in ../bin of this one. */
    char *here = kin_program_folder(), *path = kin_sprintf("%s/../bin", here);
    setenv("PATH", path, 1);
    prepare(&bench);
    kin_make_index(folder, bench.codes, CODES, 64, SHARDS);
    kin_cluster_options options = KIN_CLUSTER_OPTIONS_DEFAULT;
    options.index_path = folder;
    options.client_endpoint = "tcp://127.0.0.1:*";
    options.worker_endpoint = "tcp://127.0.0.1:*";
    options.workers = 2;
    options.threads = 1;
    options.quiet = true;
    setenv("KINDRED_LOG", "error", 0); /* that the index has no encoder is known */
    require(kin_cluster_start(&cluster, &options, &error), &error);
    bench.endpoint = kin_cluster_endpoint(cluster);
    bool good = measure_one(&bench);
    good = measure_many(&bench) && good;
    kin_cluster_stop(&cluster);
    require(kin_directory_remove(folder, &error), &error);
    free(bench.codes);
    free(path);
    free(here);
    return good ? 0 : 1;
}
