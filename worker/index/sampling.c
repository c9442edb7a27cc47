#include "worker/index/sampling.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/reason.h"
#include "common/base/text.h"
#include "proto/encoder_rename.h"
#include "worker/dataset/classes.h"
#include "worker/index/part_file.h"
#include "worker/index/summary.h"
#include "worker/index/training.h"

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

/* What is learned from, by its keys and sizes: for the hasher's card. Indexes name their pictures
 * themselves. */
static kin_digest data_of(const kin_build_state *build)
{
    const kin_list *list = &build->building.list;
    kin_digest digest = {0};
    kin_buffer text = {0};
    for (uint64_t i = 0; build->options->hasher_output != NULL && i < list->count; i++) {
        kin_list_row row = kin_list_get(list, i);
        kin_buffer_clear(&text);
        kin_buffer_append(&text, &digest, sizeof digest);
        kin_buffer_append_le64(&text, row.bytes);
        kin_buffer_append(&text, row.key, row.key_bytes);
        digest = kin_digest_of(text.data, text.bytes);
    }
    kin_buffer_fini(&text);
    return digest;
}

static kin_training training_of(const kin_build_state *build)
{
    return (kin_training){.comm = build->comm,
                          .progress = build->progress,
                          .options = &build->options->hasher,
                          .folder = build->building.folder,
                          .features = kin_features_name(build->features),
                          .decoder = build->decoder_name,
                          .dimensions = kin_features_dimensions(build->features)};
}

size_t kin_sampling_memory(const kin_build_state *build)
{
    if (build->options->hasher.file.bytes > 0) return 0;
    uint64_t sample = build->options->sample_pictures + build->building.chunk_pictures;
    if (sample > build->building.list.count) sample = build->building.list.count;
    kin_training training = training_of(build);
    return kin_training_memory(&training, sample);
}

size_t kin_sampling_memory_of(const kin_build_state *build, uint64_t inputs, uint64_t ranks)
{
    if (build->options->hasher.file.bytes > 0) return 0;
    uint64_t sample = build->options->sample_pictures + kin_plan_chunk_pictures(inputs);
    kin_training training = training_of(build);
    return kin_training_memory_of(&training, sample < inputs ? sample : inputs, 0, ranks);
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

/* The inputs that the sample's vectors are of. */
static uint64_t *sample_ids(kin_build_state *build, sample_rows *rows)
{
    uint64_t *ids = kin_malloc(build->sampled_pictures * sizeof *ids), count = 0;
    for (uint64_t c = 0; c < build->building.chunk_count; c++) {
        kin_part_file *file = &rows->files[c];
        kin_error error;
        if (!build->sampled[c]) continue;
        if (file->mapping.data == NULL &&
            kin_part_file_open(file, &build->building, c, &error) != KIN_OK)
            kin_comm_fail(build->comm, &error);
        for (uint32_t i = 0; i < file->part.head.count; i++) {
            kin_part_row row = kin_part_get(&file->part, i);
            if (row.reason == KIN_REASON_NONE)
                ids[count++] = kin_building_chunk_first(&build->building, c) + i;
        }
        kin_comm_tick(build->comm);
    }
    return ids;
}

/* What is classed: pictures of the sample, by their keys. */
typedef struct keyed {
    const kin_list *list;
    const uint64_t *ids;
} keyed;

static const char *key_of(const void *user, uint64_t row, uint32_t *bytes)
{
    const keyed *from = user;
    kin_list_row input = kin_list_get(from->list, from->ids[row]);
    *bytes = input.key_bytes;
    return input.key;
}

/* Every rank reads the same labels. */
static void take_classes(kin_build_state *build, sample_rows *rows, kin_classes *classes)
{
    kin_error error;
    uint64_t *ids = sample_ids(build, rows);
    keyed user = {&build->building.list, ids};
    kin_class_rows wanted = {.count = build->sampled_pictures,
                             .name = "the sample of pictures",
                             .user = &user,
                             .key = key_of};
    if (kin_classes_open(classes, &wanted, build->options->hasher.labels, &error) != KIN_OK)
        kin_comm_fail_together(build->comm, &error);
    free(ids);
}

static void train(kin_build_state *build, kin_buffer *file)
{
    uint64_t chunks = build->building.chunk_count;
    sample_rows rows = {build, kin_calloc(chunks, sizeof *rows.files)};
    kin_classes classes = {0};
    kin_train_source source = {.count = build->sampled_pictures,
                               .dimensions = kin_features_dimensions(build->features),
                               .read = read_rows,
                               .user = &rows};
    if (build->options->hasher.labels != NULL) {
        take_classes(build, &rows, &classes);
        source.labels = classes.labels;
        source.class_count = classes.count;
        source.class_names = (const char *const *)classes.names;
    }
    kin_training training = training_of(build);
    training.data = data_of(build);
    kin_error error;
    if (kin_training_run(&training, &source, file, &error) != KIN_OK)
        kin_comm_fail_together(build->comm, &error);
    (void)kin_summary_memory_used(); /* parts are mapped now */
    kin_classes_fini(&classes);
    for (uint64_t c = 0; c < chunks; c++)
        kin_part_file_close(&rows.files[c]);
    free(rows.files);
    kin_summary_memory_forget();
}

kin_status kin_sampling_check_given(const kin_build_state *build, kin_error *error)
{
    const kin_hasher_options *hasher = &build->options->hasher;
    const kin_encoder_card *card = &hasher->card;
    const char *features = kin_features_name(build->features);
    uint32_t dimensions = kin_features_dimensions(build->features);
    if (card->dimensions != dimensions)
        return kin_fail(error, KIN_MISMATCH,
                        "%s was learned from the features '%s' of %u numbers; these are '%s' of %u",
                        hasher->hasher, card->features, (unsigned)card->dimensions, features,
                        (unsigned)dimensions);
    if (strcmp(card->features, features) == 0 && strcmp(card->decoder, "none") != 0 &&
        strcmp(card->decoder, build->decoder_name) != 0)
        return kin_fail(error, KIN_MISMATCH,
                        "%s was learned from pictures that '%s' decoded; these are of '%s'",
                        hasher->hasher, card->decoder, build->decoder_name);
    if (strcmp(card->features, features) == 0 ||
        (kin_features_is_file(card->features) && kin_features_is_file(features)))
        return KIN_OK;
    return kin_fail(
        error, KIN_MISMATCH, "%s was learned from the features '%s'; these are '%s'%s",
        hasher->hasher, card->features, features,
        kin_features_are_centred(build->features)
            ? ", of models that are centred by the mean of the pictures: such a hasher "
              "fits builds of the very list of pictures that it was learned from; learn "
              "one of these, or take \"centre\" out of the sidecars"
            : "");
}

/* The encoder file as it is given; of vectors of another file, with the name of these. */
static void take_given(kin_build_state *build, kin_buffer *file)
{
    const kin_hasher_options *hasher = &build->options->hasher;
    kin_error error;
    if (kin_sampling_check_given(build, &error) != KIN_OK ||
        kin_encoder_file_renamed(file, hasher->file.data, hasher->file.bytes, hasher->hasher,
                                 kin_features_name(build->features), build->decoder_name,
                                 &error) != KIN_OK)
        kin_comm_fail_together(build->comm, &error);
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
    bool root = kin_comm_rank(build->comm) == 0, given = build->options->hasher.file.bytes > 0;
    if (!read_learned(build, path, &file)) {
        if (root && !given) kin_progress_begin(build->progress, "learning the codes", 0, 0);
        if (given)
            take_given(build, &file);
        else
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
