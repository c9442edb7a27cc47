#include "worker/encode/blas.h"

#include <cblas.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* LAPACK's own (Fortran) entry points: OpenBLAS has them, but not the C layer, LAPACKE. The hidden
 * arguments of character lengths come last and are one each. */
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
             const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
             const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info,
             size_t jobz_bytes, size_t range_bytes, size_t uplo_bytes);
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

void kin_blas_multiply_floats(size_t rows, size_t columns, size_t depth, const float *a,
                              const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)columns, (int)depth, 1,
                a, (int)depth, b, (int)columns, 0, c, (int)columns);
}

/* Sizes that dsyevr asks for: 26 n and 10 n at least; more of the first lets it block. */
#define EIGEN_WORK_ROWS 64

size_t kin_blas_eigenvectors_numbers(size_t n, size_t count)
{
    return n * n + (EIGEN_WORK_ROWS + 1 + count + 5 + 1) * n;
}

bool kin_blas_eigenvectors(size_t n, size_t count, double *matrix, double *values, double *vectors)
{
    KIN_CHECK(count >= 1 && count <= n);
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
