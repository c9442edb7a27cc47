/* The command line of kindred-eval. */
#ifndef WORKER_EVAL_EVAL_OPTIONS_H
#define WORKER_EVAL_EVAL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

#define KIN_EVAL_METHODS_MAX 16
#define KIN_EVAL_WIDTHS_MAX 16
#define KIN_EVAL_SEEDS_MAX 100
#define KIN_EVAL_RERANKS_MAX 8
#define KIN_EVAL_RERANK_ALL UINT64_MAX

typedef struct kin_eval_options {
    const char *dataset;
    const char *labels, *keys;
    const char *codes;   /* instead of the data set's own */
    const char *hasher;  /* an encoder file */
    const char *queries; /* a number, or a test set */
    const char *query_labels, *query_keys, *query_codes;
    const char *plot;                    /* a file to write */
    char *methods[KIN_EVAL_METHODS_MAX]; /* of --compare; owned */
    uint32_t method_count;
    unsigned widths[KIN_EVAL_WIDTHS_MAX]; /* bits */
    uint32_t width_count;
    uint64_t reranks[KIN_EVAL_RERANKS_MAX]; /* hits that are re-ranked, or all */
    uint32_t rerank_count;
    int64_t query_count, first, near, near_first, seed, query_seed, seeds, train;
    bool balanced, json, markdown, help;
    bool test_set; /* queries names one */
} kin_eval_options;

extern const char kin_eval_help[];

/* KIN_BAD_INPUT with a sentence. */
KIN_MUST_USE kin_status kin_eval_options_parse(kin_eval_options *options, int argc, char **argv,
                                               kin_error *error);
void kin_eval_options_fini(kin_eval_options *options);

#endif
