/* What one image costs in a network, on one thread; networks.py puts it beside other engines.
 *
 *   bench_network [--batch N] [--seconds S] [--gate] MODEL.onnx
 *
 * Prints "batch 8: 1.2345 ms an image, 1.2340 ms of processor, 50 runs, avx512", medians over runs.
 * With --gate it says "ready" first and waits for a line, so that several can begin together. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "tests/support/bench_model.h"
#include "worker/encode/batch_network.h"
#include "worker/encode/blas.h"

#define RUNS_MIN 3
#define RUNS_MAX 100000

typedef struct bench_options {
    int64_t batch, seconds;
    bool gate;
} bench_options;

/* For one image of the model's input; several are put one after the other. */
static kin_status open_network(const char *path, kin_batch_network **network, kin_error *error)
{
    kin_graph *graph = NULL;
    kin_network_input_shape given;
    kin_network_options options = {.shapes = &given, .shape_count = 1};
    kin_buffer file = {0};
    kin_status status = bench_model_open(path, 1, &file, &graph, &given, error);
    if (status == KIN_OK)
        status = kin_batch_network_open(network, file.data, file.bytes, path, &options, error);
    kin_graph_destroy(&graph);
    kin_buffer_fini(&file);
    return status;
}

/* `images` of them, as many at a time as the network takes. */
static void run(kin_batch_network *network, uint32_t images)
{
    uint32_t most = kin_batch_network_pictures(network);
    for (uint32_t done = 0; done < images; done += most) {
        uint32_t count = images - done < most ? images - done : most;
        for (uint32_t n = 0; n < count; n++)
            kin_batch_network_put(network, n);
        kin_batch_network_finish(network, count);
    }
}

static void wait_at_gate(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) exit(1);
}

static void measure(kin_batch_network *network, const bench_options *options)
{
    double *run_ms = kin_calloc(RUNS_MAX, sizeof *run_ms);
    double *busy_ms = kin_calloc(RUNS_MAX, sizeof *busy_ms);
    double images = (double)options->batch;
    size_t runs = 0;
    run(network, (uint32_t)options->batch);
    if (options->gate) wait_at_gate();
    int64_t now = kin_clock_ns(), until = now + options->seconds * 1000000000;
    while (runs < RUNS_MIN || (now < until && runs < RUNS_MAX)) {
        int64_t start = now, busy = bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        run(network, (uint32_t)options->batch);
        busy_ms[runs] = (double)(bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - busy) / 1e6;
        now = kin_clock_ns();
        run_ms[runs++] = (double)(now - start) / 1e6;
    }
    printf("batch %lld: %.4f ms an image, %.4f ms of processor, %zu runs, %s\n",
           (long long)options->batch, bench_median(run_ms, runs) / images,
           bench_median(busy_ms, runs) / images, runs, kin_cpu_level_name(kin_cpu_level_get()));
    free(busy_ms);
    free(run_ms);
}

int main(int argc, char **argv)
{
    bench_options options = {.batch = 1, .seconds = 2};
    const kin_option table[] = {
        {"batch", 0, KIN_OPTION_NUMBER, &options.batch, 1, 1024, NULL},
        {"seconds", 0, KIN_OPTION_NUMBER, &options.seconds, 0, 3600, NULL},
        {"gate", 0, KIN_OPTION_FLAG, &options.gate, 0, 0, NULL},
        {0},
    };
    int count;
    kin_error error = {0};
    kin_batch_network *network = NULL;
    kin_blas_init();
    kin_status status = kin_options_parse(table, argc, argv, &count, &error);
    if (status == KIN_OK && count != 1)
        status =
            kin_fail(&error, KIN_BAD_INPUT, "usage: [--batch N] [--seconds S] [--gate] MODEL.onnx");
    if (status == KIN_OK) status = open_network(argv[1], &network, &error);
    if (status == KIN_OK) {
        bench_fill_input(kin_batch_network_input(network));
        measure(network, &options);
    } else {
        fprintf(stderr, "bench_network: %s\n", error.text);
    }
    kin_batch_network_close(&network);
    return status == KIN_OK ? 0 : 1;
}
