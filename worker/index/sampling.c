#include "worker/index/sampling.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/part_file.h"
#include "worker/train/train.h"

/* As in Gong and Lazebnik, CVPR 2011. */
#define ITQ_ITERATIONS 50

void kin_sampling_choose(uint8_t *sampled, uint64_t chunk_count, uint32_t chunk_pictures,
                         uint64_t pictures)
{
    uint64_t wanted = (pictures + chunk_pictures - 1) / chunk_pictures;
    if (wanted > chunk_count) wanted = chunk_count;
    memset(sampled, 0, chunk_count);
    for (uint64_t i = 0; i < wanted; i++) /* both factors are below 2^32 */
        sampled[i * chunk_count / wanted] = 1;
}

void kin_sampling_count(kin_build_state *build)
{
    const kin_building *building = &build->building;
    uint64_t *first = build->sample_first;
    memset(first, 0, (building->chunk_count + 1) * sizeof *first);
    for (uint64_t c = 0; c < building->chunk_count; c++) {
        if (!build->sampled[c] || !kin_build_owns_chunk(build, c)) continue;
        kin_part_file file;
        kin_error error;
        if (kin_part_file_open(&file, building, c, &error) != KIN_OK)
            kin_comm_fail(build->comm, &error);
        first[c + 1] = file.part.indexed;
        kin_part_file_close(&file);
        kin_comm_tick(build->comm);
    }
    kin_comm_sum(build->comm, first, building->chunk_count + 1);
    for (uint64_t c = 0; c < building->chunk_count; c++)
        first[c + 1] += first[c];
    build->sampled_pictures = first[building->chunk_count];
}

/* The sample as rows that training reads: parts are mapped when their first row is, and stay so. */
typedef struct sample_rows {
    kin_build_state *build;
    kin_part_file *files; /* [chunk_count], closed until needed */
} sample_rows;

/* The chunk that holds a row of the sample. */
static uint64_t chunk_of(const kin_build_state *build, uint64_t row)
{
    uint64_t low = 0, high = build->building.chunk_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (build->sample_first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void read_rows(void *user, uint64_t first, uint64_t count, float *vectors)
{
    sample_rows *rows = user;
    kin_build_state *build = rows->build;
    uint32_t dimensions = kin_features_dimensions(build->features);
    const uint64_t *firsts = build->sample_first;
    uint64_t chunk = chunk_of(build, first);
    for (uint64_t row = first; row < first + count; row++, vectors += dimensions) {
        while (row >= firsts[chunk + 1])
            chunk++;
        kin_part_file *file = &rows->files[chunk];
        kin_error error;
        if (file->mapping.data == NULL &&
            kin_part_file_open(file, &build->building, chunk, &error) != KIN_OK)
            kin_comm_fail(build->comm, &error);
        kin_part_vector(&file->part, (uint32_t)(row - firsts[chunk]), vectors);
    }
}

static kin_status sum_slices(void *user, const double *slice_sums, size_t count, double *total,
                             kin_error *error)
{
    (void)error;
    kin_build_state *build = user;
    kin_comm_sum_slices(build->comm, KIN_TRAIN_SLICES, slice_sums, count, total);
    return KIN_OK;
}

static kin_status broadcast(void *user, void *data, size_t bytes, kin_error *error)
{
    (void)error;
    kin_build_state *build = user;
    kin_comm_broadcast(build->comm, data, bytes);
    return KIN_OK;
}

static kin_status exchange(void *user, const float *send, const kin_span *sent, float *receive,
                           const kin_span *received, kin_error *error)
{
    (void)error;
    kin_build_state *build = user;
    kin_comm_swap(build->comm, send, sent, receive, received);
    return KIN_OK;
}

static void tick(void *user, double fraction)
{
    kin_build_state *build = user;
    if (build->progress != NULL) kin_progress_fraction(build->progress, fraction);
    kin_comm_tick(build->comm);
}

static kin_train_options training_options(const kin_build_state *build)
{
    return (kin_train_options){.method = build->options->hasher,
                               .bits = build->options->bits,
                               .seed = build->options->seed,
                               .iterations = ITQ_ITERATIONS,
                               .features = kin_features_name(build->features),
                               .decoder = build->decoder_name,
                               .dimensions = kin_features_dimensions(build->features)};
}

size_t kin_sampling_memory(const kin_build_state *build)
{
    uint64_t ranks = (uint64_t)kin_comm_ranks(build->comm);
    uint64_t rank = (uint64_t)kin_comm_rank(build->comm);
    uint64_t slices = rank < KIN_TRAIN_SLICES ? (KIN_TRAIN_SLICES - rank + ranks - 1) / ranks : 0;
    uint64_t sample = build->options->sample_pictures + build->building.chunk_pictures;
    if (sample > build->building.list.count) sample = build->building.list.count;
    uint64_t vectors = sample * slices / KIN_TRAIN_SLICES + slices;
    kin_train_options options = training_options(build);
    return kin_train_memory(&options, (int)rank, slices, vectors);
}

void kin_sampling_reserve(kin_build_state *build)
{
    size_t bytes = kin_sampling_memory(build);
    kin_error error;
    char text[32];
    if (kin_memory_reserve(bytes)) return;
    (void)kin_fail(&error, KIN_LIMIT,
                   "learning the codes needs %s of memory here, which are not to be had; take more "
                   "ranks, or a smaller --sample",
                   kin_text_bytes(bytes, text));
    kin_comm_fail(build->comm, &error);
}

static void train(kin_build_state *build, kin_buffer *file)
{
    uint64_t chunks = build->building.chunk_count;
    sample_rows rows = {build, kin_calloc(chunks, sizeof *rows.files)};
    kin_train_source source = {.count = build->sampled_pictures,
                               .dimensions = kin_features_dimensions(build->features),
                               .read = read_rows,
                               .user = &rows};
    kin_train_context context = {.rank = kin_comm_rank(build->comm),
                                 .ranks = kin_comm_ranks(build->comm),
                                 .user = build,
                                 .sum_slices = sum_slices,
                                 .broadcast = broadcast,
                                 .exchange = exchange,
                                 .tick = tick};
    kin_train_options options = training_options(build);
    kin_error error;
    if (kin_train(&context, &options, &source, file, &error) != KIN_OK)
        kin_comm_fail_together(build->comm, &error);
    for (uint64_t c = 0; c < chunks; c++)
        kin_part_file_close(&rows.files[c]);
    free(rows.files);
}

/* Rank 0 looks whether a run before this one has learned it. */
static bool read_learned(kin_build_state *build, const char *path, kin_buffer *file)
{
    uint64_t bytes = 0;
    if (kin_comm_rank(build->comm) == 0 &&
        kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, file, NULL) == KIN_OK &&
        kin_encoder_open(&build->encoder, file->data, file->bytes, path, build->features, NULL) ==
            KIN_OK) {
        bytes = file->bytes;
        kin_encoder_close(&build->encoder);
    }
    kin_comm_broadcast(build->comm, &bytes, sizeof bytes);
    if (bytes == 0) {
        kin_buffer_clear(file);
        return false;
    }
    if (kin_comm_rank(build->comm) != 0) kin_buffer_reserve(file, bytes);
    kin_comm_broadcast(build->comm, file->data, bytes);
    file->bytes = bytes;
    return true;
}

void kin_sampling_train(kin_build_state *build)
{
    char *path = kin_building_path(&build->building, KIN_ENCODER_FILE);
    kin_buffer file = {0};
    kin_error error;
    bool root = kin_comm_rank(build->comm) == 0;
    if (!read_learned(build, path, &file)) {
        if (root) kin_progress_begin(build->progress, "learning the codes", 0, 0);
        train(build, &file);
        if (root && kin_file_write_atomic(path, file.data, file.bytes, &error) != KIN_OK)
            kin_comm_fail(build->comm, &error);
    }
    if (kin_encoder_open(&build->encoder, file.data, file.bytes, path, build->features, &error) !=
        KIN_OK)
        kin_comm_fail_together(build->comm, &error);
    kin_buffer_fini(&file);
    free(path);
}
