#include "worker/index/comm.h"

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"

enum { TAG_BEAT = 1, TAG_FAILURE, TAG_ASK, TAG_GIVE, TAG_SLICE, TAG_SWAP };

/* Numbers of one call: counts of MPI are int, and a piece of 8 MB is large enough to be fast. */
#define PIECE_COUNT ((size_t)1 << 20)
#define NO_ITEM UINT64_MAX
#define YIELD_MS 20
/* How long a rank that failed leaves it to rank 0 to say so, and a sentence's room. */
#define FAILURE_WAIT_MS 5000
#define FAILURE_BYTES 1024

typedef struct beat {
    uint64_t done, rejected, stop;
} beat;

/* Another rank, as this one knows it. */
typedef struct peer {
    char host[64];
    long pid;
    int64_t heard_ms;
    beat heard, sent; /* sent is MPI's until the request is done */
    MPI_Request sending;
} peer;

struct kin_comm {
    bool with_mpi;
    MPI_Comm world, life; /* beats travel apart from everything else */
    int rank, ranks;
    peer *peers;
    beat own;
    void (*watch)(void *user);
    void *watch_user;
    int64_t ticked_ms, beat_ms, silence_ms;
    const uint64_t *items; /* rank 0: work to hand out */
    uint64_t item_count, item_next;
    uint64_t given; /* other ranks: the item that was asked for */
    MPI_Request giving;
};

static int environment_number(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == 0 ? -1 : atoi(value);
}

int kin_comm_launched_rank(void)
{
    int rank = environment_number("OMPI_COMM_WORLD_RANK");
    if (rank < 0) rank = environment_number("PMIX_RANK");
    if (rank < 0) rank = environment_number("PMI_RANK");
    return rank;
}

kin_comm *kin_comm_open(void)
{
    kin_comm *comm = kin_calloc(1, sizeof *comm);
    comm->ranks = 1;
    comm->with_mpi = kin_comm_launched_rank() >= 0;
    comm->giving = MPI_REQUEST_NULL;
    if (comm->with_mpi) {
        int provided;
        MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
        MPI_Comm_dup(MPI_COMM_WORLD, &comm->world);
        MPI_Comm_dup(MPI_COMM_WORLD, &comm->life);
        MPI_Comm_rank(comm->world, &comm->rank);
        MPI_Comm_size(comm->world, &comm->ranks);
    }
    comm->peers = kin_calloc((size_t)comm->ranks, sizeof *comm->peers);
    peer self = {.pid = (long)getpid(), .sending = MPI_REQUEST_NULL};
    gethostname(self.host, sizeof self.host - 1);
    comm->peers[0] = self;
    if (comm->with_mpi)
        MPI_Allgather(&self, sizeof self, MPI_BYTE, comm->peers, sizeof self, MPI_BYTE,
                      comm->world);
    comm->ticked_ms = comm->beat_ms = kin_clock_ms();
    comm->silence_ms = environment_number("KINDRED_SILENCE_MS");
    if (comm->silence_ms <= 0) comm->silence_ms = KIN_COMM_SILENCE_MS;
    for (int r = 0; r < comm->ranks; r++) {
        comm->peers[r].heard_ms = comm->ticked_ms;
        comm->peers[r].sending = MPI_REQUEST_NULL;
    }
    return comm;
}

int kin_comm_rank(const kin_comm *comm)
{
    return comm->rank;
}

int kin_comm_ranks(const kin_comm *comm)
{
    return comm->ranks;
}

_Noreturn static void end_job(kin_comm *comm)
{
    if (comm->with_mpi) MPI_Abort(MPI_COMM_WORLD, 1);
    exit(1);
}

/* Rank 0 speaks for all, so that a full disk, which all ranks meet at once, is told once. */
_Noreturn void kin_comm_fail(kin_comm *comm, const kin_error *error)
{
    char sentence[FAILURE_BYTES];
    if (comm->ranks > 1)
        snprintf(sentence, sizeof sentence, "rank %d on %s: %s", comm->rank,
                 comm->peers[comm->rank].host, error->text);
    else
        snprintf(sentence, sizeof sentence, "%s", error->text);
    if (comm->rank != 0) {
        MPI_Request request;
        int64_t end_ms = kin_clock_ms() + FAILURE_WAIT_MS;
        MPI_Isend(sentence, sizeof sentence, MPI_BYTE, 0, TAG_FAILURE, comm->life, &request);
        while (kin_clock_ms() < end_ms) {
            kin_comm_tick(comm);
            kin_sleep_ms(10);
        }
    }
    kin_log(KIN_LOG_ERROR, "%s", sentence);
    end_job(comm);
}

static void hear_failure(kin_comm *comm)
{
    int there;
    MPI_Status status;
    char sentence[FAILURE_BYTES];
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_FAILURE, comm->life, &there, &status);
    if (!there) return;
    MPI_Recv(sentence, sizeof sentence, MPI_BYTE, status.MPI_SOURCE, TAG_FAILURE, comm->life,
             MPI_STATUS_IGNORE);
    kin_log(KIN_LOG_ERROR, "%s", sentence);
    end_job(comm);
}

_Noreturn void kin_comm_fail_together(kin_comm *comm, const kin_error *error)
{
    while (comm->rank != 0) { /* until rank 0 has ended the job */
        kin_comm_tick(comm);
        kin_sleep_ms(10);
    }
    kin_log(KIN_LOG_ERROR, "%s", error->text);
    end_job(comm);
}

/* Rank 0 listens to all, the others to rank 0. */
static int first_heard(const kin_comm *comm)
{
    return comm->rank == 0 ? 1 : 0;
}

static int last_heard(const kin_comm *comm)
{
    return comm->rank == 0 ? comm->ranks - 1 : 0;
}

static void send_beats(kin_comm *comm)
{
    for (int r = first_heard(comm); r <= last_heard(comm); r++) {
        peer *to = &comm->peers[r];
        int sent;
        MPI_Test(&to->sending, &sent, MPI_STATUS_IGNORE);
        if (!sent) continue; /* it does not listen; one beat waiting for it is enough */
        to->sent = comm->own;
        MPI_Isend(&to->sent, sizeof to->sent, MPI_BYTE, r, TAG_BEAT, comm->life, &to->sending);
    }
}

static void hear_beats(kin_comm *comm, int64_t now_ms)
{
    for (;;) {
        int there;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_BEAT, comm->life, &there, &status);
        if (!there) return;
        peer *from = &comm->peers[status.MPI_SOURCE];
        MPI_Recv(&from->heard, sizeof from->heard, MPI_BYTE, status.MPI_SOURCE, TAG_BEAT,
                 comm->life, MPI_STATUS_IGNORE);
        from->heard_ms = now_ms;
        if (from->heard.stop) comm->own.stop = 1;
    }
}

static void give_work(kin_comm *comm)
{
    for (;;) {
        int there;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_ASK, comm->world, &there, &status);
        if (!there) return;
        MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, TAG_ASK, comm->world, MPI_STATUS_IGNORE);
        uint64_t item =
            comm->item_next < comm->item_count ? comm->items[comm->item_next++] : NO_ITEM;
        /* Eight bytes for a receive that is posted: this does not wait. */
        MPI_Send(&item, 1, MPI_UINT64_T, status.MPI_SOURCE, TAG_GIVE, comm->world);
    }
}

static void look_for_silence(kin_comm *comm, int64_t now_ms)
{
    for (int r = first_heard(comm); r <= last_heard(comm); r++) {
        const peer *p = &comm->peers[r];
        if (now_ms - p->heard_ms < comm->silence_ms) continue;
        kin_log(KIN_LOG_ERROR,
                "rank %d (host %s, pid %ld) has not shown any life for %lld s: it hangs or is "
                "stopped; the job ends, and the same command goes on from here",
                r, p->host, p->pid, (long long)(now_ms - p->heard_ms) / 1000);
        end_job(comm);
    }
}

void kin_comm_tick(kin_comm *comm)
{
    if (kin_stop_requested()) comm->own.stop = 1;
    if (comm->ranks > 1) {
        int64_t now_ms = kin_clock_ms();
        /* Whoever did not listen for long cannot say that the others were silent. */
        bool deaf = now_ms - comm->ticked_ms > comm->silence_ms / 4;
        for (int r = 0; deaf && r < comm->ranks; r++)
            comm->peers[r].heard_ms = now_ms;
        comm->ticked_ms = now_ms;
        hear_beats(comm, now_ms);
        if (comm->rank == 0) {
            hear_failure(comm);
            give_work(comm);
        }
        if (now_ms - comm->beat_ms >= KIN_COMM_BEAT_MS || (comm->own.stop && comm->rank != 0)) {
            send_beats(comm);
            look_for_silence(comm, now_ms);
            comm->beat_ms = now_ms;
        }
    }
    if (comm->own.stop && comm->rank == 0) {
        kin_log(KIN_LOG_ERROR, "stopped; the same command goes on from here");
        end_job(comm);
    }
    if (comm->watch != NULL) comm->watch(comm->watch_user);
}

void kin_comm_watch(kin_comm *comm, void (*watch)(void *user), void *user)
{
    comm->watch = watch;
    comm->watch_user = user;
}

void kin_comm_report(kin_comm *comm, uint64_t done, uint64_t rejected)
{
    comm->own.done = done;
    comm->own.rejected = rejected;
}

void kin_comm_reported(const kin_comm *comm, uint64_t *done, uint64_t *rejected)
{
    *done = comm->own.done;
    *rejected = comm->own.rejected;
    for (int r = 1; r < comm->ranks; r++) {
        *done += comm->peers[r].heard.done;
        *rejected += comm->peers[r].heard.rejected;
    }
}

/* Open MPI moves large messages on in small pieces, and only while it is asked: a sleep between two
 * tests costs its length a piece. So it yields for a while before it sleeps, and then briefly. */
static void wait_for(kin_comm *comm, MPI_Request *request)
{
    static const struct timespec nap = {.tv_nsec = 100000};
    int64_t start_ms = kin_clock_ms();
    for (;;) {
        int done;
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done) return;
        kin_comm_tick(comm);
        if (kin_clock_ms() - start_ms < YIELD_MS)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

void kin_comm_barrier(kin_comm *comm)
{
    if (comm->ranks == 1) return;
    MPI_Request request;
    MPI_Ibarrier(comm->world, &request);
    wait_for(comm, &request);
}

void kin_comm_close(kin_comm **comm)
{
    if (*comm == NULL) return;
    if ((*comm)->with_mpi) {
        for (int r = 0; r < (*comm)->ranks; r++)
            wait_for(*comm, &(*comm)->peers[r].sending);
        kin_comm_barrier(*comm);
        hear_beats(*comm, kin_clock_ms());
        MPI_Finalize();
    }
    free((*comm)->peers);
    free(*comm);
    *comm = NULL;
}

void kin_comm_broadcast(kin_comm *comm, void *data, size_t bytes)
{
    size_t piece = PIECE_COUNT * sizeof(double);
    for (size_t at = 0; at < bytes && comm->ranks > 1; at += piece) {
        MPI_Request request;
        size_t left = bytes - at;
        MPI_Ibcast((uint8_t *)data + at, (int)(left < piece ? left : piece), MPI_BYTE, 0,
                   comm->world, &request);
        wait_for(comm, &request);
    }
}

static void reduce(kin_comm *comm, uint64_t *values, size_t count, MPI_Op operation)
{
    for (size_t at = 0; at < count && comm->ranks > 1; at += PIECE_COUNT) {
        MPI_Request request;
        size_t left = count - at;
        MPI_Iallreduce(MPI_IN_PLACE, values + at, (int)(left < PIECE_COUNT ? left : PIECE_COUNT),
                       MPI_UINT64_T, operation, comm->world, &request);
        wait_for(comm, &request);
    }
}

void kin_comm_sum(kin_comm *comm, uint64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_SUM);
}

void kin_comm_max(kin_comm *comm, uint64_t *values, size_t count)
{
    reduce(comm, values, count, MPI_MAX);
}

void kin_comm_gather(kin_comm *comm, uint64_t value, uint64_t *values)
{
    values[0] = value;
    if (comm->ranks == 1) return;
    MPI_Request request;
    MPI_Iallgather(&value, 1, MPI_UINT64_T, values, 1, MPI_UINT64_T, comm->world, &request);
    wait_for(comm, &request);
}

void kin_comm_exchange(kin_comm *comm, const kin_comm_parcel *send, kin_comm_parcel *receive)
{
    if (comm->ranks == 1) {
        KIN_CHECK(send->bytes[0] == receive->bytes[0]);
        memcpy(receive->data + receive->at[0], send->data + send->at[0], (size_t)send->bytes[0]);
        return;
    }
    MPI_Request request;
    MPI_Ialltoallv(send->data, send->bytes, send->at, MPI_BYTE, receive->data, receive->bytes,
                   receive->at, MPI_BYTE, comm->world, &request);
    wait_for(comm, &request);
}

static void add(double *total, const double *slice, size_t count)
{
    for (size_t i = 0; i < count; i++)
        total[i] += slice[i];
}

/* One piece of the sums: [count] at `at` of each slice, of `stride` numbers each. */
static void sum_piece(kin_comm *comm, uint32_t slice_count, const double *own, size_t stride,
                      double *total, double *received, size_t count)
{
    for (uint32_t s = 0; s < slice_count; s++) {
        int owner = (int)(s % (uint32_t)comm->ranks);
        const double *mine = own + s / (uint32_t)comm->ranks * stride;
        MPI_Request request;
        if (owner == comm->rank && comm->rank == 0) {
            add(total, mine, count);
        } else if (owner == comm->rank) {
            MPI_Isend(mine, (int)count, MPI_DOUBLE, 0, TAG_SLICE, comm->world, &request);
            wait_for(comm, &request);
        } else if (comm->rank == 0) {
            MPI_Irecv(received, (int)count, MPI_DOUBLE, owner, TAG_SLICE, comm->world, &request);
            wait_for(comm, &request);
            add(total, received, count);
        }
    }
}

void kin_comm_sum_slices(kin_comm *comm, uint32_t slice_count, const double *slice_sums,
                         size_t count, double *total)
{
    size_t largest = count < PIECE_COUNT ? count : PIECE_COUNT;
    double *received = kin_malloc(largest * sizeof *received);
    memset(total, 0, count * sizeof *total);
    for (size_t at = 0; at < count; at += PIECE_COUNT) {
        size_t piece = count - at < PIECE_COUNT ? count - at : PIECE_COUNT;
        sum_piece(comm, slice_count, slice_sums + at, count, total + at, received, piece);
    }
    free(received);
    kin_comm_broadcast(comm, total, count * sizeof *total);
}

/* Requests of one piece of a swap: pieces that are beyond a span's end are not sent. */
static int start_piece(kin_comm *comm, int r, size_t at, const float *send, const kin_span *sent,
                       float *receive, const kin_span *received, MPI_Request *requests)
{
    int count = 0;
    if (at < received->count) {
        size_t left = received->count - at;
        MPI_Irecv(receive + received->at + at, (int)(left < PIECE_COUNT ? left : PIECE_COUNT),
                  MPI_FLOAT, r, TAG_SWAP, comm->world, &requests[count++]);
    }
    if (at < sent->count) {
        size_t left = sent->count - at;
        MPI_Isend(send + sent->at + at, (int)(left < PIECE_COUNT ? left : PIECE_COUNT), MPI_FLOAT,
                  r, TAG_SWAP, comm->world, &requests[count++]);
    }
    return count;
}

void kin_comm_swap(kin_comm *comm, const float *send, const kin_span *sent, float *receive,
                   const kin_span *received)
{
    MPI_Request *requests = kin_malloc(2 * (size_t)comm->ranks * sizeof(MPI_Request));
    size_t most = 0;
    for (int r = 0; r < comm->ranks; r++) {
        if (r == comm->rank) continue;
        if (sent[r].count > most) most = sent[r].count;
        if (received[r].count > most) most = received[r].count;
    }
    for (size_t at = 0; at < most; at += PIECE_COUNT) {
        int count = 0;
        for (int r = 0; r < comm->ranks; r++)
            if (r != comm->rank)
                count += start_piece(comm, r, at, send, &sent[r], receive, &received[r],
                                     requests + count);
        for (int i = 0; i < count; i++)
            wait_for(comm, &requests[i]);
    }
    free(requests);
}

static void ask(kin_comm *comm)
{
    MPI_Irecv(&comm->given, 1, MPI_UINT64_T, 0, TAG_GIVE, comm->world, &comm->giving);
    MPI_Send(NULL, 0, MPI_BYTE, 0, TAG_ASK, comm->world); /* no bytes: this does not wait */
}

void kin_comm_work_begin(kin_comm *comm, const uint64_t *items, uint64_t count)
{
    comm->items = items;
    comm->item_count = count;
    comm->item_next = 0;
    kin_comm_barrier(comm); /* rank 0 has the new items before anybody asks */
    if (comm->rank != 0) ask(comm);
}

bool kin_comm_work_next(kin_comm *comm, uint64_t *item)
{
    if (comm->rank == 0) {
        if (comm->item_next == comm->item_count) return false;
        *item = comm->items[comm->item_next++];
        return true;
    }
    wait_for(comm, &comm->giving);
    *item = comm->given;
    if (*item == NO_ITEM) return false;
    ask(comm);
    return true;
}
