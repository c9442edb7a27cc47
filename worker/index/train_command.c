#include "worker/index/train_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"
#include "common/base/text.h"
#include "worker/dataset/dataset.h"
#include "worker/encode/blas.h"
#include "worker/encode/features.h"
#include "worker/index/build_job.h"
#include "worker/index/comm.h"
#include "worker/index/hasher_output.h"
#include "worker/index/report.h"
#include "worker/index/summary.h"
#include "worker/index/training.h"

static const char help[] =
    "usage: kindred-index train -o HASHER [OPTION]... DATA\n"
    "       kindred-index train -o HASHER [OPTION]... PICTURES...\n"
    "\n"
    "Learns a hasher, which kindred-index build --hasher HASHER then uses, and kindred-eval\n"
    "measures; alone or under mpirun. Interrupted, the same command goes on. Beside HASHER come "
    "its\n"
    "curves: HASHER.tsv and HASHER.png. DATA is one of\n"
    "  FEATURES.npy         float32, a row for each picture\n"
    "  idx:IMAGES[,LABELS]  IDX files, gzipped or not: pixels are the features\n"
    "  INDEX                the features that an index keeps (build --keep-features)\n"
    "PICTURES are folders, pictures and tar archives, as of build, whose other options for what "
    "is\n"
    "read hold here too: --list, --null, --follow-links, --set, --no-sandbox.\n"
    "\n"
    "  -o, --output FILE    the hasher\n"
    "      --features NAME  what PICTURES are described by: builtin (default), pixels:SIDE (of\n"
    "                       colours), pixels:SIDE:grey; or --model FILE.onnx[:TENSOR...]\n"
    "      --hasher NAME    how it is learned (itq): a method of those named below\n"
    "      --bits N         bits of a code: 16 to 256 in steps of 8 (64)\n"
    "      --report FILE    write figures of what it took\n"
    "      --sample N       rows, or pictures, that it learns from, evenly spread (all)\n"
    "      --seed N         of its random numbers (1)\n" KIN_HASHER_OPTIONS_HELP
    "      --restart        forget the unfinished training that is there\n"
    "\n";

static const char example[] =
    "\n"
    "example: mpirun -n 2 kindred-index train -o clothes.kin --hasher autoencoder \\\n"
    "    --features pixels:28:grey my-clothes\n"
    "\n"
    "exit codes: 0 done, 1 failed or interrupted, 2 usage\n";

/* How long ranks of a job that was killed may hold the lock. */
#define LOCK_WAIT_MS 10000
#define BASE_BYTES ((uint64_t)128 << 20)

typedef struct train_job {
    kin_hasher_options hasher;
    kin_build_options pictures; /* with index_path, where it learns from pictures */
    const char *output, *source;
    const char *report; /* file for figures, or NULL */
    int64_t sample;
    bool restart, help;
    kin_comm *comm;
    kin_progress *progress; /* rank 0 */
    kin_dataset *dataset;
    char *folder; /* OUTPUT.training */
    int lock;
    uint64_t count; /* rows that are learned from */
    uint32_t *labels;
    const char **class_names;
} train_job;

static bool speaks(void)
{
    return kin_comm_launched_rank() <= 0;
}

static bool is_root(const train_job *job)
{
    return kin_comm_rank(job->comm) == 0;
}

/* The first option that is about pictures; NULL: none is given. */
static const char *about_pictures(const kin_build_options *pictures)
{
    return pictures->features != NULL     ? "--features"
           : pictures->models.count > 0   ? "--model"
           : pictures->settings.count > 0 ? "--set"
           : pictures->list_path != NULL  ? "--list"
           : pictures->null_separated     ? "--null"
           : pictures->follow_links       ? "--follow-links"
           : pictures->no_sandbox         ? "--no-sandbox"
                                          : NULL;
}

/* As a build whose only result is the hasher. */
static kin_status take_pictures(train_job *job, int count, char **sources, kin_error *error)
{
    kin_build_options *pictures = &job->pictures;
    for (int i = 0; i < count; i++)
        if (kin_dataset_is_named(sources[i]))
            return kin_fail(error, KIN_BAD_INPUT,
                            "%s is a data set, and %s; a hasher is learned from one data set, or "
                            "from pictures",
                            sources[i],
                            count > 1 ? "not the only source" : "there are options for pictures");
    pictures->index_path = job->folder;
    pictures->hasher_output = job->output;
    pictures->hasher = job->hasher;
    pictures->bits = kin_stored_bits((unsigned)job->hasher.bits);
    pictures->sample_pictures = job->sample > 0 ? (uint64_t)job->sample : KIN_SAMPLE_PICTURES_MAX;
    pictures->restart = job->restart;
    pictures->report = job->report;
    pictures->sources = sources;
    pictures->source_count = count;
    return kin_build_options_check(pictures, error);
}

static kin_status take_sources(train_job *job, int count, char **sources, kin_error *error)
{
    const char *option = about_pictures(&job->pictures);
    job->folder = kin_sprintf("%s.training", job->output);
    if (count == 0 && job->pictures.list_path == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is nothing to learn from: name FEATURES.npy, idx:IMAGES, an INDEX, "
                        "or pictures");
    if (count != 1 || !kin_dataset_is_named(sources[0]))
        return take_pictures(job, count, sources, error);
    if (option != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is about pictures, and %s is a data set, whose rows are its features; "
                        "leave it out",
                        option, sources[0]);
    job->source = sources[0];
    return KIN_OK;
}

static kin_status parse(train_job *job, int argc, char **argv, kin_error *error)
{
    int sources = 0;
    kin_hasher_options_init(&job->hasher);
    const kin_option table[] = {
        {"output", 'o', KIN_OPTION_TEXT, &job->output, 0, 0, NULL},
        {"report", 0, KIN_OPTION_TEXT, &job->report, 0, 0, NULL},
        {"sample", 0, KIN_OPTION_NUMBER, &job->sample, 1, INT64_MAX, NULL},
        {"restart", 0, KIN_OPTION_FLAG, &job->restart, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &job->help, 0, 0, NULL},
        KIN_PICTURE_OPTION_ROWS(&job->pictures),
        KIN_HASHER_OPTION_ROWS(&job->hasher),
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &sources, error);
    if (status != KIN_OK || job->help) return status;
    if (job->output == NULL || *job->output == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is no -o FILE; say which file the hasher is to be written to");
    if (kin_path_is_directory(job->output))
        return kin_fail(error, KIN_BAD_INPUT,
                        "-o %s is a folder; say which file the hasher is to be written to",
                        job->output);
    status = kin_hasher_options_check(&job->hasher, error);
    if (status == KIN_OK && job->hasher.file.bytes > 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "--hasher %s is the file of a hasher that was learned; train takes a "
                          "method: %s",
                          job->hasher.hasher, kin_train_methods());
    return status == KIN_OK ? take_sources(job, sources, argv + 1, error) : status;
}

static uint64_t row_of(const train_job *job, uint64_t i)
{
    uint64_t all = kin_dataset_count(job->dataset);
    return job->count == all ? i : (uint64_t)((double)i * (double)all / (double)job->count);
}

static void read_rows(void *user, uint64_t first, uint64_t count, float *vectors)
{
    train_job *job = user;
    kin_error error;
    kin_status status = KIN_OK;
    size_t dimensions = kin_dataset_dimensions(job->dataset);
    if (job->count == kin_dataset_count(job->dataset)) {
        status = kin_dataset_read(job->dataset, first, count, vectors, &error);
    } else {
        for (uint64_t i = 0; i < count && status == KIN_OK; i++) {
            uint64_t row = row_of(job, first + i);
            status = kin_dataset_gather(job->dataset, &row, 1, vectors + i * dimensions, &error);
        }
    }
    if (status != KIN_OK) kin_comm_fail(job->comm, &error);
}

/* The classes of the rows that are learned from, where the method wants some; else it is measured
 * by them. */
static void take_labels(train_job *job, kin_train_source *source, kin_training *training)
{
    const uint32_t *labels = kin_dataset_labels(job->dataset);
    if (labels == NULL) return;
    source->class_count = kin_dataset_classes(job->dataset);
    job->labels = kin_malloc(job->count * sizeof *job->labels);
    job->class_names = kin_malloc(source->class_count * sizeof *job->class_names);
    for (uint64_t i = 0; i < job->count; i++)
        job->labels[i] = labels[row_of(job, i)];
    for (uint32_t c = 0; c < source->class_count; c++)
        job->class_names[c] = kin_dataset_class_name(job->dataset, c);
    if (!kin_hasher_options_wants_labels(&job->hasher)) {
        training->labels = job->labels;
        training->class_count = source->class_count;
        source->class_count = 0;
        return;
    }
    source->labels = job->labels;
    source->class_names = job->class_names;
}

/* One attempt. A folder that its owner removed in the meantime guards nothing: it is made anew. */
static kin_status try_lock(train_job *job, const char *path, bool *held, kin_error *error)
{
    struct stat information;
    *held = false;
    kin_status status = kin_directory_make(job->folder, error);
    if (status != KIN_OK) return status;
    job->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (job->lock < 0 && errno == ENOENT) return KIN_OK;
    if (job->lock < 0) return kin_fail(error, KIN_IO, "cannot open %s: %s", path, strerror(errno));
    *held = flock(job->lock, LOCK_EX | LOCK_NB) == 0 && fstat(job->lock, &information) == 0 &&
            information.st_nlink > 0;
    if (*held) return KIN_OK;
    close(job->lock);
    job->lock = -1;
    return KIN_OK;
}

/* Rank 0: OUTPUT.training, for this job alone. */
static kin_status lock_folder(train_job *job, kin_error *error)
{
    char *path = kin_path_join(job->folder, "lock");
    int64_t end_ms = kin_clock_ms() + LOCK_WAIT_MS;
    bool held;
    kin_status status;
    while ((status = try_lock(job, path, &held, error)) == KIN_OK && !held) {
        if (kin_clock_ms() > end_ms) {
            status = kin_fail(error, KIN_BUSY,
                              "another kindred-index is learning %s (it holds %s); wait for it, or "
                              "end all its ranks",
                              job->output, path);
            break;
        }
        kin_comm_tick(job->comm);
        kin_sleep_ms(100);
    }
    free(path);
    if (status == KIN_OK && job->restart) {
        char *state = kin_path_join(job->folder, KIN_TRAINING_STATE_FILE);
        (void)unlink(state); /* may not be there */
        free(state);
    }
    return status;
}

static void announce(const train_job *job, const kin_training *training, uint64_t bytes)
{
    char count[32], memory[32];
    kin_log(KIN_LOG_INFO,
            "%s rows of %u numbers (%s), %lld bits by %s, seed %lld, %d rank%s; memory: at most %s "
            "a rank",
            kin_text_count(job->count, count), (unsigned)training->dimensions, training->features,
            (long long)job->hasher.bits, job->hasher.hasher, (long long)job->hasher.seed,
            kin_comm_ranks(job->comm), kin_comm_ranks(job->comm) == 1 ? "" : "s",
            kin_text_bytes(bytes, memory));
}

static kin_status learn(train_job *job, kin_training *training, kin_error *error)
{
    int64_t start_ms = kin_clock_ms();
    kin_buffer file = {0};
    kin_train_source source = {
        .count = job->count, .dimensions = training->dimensions, .read = read_rows, .user = job};
    take_labels(job, &source, training);
    if (is_root(job)) kin_progress_begin(job->progress, "learning the codes", 0, 0);
    kin_status status = kin_training_run(training, &source, &file, error);
    if (status != KIN_OK) kin_comm_fail_together(job->comm, error);
    if (is_root(job)) {
        kin_progress_clear(job->progress);
        double seconds = (double)(kin_clock_ms() - start_ms) / 1000;
        kin_report_learned(job->report, job->count, seconds);
        status = kin_hasher_output_write(job->output, &file, seconds, error);
        if (status == KIN_OK) status = kin_directory_remove(job->folder, error);
    }
    kin_buffer_fini(&file);
    return status;
}

static kin_status run(train_job *job, kin_error *error)
{
    char name[KIN_FEATURES_NAME_BYTES];
    kin_dataset_options options = {.source = job->source, .labels = job->hasher.labels};
    kin_status status = kin_dataset_open(&job->dataset, &options, error);
    if (status != KIN_OK) return status;
    uint64_t all = kin_dataset_count(job->dataset);
    job->count = job->sample > 0 && (uint64_t)job->sample < all ? (uint64_t)job->sample : all;
    if (kin_hasher_options_wants_labels(&job->hasher) && kin_dataset_labels(job->dataset) == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s has no classes, which the hasher supervised learns from; give --labels "
                        "FILE",
                        job->source);
    kin_train_options learned = kin_hasher_options_training(&job->hasher);
    learned.dimensions = kin_dataset_dimensions(job->dataset);
    status = kin_train_check(&learned, error); /* before there is a folder */
    if (status != KIN_OK) return status;
    kin_digest digest = {0};
    if (is_root(job)) {
        status = lock_folder(job, error);
        if (status != KIN_OK) return status;
        digest = kin_dataset_digest(job->dataset);
    }
    kin_comm_broadcast(job->comm, &digest, sizeof digest);
    kin_features_file_name(&digest, name);
    const char *features = kin_dataset_features(job->dataset);
    const char *decoder = kin_dataset_decoder(job->dataset);
    kin_training training = {.comm = job->comm,
                             .progress = job->progress,
                             .options = &job->hasher,
                             .folder = job->folder,
                             .features = features == NULL ? name : features,
                             .decoder = decoder == NULL ? "none" : decoder,
                             .data = digest,
                             .dimensions = kin_dataset_dimensions(job->dataset)};
    size_t bytes = kin_training_memory(&training, job->count);
    if (is_root(job)) announce(job, &training, BASE_BYTES + bytes);
    if (!kin_memory_reserve(bytes)) {
        char text[32];
        return kin_fail(error, KIN_LIMIT,
                        "learning the codes needs %s of memory here, which are not to be had; take "
                        "more ranks, or a smaller --sample",
                        kin_text_bytes(bytes, text));
    }
    return learn(job, &training, error);
}

int kin_train_command(int argc, char **argv)
{
    train_job job = {.lock = -1};
    kin_error error;
    kin_status status = parse(&job, argc, argv, &error);
    if (status != KIN_OK || job.help) {
        if (status != KIN_OK && speaks()) kin_log(KIN_LOG_ERROR, "%s", error.text);
        if (status == KIN_OK && speaks())
            printf("%smethods: %s\n%s", help, kin_train_methods(), example);
        kin_hasher_options_fini(&job.hasher);
        free(job.folder);
        return status == KIN_OK ? 0 : 2;
    }
    if (job.source == NULL) {
        int code = kin_build_run(&job.pictures);
        kin_hasher_options_fini(&job.hasher);
        free(job.folder);
        return code;
    }
    kin_stop_init();
    kin_blas_init();
    job.comm = kin_comm_open();
    if (is_root(&job)) job.progress = kin_progress_new();
    status = run(&job, &error);
    if (status != KIN_OK) kin_comm_fail(job.comm, &error);
    kin_progress_destroy(&job.progress);
    kin_dataset_close(&job.dataset);
    kin_comm_close(&job.comm);
    if (job.lock >= 0) close(job.lock);
    kin_hasher_options_fini(&job.hasher);
    free(job.labels);
    free(job.class_names);
    free(job.folder);
    return 0;
}
