/* The ranks of a job and what they say to each other: the only home of mpi.h.
 *
 * Open MPI waits for ever for a rank that is frozen. So nothing here blocks in MPI: every wait is a
 * loop of tests that shows signs of life ("beats") and looks for those of the others. All calls are
 * for the one thread that opened the comm. MPI's own errors end the job; so does a rank that is
 * silent for KIN_COMM_SILENCE_MS, with a sentence that names it. */
#ifndef WORKER_INDEX_COMM_H
#define WORKER_INDEX_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "worker/train/context.h"

/* Between two beats, and the silence after which a rank is given up. A minute less the time that
 * mpirun takes to end the others. KINDRED_SILENCE_MS in the environment overrides it, for tests. */
#define KIN_COMM_BEAT_MS 1000
#define KIN_COMM_SILENCE_MS 45000

/* The rank that a launcher says this process is, without starting MPI: for sentences before it. */
int kin_comm_launched_rank(void);

typedef struct kin_comm kin_comm;

/* Starts MPI where a launcher started this program; otherwise the job is this one rank, and MPI is
 * not touched. After everything that forks. */
kin_comm *kin_comm_open(void);
/* Waits for all ranks. */
void kin_comm_close(kin_comm **comm);

int kin_comm_rank(const kin_comm *comm);
int kin_comm_ranks(const kin_comm *comm);

/* A sign of life, answers to ranks that ask for work, and a look at the others. Every long loop
 * calls it; twice a second is enough. Ends the job if a rank is silent or a stop was requested. */
void kin_comm_tick(kin_comm *comm);

/* What this rank has done so far; travels with its beats. */
void kin_comm_report(kin_comm *comm, uint64_t done, uint64_t rejected);
/* A function that kin_comm_tick calls too, on this rank; NULL for none. */
void kin_comm_watch(kin_comm *comm, void (*watch)(void *user), void *user);
/* Rank 0: what all ranks had done when they last beat. */
void kin_comm_reported(const kin_comm *comm, uint64_t *done, uint64_t *rejected);

/* The sentence once, and the end of the job on all ranks with exit code 1. */
_Noreturn void kin_comm_fail(kin_comm *comm, const kin_error *error);

/* The same of a failure that all ranks meet: rank 0 says it. */
_Noreturn void kin_comm_fail_together(kin_comm *comm, const kin_error *error);

void kin_comm_barrier(kin_comm *comm);
/* values [count] of rank 0 to all. */
void kin_comm_broadcast(kin_comm *comm, void *data, size_t bytes);
/* values [count] become their sums, or maxima, over all ranks. */
void kin_comm_sum(kin_comm *comm, uint64_t *values, size_t count);
void kin_comm_max(kin_comm *comm, uint64_t *values, size_t count);
/* value of every rank into values [ranks] of every rank. */
void kin_comm_gather(kin_comm *comm, uint64_t value, uint64_t *values);

/* From every rank to every rank: send_bytes[r] bytes at send + send_at[r] to rank r, likewise for
 * what is received. [ranks] each; the caller keeps the sums well below 2 GiB. */
typedef struct kin_comm_parcel {
    int *bytes, *at;
    uint8_t *data;
} kin_comm_parcel;

void kin_comm_exchange(kin_comm *comm, const kin_comm_parcel *send, kin_comm_parcel *receive);

/* slice_sums [slices s with s % ranks == rank, ascending][count] -> total [count] on every rank:
 * the slices added in ascending order from zero, whatever the number of ranks. */
void kin_comm_sum_slices(kin_comm *comm, uint32_t slice_count, const double *slice_sums,
                         size_t count, double *total);

/* Span sent[r] of send to rank r, and what rank r sends to span received[r] of receive; spans
 * [ranks], those of this rank itself left alone. send may be receive where spans do not meet. */
void kin_comm_swap(kin_comm *comm, const float *send, const kin_span *sent, float *receive,
                   const kin_span *received);

/* Hands items [count] of rank 0 out to whoever is ready; borrowed until all ranks are through.
 * Every rank: begin, next until it is false, barrier. A rank asks for its next item before it
 * starts on one, so that it does not wait. */
void kin_comm_work_begin(kin_comm *comm, const uint64_t *items, uint64_t count);
bool kin_comm_work_next(kin_comm *comm, uint64_t *item);

#endif
