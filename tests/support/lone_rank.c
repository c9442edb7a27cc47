#include "tests/support/lone_rank.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"

/* What the ranks of one job share. */
typedef struct job {
    int ranks;
    pthread_barrier_t barrier;
    const double *sums[KIN_TRAIN_SLICES]; /* of each slice, in the current exchange */
    void *data;                           /* of rank 0, in the current broadcast */
    const float **sends;                  /* [ranks], in the current exchange */
    const kin_span **sent;                /* [ranks]: each rank's spans [ranks] */
    void (*work)(const kin_train_context *context, void *user);
    void *user;
} job;

typedef struct member {
    job *job;
    int rank;
} member;

kin_train_source kin_lone_rank_source(const float *vectors, uint64_t count, uint32_t dimensions)
{
    return (kin_train_source){.count = count, .dimensions = dimensions, .vectors = vectors};
}

static kin_status sum_slices(void *user, const double *slice_sums, size_t count, double *total,
                             kin_error *error)
{
    (void)error;
    member *self = user;
    for (int s = self->rank, own = 0; s < KIN_TRAIN_SLICES; s += self->job->ranks, own++)
        self->job->sums[s] = slice_sums + (size_t)own * count;
    pthread_barrier_wait(&self->job->barrier);
    memset(total, 0, count * sizeof *total);
    for (int s = 0; s < KIN_TRAIN_SLICES; s++)
        for (size_t i = 0; i < count; i++)
            total[i] += self->job->sums[s][i];
    pthread_barrier_wait(&self->job->barrier);
    return KIN_OK;
}

static kin_status broadcast(void *user, void *data, size_t bytes, kin_error *error)
{
    (void)error;
    member *self = user;
    if (self->rank == 0) self->job->data = data;
    pthread_barrier_wait(&self->job->barrier);
    if (self->rank != 0) memcpy(data, self->job->data, bytes);
    pthread_barrier_wait(&self->job->barrier);
    return KIN_OK;
}

static void tick(void *user, double fraction)
{
    (void)user;
    KIN_CHECK(fraction >= 0 && fraction <= 1);
}

static kin_status exchange(void *user, const float *send, const kin_span *sent, float *receive,
                           const kin_span *received, kin_error *error)
{
    (void)error;
    member *self = user;
    job *shared = self->job;
    shared->sends[self->rank] = send;
    shared->sent[self->rank] = sent;
    pthread_barrier_wait(&shared->barrier);
    for (int r = 0; r < shared->ranks; r++) {
        if (r == self->rank) continue;
        const kin_span *from = &shared->sent[r][self->rank];
        KIN_CHECK(from->count == received[r].count);
        memcpy(receive + received[r].at, shared->sends[r] + from->at, from->count * sizeof *send);
    }
    pthread_barrier_wait(&shared->barrier);
    return KIN_OK;
}

static void *run_member(void *argument)
{
    member *self = argument;
    kin_train_context context = {self->rank, self->job->ranks, self, sum_slices,
                                 broadcast,  exchange,         tick};
    self->job->work(&context, self->job->user);
    return NULL;
}

void kin_rank_threads_run(int ranks, void (*work)(const kin_train_context *context, void *user),
                          void *user)
{
    job shared = {.ranks = ranks, .work = work, .user = user};
    pthread_t *threads = kin_calloc((size_t)ranks, sizeof *threads);
    member *members = kin_calloc((size_t)ranks, sizeof *members);
    shared.sends = kin_calloc((size_t)ranks, sizeof *shared.sends);
    shared.sent = kin_calloc((size_t)ranks, sizeof *shared.sent);
    KIN_CHECK(pthread_barrier_init(&shared.barrier, NULL, (unsigned)ranks) == 0);
    kin_blas_init();
    for (int r = 0; r < ranks; r++) {
        members[r] = (member){&shared, r};
        KIN_CHECK(pthread_create(&threads[r], NULL, run_member, &members[r]) == 0);
    }
    for (int r = 0; r < ranks; r++)
        pthread_join(threads[r], NULL);
    pthread_barrier_destroy(&shared.barrier);
    free(shared.sends);
    free(shared.sent);
    free(threads);
    free(members);
}

typedef struct training {
    const kin_train_options *options;
    const kin_train_source *source;
    kin_buffer *files;
    kin_status *statuses;
    kin_error *errors;
} training;

static void train(const kin_train_context *context, void *user)
{
    const training *what = user;
    int r = context->rank;
    what->statuses[r] =
        kin_train(context, what->options, what->source, &what->files[r], &what->errors[r]);
}

void kin_rank_threads_train(int ranks, const kin_train_options *options,
                            const kin_train_source *source, kin_buffer *files, kin_status *statuses,
                            kin_error *errors)
{
    kin_rank_threads_run(ranks, train, &(training){options, source, files, statuses, errors});
}

kin_train_context kin_lone_rank_context(void)
{
    kin_train_context context = kin_train_context_alone();
    context.tick = tick; /* looks at the fraction */
    return context;
}

kin_encoder *kin_lone_rank_encoder(const char *method, unsigned bits, const float *vectors,
                                   uint64_t count)
{
    kin_error error = {0};
    kin_features *features = NULL;
    KIN_CHECK(kin_features_open(&features, "builtin", NULL, 0, &error) == KIN_OK);
    kin_train_options options = {.method = method,
                                 .bits = bits,
                                 .seed = 1,
                                 .iterations = 50,
                                 .features = kin_features_name(features),
                                 .decoder = "none",
                                 .dimensions = kin_features_dimensions(features)};
    kin_train_source source = kin_lone_rank_source(vectors, count, options.dimensions);
    kin_train_context context = kin_lone_rank_context();
    kin_buffer file = {0};
    kin_encoder *encoder = NULL;
    KIN_CHECK(kin_train(&context, &options, &source, &file, &error) == KIN_OK);
    KIN_CHECK(kin_encoder_open(&encoder, file.data, file.bytes, "test", NULL, &error) == KIN_OK);
    kin_buffer_fini(&file);
    kin_features_close(&features);
    return encoder;
}
