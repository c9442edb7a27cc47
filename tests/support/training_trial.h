/* Training in threads, and what tests ask of it: one file whatever the number of ranks, refusals on
 * every rank, jobs that are killed and go on. */
#ifndef TESTS_SUPPORT_TRAINING_TRIAL_H
#define TESTS_SUPPORT_TRAINING_TRIAL_H

#include "tests/support/lone_rank.h"
#include "worker/encode/hasher.h"

/* Trains with each of these numbers of ranks [count], up to TRAINING_RANKS_MAX; fails the test
 * unless all ranks of all jobs make the same file, which is returned: the caller's. */
#define TRAINING_RANKS_MAX 32
kin_buffer training_same(const int *ranks, size_t count, const kin_train_options *options,
                         const kin_train_source *source);

/* Fails the test unless three ranks refuse it with the status and a sentence, which has text in it
 * on rank 0, who speaks for all. */
void training_refused(const kin_train_options *options, const kin_train_source *source,
                      kin_status status, const char *text);

/* The hasher of a file that was learned; the caller destroys. */
kin_hasher *training_hasher(const kin_buffer *file);

/* What a job saves, and how many saves are left before it dies; loads: how often it went on. */
typedef struct training_shelf {
    kin_buffer state;
    int left, loads;
} training_shelf;

/* Has the job save every epoch to the shelf and go on from it. */
void training_keep(kin_train_options *options, training_shelf *shelf);

/* Runs it with so many ranks, whose files nobody wants; whether it went through. */
bool training_through(int ranks, const kin_train_options *options, const kin_train_source *source);

#endif
