#include "worker/eval/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/encoder_file.h"
#include "worker/encode/blas.h"
#include "worker/train/train.h"

/* As in the paper on iterative quantization. */
#define ITERATIONS 50
/* An encoder file of 256 bits of 8,192 dimensions is 8 MB; networks of layers are larger. */
#define ENCODER_BYTES_MAX ((size_t)1 << 30)

/* What is learned from: every so many of the database's rows. */
typedef struct sample {
    const kin_part *part;
    uint64_t count;
    uint32_t *labels; /* [count]; NULL: there are none */
    const char **class_names;
} sample;

static uint64_t sample_row(const sample *from, uint64_t i)
{
    return i * from->part->count / from->count;
}

/* A row that cannot be read is one of NaN, which kin_train refuses; the sentence names it already
 * where features were compared before. */
static void read_sample(void *user, uint64_t first, uint64_t count, float *vectors)
{
    const sample *from = user;
    const kin_dataset *dataset = from->part->dataset;
    uint32_t dimensions = kin_dataset_dimensions(dataset);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t row = from->part->rows[sample_row(from, first + i)];
        float *vector = vectors + i * dimensions;
        if (kin_dataset_gather(dataset, &row, 1, vector, NULL) == KIN_OK) continue;
        for (uint32_t j = 0; j < dimensions; j++)
            vector[j] = NAN;
    }
}

static void init_sample(sample *made, const kin_part *part, uint64_t rows_max)
{
    uint32_t classes = kin_dataset_classes(part->dataset);
    *made = (sample){.part = part, .count = part->count < rows_max ? part->count : rows_max};
    if (part->labels == NULL) return;
    made->labels = kin_malloc(made->count * sizeof *made->labels);
    made->class_names = kin_malloc(classes * sizeof *made->class_names);
    for (uint64_t i = 0; i < made->count; i++)
        made->labels[i] = part->labels[sample_row(made, i)];
    for (uint32_t c = 0; c < classes; c++)
        made->class_names[c] = kin_dataset_class_name(part->dataset, c);
}

static void fini_sample(sample *made)
{
    free(made->labels);
    free(made->class_names);
}

void kin_trial_fini(kin_trial *trial)
{
    kin_encoder_close(&trial->encoder);
    kin_features_close(&trial->features);
    free(trial->thresholds);
    trial->thresholds = NULL;
}

static kin_status open_encoder(kin_trial *trial, const kin_buffer *file, const char *name,
                               kin_error *error)
{
    kin_encoder_file parsed;
    kin_status status = kin_encoder_file_parse(&parsed, file->data, file->bytes, name, error);
    if (status == KIN_OK)
        status = kin_features_open_given(&trial->features, parsed.card.features,
                                         parsed.card.dimensions, error);
    if (status == KIN_OK)
        status = kin_encoder_open(&trial->encoder, file->data, file->bytes, name, trial->features,
                                  error);
    if (status == KIN_OK) {
        trial->thresholds = kin_malloc(parsed.card.bits * sizeof *trial->thresholds);
        kin_encoder_file_floats(parsed.thresholds, parsed.card.bits, trial->thresholds);
    }
    if (status != KIN_OK) kin_trial_fini(trial);
    return status;
}

kin_status kin_trial_train(kin_trial *trial, const kin_split *split,
                           const kin_trial_options *options, kin_error *error)
{
    const kin_part *part = &split->database;
    char name[KIN_FEATURES_NAME_BYTES];
    kin_digest digest = kin_dataset_digest(part->dataset);
    kin_features_file_name(&digest, name);
    const char *features = kin_dataset_features(part->dataset);
    kin_train_options train = {.method = options->method,
                               .bits = options->bits,
                               .seed = options->seed,
                               .iterations = ITERATIONS,
                               .features = features == NULL ? name : features,
                               .decoder = "none",
                               .dimensions = kin_dataset_dimensions(part->dataset)};
    kin_train_context context = kin_train_context_alone();
    context.user = options->user;
    if (options->tick != NULL) context.tick = options->tick;
    sample learned;
    kin_buffer file = {0};
    kin_blas_init();
    *trial = (kin_trial){0};
    init_sample(&learned, part, options->rows_max);
    kin_train_source source = {.count = learned.count,
                               .dimensions = train.dimensions,
                               .read = read_sample,
                               .user = &learned,
                               .labels = learned.labels,
                               .class_count = kin_dataset_classes(part->dataset),
                               .class_names = learned.class_names};
    kin_status status = kin_train(&context, &train, &source, &file, error);
    if (status == KIN_OK) status = open_encoder(trial, &file, options->method, error);
    kin_buffer_fini(&file);
    fini_sample(&learned);
    return status;
}

kin_status kin_trial_open(kin_trial *trial, const char *path, kin_error *error)
{
    kin_buffer file = {0};
    *trial = (kin_trial){0};
    kin_status status = kin_file_read(path, ENCODER_BYTES_MAX, &file, error);
    if (status == KIN_OK) status = open_encoder(trial, &file, path, error);
    kin_buffer_fini(&file);
    return status;
}
