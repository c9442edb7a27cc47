/* Small jobs of the real programs, in a scratch folder beside where the index will be. */
#ifndef WORKER_PLAN_REHEARSAL_H
#define WORKER_PLAN_REHEARSAL_H

#include "common/base/status.h"
#include "proto/figures.h"

#define KIN_REHEARSAL_WORDS_MAX 160

/* The words of a command; owned. Zeroed is empty. */
typedef struct kin_words {
    char *word[KIN_REHEARSAL_WORDS_MAX + 1];
    uint32_t count;
} kin_words;

/* Copies. KIN_CHECKs that there is room. */
void kin_words_add(kin_words *words, const char *word);
/* Two words, unless value is NULL. */
void kin_words_add_option(kin_words *words, const char *option, const char *value);
void kin_words_fini(kin_words *words);

/* A new folder in `near`, or in the nearest folder above it that is there; the caller frees and
 * removes (kin_directory_remove). KIN_IO. */
KIN_MUST_USE kin_status kin_scratch_make(char **folder, const char *near, kin_error *error);

/* kindred-index with these words and --report, under mpirun where ranks is above 1; what it
 * reports. KIN_BAD_INPUT with its own sentence where it fails; KIN_UNAVAILABLE where it cannot be
 * started. A stop that is requested ends it. */
KIN_MUST_USE kin_status kin_rehearse(const char *scratch, uint32_t ranks, const kin_words *words,
                                     kin_figures *report, kin_error *error);

/* Whether ranks can be more than one: mpirun is there. */
bool kin_rehearsal_has_ranks(void);

#endif
