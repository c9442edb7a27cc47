/* The sample that a hasher is learned from, as rows that any rank may read. */
#ifndef WORKER_TRAIN_SOURCE_H
#define WORKER_TRAIN_SOURCE_H

#include <stddef.h>
#include <stdint.h>

/* Plain data; all borrowed. Rows are read in runs or one by one in any order: where they are not in
 * memory, they should be in a mapped file, whose pages the ranks of a machine share. */
typedef struct kin_train_source {
    uint64_t count;
    uint32_t dimensions;
    const float *vectors; /* [count][dimensions]; or NULL, and read is called */
    /* rows [first, first + count) -> vectors [count][dimensions] */
    void (*read)(void *user, uint64_t first, uint64_t count, float *vectors);
    void *user;
    const uint32_t *labels; /* [count], each below class_count; NULL where there are none */
    uint32_t class_count;
    const char *const *class_names; /* [class_count] */
} kin_train_source;

/* A run of rows [first, first + count). */
typedef struct kin_train_run {
    uint64_t first, count;
} kin_train_run;

/* Rows [first, first + count): where they lie, or copied to scratch [count][dimensions]. */
const float *kin_source_run(const kin_train_source *source, uint64_t first, uint64_t count,
                            float *scratch);

/* Rows ids [count] -> vectors [count][dimensions]. */
void kin_source_rows(const kin_train_source *source, const uint64_t *ids, size_t count,
                     float *vectors);

/* A seed for part (a, b) of a job of that seed: of an epoch and a batch slice, say. */
uint64_t kin_train_seed(uint64_t seed, uint64_t a, uint64_t b);

/* ids [count] in a random order. */
void kin_train_shuffle(uint64_t *ids, uint64_t count, uint64_t seed);

#endif
