/* What encoding costs, and encoding as a filter for the tests that compare it with numpy.
 *
 *   bench_encode                                milliseconds a picture
 *   bench_encode features < rasters > vectors   RGB pixels to little-endian floats
 *   bench_encode train METHOD BITS SEED DIMENSIONS < vectors > encoder file
 *   bench_encode hash ENCODER < vectors > codes (bits / 8 bytes each) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/lone_rank.h"
#include "worker/encode/encoder.h"
#include "worker/train/train.h"

#define INPUT_BYTES_MAX ((size_t)1 << 30)

static _Noreturn void die(const char *text)
{
    fprintf(stderr, "bench_encode: %s\n", text);
    exit(1);
}

static void read_all(kin_buffer *input)
{
    size_t done;
    do {
        uint8_t *room = kin_buffer_reserve(input, 1 << 16);
        done = fread(room, 1, 1 << 16, stdin);
        input->bytes += done;
    } while (done > 0 && input->bytes < INPUT_BYTES_MAX);
}

static void write_all(const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, stdout) != bytes) die("cannot write");
}

static void filter_features(kin_features *features, kin_buffer *input)
{
    const kin_raster_spec *spec = kin_features_raster(features);
    size_t raster_bytes = (size_t)spec->width * spec->height * 3;
    uint32_t dimensions = kin_features_dimensions(features);
    kin_features_scratch *scratch = kin_features_scratch_new(features);
    float *vector = kin_calloc(dimensions, sizeof *vector);
    for (size_t at = 0; at + raster_bytes <= input->bytes; at += raster_bytes) {
        kin_image raster = {input->data + at, spec->width, spec->height};
        kin_features_run(features, scratch, &raster, 1, vector);
        write_all(vector, dimensions * sizeof *vector);
    }
    free(vector);
    kin_features_scratch_destroy(&scratch);
}

static void filter_train(char **arguments, const kin_buffer *input)
{
    kin_train_options options = {.method = arguments[0],
                                 .bits = (unsigned)atoi(arguments[1]),
                                 .seed = strtoull(arguments[2], NULL, 10),
                                 .iterations = 50,
                                 .features = "builtin/1",
                                 .decoder = "none",
                                 .dimensions = (uint32_t)atoi(arguments[3])};
    if (options.dimensions == 0) die("dimensions are a positive number");
    uint64_t count = input->bytes / sizeof(float) / options.dimensions;
    kin_train_source source =
        kin_lone_rank_source((const float *)(const void *)input->data, count, options.dimensions);
    kin_train_context context = kin_lone_rank_context();
    kin_buffer file = {0};
    kin_error error = {0};
    if (kin_train(&context, &options, &source, &file, &error) != KIN_OK) die(error.text);
    write_all(file.data, file.bytes);
    kin_buffer_fini(&file);
}

static void filter_hash(const char *path, const kin_buffer *input)
{
    kin_encoder *encoder;
    kin_buffer file = {0};
    kin_error error = {0};
    if (kin_file_read(path, INPUT_BYTES_MAX, &file, &error) != KIN_OK ||
        kin_encoder_open(&encoder, file.data, file.bytes, path, NULL, &error) != KIN_OK)
        die(error.text);
    uint32_t dimensions = kin_features_dimensions(kin_encoder_features(encoder));
    uint32_t count = (uint32_t)(input->bytes / sizeof(float) / dimensions);
    unsigned bits = kin_encoder_bits(encoder);
    kin_code *codes = kin_calloc(count, sizeof *codes);
    kin_encoder_hash(encoder, (const float *)(const void *)input->data, count, codes);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[KIN_CODE_BYTES_MAX];
        kin_code_to_bytes(&codes[i], bytes, bits);
        write_all(bytes, bits / 8);
    }
    free(codes);
    kin_encoder_close(&encoder);
    kin_buffer_fini(&file);
}

enum { PICTURES = 64, ROUNDS = 61 };

/* What is measured: a round over all pictures. */
typedef struct trial {
    kin_features *features;
    kin_features_scratch *scratch;
    kin_encoder *encoder;
    kin_image rasters[PICTURES];
    kin_code codes[PICTURES];
    float *vectors;
    uint32_t dimensions;
} trial;

static void run_features(trial *t)
{
    kin_features_run(t->features, t->scratch, t->rasters, PICTURES, t->vectors);
}

static void hash_together(trial *t)
{
    kin_encoder_hash(t->encoder, t->vectors, PICTURES, t->codes);
}

static void hash_alone(trial *t)
{
    for (size_t i = 0; i < PICTURES; i++)
        kin_encoder_hash(t->encoder, t->vectors + i * t->dimensions, 1, t->codes);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of rounds, a picture. */
static double milliseconds(void (*round)(trial *t), trial *t)
{
    double times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = kin_clock_ns();
        round(t);
        times[i] = (double)(kin_clock_ns() - start) / 1e6 / PICTURES;
    }
    qsort(times, ROUNDS, sizeof *times, compare);
    return times[ROUNDS / 2];
}

/* Pictures with edges everywhere: the most work the builtin features can have. */
static void measure(kin_features *features)
{
    const kin_raster_spec *spec = kin_features_raster(features);
    trial t = {.features = features,
               .scratch = kin_features_scratch_new(features),
               .dimensions = kin_features_dimensions(features)};
    kin_random random = {.state = 1};
    for (int i = 0; i < PICTURES; i++) {
        kin_image_init(&t.rasters[i], spec->width, spec->height);
        for (size_t j = 0; j < (size_t)spec->width * spec->height * 3; j++)
            t.rasters[i].pixels[j] = (uint8_t)kin_random_u64(&random);
    }
    t.vectors = kin_calloc((size_t)PICTURES * t.dimensions, sizeof *t.vectors);
    double features_ms = milliseconds(run_features, &t);
    printf("features %s: %.3f ms a picture\n", kin_features_name(features), features_ms);
    for (unsigned bits = 64; bits <= 256; bits *= 2) {
        if (!kin_code_bits_valid(bits)) continue;
        t.encoder = kin_lone_rank_encoder("lsh", bits, t.vectors, PICTURES);
        double together = milliseconds(hash_together, &t), alone = milliseconds(hash_alone, &t);
        printf("hash to %u bits: %.4f ms a picture, %.2f %% of the features; alone %.4f, %.2f %%\n",
               bits, together, 100 * together / features_ms, alone, 100 * alone / features_ms);
        kin_encoder_close(&t.encoder);
    }
    for (int i = 0; i < PICTURES; i++)
        kin_image_fini(&t.rasters[i]);
    kin_features_scratch_destroy(&t.scratch);
    free(t.vectors);
}

int main(int argc, char **argv)
{
    kin_error error = {0};
    kin_features *features;
    if (kin_features_open(&features, "builtin", NULL, 0, &error) != KIN_OK) die(error.text);
    kin_buffer input = {0};
    if (argc > 1) read_all(&input);
    if (argc == 1)
        measure(features);
    else if (argc == 2 && strcmp(argv[1], "features") == 0)
        filter_features(features, &input);
    else if (argc == 6 && strcmp(argv[1], "train") == 0)
        filter_train(argv + 2, &input);
    else if (argc == 3 && strcmp(argv[1], "hash") == 0)
        filter_hash(argv[2], &input);
    else
        die("usage: [features | train METHOD BITS SEED DIMENSIONS | hash ENCODER]");
    kin_buffer_fini(&input);
    kin_features_close(&features);
    return 0;
}
