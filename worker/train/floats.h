/* Loops over floats, four at a time in vectors of the baseline's instruction set. Element by
 * element, each operation rounded alone: no result depends on the machine. */
#ifndef WORKER_TRAIN_FLOATS_H
#define WORKER_TRAIN_FLOATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sum[i] += values[i] */
void kin_floats_add(float *sum, const float *values, size_t count);

/* values[i] *= factor */
void kin_floats_scale(float *values, float factor, size_t count);

/* gradient[i] = 0 where output[i] <= 0. */
void kin_floats_relu_back(float *gradient, const float *output, size_t count);
/* output[i] = max(0, input[i]) */
void kin_floats_relu(float *output, const float *input, size_t count);

/* gradient[i] *= output[i] (1 - output[i]) */
void kin_floats_logistic_back(float *gradient, const float *output, size_t count);

/* gradient[i] *= 1 - output[i]^2 */
void kin_floats_tanh_back(float *gradient, const float *output, size_t count);

/* velocity = momentum velocity + sums + decay values; values -= rate velocity. */
void kin_floats_momentum(float *values, float *velocity, const float *sums, size_t count,
                         float momentum, float decay, float rate);

/* first = beta1 first + (1 - beta1) sums; second likewise of squares; values -= shrink values +
 * rate first / (sqrt(second scale) + 1e-8). */
void kin_floats_adam(float *values, float *first, float *second, const float *sums, size_t count,
                     float beta1, float beta2, float shrink, float rate, float scale);

/* sums [columns] = the sums of matrix's columns [rows][columns], rows in ascending order. */
void kin_floats_column_sums(const float *matrix, size_t rows, size_t columns, float *sums);

/* Every row of matrix [rows][columns] becomes row [columns]. */
void kin_floats_fill_rows(float *matrix, size_t rows, size_t columns, const float *row);

/* output[i] = input[i] + noise of that standard deviation, drawn from seed: the sum of four uniform
 * numbers of 16 bits, whose mean is 0 and whose tails end at 3.5 deviations; as good as Gaussian
 * here, and ten times as fast. */
void kin_floats_add_noise(float *output, const float *input, size_t count, double deviation,
                          uint64_t seed);

#endif
