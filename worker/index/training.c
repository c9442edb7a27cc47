#include "worker/index/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/encoder_quality.h"
#include "proto/encoder_rename.h"
#include "worker/dataset/dataset.h"
#include "worker/eval/quality.h"

/* A state is at most a dozen copies of the weights of a hasher. */
#define STATE_BYTES_MAX ((size_t)16 * KIN_HASHER_WEIGHTS_MAX * sizeof(float))

/* Between two epochs that are said. */
#define SAID_MS 1000

typedef struct run {
    const kin_training *training;
    int64_t began_ms;
    int64_t said_ms;        /* when an epoch was said last */
    double began, fraction; /* of all work; began is negative until it is known */
} run;

static kin_status sum_slices(void *user, const double *slice_sums, size_t count, double *total,
                             kin_error *error)
{
    (void)error;
    kin_comm_sum_slices(((run *)user)->training->comm, KIN_TRAIN_SLICES, slice_sums, count, total);
    return KIN_OK;
}

static kin_status broadcast(void *user, void *data, size_t bytes, kin_error *error)
{
    (void)error;
    kin_comm_broadcast(((run *)user)->training->comm, data, bytes);
    return KIN_OK;
}

static kin_status exchange(void *user, const float *send, const kin_span *sent, float *receive,
                           const kin_span *received, kin_error *error)
{
    (void)error;
    kin_comm_swap(((run *)user)->training->comm, send, sent, receive, received);
    return KIN_OK;
}

static void tick(void *user, double fraction)
{
    run *r = user;
    r->fraction = fraction;
    if (r->began < 0) {
        r->began = fraction;
        r->began_ms = kin_clock_ms();
    }
    if (r->training->progress != NULL) kin_progress_fraction(r->training->progress, fraction);
    kin_comm_tick(r->training->comm);
}

static char *path_of(const run *r, const char *name)
{
    return kin_path_join(r->training->folder, name);
}

/* ", 12 s left", as far as what is done tells. */
static void say_left(const run *r, kin_buffer *line)
{
    char left[32];
    double seconds = (double)(kin_clock_ms() - r->began_ms) / 1000, done = r->fraction - r->began;
    if (r->began < 0 || !(done > 0)) return;
    kin_buffer_printf(line, ", %s left",
                      kin_text_duration(seconds * (1 - r->fraction) / done, left));
}

static void say_number(kin_buffer *line, const char *name, double value)
{
    if (isfinite(value)) kin_buffer_printf(line, ", %s %.4g", name, value);
}

/* A log that cannot be written does not stop the training: the card has the same lines. */
static void append_log(const run *r, const kin_train_epoch *e)
{
    char *path = path_of(r, KIN_TRAINING_LOG_FILE);
    FILE *file = fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%s\t%u\t%.6g\t%.6g\t%.4g\t%.4g\t%.6g\n", e->phase, (unsigned)e->epoch,
                e->loss, e->error, e->balance, e->rate, e->held_out);
        (void)fclose(file);
    }
    free(path);
}

/* Small epochs come by the hundred: one a second is said, the first and the last of a phase, and
 * all where everything is. The curve has them all. */
static kin_log_level level_of(run *r, const kin_train_epoch *e)
{
    int64_t now_ms = kin_clock_ms();
    if (e->epoch > 1 && e->epoch < e->epochs && now_ms - r->said_ms < SAID_MS) return KIN_LOG_DEBUG;
    r->said_ms = now_ms;
    return KIN_LOG_INFO;
}

static void log_epoch(void *user, const kin_train_epoch *e)
{
    run *r = user;
    kin_buffer line = {0};
    kin_buffer_printf(&line, "%s, epoch %u of %u: loss %.5g", e->phase, (unsigned)e->epoch,
                      (unsigned)e->epochs, e->loss);
    say_number(&line, "held out", e->held_out);
    say_number(&line, "error", e->error);
    say_number(&line, "balance", e->balance);
    say_number(&line, "rate", e->rate);
    say_left(r, &line);
    kin_buffer_append_byte(&line, 0);
    kin_progress_clear(r->training->progress);
    kin_log(level_of(r, e), "%s", (const char *)line.data);
    kin_buffer_fini(&line);
    append_log(r, e);
}

static kin_status save(void *user, const void *state, size_t bytes, kin_error *error)
{
    char *path = path_of(user, KIN_TRAINING_STATE_FILE);
    kin_status status = kin_file_write_atomic(path, state, bytes, error);
    free(path);
    return status;
}

static void load(void *user, kin_buffer *state)
{
    run *r = user;
    char *path = path_of(r, KIN_TRAINING_STATE_FILE);
    kin_error error;
    if (kin_path_exists(path)) {
        if (kin_file_read(path, STATE_BYTES_MAX, state, &error) == KIN_OK)
            kin_log(KIN_LOG_INFO, "goes on with the training in %s", path);
        else
            kin_log(KIN_LOG_WARNING, "%s; the training begins anew", error.text);
    }
    free(path);
}

static kin_train_options options_of(const kin_training *training)
{
    kin_train_options options = kin_hasher_options_training(training->options);
    options.features = training->features;
    options.decoder = training->decoder;
    options.dimensions = training->dimensions;
    options.data = training->data;
    return options;
}

size_t kin_training_memory(const kin_training *training, uint64_t vectors)
{
    return kin_training_memory_of(training, vectors, (uint64_t)kin_comm_rank(training->comm),
                                  (uint64_t)kin_comm_ranks(training->comm));
}

size_t kin_training_memory_of(const kin_training *training, uint64_t vectors, uint64_t rank,
                              uint64_t ranks)
{
    uint64_t slices = rank < KIN_TRAIN_SLICES ? (KIN_TRAIN_SLICES - rank + ranks - 1) / ranks : 0;
    kin_train_options options = options_of(training);
    size_t learn =
        kin_train_memory(&options, (int)rank, slices, vectors * slices / KIN_TRAIN_SLICES + slices);
    size_t measure = rank == 0 ? kin_quality_bytes(training->dimensions) : 0;
    return learn > measure ? learn : measure;
}

/* The rows of a source that have a class. */
typedef struct classed {
    const kin_train_source *source;
    uint64_t *rows;
    uint32_t *labels;
    uint64_t count;
} classed;

static void read_classed(void *user, uint64_t first, uint64_t count, float *vectors)
{
    const classed *from = user;
    kin_source_rows(from->source, from->rows + first, count, vectors);
}

static void init_classed(classed *made, const kin_train_source *source)
{
    *made = (classed){.source = source,
                      .rows = kin_malloc(source->count * sizeof *made->rows),
                      .labels = kin_malloc(source->count * sizeof *made->labels)};
    for (uint64_t i = 0; i < source->count; i++) {
        if (source->labels[i] == KIN_NO_CLASS) continue;
        made->rows[made->count] = i;
        made->labels[made->count++] = source->labels[i];
    }
}

static void beat(void *user)
{
    kin_comm_tick(((run *)user)->training->comm);
}

static void say_measured(const kin_buffer *text)
{
    kin_buffer line = {0};
    kin_encoder_quality_sentence(&line, &(kin_encoder_text){(const char *)text->data, text->bytes});
    kin_buffer_append_byte(&line, 0);
    kin_log(KIN_LOG_INFO, "measured: %s", (const char *)line.data);
    kin_buffer_fini(&line);
}

/* What was learned, measured: rank 0's file, to all. */
static kin_status measure(run *r, const kin_train_options *options, const kin_train_source *source,
                          const uint32_t *labels, uint32_t class_count, kin_buffer *file,
                          size_t start, kin_error *error)
{
    kin_buffer text = {0}, measured = {0};
    kin_status status = KIN_OK;
    uint64_t bytes = 0;
    if (kin_comm_rank(r->training->comm) == 0) {
        kin_quality_options quality = {.train = options,
                                       .source = source,
                                       .labels = labels,
                                       .class_count = class_count,
                                       .file = file->data + start,
                                       .bytes = file->bytes - start,
                                       .tick = beat,
                                       .user = r};
        status = kin_quality_measure(&quality, &text, error);
        if (status == KIN_OK && text.bytes > 0)
            status = kin_encoder_file_measured(&measured, file->data + start, file->bytes - start,
                                               "the new encoder", &text, error);
        if (status != KIN_OK) kin_comm_fail(r->training->comm, error);
        kin_progress_clear(r->training->progress);
        if (text.bytes > 0) say_measured(&text);
        bytes = measured.bytes;
    }
    kin_comm_broadcast(r->training->comm, &bytes, sizeof bytes);
    if (bytes > 0) {
        file->bytes = start;
        uint8_t *target = kin_buffer_reserve(file, bytes);
        if (measured.bytes > 0) memcpy(target, measured.data, bytes);
        kin_comm_broadcast(r->training->comm, target, bytes);
        file->bytes += bytes;
    }
    kin_buffer_fini(&text);
    kin_buffer_fini(&measured);
    return status;
}

/* Samples of which a hasher can learn little. It is learned all the same: a few pictures, or one a
 * hundred times, are a collection, too. */
static void warn_of_sample(const kin_train_source *source, uint32_t bits)
{
    char count[32];
    size_t bytes = source->dimensions * sizeof(float);
    float *first = kin_malloc(bytes), *other = kin_malloc(bytes);
    const float *wanted = source->count > 0 ? kin_source_run(source, 0, 1, first) : NULL;
    uint64_t same = wanted != NULL;
    while (same < source->count &&
           memcmp(wanted, kin_source_run(source, same, 1, other), bytes) == 0)
        same++;
    if (same > 1 && same == source->count)
        kin_log(KIN_LOG_WARNING,
                "all %s vectors to learn from are the same, and so will be their codes; learn from "
                "pictures that differ",
                kin_text_count(source->count, count));
    else if (source->count < bits)
        kin_log(KIN_LOG_WARNING,
                "%s vectors are fewer than the %u bits to learn from them, which will repeat one "
                "another; take more pictures, or fewer bits (--bits)",
                kin_text_count(source->count, count), (unsigned)bits);
    free(first);
    free(other);
}

kin_status kin_training_run(const kin_training *training, const kin_train_source *source,
                            kin_buffer *file, kin_error *error)
{
    run r = {.training = training, .began = -1};
    kin_train_context context = {.rank = kin_comm_rank(training->comm),
                                 .ranks = kin_comm_ranks(training->comm),
                                 .user = &r,
                                 .sum_slices = sum_slices,
                                 .broadcast = broadcast,
                                 .exchange = exchange,
                                 .tick = tick};
    kin_train_options options = options_of(training);
    options.user = &r;
    if (context.rank == 0) {
        options.log = log_epoch;
        options.save = save;
        options.load = load;
        options.save_often = getenv("KINDRED_SAVE_OFTEN") != NULL; /* for tests */
    }
    kin_train_source used = *source;
    classed rows = {0};
    if (source->labels != NULL) {
        init_classed(&rows, source);
        if (rows.count < source->count)
            used = (kin_train_source){.count = rows.count,
                                      .dimensions = source->dimensions,
                                      .read = read_classed,
                                      .user = &rows,
                                      .labels = rows.labels,
                                      .class_count = source->class_count,
                                      .class_names = source->class_names};
    }
    if (context.rank == 0) warn_of_sample(&used, options.bits);
    size_t start = file->bytes;
    bool learned_by = used.labels != NULL;
    kin_status status = kin_train(&context, &options, &used, file, error);
    if (status == KIN_OK)
        status = measure(&r, &options, &used, learned_by ? used.labels : training->labels,
                         learned_by ? used.class_count : training->class_count, file, start, error);
    free(rows.rows);
    free(rows.labels);
    return status;
}
