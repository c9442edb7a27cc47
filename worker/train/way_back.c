#include "worker/train/way_back.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* Of a sample's rows, what is added to the diagonal. */
#define RIDGE 1e-3

/* Of each code: its numbers without the mean, and its signs, -1 and 1. */
static void take_signs(const float *code, size_t bits, const kin_code_rotation *rotation,
                       double *centred, double *signs)
{
    for (size_t b = 0; b < bits; b++)
        centred[b] = (double)code[b] - rotation->mean[b];
    for (size_t i = 0; i < bits; i++) {
        double sum = 0;
        for (size_t b = 0; b < bits; b++)
            sum += rotation->planes[i * bits + b] * centred[b];
        signs[i] = sum > 0 ? 1 : -1;
    }
}

/* The lower triangle of a positive definite matrix [n][n] becomes its Cholesky factor. */
static void factorize(double *matrix, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = matrix[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= matrix[i * n + k] * matrix[j * n + k];
            matrix[i * n + j] = i == j ? sqrt(sum) : sum / matrix[j * n + j];
        }
}

/* row [n] becomes the solution x of (L L^T) x = row. */
static void solve(const double *factor, size_t n, double *row)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            row[i] -= factor[i * n + k] * row[k];
        row[i] /= factor[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            row[i] -= factor[k * n + i] * row[k];
        row[i] /= factor[i * n + i];
    }
}

void kin_way_back_learn(const float *codes, size_t count, size_t bits,
                        const kin_code_rotation *rotation, kin_way_back *back)
{
    double *centred = kin_malloc(bits * sizeof *centred);
    double *signs = kin_malloc(bits * sizeof *signs);
    double *squares = kin_calloc(bits * bits, sizeof *squares);
    back->slopes = kin_calloc(bits * bits, sizeof *back->slopes);
    back->offsets = kin_calloc(bits, sizeof *back->offsets);
    for (size_t r = 0; r < count; r++) {
        take_signs(codes + r * bits, bits, rotation, centred, signs);
        for (size_t i = 0; i < bits; i++)
            for (size_t j = 0; j < bits; j++) {
                squares[i * bits + j] += signs[i] * signs[j];
                back->slopes[i * bits + j] += centred[i] * signs[j];
            }
    }
    for (size_t i = 0; i < bits; i++)
        squares[i * bits + i] += RIDGE * (double)count;
    factorize(squares, bits);
    for (size_t i = 0; i < bits; i++) {
        double *row = back->slopes + i * bits;
        solve(squares, bits, row);
        back->offsets[i] = rotation->mean[i];
        for (size_t j = 0; j < bits; j++) { /* signs are 2 bits - 1 */
            back->offsets[i] -= row[j];
            row[j] *= 2;
        }
    }
    free(centred);
    free(signs);
    free(squares);
}

void kin_way_back_fini(kin_way_back *back)
{
    free(back->slopes);
    free(back->offsets);
    *back = (kin_way_back){0};
}

void kin_way_back_apply(const kin_way_back *back, size_t bits, size_t outputs, float *weights,
                        float *biases)
{
    double *row = kin_malloc(bits * sizeof *row);
    for (size_t o = 0; o < outputs; o++) {
        float *from = weights + o * bits;
        double bias = biases[o];
        memset(row, 0, bits * sizeof *row);
        for (size_t i = 0; i < bits; i++) {
            bias += from[i] * back->offsets[i];
            for (size_t j = 0; j < bits; j++)
                row[j] += from[i] * back->slopes[i * bits + j];
        }
        for (size_t j = 0; j < bits; j++)
            from[j] = (float)row[j];
        biases[o] = (float)bias;
    }
    free(row);
}

size_t kin_way_back_bytes(size_t bits)
{
    return KIN_WAY_BACK_ROWS * bits * sizeof(float) + (2 * bits + 3) * bits * sizeof(double);
}
