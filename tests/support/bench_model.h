/* What benchmarks share: a model from its file, an input, medians, clocks, their ends. */
#ifndef TESTS_SUPPORT_BENCH_MODEL_H
#define TESTS_SUPPORT_BENCH_MODEL_H

#include <stdint.h>
#include <time.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "worker/encode/network.h"

/* A model's bytes, its graph, and the shape of its input for `batch` images: as it says, or as its
 * sidecar or ImageNet has it. The caller finishes file and graph, after a failure, too. */
KIN_MUST_USE kin_status bench_model_open(const char *path, int64_t batch, kin_buffer *file,
                                         kin_graph **graph, kin_network_input_shape *input,
                                         kin_error *error);

/* Numbers from -1 to 1, the same every time. */
void bench_fill_input(kin_tensor *input);

/* Sorts values [count]. */
double bench_median(double *values, size_t count);

/* CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID: what others do to the machine counts as little
 * as can be. */
int64_t bench_clock_ns(clockid_t clock);

/* Ends the program with the sentence where something failed. */
void bench_require(kin_status status, const kin_error *error);

#endif
