#include "tests/support/bench_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/random.h"
#include "worker/encode/onnx_file.h"
#include "worker/index/model_listing.h"

kin_status bench_model_open(const char *path, int64_t batch, kin_buffer *file, kin_graph **graph,
                            kin_network_input_shape *input, kin_error *error)
{
    uint32_t guessed = 0;
    *graph = NULL;
    *input = (kin_network_input_shape){0};
    kin_status status = kin_file_read(path, KIN_ONNX_BYTES_MAX, file, error);
    if (status == KIN_OK)
        status = kin_onnx_parse(graph, file->data, file->bytes, NULL, path, error);
    if (status == KIN_OK)
        status = kin_model_listing_guess(*graph, path, NULL, &input->shape, &guessed, error);
    if (status == KIN_OK && (*graph)->input_count == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: takes no input", path);
    if (status != KIN_OK) return status;
    if (guessed == 0) input->shape = (*graph)->values[(*graph)->inputs[0]].tensor.shape;
    input->shape.dims[0] = batch;
    return KIN_OK;
}

void bench_fill_input(kin_tensor *input)
{
    kin_random random = {.state = 1};
    for (int64_t k = 0; k < kin_tensor_count(input); k++)
        kin_tensor_set(input, k, 2 * kin_random_unit(&random) - 1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

int64_t bench_clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void bench_require(kin_status status, const kin_error *error)
{
    if (status == KIN_OK) return;
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, error->text);
    exit(1);
}
