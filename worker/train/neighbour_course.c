/* The steps of neighbourhood-contrastive hashing: mini-batches of walks, the curve, the held-out
 * part, checkpoints. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour_graph.h"
#include "worker/train/neighbour_parts.h"

/* Steps in which the rate rises from zero; then it falls along a cosine. */
#define WARM_STEPS 50
/* Steps between two looks at the clock. */
#define KEEP_STEPS 16
/* Walks that end at what is held out are drawn anew so often; then a picture is its own partner. */
#define WALKS_MAX 8

static uint32_t partner_of(const kin_neighbour_learner *l, uint32_t id, kin_random *random)
{
    const kin_neighbour_sample *s = l->sample;
    for (int walk = 0; walk < WALKS_MAX; walk++) {
        uint32_t end = kin_neighbour_walk(s->ids, s->neighbours, id, l->options->walk, random);
        if (l->is_held == NULL || !l->is_held[end]) return end;
    }
    return id;
}

/* The pictures of a batch are the next of the order, which is drawn anew where too few are left.
 * Anchors of slice k, and where walks from them end: ids [slice rows]. */
static void draw_slice(const kin_neighbour_learner *l, size_t step, size_t at, size_t k,
                       uint32_t *ids)
{
    size_t half = kin_neighbour_slice_rows(l) / 2;
    for (size_t i = 0; i < half; i++) {
        size_t place = k * half + i;
        kin_random random = {.state = kin_train_seed(l->seed, 2 * step + 2, place)};
        ids[i] = (uint32_t)l->order[(at + place) % l->split.learned_count];
        ids[half + i] = partner_of(l, ids[i], &random);
    }
}

/* Draws the whole batch, for its directions, and the inputs of the owned slices. */
static void draw_batch(const kin_neighbour_learner *l, size_t step, size_t at)
{
    const kin_neighbour_sample *s = l->sample;
    size_t rows = kin_neighbour_slice_rows(l), width = s->components;
    kin_span owned = kin_batch_owned(l->context);
    float *directions = kin_neighbour_loss_directions(l->loss);
    for (size_t k = 0; k < KIN_BATCH_SLICES; k++) {
        bool own = k >= owned.at && k < owned.at + owned.count;
        if (!own && directions == NULL) continue;
        draw_slice(l, step, at, k, l->ids);
        if (directions != NULL)
            kin_neighbour_directions(s, l->ids, rows, directions + k * rows * width);
        for (size_t i = 0; own && i < rows; i++)
            memcpy(l->inputs[k - owned.at] + i * width, s->rows + l->ids[i] * width,
                   width * sizeof *s->rows);
    }
}

static double rate_of(const kin_neighbour_learner *l, size_t step)
{
    size_t warm = l->steps < 10 * WARM_STEPS ? l->steps / 10 : WARM_STEPS;
    double rate =
        l->options->rate * 0.5 * (1 + cos(3.14159265358979 * (double)step / (double)l->steps));
    return step < warm ? rate * (double)(step + 1) / (double)warm : rate;
}

/* One step down, on the batch that begins at place `at` of the order. */
static kin_status descend(kin_neighbour_learner *l, size_t step, size_t at, kin_error *error)
{
    size_t parameters = kin_mlp_parameters(l->mlp), statistics = kin_mlp_statistics(l->mlp);
    size_t rows = kin_neighbour_slice_rows(l);
    kin_span owned = kin_batch_owned(l->context);
    draw_batch(l, step, at);
    for (size_t i = 0; i < owned.count; i++) {
        size_t k = owned.at + i;
        const float *codes =
            kin_mlp_forward(l->mlp, l->works[i], l->values, l->values + parameters, l->inputs[i],
                            rows, true, kin_train_seed(l->seed, 2 * step + 3, k));
        memcpy(kin_neighbour_loss_codes(l->loss, k), codes, rows * l->bits * sizeof *codes);
    }
    kin_status status = kin_neighbour_loss_run(l->loss, error);
    for (size_t i = 0; status == KIN_OK && i < owned.count; i++) {
        float *slice = kin_descent_slice(l->descent);
        slice[parameters + statistics] =
            (float)kin_neighbour_loss_gradient(l->loss, owned.at + i, l->gradient);
        kin_mlp_backward(l->mlp, l->works[i], l->values, l->gradient, slice, slice + parameters,
                         NULL);
        kin_descent_push(l->descent);
    }
    if (status == KIN_OK) status = kin_descent_step(l->descent, l->values, rate_of(l, step), error);
    if (status == KIN_OK && !isfinite(l->values[parameters + statistics]))
        status = kin_fail(error, KIN_BAD_INPUT,
                          "the loss of the method neighbour is not a finite number at step %zu of "
                          "%zu; take a lower rate than %g or a higher temperature than %g",
                          step + 1, l->steps, l->options->rate, l->options->temperature);
    return status;
}

/* The held-out loss, the same on every rank, and the best values so far; NaN where nothing is held
 * out. */
static kin_status measure(kin_neighbour_learner *l, double *loss, kin_error *error)
{
    uint64_t word = 0;
    *loss = NAN;
    if (l->best == NULL) return KIN_OK;
    const float *statistics = l->values + kin_mlp_parameters(l->mlp);
    if (l->held != NULL &&
        kin_neighbour_held_loss(l->held, l->values, statistics, loss, error) != KIN_OK)
        *loss = NAN; /* alone there is nothing to fail; a loss that is none is never the best */
    memcpy(&word, loss, sizeof word);
    kin_status status = l->context->broadcast(l->context->user, &word, sizeof word, error);
    memcpy(loss, &word, sizeof word);
    return status;
}

/* The end of a point of the curve: its line, a word to who watches, the best values; *stop where
 * patience is at its end. */
static kin_status end_point(kin_neighbour_learner *l, const kin_train_options *options,
                            kin_buffer *curve, bool *stop, kin_error *error)
{
    size_t point = l->step * l->points / l->steps;
    kin_train_epoch epoch = {.phase = "walks",
                             .epoch = (uint32_t)point,
                             .epochs = (uint32_t)l->points,
                             .loss = l->sum / (double)l->summed,
                             .error = NAN,
                             .balance = NAN,
                             .rate = rate_of(l, l->step - 1)};
    kin_status status = measure(l, &epoch.held_out, error);
    if (status != KIN_OK) return status;
    if (l->best != NULL &&
        (l->best_point == 0 || isnan(l->best_loss) || epoch.held_out < l->best_loss)) {
        l->best_loss = epoch.held_out;
        l->best_point = point;
        memcpy(l->best, l->values, kin_neighbour_values_of(l) * sizeof *l->best);
    }
    *stop = l->best != NULL && point - l->best_point >= options->patience;
    l->sum = 0;
    l->summed = 0;
    kin_buffer_printf(curve, "%s\t%zu\t%.5f\tnan\tnan\t%.3g\t%.6g\n", epoch.phase, point,
                      epoch.loss, epoch.rate, epoch.held_out);
    if (options->log != NULL && l->context->rank == 0) options->log(options->user, &epoch);
    return KIN_OK;
}

/* Kept: numbers of the learner, the curve, the values, the best ones, the descent. */
enum { KEPT_NUMBERS = 7, KEPT_HEAD = 8 * (KEPT_NUMBERS + 1) };

static kin_status keep(kin_neighbour_learner *l, kin_keeper *keeper, const kin_buffer *curve,
                       kin_error *error)
{
    kin_buffer state = {0};
    uint64_t numbers[KEPT_NUMBERS] = {l->step, l->at, l->pass, l->summed, l->best_point};
    memcpy(&numbers[5], &l->sum, sizeof l->sum);
    memcpy(&numbers[6], &l->best_loss, sizeof l->best_loss);
    for (size_t i = 0; i < KEPT_NUMBERS; i++)
        kin_buffer_append_le64(&state, numbers[i]);
    kin_buffer_append_le64(&state, curve->bytes);
    kin_buffer_append(&state, curve->data, curve->bytes);
    kin_buffer_append(&state, l->values, kin_neighbour_values_of(l) * sizeof *l->values);
    if (l->best != NULL)
        kin_buffer_append(&state, l->best, kin_neighbour_values_of(l) * sizeof *l->best);
    kin_status status = kin_descent_save(l->descent, &state, error);
    if (status == KIN_OK) status = kin_keeper_put(keeper, 0, &state, error);
    kin_buffer_fini(&state);
    return status;
}

/* Goes on from what is kept; what does not fit is ignored. The order is that of as many passes. */
static void resume(kin_neighbour_learner *l, const kin_buffer *kept, kin_buffer *curve)
{
    size_t bytes = kin_neighbour_values_of(l) * sizeof *l->values,
           best = l->best == NULL ? 0 : bytes;
    uint64_t numbers[KEPT_NUMBERS + 1];
    if (kept->bytes < KEPT_HEAD) return;
    for (size_t i = 0; i <= KEPT_NUMBERS; i++)
        numbers[i] = kin_load_le64(kept->data + 8 * i);
    size_t rest = bytes + best + kin_descent_state_bytes(l->descent);
    if (kept->bytes < KEPT_HEAD + rest || numbers[KEPT_NUMBERS] != kept->bytes - KEPT_HEAD - rest ||
        numbers[0] > l->steps)
        return;
    l->step = numbers[0];
    l->at = numbers[1];
    l->summed = numbers[3];
    l->best_point = numbers[4];
    memcpy(&l->sum, &numbers[5], sizeof l->sum);
    memcpy(&l->best_loss, &numbers[6], sizeof l->best_loss);
    for (; l->pass < numbers[2]; l->pass++)
        kin_train_shuffle(l->order, l->split.learned_count, kin_train_seed(l->seed, 1, l->pass));
    kin_buffer_clear(curve);
    kin_buffer_append(curve, kept->data + KEPT_HEAD, numbers[KEPT_NUMBERS]);
    const uint8_t *from = kept->data + KEPT_HEAD + numbers[KEPT_NUMBERS];
    memcpy(l->values, from, bytes);
    if (l->best != NULL) memcpy(l->best, from + bytes, bytes);
    kin_descent_load(l->descent, from + bytes + best);
}

kin_status kin_neighbour_descend(kin_neighbour_learner *l, const kin_train_options *options,
                                 kin_keeper *keeper, kin_buffer *curve, kin_error *error)
{
    kin_status status = KIN_OK;
    size_t count = l->split.learned_count, loss_at = kin_neighbour_values_of(l) - 1;
    bool stop = false, due;
    kin_buffer_printf(curve, "phase\tepoch\tloss\terror\tbalance\trate\theld-out\n");
    memcpy(l->order, l->split.learned, count * sizeof *l->order);
    l->at = count;
    resume(l, kin_keeper_get(keeper, 0), curve);
    while (status == KIN_OK && !stop && l->step < l->steps) {
        if (l->at + l->anchors > count) {
            kin_train_shuffle(l->order, count, kin_train_seed(l->seed, 1, l->pass++));
            l->at = 0;
        }
        status = descend(l, l->step, l->at, error);
        l->at += l->anchors;
        l->sum += (double)l->values[loss_at];
        l->summed++;
        l->step++;
        if (status == KIN_OK &&
            l->step * l->points / l->steps != (l->step - 1) * l->points / l->steps)
            status = end_point(l, options, curve, &stop, error);
        l->context->tick(l->context->user,
                         KIN_NEIGHBOUR_SAMPLE_END +
                             (KIN_NEIGHBOUR_STEPS_END - KIN_NEIGHBOUR_SAMPLE_END) *
                                 (double)l->step / (double)l->steps);
        if (status != KIN_OK || stop || l->step % KEEP_STEPS != 0) continue;
        status = kin_keeper_due(keeper, &due, error);
        if (status == KIN_OK && due) status = keep(l, keeper, curve, error);
    }
    if (l->best != NULL) memcpy(l->values, l->best, kin_neighbour_values_of(l) * sizeof *l->values);
    return status;
}
