#include "worker/train/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/train/moments.h"

/* Fewer rows than this are all learned from. */
#define HELD_OUT_FROM 200
/* Parts of the seed, so that no two uses of it draw the same numbers. */
enum { SEED_SPLIT = 1000, SEED_EPOCH = 2000 };

/* A fit on its way; what a checkpoint keeps comes first. */
typedef struct fit {
    uint32_t epoch; /* epochs that are done */
    uint32_t best_epoch;
    double best_loss;
    float *best; /* [values] */
    const kin_train_context *context;
    const kin_train_options *options;
    const kin_train_source *source;
    const kin_fit_split *split;
    const kin_fit_problem *problem;
    const kin_fit_plan *plan;
    size_t values, extras_at;
    kin_descent *descent;
    uint64_t *order; /* [learned_count] */
    float *rows;     /* of a slice, or of a block that is measured */
    double sums[3];  /* of an epoch: loss, error, imbalance */
} fit;

void kin_fit_split_init(kin_fit_split *split, uint64_t count, double held_out, uint64_t seed)
{
    *split = (kin_fit_split){kin_malloc(count * sizeof(uint64_t)),
                             kin_malloc(count * sizeof(uint64_t)), 0, 0};
    uint64_t limit = count < HELD_OUT_FROM ? 0 : (uint64_t)(held_out * 65536);
    for (uint64_t i = 0; i < count; i++)
        if ((kin_train_seed(seed, SEED_SPLIT, i) & 0xffff) < limit)
            split->held_out[split->held_out_count++] = i;
        else
            split->learned[split->learned_count++] = i;
}

void kin_fit_split_fini(kin_fit_split *split)
{
    free(split->learned);
    free(split->held_out);
    *split = (kin_fit_split){0};
}

/* Batches of nearly equal length, so that none is short. */
static uint64_t batch_count(const kin_fit_split *split, uint32_t batch)
{
    uint64_t count = split->learned_count / batch;
    return count == 0 ? 1 : count;
}

size_t kin_fit_batch_rows(const kin_fit_split *split, uint32_t batch)
{
    uint64_t batches = batch_count(split, batch);
    return (size_t)((split->learned_count + batches - 1) / batches);
}

size_t kin_fit_slice_rows(const kin_fit_split *split, uint32_t batch)
{
    return (kin_fit_batch_rows(split, batch) + KIN_BATCH_SLICES - 1) / KIN_BATCH_SLICES;
}

static double rate_at(const kin_fit_plan *plan, double done)
{
    return plan->constant_rate ? plan->rate : plan->rate * 0.5 * (1 + cos(3.14159265358979 * done));
}

/* One slice's gradient; of no rows, zeros and the statistics as they are. */
static void run_slice(fit *f, const float *values, const uint64_t *ids, size_t count,
                      size_t batch_rows, uint64_t seed, float *gradient)
{
    const kin_fit_problem *problem = f->problem;
    if (count == 0) {
        memset(gradient, 0, f->values * sizeof *gradient);
        memcpy(gradient + problem->parameters, values + problem->parameters,
               problem->statistics * sizeof *gradient);
        return;
    }
    kin_source_rows(f->source, ids, count, f->rows);
    kin_fit_slice slice = {f->rows, ids, count, batch_rows, seed};
    problem->slice(problem->user, values, &slice, gradient);
}

/* What a batch adds to the epoch's figures. */
static void account(fit *f, const float *values, size_t rows)
{
    const float *extras = values + f->extras_at;
    double imbalance = 0;
    for (size_t b = 0; b < f->problem->bits; b++)
        imbalance += fabs(extras[KIN_FIT_ONES + b] - 0.5);
    f->sums[0] += (double)extras[KIN_FIT_LOSS] * (double)rows;
    f->sums[1] += (double)extras[KIN_FIT_ERROR] * (double)rows;
    f->sums[2] += f->problem->bits == 0 ? NAN : imbalance / (double)f->problem->bits * (double)rows;
}

static kin_status run_epoch(fit *f, float *values, kin_error *error)
{
    const kin_fit_plan *plan = f->plan;
    uint64_t count = f->split->learned_count, batches = batch_count(f->split, plan->batch);
    uint64_t seed = kin_train_seed(f->options->seed, SEED_EPOCH + plan->phase, f->epoch);
    kin_span owned = kin_batch_owned(f->context);
    memcpy(f->order, f->split->learned, count * sizeof *f->order);
    kin_train_shuffle(f->order, count, seed);
    memset(f->sums, 0, sizeof f->sums);
    for (uint64_t b = 0; b < batches; b++) {
        uint64_t first = count * b / batches, rows = count * (b + 1) / batches - first;
        double done = (f->epoch + (double)b / (double)batches) / plan->epochs;
        for (size_t k = owned.at; k < owned.at + owned.count; k++) {
            kin_span slice = kin_batch_rows((size_t)rows, k);
            run_slice(f, values, f->order + first + slice.at, slice.count, (size_t)rows,
                      kin_train_seed(seed, b, k), kin_descent_slice(f->descent));
            kin_descent_push(f->descent);
        }
        kin_status status = kin_descent_step(f->descent, values, rate_at(plan, done), error);
        if (status != KIN_OK) return status;
        if (!isfinite(values[f->extras_at + KIN_FIT_LOSS]))
            return kin_fail(error, KIN_BAD_INPUT,
                            "the loss is not a number any more in epoch %u of %s; take a smaller "
                            "learning rate than %g",
                            (unsigned)f->epoch + 1, plan->name, plan->rate);
        account(f, values, (size_t)rows);
        f->context->tick(f->context->user, plan->start + (plan->end - plan->start) * done);
    }
    for (int i = 0; i < 3; i++)
        f->sums[i] /= (double)count;
    return KIN_OK;
}

/* The held-out loss a row, the same on every rank; NaN where nothing is held out. */
static kin_status measure(fit *f, const float *values, double *loss, kin_error *error)
{
    uint64_t count = f->split->held_out_count;
    size_t owned = kin_train_owned_slices(f->context);
    double done = (f->epoch + 1.0) / f->plan->epochs;
    *loss = NAN;
    if (count == 0 || f->problem->measure == NULL) return KIN_OK;
    double *sums = kin_calloc(owned, sizeof *sums);
    for (size_t s = 0; s < owned; s++) {
        kin_train_run run = kin_train_slice(f->context, count, s);
        for (uint64_t i = 0; i < run.count; i += KIN_FIT_MEASURE_ROWS) {
            uint64_t left = run.count - i;
            size_t rows = left < KIN_FIT_MEASURE_ROWS ? (size_t)left : KIN_FIT_MEASURE_ROWS;
            const uint64_t *ids = f->split->held_out + run.first + i;
            kin_source_rows(f->source, ids, rows, f->rows);
            kin_fit_slice slice = {f->rows, ids, rows, rows, 0};
            sums[s] += f->problem->measure(f->problem->user, values, &slice);
        }
        f->context->tick(f->context->user, f->plan->start + (f->plan->end - f->plan->start) * done);
    }
    kin_status status = f->context->sum_slices(f->context->user, sums, 1, loss, error);
    *loss /= (double)count;
    free(sums);
    return status;
}

/* Takes an epoch's end to account; *stop where patience is at its end. */
static kin_status end_epoch(fit *f, const float *values, kin_buffer *curve, bool *stop,
                            kin_error *error)
{
    const kin_fit_plan *plan = f->plan;
    double held_out = NAN;
    kin_status status = measure(f, values, &held_out, error);
    f->epoch++;
    if (status != KIN_OK) return status;
    /* Without a held-out part, the last epoch is the best. */
    if (isnan(held_out) || f->epoch == 1 || held_out < f->best_loss) {
        f->best_loss = held_out;
        f->best_epoch = f->epoch;
        memcpy(f->best, values, f->values * sizeof *values);
    }
    *stop = f->epoch - f->best_epoch >= plan->patience;
    kin_train_epoch told = {.phase = plan->name,
                            .epoch = f->epoch,
                            .epochs = plan->epochs,
                            .loss = f->sums[0],
                            .error = f->sums[1],
                            .balance = f->sums[2],
                            .rate = rate_at(plan, (double)f->epoch / plan->epochs),
                            .held_out = held_out};
    if (f->context->rank == 0 && f->options->log != NULL) f->options->log(f->options->user, &told);
    kin_buffer_printf(curve, "%s\t%u\t%.6g\t%.6g\t%.4g\t%.4g\t%.6g\n", told.phase,
                      (unsigned)told.epoch, told.loss, told.error, told.balance, told.rate,
                      told.held_out);
    return KIN_OK;
}

/* Kept: epoch, best epoch, whether the phase is over, lengths; best loss; the curve; the best
 * values and, until it is over, the values and the descent. */
static kin_status keep(fit *f, kin_keeper *keeper, bool over, const float *values,
                       const kin_buffer *curve, kin_error *error)
{
    kin_buffer state = {0};
    uint64_t loss;
    memcpy(&loss, &f->best_loss, sizeof loss);
    kin_buffer_append_le32(&state, f->epoch);
    kin_buffer_append_le32(&state, f->best_epoch);
    kin_buffer_append_le32(&state, over);
    kin_buffer_append_le32(&state, (uint32_t)curve->bytes);
    kin_buffer_append_le64(&state, loss);
    kin_buffer_append(&state, curve->data, curve->bytes);
    kin_buffer_append(&state, f->best, f->values * sizeof *f->best);
    kin_status status = KIN_OK;
    if (!over) {
        kin_buffer_append(&state, values, f->values * sizeof *values);
        status = kin_descent_save(f->descent, &state, error);
    }
    if (status == KIN_OK) status = kin_keeper_put(keeper, f->plan->phase, &state, error);
    kin_buffer_fini(&state);
    return status;
}

/* Goes on from what is kept; *over where the phase is done. What does not fit is ignored: all
 * starts anew. */
static void resume(fit *f, const kin_buffer *kept, bool *over, float *values, kin_buffer *curve)
{
    enum { HEAD = 24 };
    size_t bytes = f->values * sizeof *values;
    if (kept->bytes < HEAD) return;
    size_t curve_bytes = kin_load_le32(kept->data + 12);
    bool done = kin_load_le32(kept->data + 8) != 0;
    size_t wanted =
        HEAD + curve_bytes + bytes + (done ? 0 : bytes + kin_descent_state_bytes(f->descent));
    if (kept->bytes != wanted) return;
    uint64_t loss = kin_load_le64(kept->data + 16);
    const uint8_t *at = kept->data + HEAD + curve_bytes;
    f->epoch = kin_load_le32(kept->data);
    f->best_epoch = kin_load_le32(kept->data + 4);
    memcpy(&f->best_loss, &loss, sizeof loss);
    kin_buffer_clear(curve);
    kin_buffer_append(curve, kept->data + HEAD, curve_bytes);
    memcpy(f->best, at, bytes);
    *over = done;
    if (done) return;
    memcpy(values, at + bytes, bytes);
    kin_descent_load(f->descent, at + 2 * bytes);
}

static void fit_fini(fit *f)
{
    kin_descent_destroy(&f->descent);
    free(f->order);
    free(f->rows);
    free(f->best);
}

kin_status kin_fit(const kin_train_context *context, const kin_train_options *options,
                   const kin_train_source *source, const kin_fit_split *split,
                   const kin_fit_problem *problem, const kin_fit_plan *plan, kin_keeper *keeper,
                   float *values, kin_buffer *curve, kin_error *error)
{
    size_t extras = KIN_FIT_ONES + problem->bits;
    kin_descent_options descent = {.method = plan->method,
                                   .momentum = plan->momentum,
                                   .second = 0.999,
                                   .decay = problem->decay,
                                   .statistics_at = 0.1,
                                   .parameters = problem->parameters,
                                   .statistics = problem->statistics,
                                   .extras = extras,
                                   .decayed = problem->decayed,
                                   .decayed_count = problem->decayed_count};
    size_t slice_rows = kin_fit_slice_rows(split, plan->batch);
    if (slice_rows < KIN_FIT_MEASURE_ROWS) slice_rows = KIN_FIT_MEASURE_ROWS;
    fit f = {.context = context,
             .options = options,
             .source = source,
             .split = split,
             .problem = problem,
             .plan = plan,
             .values = problem->parameters + problem->statistics + extras,
             .extras_at = problem->parameters + problem->statistics};
    f.descent = kin_descent_new(context, &descent);
    f.order = kin_malloc(split->learned_count * sizeof *f.order);
    f.rows = kin_malloc(slice_rows * source->dimensions * sizeof *f.rows);
    f.best = kin_malloc(f.values * sizeof *f.best);
    memcpy(f.best, values, f.values * sizeof *values);
    bool over = false, was_over;
    kin_status status = KIN_OK;
    resume(&f, kin_keeper_get(keeper, plan->phase), &over, values, curve);
    was_over = over;
    while (status == KIN_OK && !over && f.epoch < plan->epochs) {
        bool due = false;
        status = run_epoch(&f, values, error);
        if (status == KIN_OK) status = end_epoch(&f, values, curve, &over, error);
        if (status == KIN_OK) status = kin_keeper_due(keeper, &due, error);
        if (status == KIN_OK && due && !over && f.epoch < plan->epochs)
            status = keep(&f, keeper, false, values, curve, error);
    }
    if (status == KIN_OK && !was_over) status = keep(&f, keeper, true, values, curve, error);
    memcpy(values, f.best, f.values * sizeof *values);
    fit_fini(&f);
    return status;
}
