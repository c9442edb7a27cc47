/* The codes of a split's rows, stored ones or an encoder's. */
#ifndef WORKER_EVAL_CODED_H
#define WORKER_EVAL_CODED_H

#include "worker/encode/hasher.h"
#include "worker/eval/split.h"

/* Zeroed is none. */
typedef struct kin_coded {
    uint64_t *database; /* [rows][width] */
    uint64_t *queries;  /* [rows][width] */
    size_t width;       /* words of a code */
    unsigned bits;      /* that say something; zeros are behind them */
    /* The code layer that the bits are the signs of, [rows][bits]; NULL: not known, or more than
     * fits. */
    float *database_values, *query_values;
    /* What re-ranking compares, of the same rows (common/code/values.h), [rows][value_dimensions];
     * NULL: not kept, or more than fits. */
    int8_t *database_stored;
    int16_t *query_asked;
    uint32_t value_dimensions;
} kin_coded;

void kin_coded_fini(kin_coded *coded);

/* Those that the data sets have (with the values that an index keeps; a question asks with what is
 * stored of it), or others of as many rows: codes and query_codes, NULL for the
 * split's own. KIN_BAD_INPUT for other counts, KIN_MISMATCH for two widths. */
KIN_MUST_USE kin_status kin_coded_stored(kin_coded *coded, const kin_split *split,
                                         const kin_dataset *codes, const kin_dataset *query_codes,
                                         kin_error *error);

/* Those of the vectors. thresholds [bits]: what a value must exceed for its bit to be 1; values are
 * given with these subtracted. KIN_MISMATCH for vectors of another length than the encoder takes,
 * KIN_BAD_INPUT for numbers that are not finite. */
KIN_MUST_USE kin_status kin_coded_by_encoder(kin_coded *coded, const kin_split *split,
                                             const kin_hasher *hasher, const float *thresholds,
                                             kin_error *error);

/* The share of queries whose most probable class, by the hasher's head, is called as theirs is.
 * NaN where there is no head, or no classes. */
KIN_MUST_USE kin_status kin_coded_classified(const kin_split *split, const kin_hasher *hasher,
                                             double *share, kin_error *error);

#endif
