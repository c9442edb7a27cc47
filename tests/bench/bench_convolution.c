/* What convolutions and products cost, beside im2col and OpenBLAS's sgemm in the same run.
 *
 *   bench_convolution [SECONDS A LAYER] [NAME]     all layers, or those whose name holds NAME
 *
 * Prints the median over rounds in which both take turns; KINDRED_CPU picks our kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/encode/convolution.h"
#include "worker/encode/gemm.h"

#define ROUNDS_MAX 1000

typedef struct bench_layer {
    const char *name;
    uint32_t side, in, out, kernel, stride, pad, groups;
} bench_layer;

static const bench_layer layers[] = {
    {"alexnet 11x11/4", 224, 3, 64, 11, 4, 2, 1},
    {"alexnet 5x5", 27, 64, 192, 5, 1, 2, 1},
    {"alexnet 3x3", 13, 192, 384, 3, 1, 1, 1},
    {"vgg 3x3 first", 224, 3, 64, 3, 1, 1, 1},
    {"vgg 3x3 224", 224, 64, 64, 3, 1, 1, 1},
    {"vgg 3x3 112", 112, 128, 128, 3, 1, 1, 1},
    {"vgg 3x3 56", 56, 256, 256, 3, 1, 1, 1},
    {"vgg 3x3 28", 28, 512, 512, 3, 1, 1, 1},
    {"vgg 3x3 14", 14, 512, 512, 3, 1, 1, 1},
    {"resnet 7x7/2", 224, 3, 64, 7, 2, 3, 1},
    {"resnet 1x1 56 64-64", 56, 64, 64, 1, 1, 0, 1},
    {"resnet 3x3 56", 56, 64, 64, 3, 1, 1, 1},
    {"resnet 1x1 56 64-256", 56, 64, 256, 1, 1, 0, 1},
    {"resnet 1x1 56 256-64", 56, 256, 64, 1, 1, 0, 1},
    {"resnet 3x3/2 56", 56, 128, 128, 3, 2, 1, 1},
    {"resnet 1x1/2 56", 56, 256, 512, 1, 2, 0, 1},
    {"resnet 3x3 28", 28, 128, 128, 3, 1, 1, 1},
    {"resnet 1x1 28 128-512", 28, 128, 512, 1, 1, 0, 1},
    {"resnet 1x1 28 512-128", 28, 512, 128, 1, 1, 0, 1},
    {"resnet 3x3/2 28", 28, 256, 256, 3, 2, 1, 1},
    {"resnet 3x3 14", 14, 256, 256, 3, 1, 1, 1},
    {"resnet 1x1 14 256-1024", 14, 256, 1024, 1, 1, 0, 1},
    {"resnet 1x1 14 1024-256", 14, 1024, 256, 1, 1, 0, 1},
    {"resnet 3x3/2 14", 14, 512, 512, 3, 2, 1, 1},
    {"resnet 3x3 7", 7, 512, 512, 3, 1, 1, 1},
    {"resnet 1x1 7 512-2048", 7, 512, 2048, 1, 1, 0, 1},
    {"resnet 1x1 7 2048-512", 7, 2048, 512, 1, 1, 0, 1},
    {"resnext 3x3 28 32 groups", 28, 256, 256, 3, 1, 1, 32},
    {"mobilenet 3x3/2", 224, 3, 32, 3, 2, 1, 1},
    {"mobilenet dw 112", 112, 32, 32, 3, 1, 1, 32},
    {"mobilenet 1x1 112 32-16", 112, 32, 16, 1, 1, 0, 1},
    {"mobilenet 1x1 112 16-96", 112, 16, 96, 1, 1, 0, 1},
    {"mobilenet dw/2 112", 112, 96, 96, 3, 2, 1, 96},
    {"mobilenet 1x1 56 24-144", 56, 24, 144, 1, 1, 0, 1},
    {"mobilenet dw 56", 56, 144, 144, 3, 1, 1, 144},
    {"mobilenet 1x1 56 144-24", 56, 144, 24, 1, 1, 0, 1},
    {"mobilenet dw 28", 28, 192, 192, 3, 1, 1, 192},
    {"mobilenet dw 14", 14, 384, 384, 3, 1, 1, 384},
    {"mobilenet 1x1 14 384-64", 14, 384, 64, 1, 1, 0, 1},
    {"mobilenet dw/2 14", 14, 576, 576, 3, 2, 1, 576},
    {"mobilenet dw 7", 7, 960, 960, 3, 1, 1, 960},
    {"mobilenet 1x1 7 160-960", 7, 160, 960, 1, 1, 0, 1},
    {"mobilenet 1x1 7 960-320", 7, 960, 320, 1, 1, 0, 1},
    {"efficientnet dw5 14", 14, 672, 672, 5, 1, 2, 672},
    {"convnext dw7 28", 28, 192, 192, 7, 1, 3, 192},
};

/* rows x depth times depth x columns. */
typedef struct bench_product {
    const char *name;
    size_t rows, depth, columns;
} bench_product;

static const bench_product products[] = {
    {"fully connected 1 row", 1, 25088, 4096},   {"fully connected 8 rows", 8, 25088, 4096},
    {"fully connected 32 rows", 32, 4096, 4096}, {"vit 197 rows 768-3072", 197, 768, 3072},
    {"vit 197 rows 3072-768", 197, 3072, 768},
};

static float *random_floats(size_t count)
{
    kin_random random = {.state = count};
    size_t bytes = (count * sizeof(float) + 64) / 64 * 64;
    float *values = aligned_alloc(64, bytes);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)kin_random_unit(&random) - 0.5f;
    return values;
}

/* Seconds that this thread has run: what others do to the machine counts as little as can be. */
static double thread_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Times of both, taking turns; medians come out. */
typedef struct bench_times {
    double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], ratio[ROUNDS_MAX];
    size_t count;
} bench_times;

static void report(const char *name, const char *method, bench_times *times, double operations)
{
    for (size_t i = 0; i < times->count; i++)
        times->ratio[i] = times->theirs[i] / times->ours[i];
    qsort(times->ours, times->count, sizeof(double), compare);
    qsort(times->theirs, times->count, sizeof(double), compare);
    qsort(times->ratio, times->count, sizeof(double), compare);
    size_t middle = times->count / 2;
    double ours = times->ours[middle], theirs = times->theirs[middle];
    printf("%-26s %-10s %8.3f ms %7.1f GFLOP/s", name, method, ours * 1e3, operations / ours / 1e9);
    if (theirs > 0)
        printf("   sgemm %8.3f ms %7.1f   ratio %5.2f", theirs * 1e3, operations / theirs / 1e9,
               times->ratio[middle]);
    printf("\n");
}

/* The peer: patches [pixels][depth], one product, then bias and ReLU over all of it. */
typedef struct bench_peer {
    float *weights, *patches, *bias;
} bench_peer;

static void peer_run(const bench_layer *layer, const bench_peer *peer, const float *input,
                     float *output)
{
    size_t side = layer->side, in = layer->in, taps = layer->kernel;
    size_t out_side = (side + 2 * layer->pad - taps) / layer->stride + 1;
    size_t pixels = out_side * out_side, depth = taps * taps * in;
    const float *patches = input;
    if (taps != 1 || layer->stride != 1) {
        float *to = peer->patches;
        for (size_t p = 0; p < pixels; p++)
            for (size_t t = 0; t < taps * taps; t++, to += in) {
                size_t y = p / out_side * layer->stride + t / taps - layer->pad;
                size_t x = p % out_side * layer->stride + t % taps - layer->pad;
                if (y < side && x < side)
                    memcpy(to, input + (y * side + x) * in, in * sizeof *to);
                else
                    memset(to, 0, in * sizeof *to);
            }
        patches = peer->patches;
    }
    kin_blas_multiply_floats(false, false, pixels, layer->out, depth, patches, peer->weights, 0,
                             output);
    for (size_t p = 0; p < pixels; p++)
        for (size_t o = 0; o < layer->out; o++) {
            float x = output[p * layer->out + o] + peer->bias[o];
            output[p * layer->out + o] = x > 0 ? x : 0;
        }
}

static bool time_left(const bench_times *times, int64_t start, double seconds)
{
    if (times->count >= ROUNDS_MAX) return false;
    return times->count < 5 || (double)(kin_clock_ns() - start) < seconds * 1e9;
}

static void measure_layer(const bench_layer *layer, double seconds)
{
    static bench_times times;
    size_t out_side = (layer->side + 2 * layer->pad - layer->kernel) / layer->stride + 1;
    size_t pixels = out_side * out_side;
    size_t depth = (size_t)layer->kernel * layer->kernel * layer->in / layer->groups;
    float *weights = random_floats(depth * layer->out), *bias = random_floats(layer->out);
    float *input = random_floats((size_t)layer->side * layer->side * layer->in);
    float *output = random_floats(pixels * layer->out);
    kin_convolution_spec spec = {layer->groups,
                                 layer->in,
                                 layer->out,
                                 layer->side,
                                 layer->side,
                                 layer->kernel,
                                 layer->kernel,
                                 layer->stride,
                                 layer->stride,
                                 1,
                                 1,
                                 layer->pad,
                                 layer->pad,
                                 layer->pad,
                                 layer->pad,
                                 weights,
                                 bias,
                                 {KIN_ACTIVATION_RELU, 0, 0}};
    kin_convolution *convolution = kin_convolution_new(&spec);
    void *scratch = aligned_alloc(64, (kin_convolution_scratch_bytes(convolution) + 64) / 64 * 64);
    bench_peer peer = {weights, NULL, bias};
    bool has_peer = layer->groups == 1;
    if (has_peer) peer.patches = random_floats(pixels * depth);
    int64_t start = kin_clock_ns();
    for (times.count = 0; time_left(&times, start, seconds); times.count++) {
        double before = thread_seconds();
        kin_convolution_run(convolution, input, layer->in, output, layer->out, NULL, 0, scratch);
        double between = thread_seconds();
        if (has_peer) peer_run(layer, &peer, input, output);
        times.ours[times.count] = between - before;
        times.theirs[times.count] = has_peer ? thread_seconds() - between : 0;
    }
    report(layer->name, kin_convolution_method(convolution), &times,
           2.0 * (double)pixels * (double)depth * layer->out);
    kin_convolution_destroy(&convolution);
    free(scratch);
    free(peer.patches);
    free(weights);
    free(bias);
    free(input);
    free(output);
}

static void measure_product(const bench_product *product, double seconds)
{
    static bench_times times;
    float *a = random_floats(product->rows * product->depth);
    float *b = random_floats(product->depth * product->columns);
    float *c = random_floats(product->rows * product->columns);
    kin_packed *packed =
        kin_packed_new(product->depth, product->columns, b, product->columns, 1, NULL);
    kin_activation none = {KIN_ACTIVATION_NONE, 0, 0};
    int64_t start = kin_clock_ns();
    for (times.count = 0; time_left(&times, start, seconds); times.count++) {
        double before = thread_seconds();
        kin_gemm(packed, a, product->depth, product->rows, c, product->columns, NULL, 0, &none);
        double between = thread_seconds();
        kin_blas_multiply_floats(false, false, product->rows, product->columns, product->depth, a,
                                 b, 0, c);
        times.ours[times.count] = between - before;
        times.theirs[times.count] = thread_seconds() - between;
    }
    report(product->name, "gemm", &times,
           2.0 * (double)product->rows * (double)product->depth * (double)product->columns);
    kin_packed_destroy(&packed);
    free(a);
    free(b);
    free(c);
}

int main(int argument_count, char **arguments)
{
    double seconds = argument_count > 1 ? atof(arguments[1]) : 0.3;
    const char *wanted = argument_count > 2 ? arguments[2] : "";
    kin_blas_init();
    printf("one thread; kernels: %s, OpenBLAS: %s\n", kin_cpu_level_name(kin_cpu_level_get()),
           kin_blas_core_name());
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        if (strstr(layers[i].name, wanted) != NULL) measure_layer(&layers[i], seconds);
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++)
        if (strstr(products[i].name, wanted) != NULL) measure_product(&products[i], seconds);
    return 0;
}
