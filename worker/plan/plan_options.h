/* The command line of `kindred plan`. */
#ifndef WORKER_PLAN_PLAN_OPTIONS_H
#define WORKER_PLAN_PLAN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/options.h"
#include "common/base/status.h"

typedef struct kin_plan_options {
    int64_t codes;                   /* of an import; 0: pictures are planned */
    int64_t pictures;                /* 0: as many as the sources have */
    uint64_t average_bytes;          /* of a picture that is not there to look at */
    int64_t bits, shards, sample, k; /* bits, shards, sample: 0 for what kindred-index takes */
    int64_t ranks, nodes, cores;     /* cores of a node; 0: of this machine */
    uint32_t tables;                 /* 0: auto */
    uint64_t memory_bytes;           /* of an import, of all ranks */
    int64_t thumbnail;               /* -1: as kindred-index does */
    const char *features, *hasher, *list, *output;
    kin_option_list models, settings;
    bool keep_features, rerank, follow_links, null_separated, no_sandbox;
    bool calibrate, json, help;
    char **sources;
    int source_count;
} kin_plan_options;

/* Borrows argv. KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_plan_options_parse(kin_plan_options *options, int argc, char **argv,
                                               kin_error *error);

extern const char kin_plan_help[];

#endif
