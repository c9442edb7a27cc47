/* What a command line says of a hasher: of the methods that learn one, or the file of one that was
 * learned. The same words in `kindred-index build` and `kindred-index train`. */
#ifndef WORKER_INDEX_HASHER_OPTIONS_H
#define WORKER_INDEX_HASHER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/base/options.h"
#include "common/base/status.h"
#include "proto/encoder_file.h"
#include "worker/train/train.h"

#define KIN_HASHER_DEFAULT "itq"

typedef struct kin_hasher_options {
    const char *hasher; /* a method, or the path of an encoder file */
    const char *labels; /* as kin_dataset_options has them; NULL: none */
    const char *layers, *head, *code_layer;
    int64_t bits, seed; /* after the check: those that are taken */
    /* Less than 0: not given. */
    int64_t iterations, epochs, pretrain_epochs, batch, patience, neighbours, walk, components;
    double rate, pretrain_rate, noise, dropout, input_dropout, decay, held_out;
    double whitening, evening, temperature, geometry, stretch, quantization, emphasis;
    uint32_t widths[KIN_HASHER_LAYERS_MAX]; /* of layers */
    uint32_t width_count;
    kin_neighbour_options neighbour; /* what the above are to this method */
    kin_buffer file;                 /* the encoder file; empty where a method learns one */
    kin_encoder_card card;           /* of the file */
} kin_hasher_options;

/* Before parsing: nothing is given. */
void kin_hasher_options_init(kin_hasher_options *options);
void kin_hasher_options_fini(kin_hasher_options *options);

/* Rows of a kin_option table; o is a kin_hasher_options *. Which methods take which of them is in
 * hasher_options.c: an option that is given and not taken is refused. */
#define KIN_HASHER_OPTION_ROWS(o)                                                                  \
    {"hasher", 0, KIN_OPTION_TEXT, &(o)->hasher, 0, 0, NULL},                                      \
        {"bits", 0, KIN_OPTION_NUMBER, &(o)->bits, KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX, NULL}, \
        {"seed", 0, KIN_OPTION_NUMBER, &(o)->seed, 0, INT64_MAX, NULL},                            \
        {"labels", 0, KIN_OPTION_TEXT, &(o)->labels, 0, 0, NULL},                                  \
        {"layers", 0, KIN_OPTION_TEXT, &(o)->layers, 0, 0, NULL},                                  \
        {"head", 0, KIN_OPTION_TEXT, &(o)->head, 0, 0, "linear|logistic|softmax"},                 \
        {"iterations", 0, KIN_OPTION_NUMBER, &(o)->iterations, 1, 100000, NULL},                   \
        {"epochs", 0, KIN_OPTION_NUMBER, &(o)->epochs, 1, 1000000, NULL},                          \
        {"pretrain-epochs", 0, KIN_OPTION_NUMBER, &(o)->pretrain_epochs, 0, 1000000, NULL},        \
        {"batch", 0, KIN_OPTION_NUMBER, &(o)->batch, 1, KIN_TRAIN_BATCH_MAX, NULL},                \
        {"patience", 0, KIN_OPTION_NUMBER, &(o)->patience, 1, 1000000, NULL},                      \
        {"rate", 0, KIN_OPTION_REAL, &(o)->rate, 0, 1000, NULL},                                   \
        {"pretrain-rate", 0, KIN_OPTION_REAL, &(o)->pretrain_rate, 0, 1000, NULL},                 \
        {"noise", 0, KIN_OPTION_REAL, &(o)->noise, 0, 1000, NULL},                                 \
        {"dropout", 0, KIN_OPTION_REAL, &(o)->dropout, 0, 1, NULL},                                \
        {"input-dropout", 0, KIN_OPTION_REAL, &(o)->input_dropout, 0, 1, NULL},                    \
        {"decay", 0, KIN_OPTION_REAL, &(o)->decay, 0, 1000, NULL},                                 \
        {"code-layer", 0, KIN_OPTION_TEXT, &(o)->code_layer, 0, 0, "linear|logistic"},             \
        {"whitening", 0, KIN_OPTION_REAL, &(o)->whitening, 0, 1, NULL},                            \
        {"neighbours", 0, KIN_OPTION_NUMBER, &(o)->neighbours, 1, KIN_NEIGHBOURS_MAX, NULL},       \
        {"walk", 0, KIN_OPTION_NUMBER, &(o)->walk, 0, KIN_NEIGHBOUR_WALK_MAX, NULL},               \
        {"components", 0, KIN_OPTION_NUMBER, &(o)->components, 1, KIN_NEIGHBOUR_WIDTH_MAX, NULL},  \
        {"evening", 0, KIN_OPTION_REAL, &(o)->evening, 0, 1, NULL},                                \
        {"temperature", 0, KIN_OPTION_REAL, &(o)->temperature, 0, 100, NULL},                      \
        {"geometry", 0, KIN_OPTION_REAL, &(o)->geometry, 0, 1000, NULL},                           \
        {"stretch", 0, KIN_OPTION_REAL, &(o)->stretch, 0, 1000, NULL},                             \
        {"quantization", 0, KIN_OPTION_REAL, &(o)->quantization, 0, 1000, NULL},                   \
        {"emphasis", 0, KIN_OPTION_REAL, &(o)->emphasis, 0, 1, NULL},                              \
    {                                                                                              \
        "held-out", 0, KIN_OPTION_REAL, &(o)->held_out, 0, 1, NULL                                 \
    }

/* Their lines in --help. */
#define KIN_HASHER_OPTIONS_HELP                                                                  \
    "      --labels WHAT    classes, for supervised: folders, top-folders, or a file\n"          \
    "      --head KIND      of supervised: softmax (default), linear or logistic\n"              \
    "      --layers N-N-..  units between features and code, or none\n"                          \
    "      --epochs, --pretrain-epochs, --batch, --rate, --pretrain-rate, --noise, --dropout,\n" \
    "      --input-dropout, --decay, --held-out, --patience, --iterations, --code-layer,\n"      \
    "      --whitening, --neighbours, --walk, --components, --evening, --temperature,\n"         \
    "      --geometry, --stretch, --quantization, --emphasis: each is of some methods, see the " \
    "manual\n"

/* After parsing: widths; the file, where hasher is not a method but a path; then bits and seed are
 * the file's. KIN_BAD_INPUT with one sentence: a value out of its range, or an option that is given
 * and that the method does not take. */
KIN_MUST_USE kin_status kin_hasher_options_check(kin_hasher_options *options, kin_error *error);

/* The method's name, of a file, too. */
const char *kin_hasher_options_method(const kin_hasher_options *options);
/* Whether the method learns from classes. */
bool kin_hasher_options_wants_labels(const kin_hasher_options *options);
/* Whether the method learns at most as many bits as there are dimensions. */
bool kin_hasher_options_within_dimensions(const kin_hasher_options *options);

/* All that changes what is learned, appended as text. */
void kin_hasher_options_describe(const kin_hasher_options *options, kin_buffer *text);

/* What kin_train takes of them. */
kin_train_options kin_hasher_options_training(const kin_hasher_options *options);

#endif
