/* Dense linear algebra in doubles: the only home of BLAS and LAPACK (OpenBLAS holds both).
 *
 * Matrices are rows first. OpenBLAS's results depend on its kernel, on its number of threads and on
 * the shapes of the calls: there is one thread (kin_blas_init), and callers keep their shapes
 * independent of how work is spread over ranks. */
#ifndef WORKER_ENCODE_BLAS_H
#define WORKER_ENCODE_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* One thread, from here on. Call before the other functions; again is harmless. */
void kin_blas_init(void);

/* The kernels that OpenBLAS has chosen on this machine ("Haswell", "SkylakeX", "Zen", ...). */
const char *kin_blas_core_name(void);

/* c [rows][columns] += a^T b, with a [depth][rows] and b [depth][columns]; a_stride, b_stride and
 * c_stride are the lengths of their rows in memory. */
void kin_blas_multiply_transposed(size_t rows, size_t columns, size_t depth, const double *a,
                                  size_t a_stride, const double *b, size_t b_stride, double *c,
                                  size_t c_stride);

/* c [rows][columns] = a [rows][depth] times b [depth][columns]. */
void kin_blas_multiply(size_t rows, size_t columns, size_t depth, const double *a, const double *b,
                       double *c);

/* c [rows][columns] = a b + beta c, in floats, with a [rows][depth] and b [depth][columns], each
 * given as its transpose where transpose_a or transpose_b. */
void kin_blas_multiply_floats(bool transpose_a, bool transpose_b, size_t rows, size_t columns,
                              size_t depth, const float *a, const float *b, float beta, float *c);

/* The count largest eigenvalues of a symmetric matrix [n][n] without negative ones, largest first,
 * and their eigenvectors vectors [count][n]: orthonormal, whatever the rank of the matrix. Reads
 * the upper triangle and destroys the matrix. False where LAPACK does not converge. tick (NULL:
 * none) is called now and then. Method: dsyevr (Dhillon and Parlett, LAA 2004); for more than 2,048
 * rows, where that takes minutes, subspace iteration with a fixed start (Halko et al., SIAM Review
 * 2011), whose vectors span the same space as far as the eigenvalues of the matrix are apart. */
bool kin_blas_eigenvectors(size_t n, size_t count, double *matrix, double *values, double *vectors,
                           void (*tick)(void *user), void *user);

/* Doubles that takes in all: the matrix, and what is allocated. */
size_t kin_blas_eigenvectors_numbers(size_t n, size_t count);

/* The orthogonal factor u v^T of a matrix [n][n] = u s v^T: the rotation nearest to it. Destroys
 * the matrix. False where LAPACK does not converge. Method: dgesdd; Schoenemann, Psychometrika
 * 1966. */
bool kin_blas_nearest_rotation(size_t n, double *matrix, double *rotation);

#endif
