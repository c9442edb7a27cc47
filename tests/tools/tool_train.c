/* Trains a hasher from raw floats, as several ranks in threads, and hashes with it: for trying out
 * methods without pictures.
 *
 *   tool_train METHOD BITS DIMENSIONS VECTORS.f32 LABELS.u32|- OUT.kin [NAME=VALUE]...
 *   tool_train hash IN.kin VECTORS.f32 CODES.u8 VALUES.f32 [SHARES.f32]
 *
 * Names: ranks seed epochs pretrain batch rate pretrain-rate noise dropout input-dropout decay
 * held-out patience head layers (as 512-256, or none) state (a file that is saved to and loaded
 * from). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/lone_rank.h"
#include "worker/encode/hasher.h"

#define BYTES_MAX ((size_t)4 << 30)

typedef struct job {
    kin_train_options options;
    uint32_t layers[KIN_HASHER_LAYERS_MAX];
    kin_train_source source;
    int ranks;
    const char *state;
    int64_t start_ms;
} job;

static _Noreturn void die(const char *text)
{
    fprintf(stderr, "tool_train: %s\n", text);
    exit(2);
}

static kin_buffer read_file(const char *path)
{
    kin_buffer bytes = {0};
    kin_error error = {0};
    if (kin_file_read(path, BYTES_MAX, &bytes, &error) != KIN_OK) die(error.text);
    return bytes;
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    kin_error error = {0};
    if (kin_file_write_atomic(path, data, bytes, &error) != KIN_OK) die(error.text);
}

static void log_epoch(void *user, const kin_train_epoch *e)
{
    const job *j = user;
    printf("%7.1f s  %s %u/%u  loss %.5g  error %.5g  balance %.4f  rate %.3g  held out %.5g\n",
           (double)(kin_clock_ms() - j->start_ms) / 1000, e->phase, (unsigned)e->epoch,
           (unsigned)e->epochs, e->loss, e->error, e->balance, e->rate, e->held_out);
    fflush(stdout);
}

static kin_status save(void *user, const void *state, size_t bytes, kin_error *error)
{
    return kin_file_write_atomic(((const job *)user)->state, state, bytes, error);
}

static void load(void *user, kin_buffer *state)
{
    kin_error error = {0};
    if (kin_file_read(((const job *)user)->state, BYTES_MAX, state, &error) != KIN_OK)
        printf("starts anew: %s\n", error.text);
}

static kin_head_kind head_of(const char *name)
{
    if (strcmp(name, "linear") == 0) return KIN_HEAD_LINEAR;
    if (strcmp(name, "logistic") == 0) return KIN_HEAD_LOGISTIC;
    return KIN_HEAD_SOFTMAX;
}

static void set_layers(job *j, const char *text)
{
    j->options.layers = j->layers;
    j->options.no_layers = strcmp(text, "none") == 0;
    for (char *end; *text >= '0' && *text <= '9'; text = *end == '-' ? end + 1 : end)
        j->layers[j->options.layer_count++] = (uint32_t)strtoul(text, &end, 10);
}

static void set(job *j, const char *argument)
{
    kin_train_options *o = &j->options;
    const char *value = strchr(argument, '=');
    if (value == NULL) die("arguments after the sixth are NAME=VALUE");
    size_t length = (size_t)(value++ - argument);
    const struct {
        const char *name;
        double *number;
        uint32_t *count;
    } names[] = {{"epochs", NULL, &o->epochs},    {"pretrain", NULL, &o->pretrain_epochs},
                 {"batch", NULL, &o->batch},      {"patience", NULL, &o->patience},
                 {"rate", &o->rate, NULL},        {"pretrain-rate", &o->pretrain_rate, NULL},
                 {"noise", &o->noise, NULL},      {"dropout", &o->dropout, NULL},
                 {"decay", &o->decay, NULL},      {"input-dropout", &o->input_dropout, NULL},
                 {"held-out", &o->held_out, NULL}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) != length || strncmp(names[i].name, argument, length) != 0)
            continue;
        if (names[i].number != NULL) *names[i].number = atof(value);
        if (names[i].count != NULL) *names[i].count = (uint32_t)atoi(value);
        return;
    }
    if (strncmp(argument, "ranks=", 6) == 0)
        j->ranks = atoi(value);
    else if (strncmp(argument, "seed=", 5) == 0)
        o->seed = strtoull(value, NULL, 10);
    else if (strncmp(argument, "head=", 5) == 0)
        o->head = head_of(value);
    else if (strncmp(argument, "layers=", 7) == 0)
        set_layers(j, value);
    else if (strncmp(argument, "state=", 6) == 0)
        j->state = value;
    else
        die("unknown name");
}

static const char **number_names(uint32_t count)
{
    const char **names = kin_calloc(count, sizeof *names);
    for (uint32_t i = 0; i < count; i++)
        names[i] = kin_sprintf("%u", (unsigned)i);
    return names;
}

static void train(int count, char **arguments)
{
    job j = {.options = {.method = arguments[1],
                         .bits = (unsigned)atoi(arguments[2]),
                         .seed = 1,
                         .iterations = 50,
                         .features = "raw/1",
                         .decoder = "none",
                         .dimensions = (uint32_t)atoi(arguments[3])},
             .ranks = 1};
    kin_buffer vectors = read_file(arguments[4]), labels = {0};
    j.source.vectors = (const float *)(const void *)vectors.data;
    j.source.dimensions = j.options.dimensions;
    j.source.count = vectors.bytes / sizeof(float) / j.options.dimensions;
    if (strcmp(arguments[5], "-") != 0) {
        labels = read_file(arguments[5]);
        j.source.labels = (const uint32_t *)(const void *)labels.data;
        for (uint64_t i = 0; i < j.source.count; i++)
            if (j.source.labels[i] >= j.source.class_count)
                j.source.class_count = j.source.labels[i] + 1;
        j.source.class_names = number_names(j.source.class_count);
    }
    for (int i = 7; i < count; i++)
        set(&j, arguments[i]);
    j.options.log = log_epoch;
    j.options.user = &j;
    if (j.state != NULL) {
        j.options.save = save;
        j.options.load = load;
    }
    j.start_ms = kin_clock_ms();
    kin_buffer *files = kin_calloc((size_t)j.ranks, sizeof *files);
    kin_status *statuses = kin_calloc((size_t)j.ranks, sizeof *statuses);
    kin_error *errors = kin_calloc((size_t)j.ranks, sizeof *errors);
    kin_rank_threads_train(j.ranks, &j.options, &j.source, files, statuses, errors);
    if (statuses[0] != KIN_OK) die(errors[0].text);
    printf("%.1f s\n", (double)(kin_clock_ms() - j.start_ms) / 1000);
    write_file(arguments[6], files[0].data, files[0].bytes);
}

static void hash(int count, char **arguments)
{
    kin_buffer file = read_file(arguments[2]), vectors = read_file(arguments[3]);
    kin_encoder_file parsed;
    kin_error error = {0};
    if (kin_encoder_file_parse(&parsed, file.data, file.bytes, arguments[2], &error) != KIN_OK)
        die(error.text);
    kin_hasher *hasher = kin_hasher_new(&parsed);
    const float *rows = (const float *)(const void *)vectors.data;
    size_t number = vectors.bytes / sizeof(float) / parsed.card.dimensions;
    unsigned bits = parsed.card.bits, classes = kin_hasher_classes(hasher);
    kin_code *codes = kin_calloc(number, sizeof *codes);
    uint8_t *bytes = kin_calloc(number, bits / 8);
    float *values = kin_calloc(number * bits, sizeof *values);
    kin_hasher_hash(hasher, rows, number, codes);
    kin_hasher_values(hasher, rows, number, values);
    for (size_t i = 0; i < number; i++)
        for (unsigned b = 0; b < bits; b++)
            bytes[i * (bits / 8) + b / 8] |= (uint8_t)(kin_code_bit(&codes[i], b) << (7 - b % 8));
    write_file(arguments[4], bytes, number * (bits / 8));
    write_file(arguments[5], values, number * bits * sizeof *values);
    if (count == 7 && classes > 0) {
        float *shares = kin_calloc(number * classes, sizeof *shares);
        kin_hasher_classify(hasher, rows, number, shares);
        write_file(arguments[6], shares, number * classes * sizeof *shares);
    }
}

int main(int count, char **arguments)
{
    if (count >= 6 && strcmp(arguments[1], "hash") == 0)
        hash(count, arguments);
    else if (count >= 7)
        train(count, arguments);
    else
        die("see the top of tests/tools/tool_train.c");
    return 0;
}
