/* Where the time of a network goes, on one thread, layer by layer.
 *
 *   bench_layers [--batch N] [--seconds S] MODEL.onnx
 *
 * Prints for each layer its share of a run, the median over runs of its processor time, and how
 * many numbers it multiplies and adds a second (of the plain definition: Winograd's layers may be
 * above what the processor can do; convolutions that run in strips are one layer, of which the last
 * one's numbers are counted). */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "tests/support/bench_model.h"
#include "worker/encode/blas.h"
#include "worker/encode/fast_ops.h"
#include "worker/encode/network.h"

#define RUNS_MIN 5
#define RUNS_MAX 1000

static kin_status open_network(const char *path, int64_t batch, kin_network **network,
                               kin_error *error)
{
    kin_graph *graph = NULL;
    kin_network_input_shape given;
    kin_network_options options = {.shapes = &given, .shape_count = 1};
    kin_buffer file = {0};
    kin_status status = bench_model_open(path, batch, &file, &graph, &given, error);
    if (status == KIN_OK) status = kin_network_open(network, &graph, &options, error);
    kin_graph_destroy(&graph);
    kin_buffer_fini(&file);
    return status;
}

/* times [steps][RUNS_MAX] in ms. Returns the number of runs. */
static size_t measure(kin_network *network, int64_t seconds, double *times)
{
    uint32_t steps = kin_network_step_count(network);
    size_t runs = 0;
    kin_network_run(network);
    int64_t until = kin_clock_ns() + seconds * 1000000000;
    for (; runs < RUNS_MIN || (kin_clock_ns() < until && runs < RUNS_MAX); runs++)
        for (uint32_t i = 0; i < steps; i++) {
            int64_t before = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
            kin_network_run_step(network, i);
            times[i * RUNS_MAX + runs] =
                (double)(bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before) / 1e6;
        }
    return runs;
}

static void print(const kin_network *network, double *times, size_t runs)
{
    const kin_graph *graph = kin_network_graph(network);
    uint32_t steps = kin_network_step_count(network);
    double sum = 0;
    for (uint32_t i = 0; i < steps; i++) {
        sum += bench_median(times + i * RUNS_MAX, runs);
    }
    for (uint32_t i = 0; i < steps; i++) {
        const kin_node *node = kin_network_step_node(network, i);
        const kin_shape *out = &graph->values[node->outputs[0]].tensor.shape;
        double ms = times[i * RUNS_MAX + runs / 2];
        double pairs = (double)kin_shape_count(out) * (double)kin_fast_depth(graph, node);
        char in_text[KIN_SHAPE_TEXT_BYTES] = "", out_text[KIN_SHAPE_TEXT_BYTES];
        if (node->input_count > 0 && node->inputs[0] != KIN_VALUE_NONE)
            kin_shape_text(&graph->values[node->inputs[0]].tensor.shape, in_text);
        printf("%5.1f %% %9.4f ms %7.1f GFLOP/s  %-12.12s %-10.10s %s to %s\n", 100 * ms / sum, ms,
               2 * pairs / ms / 1e6, node->op, kin_fast_method(node), in_text,
               kin_shape_text(out, out_text));
    }
    printf("%.4f ms in %u layers, medians of %zu runs, %s\n", sum, steps, runs,
           kin_cpu_level_name(kin_cpu_level_get()));
}

int main(int argc, char **argv)
{
    int64_t batch = 1, seconds = 2;
    const kin_option table[] = {
        {"batch", 0, KIN_OPTION_NUMBER, &batch, 1, 1024, NULL},
        {"seconds", 0, KIN_OPTION_NUMBER, &seconds, 0, 3600, NULL},
        {0},
    };
    int count;
    kin_error error = {0};
    kin_network *network = NULL;
    kin_blas_init();
    kin_status status = kin_options_parse(table, argc, argv, &count, &error);
    if (status == KIN_OK && count != 1)
        status = kin_fail(&error, KIN_BAD_INPUT, "usage: [--batch N] [--seconds S] MODEL.onnx");
    if (status == KIN_OK) status = open_network(argv[1], batch, &network, &error);
    if (status == KIN_OK) {
        double *times =
            kin_calloc((size_t)kin_network_step_count(network) * RUNS_MAX, sizeof *times);
        bench_fill_input(kin_network_input(network, 0));
        print(network, times, measure(network, seconds, times));
        free(times);
    } else {
        fprintf(stderr, "bench_layers: %s\n", error.text);
    }
    kin_network_close(&network);
    return status == KIN_OK ? 0 : 1;
}
