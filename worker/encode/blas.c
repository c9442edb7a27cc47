#include "worker/encode/blas.h"

#include <cblas.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "common/base/random.h"

/* LAPACK's own (Fortran) entry points: OpenBLAS has them, but not the C layer, LAPACKE. The hidden
 * arguments of character lengths come last and are one each. */
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
             const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
             const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info,
             size_t jobz_bytes, size_t range_bytes, size_t uplo_bytes);
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
             double *work, const int *lwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
             int *iwork, int *info, size_t jobz_bytes);

void kin_blas_init(void)
{
    openblas_set_num_threads(1);
}

const char *kin_blas_core_name(void)
{
    return openblas_get_corename();
}

void kin_blas_multiply_transposed(size_t rows, size_t columns, size_t depth, const double *a,
                                  size_t a_stride, const double *b, size_t b_stride, double *c,
                                  size_t c_stride)
{
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows, (int)columns, (int)depth, 1, a,
                (int)a_stride, b, (int)b_stride, 1, c, (int)c_stride);
}

void kin_blas_multiply(size_t rows, size_t columns, size_t depth, const double *a, const double *b,
                       double *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)columns, (int)depth, 1,
                a, (int)depth, b, (int)columns, 0, c, (int)columns);
}

void kin_blas_multiply_floats(bool transpose_a, bool transpose_b, size_t rows, size_t columns,
                              size_t depth, const float *a, const float *b, float beta, float *c)
{
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (int)rows, (int)columns, (int)depth, 1, a,
                (int)(transpose_a ? rows : depth), b, (int)(transpose_b ? depth : columns), beta, c,
                (int)columns);
}

/* Sizes that dsyevr asks for: 26 n and 10 n at least; more of the first lets it block. */
#define EIGEN_WORK_ROWS 64

/* Directions beside those that are wanted: they catch what the last ones would mix with. */
#define SPARE_DIRECTIONS 16
#define SUBSPACE_ITERATIONS 20
#define DIRECT_ROWS_MAX 2048

size_t kin_blas_eigenvectors_numbers(size_t n, size_t count)
{
    size_t block = count + SPARE_DIRECTIONS;
    if (n > DIRECT_ROWS_MAX) return n * n + (2 * block + EIGEN_WORK_ROWS) * n + 4 * block * block;
    return n * n + (EIGEN_WORK_ROWS + 1 + count + 5 + 1) * n;
}

/* By dsyevr. */
static bool eigenvectors_directly(size_t n, size_t count, double *matrix, double *values,
                                  double *vectors)
{
    int order = (int)n, first = (int)(n - count) + 1, work_count = EIGEN_WORK_ROWS * order;
    int integer_count = 10 * order, found = 0, info = 0;
    double *work = kin_malloc((size_t)work_count * sizeof *work);
    double *ascending = kin_malloc(n * sizeof *ascending);
    double *columns = kin_malloc(count * n * sizeof *columns);
    int *integers = kin_malloc((size_t)integer_count * sizeof *integers);
    int *support = kin_malloc(2 * n * sizeof *support);
    /* The upper triangle of rows is the lower one of columns. */
    dsyevr_("V", "I", "L", &order, matrix, &order, &(double){0}, &(double){0}, &first, &order,
            &(double){0}, &found, ascending, columns, &order, support, work, &work_count, integers,
            &integer_count, &info, 1, 1, 1);
    bool converged = info == 0 && (size_t)found == count;
    for (size_t i = 0; converged && i < count; i++) {
        values[i] = ascending[count - 1 - i];
        for (size_t j = 0; j < n; j++)
            vectors[i * n + j] = columns[(count - 1 - i) * n + j];
    }
    free(work);
    free(ascending);
    free(columns);
    free(integers);
    free(support);
    return converged;
}

static void no_tick(void *user)
{
    (void)user;
}

/* rows [count][n] become orthonormal, spanning what they spanned. */
static bool orthonormalize(size_t count, size_t n, double *rows)
{
    int order = (int)n, columns = (int)count, work_count = EIGEN_WORK_ROWS * columns, info = 0;
    double *tau = kin_malloc(count * sizeof *tau);
    double *work = kin_malloc((size_t)work_count * sizeof *work);
    dgeqrf_(&order, &columns, rows, &order, tau, work, &work_count, &info);
    if (info == 0) dorgqr_(&order, &columns, &columns, rows, &order, tau, work, &work_count, &info);
    free(tau);
    free(work);
    return info == 0;
}

/* The eigenvectors within the space of basis [block][n], orthonormal; image is basis times matrix.
 */
static bool within_space(size_t n, size_t block, size_t count, const double *basis,
                         const double *image, double *values, double *vectors)
{
    double *small = kin_malloc(block * block * sizeof *small);
    double *own = kin_malloc(count * block * sizeof *own);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)block, (int)block, (int)n, 1, basis,
                (int)n, image, (int)n, 0, small, (int)block);
    bool converged = eigenvectors_directly(block, count, small, values, own);
    if (converged) kin_blas_multiply(count, n, block, own, basis, vectors);
    free(small);
    free(own);
    return converged;
}

static bool eigenvectors_by_iteration(size_t n, size_t count, double *matrix, double *values,
                                      double *vectors, void (*tick)(void *user), void *user)
{
    size_t block = count + SPARE_DIRECTIONS;
    kin_random random = {.state = 1};
    double *basis = kin_malloc(block * n * sizeof *basis);
    double *image = kin_malloc(block * n * sizeof *image);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            matrix[i * n + j] = matrix[j * n + i];
    for (size_t i = 0; i < block * n; i++)
        basis[i] = kin_random_gaussian(&random);
    bool good = orthonormalize(block, n, basis);
    for (int i = 0; i < SUBSPACE_ITERATIONS && good; i++) {
        kin_blas_multiply(block, n, n, basis, matrix, image);
        double *swap = basis;
        basis = image;
        image = swap;
        good = orthonormalize(block, n, basis);
        tick(user);
    }
    if (good) {
        kin_blas_multiply(block, n, n, basis, matrix, image);
        good = within_space(n, block, count, basis, image, values, vectors);
    }
    free(basis);
    free(image);
    return good;
}

bool kin_blas_eigenvectors(size_t n, size_t count, double *matrix, double *values, double *vectors,
                           void (*tick)(void *user), void *user)
{
    KIN_CHECK(count >= 1 && count <= n);
    if (n <= DIRECT_ROWS_MAX) return eigenvectors_directly(n, count, matrix, values, vectors);
    return eigenvectors_by_iteration(n, count, matrix, values, vectors,
                                     tick == NULL ? no_tick : tick, user);
}

bool kin_blas_nearest_rotation(size_t n, double *matrix, double *rotation)
{
    /* dgesdd asks for 4 n^2 + 7 n; more lets it block. */
    int order = (int)n, work_count = (int)(8 * n * n + 64 * n), info = 0;
    double *singular = kin_malloc(n * sizeof *singular);
    double *u = kin_malloc(n * n * sizeof *u);
    double *vt = kin_malloc(n * n * sizeof *vt);
    double *work = kin_malloc((size_t)work_count * sizeof *work);
    int *integers = kin_malloc(8 * n * sizeof *integers);
    /* Rows read as columns are the transpose, v s u^T: its left factor is v, its right one u^T, and
     * their product's columns are the rows of u v^T. */
    dgesdd_("A", &order, &order, matrix, &order, singular, u, &order, vt, &order, work, &work_count,
            integers, &info, 1);
    if (info == 0)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, order, order, order, 1, u, order, vt,
                    order, 0, rotation, order);
    free(singular);
    free(u);
    free(vt);
    free(work);
    free(integers);
    return info == 0;
}
