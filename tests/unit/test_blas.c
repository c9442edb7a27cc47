/* What the hasher asks of LAPACK, against matrices whose answers are known. */
#include <math.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/encode/blas.h"

static int ticks;

static void count_tick(void *user)
{
    (void)user;
    ticks++;
}

/* A matrix [n][n] with the eigenvalues 0.9^i (0 from `rank` on) and, as eigenvectors, the
 * reflection of the axes by 1 - 2 w w^T. */
static double *make_matrix(size_t n, size_t rank, const double *w)
{
    double *matrix = kin_calloc(n * n, sizeof *matrix);
    double *weighted = kin_calloc(n, sizeof *weighted), sum = 0;
    for (size_t i = 0; i < rank; i++) {
        weighted[i] = pow(0.9, (double)i) * w[i];
        sum += weighted[i] * w[i];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double value = -2 * (weighted[i] * w[j] + w[i] * weighted[j]) + 4 * sum * w[i] * w[j];
            if (i == j && i < rank) value += pow(0.9, (double)i);
            matrix[i * n + j] = value;
        }
    free(weighted);
    return matrix;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void check_eigenvectors(size_t n, size_t rank, size_t count)
{
    double *w = kin_calloc(n, sizeof *w), *values = kin_calloc(count, sizeof *values);
    double *vectors = kin_calloc(count * n, sizeof *vectors), norm;
    kin_random random = {.state = n};
    for (size_t i = 0; i < n; i++)
        w[i] = kin_random_gaussian(&random);
    norm = sqrt(dot(w, w, n));
    for (size_t i = 0; i < n; i++)
        w[i] /= norm;
    double *matrix = make_matrix(n, rank, w);
    assert_true(kin_blas_eigenvectors(n, count, matrix, values, vectors, count_tick, NULL));
    for (size_t k = 0; k < count; k++) {
        const double *v = vectors + k * n;
        assert_true(fabs(values[k] - (k < rank ? pow(0.9, (double)k) : 0)) < 1e-9);
        if (k < rank) /* the k-th axis, reflected */
            assert_true(fabs(fabs(v[k] - 2 * w[k] * dot(v, w, n)) - 1) < 1e-9);
        for (size_t l = 0; l <= k; l++)
            assert_true(fabs(dot(v, vectors + l * n, n) - (l == k)) < 1e-9);
    }
    free(matrix);
    free(vectors);
    free(values);
    free(w);
}

static void eigenvectors_of_small_matrices(void **state)
{
    (void)state;
    check_eigenvectors(1, 1, 1);
    check_eigenvectors(300, 300, 64);
    check_eigenvectors(300, 5, 64);
}

static void eigenvectors_of_large_matrices_with_signs_of_life(void **state)
{
    (void)state;
    ticks = 0;
    check_eigenvectors(2060, 2060, 24);
    assert_true(ticks > 5);
    check_eigenvectors(2060, 7, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvectors_of_small_matrices),
        cmocka_unit_test(eigenvectors_of_large_matrices_with_signs_of_life),
    };
    kin_blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
