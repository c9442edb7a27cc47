/* Sets of codes for tests and figures: any row of any set at any size, the same everywhere, so that
 * ranks make their shares alone and a billion codes need no download. Integer arithmetic makes the
 * codes: they do not depend on processor or compiler.
 *
 *   u  uniform
 *   c  signs of random projections of 4,096 Gaussian clusters in 128 dimensions: weights 1/(k+20),
 *      deviation 0.5 around the centres, spectrum (1 + i/8)^-1/2; queries are of the same mixture
 *   n  the codes of c; queries are stored codes with 1 to bits/16 bits flipped
 *   h  as c, but 65,536 clusters of equal weight, deviation 1, a flat spectrum: hard */
#ifndef COMMON_CODE_SYNTHETIC_H
#define COMMON_CODE_SYNTHETIC_H

#include <stdint.h>

#include "common/base/status.h"

/* Immutable once made: any thread. */
typedef struct kin_synthetic kin_synthetic;

/* kind 'u', 'c', 'n' or 'h'; bits 64, 128 or 256. KIN_BAD_INPUT for others. Takes 1 to 70 MB and
 * up to some seconds (h). */
KIN_MUST_USE kin_status kin_synthetic_new(kin_synthetic **synthetic, char kind, unsigned bits,
                                          kin_error *error);
void kin_synthetic_destroy(kin_synthetic **synthetic);

/* words [count][bits / 64]: rows first .. first + count - 1. */
void kin_synthetic_codes(const kin_synthetic *synthetic, uint64_t first, uint64_t count,
                         uint64_t *words);

/* The same of queries against the first `stored` (at least 1) rows of the set. */
void kin_synthetic_queries(const kin_synthetic *synthetic, uint64_t stored, uint64_t first,
                           uint64_t count, uint64_t *words);

#endif
