/* A data set: feature vectors, and for each its key, its class, its code where there are any. What
 * a hasher learns from and what it is measured on. */
#ifndef WORKER_DATASET_DATASET_H
#define WORKER_DATASET_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/code.h"

/* Immutable after opening; any thread. */
typedef struct kin_dataset kin_dataset;

/* Where a data set comes from; zeroed but for source is a good start. Texts are borrowed. */
typedef struct kin_dataset_options {
    /* FEATURES.npy            float32 [n][d], mapped: may be larger than memory
     * idx:IMAGES[,LABELS]     IDX files, gzipped or not; pixels / 255 are the features
     * CODES.npy               uint8 [n][bits / 8], as numpy.packbits gives them: codes alone
     * INDEX                   a folder: the features that it keeps, in the order of ids */
    const char *source;
    /* NULL                    the classes of the source, where it has some
     * FILE.npy                integers [n]
     * idx:LABELS              an IDX file of n bytes
     * FILE                    text: n lines `class`, or lines `key<TAB>class` in any order
     * "folders"               the folder that the picture (by its key) lies in
     * "top-folders"           the first folder below the one that all pictures are in; pictures
     *                         directly in that one are of class "." */
    const char *labels;
    /* A text file of n lines, the keys of rows that have none by themselves; NULL: there is none.
     */
    const char *keys;
    /* Rows of codes alone are fine (CODES.npy, an INDEX that keeps no features): the data set then
     * has dimensions 0. */
    bool without_features;
} kin_dataset_options;

/* Whether a word that may as well be a picture or a folder of some is meant as the source of a data
 * set: FILE.npy, idx:IMAGES, or the folder of an index. */
bool kin_dataset_is_named(const char *source);

/* A row that no line of a key-to-class file names. */
#define KIN_NO_CLASS UINT32_MAX

/* KIN_BAD_INPUT, KIN_CORRUPT, KIN_LIMIT, KIN_NOT_FOUND: one sentence that names the file. Numbers
 * are not looked at before they are read. */
KIN_MUST_USE kin_status kin_dataset_open(kin_dataset **dataset, const kin_dataset_options *options,
                                         kin_error *error);
void kin_dataset_close(kin_dataset **dataset);

/* As it was given, for sentences. */
const char *kin_dataset_name(const kin_dataset *dataset);
uint64_t kin_dataset_count(const kin_dataset *dataset);      /* n, at least 1 */
uint32_t kin_dataset_dimensions(const kin_dataset *dataset); /* d; 0: it has codes alone */

/* Rows [first, first + count) into vectors [count][d]. KIN_BAD_INPUT names the row where a number
 * is not finite. */
KIN_MUST_USE kin_status kin_dataset_read(const kin_dataset *dataset, uint64_t first, uint64_t count,
                                         float *vectors, kin_error *error);
/* The same for any rows [count]. */
KIN_MUST_USE kin_status kin_dataset_gather(const kin_dataset *dataset, const uint64_t *rows,
                                           uint64_t count, float *vectors, kin_error *error);

/* The key of a row, not NUL-terminated; NULL where rows have none. Borrowed. */
const char *kin_dataset_key(const kin_dataset *dataset, uint64_t row, uint32_t *bytes);

/* The code of a row of an INDEX or of CODES.npy, zeros behind its kin_dataset_bits bits. */
void kin_dataset_code(const kin_dataset *dataset, uint64_t row, kin_code *code);
/* 0: there are no codes. 8 to 256 in steps of 8. */
unsigned kin_dataset_bits(const kin_dataset *dataset);

/* What an INDEX keeps of a row for re-ranking (common/code/values.h), [value_dimensions]; there are
 * 0 where it keeps nothing. Borrowed. */
uint32_t kin_dataset_value_dimensions(const kin_dataset *dataset);
const int8_t *kin_dataset_values(const kin_dataset *dataset, uint64_t row);

/* Whether an INDEX has thumbnails, and the JPEG bytes of a row's, blocks checked now; *bytes is 0
 * where it has none. Foreign bytes: decode them in the sandbox. */
bool kin_dataset_has_thumbnails(const kin_dataset *dataset);
KIN_MUST_USE kin_status kin_dataset_thumbnail(const kin_dataset *dataset, uint64_t row,
                                              const uint8_t **data, uint32_t *bytes,
                                              kin_error *error);

/* The class of each row, [n] of numbers below kin_dataset_classes or KIN_NO_CLASS; NULL where no
 * classes were given. Classes are numbered in the order of their names: numbers by value where all
 * come from integers, else byte by byte. */
const uint32_t *kin_dataset_labels(const kin_dataset *dataset);
uint32_t kin_dataset_classes(const kin_dataset *dataset);
/* NUL-terminated; integers in decimal. */
const char *kin_dataset_class_name(const kin_dataset *dataset, uint32_t label);

/* What the features of an INDEX are ("builtin/1"); NULL for files, whose digest then says it. */
const char *kin_dataset_features(const kin_dataset *dataset);
/* The decoder that made the pixels of an INDEX's pictures; NULL for files. */
const char *kin_dataset_decoder(const kin_dataset *dataset);
/* Of the source's bytes: the file of vectors or pixels, the manifest. Reads all of them. */
kin_digest kin_dataset_digest(const kin_dataset *dataset);

#endif
