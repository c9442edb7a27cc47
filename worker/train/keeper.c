#include "worker/train/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/memory.h"

/* Between two checkpoints: what is lost at most is little beside a job worth one. */
#define SAVE_MS 10000

struct kin_keeper {
    const kin_train_context *context;
    const kin_train_options *options;
    kin_digest job;
    kin_buffer phases[KIN_KEEPER_PHASES_MAX];
    uint64_t saves; /* whether rank 0 saves at all */
    int64_t saved_ms;
};

static void append_classes(kin_buffer *text, const kin_train_source *source)
{
    kin_digest labels =
        kin_digest_of(source->labels, (size_t)source->count * sizeof *source->labels);
    kin_buffer_append(text, &labels, sizeof labels);
    for (uint32_t c = 0; c < source->class_count; c++)
        kin_buffer_append(text, source->class_names[c], strlen(source->class_names[c]) + 1);
}

/* What makes another file. */
static kin_digest job_of(const kin_train_options *o, const kin_train_source *source)
{
    kin_buffer text = {0};
    kin_buffer_printf(&text, "%s %u %llu %u %s %s %u %llu %u %zu %d %u %u %u %.17g %.17g ",
                      o->method, o->bits, (unsigned long long)o->seed, (unsigned)o->iterations,
                      o->features, o->decoder, (unsigned)o->dimensions,
                      (unsigned long long)source->count, (unsigned)source->class_count,
                      o->layer_count, (int)o->no_layers, (unsigned)o->epochs,
                      (unsigned)o->pretrain_epochs, (unsigned)o->batch, o->rate, o->pretrain_rate);
    kin_buffer_printf(&text, "%.17g %.17g %.17g %.17g %.17g %u %d ", o->noise, o->dropout,
                      o->input_dropout, o->decay, o->held_out, (unsigned)o->patience, (int)o->head);
    const kin_neighbour_options *n = o->neighbour;
    kin_buffer_printf(&text, "%d %.17g ", (int)o->code_layer, o->whitening);
    if (n != NULL)
        kin_buffer_printf(&text,
                          "%u %u %u %.17g %u %u %u %u %u %.17g %.17g %.17g %.17g %.17g %.17g ",
                          (unsigned)n->neighbours, (unsigned)n->walk, (unsigned)n->components,
                          n->evening, (unsigned)n->batch, (unsigned)n->epochs, (unsigned)n->steps,
                          (unsigned)n->hidden[0], (unsigned)n->hidden[1], n->temperature,
                          n->geometry, n->stretch, n->quantization, n->dropout, n->rate);
    for (size_t i = 0; i < o->layer_count; i++)
        kin_buffer_append_le32(&text, o->layers[i]);
    kin_buffer_append(&text, &o->data, sizeof o->data);
    if (source->labels != NULL) append_classes(&text, source);
    kin_digest digest = kin_digest_of(text.data, text.bytes);
    kin_buffer_fini(&text);
    return digest;
}

/* The state: digest of the job, then for each phase its length and bytes. */
static void take_apart(kin_keeper *keeper, const uint8_t *data, size_t bytes)
{
    size_t at = sizeof keeper->job;
    if (bytes < at || memcmp(data, &keeper->job, sizeof keeper->job) != 0) return;
    for (unsigned i = 0; i < KIN_KEEPER_PHASES_MAX && bytes - at >= 8; i++) {
        uint64_t length = kin_load_le64(data + at);
        at += 8;
        if (length > bytes - at) return;
        kin_buffer_append(&keeper->phases[i], data + at, length);
        at += length;
    }
}

kin_status kin_keeper_open(kin_keeper **keeper, const kin_train_context *context,
                           const kin_train_options *options, const kin_train_source *source,
                           kin_error *error)
{
    kin_keeper *opened = kin_calloc(1, sizeof *opened);
    kin_buffer state = {0};
    opened->context = context;
    opened->options = options;
    opened->job = job_of(options, source);
    opened->saves = options->save != NULL;
    if (context->rank == 0 && options->load != NULL) options->load(options->user, &state);
    uint64_t numbers[2] = {opened->saves, state.bytes};
    kin_status status = context->broadcast(context->user, numbers, sizeof numbers, error);
    if (status == KIN_OK) {
        opened->saves = numbers[0];
        if (context->rank != 0) kin_buffer_reserve(&state, numbers[1]);
        if (numbers[1] > 0)
            status = context->broadcast(context->user, state.data, numbers[1], error);
    }
    if (status == KIN_OK && numbers[1] > 0) take_apart(opened, state.data, numbers[1]);
    kin_buffer_fini(&state);
    opened->saved_ms = kin_clock_ms();
    if (status != KIN_OK) kin_keeper_close(&opened);
    *keeper = opened;
    return status;
}

void kin_keeper_close(kin_keeper **keeper)
{
    if (*keeper == NULL) return;
    for (unsigned i = 0; i < KIN_KEEPER_PHASES_MAX; i++)
        kin_buffer_fini(&(*keeper)->phases[i]);
    free(*keeper);
    *keeper = NULL;
}

const kin_buffer *kin_keeper_get(const kin_keeper *keeper, unsigned phase)
{
    KIN_CHECK(phase < KIN_KEEPER_PHASES_MAX);
    return &keeper->phases[phase];
}

kin_status kin_keeper_due(kin_keeper *keeper, bool *due, kin_error *error)
{
    uint64_t now = 0;
    *due = false;
    if (!keeper->saves) return KIN_OK;
    if (keeper->context->rank == 0)
        now = keeper->options->save_often || kin_clock_ms() - keeper->saved_ms >= SAVE_MS;
    kin_status status = keeper->context->broadcast(keeper->context->user, &now, sizeof now, error);
    *due = now != 0;
    return status;
}

kin_status kin_keeper_put(kin_keeper *keeper, unsigned phase, kin_buffer *state, kin_error *error)
{
    KIN_CHECK(phase < KIN_KEEPER_PHASES_MAX);
    kin_buffer_fini(&keeper->phases[phase]);
    keeper->phases[phase] = *state;
    *state = (kin_buffer){0};
    if (!keeper->saves) return KIN_OK;
    /* Every rank fails or none. */
    uint64_t good = 1;
    if (keeper->context->rank == 0) {
        kin_buffer all = {0};
        kin_buffer_append(&all, &keeper->job, sizeof keeper->job);
        for (unsigned i = 0; i < KIN_KEEPER_PHASES_MAX; i++) {
            kin_buffer_append_le64(&all, keeper->phases[i].bytes);
            kin_buffer_append(&all, keeper->phases[i].data, keeper->phases[i].bytes);
        }
        good = keeper->options->save(keeper->options->user, all.data, all.bytes, error) == KIN_OK;
        kin_buffer_fini(&all);
        keeper->saved_ms = kin_clock_ms();
    }
    kin_status status =
        keeper->context->broadcast(keeper->context->user, &good, sizeof good, error);
    if (status == KIN_OK && good == 0)
        status = keeper->context->rank == 0
                     ? error->status
                     : kin_fail(error, KIN_IO, "rank 0 could not write the checkpoint");
    return status;
}
