/* The command line of `kindred-index build`. */
#ifndef WORKER_INDEX_BUILD_OPTIONS_H
#define WORKER_INDEX_BUILD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/options.h"
#include "common/base/status.h"
#include "worker/index/hasher_options.h"

/* Where feature vectors come from. */
typedef enum kin_features_source {
    KIN_FEATURES_COMPUTED, /* of pictures: builtin, or models */
    KIN_FEATURES_KEPT,     /* --features INDEX */
    KIN_FEATURES_TABLE     /* --features FILE.npy */
} kin_features_source;

typedef struct kin_build_options {
    const char *index_path;
    unsigned bits;        /* of a code in storage */
    const char *features; /* a name or a path; NULL: models, or those built in */
    kin_features_source source;
    kin_option_list models;   /* FILE.onnx[:TENSOR...] */
    kin_option_list settings; /* WORD=VALUE, as sidecars say them */
    kin_hasher_options hasher;
    uint32_t shards;         /* 0: as many as the collection asks for */
    uint32_t thumbnail_side; /* 0 for none; of kept features: what that index has */
    uint64_t sample_pictures;
    uint32_t keep;      /* generations to keep; 0: all */
    const char *report; /* file for figures of what was planned and what it took, or NULL */
    uint64_t trial;     /* inputs that are taken of all; 0: all */
    uint64_t trial_inputs, trial_ranks; /* of the job that is planned by it; 0: as they are */
    bool restart, no_sandbox, follow_links, null_separated, keep_features;
    bool rerank;               /* keep values beside the codes */
    const char *list_path;     /* NULL for none */
    const char *hasher_output; /* of train: the file that the hasher goes to, and no generation is
                                * made; index_path is then the folder of the unfinished training */
    char **sources;
    int source_count;
    bool help;
} kin_build_options;

/* Rows of a kin_option table: what is read of which pictures; o is a kin_build_options *. */
#define KIN_PICTURE_OPTION_ROWS(o)                                            \
    {"list", 'l', KIN_OPTION_TEXT, &(o)->list_path, 0, 0, NULL},              \
        {"null", '0', KIN_OPTION_FLAG, &(o)->null_separated, 0, 0, NULL},     \
        {"follow-links", 0, KIN_OPTION_FLAG, &(o)->follow_links, 0, 0, NULL}, \
        {"features", 0, KIN_OPTION_TEXT, &(o)->features, 0, 0, NULL},         \
        {"model", 0, KIN_OPTION_LIST, &(o)->models, 0, 0, NULL},              \
        {"set", 0, KIN_OPTION_LIST, &(o)->settings, 0, 0, NULL},              \
    {                                                                         \
        "no-sandbox", 0, KIN_OPTION_FLAG, &(o)->no_sandbox, 0, 0, NULL        \
    }

/* argv[0] is the command's name. Borrows argv. KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_build_options_parse(kin_build_options *options, int argc, char **argv,
                                                kin_error *error);

/* Whether options agree with each other, as far as pictures and their features go. */
KIN_MUST_USE kin_status kin_build_options_check(const kin_build_options *options, kin_error *error);

/* Of all that decides what the generation will hold, the folder it is run in and the features' name
 * or path included: builds with the same digest go on with each other's work. */
kin_digest kin_build_options_digest(const kin_build_options *options, const char *features);

extern const char kin_build_help[];

#endif
