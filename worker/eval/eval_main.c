/* kindred-eval: measures codes, as papers on hashing do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/progress.h"
#include "worker/eval/coded.h"
#include "worker/eval/eval_options.h"
#include "worker/eval/eval_report.h"
#include "worker/eval/trial.h"

typedef struct eval_job {
    const kin_eval_options *options;
    kin_dataset *database, *queries; /* queries NULL: held out */
    kin_dataset *codes, *query_codes;
    kin_split split;
    kin_evaluation *evaluation;
    kin_progress *progress;
    kin_eval_report report;
} eval_job;

static void tick(void *user, double fraction)
{
    eval_job *job = user;
    kin_progress_fraction(job->progress, fraction);
}

static kin_status open_codes(kin_dataset **codes, const char *path, kin_error *error)
{
    const kin_dataset_options options = {.source = path, .without_features = true};
    return path == NULL ? KIN_OK : kin_dataset_open(codes, &options, error);
}

static kin_status open_sets(eval_job *job, kin_error *error)
{
    const kin_eval_options *options = job->options;
    bool features_needed = options->hasher != NULL || options->method_count > 0;
    kin_dataset_options database = {.source = options->dataset,
                                    .labels = options->labels,
                                    .keys = options->keys,
                                    .without_features = !features_needed};
    kin_dataset_options queries = {.source = options->queries,
                                   .labels = options->query_labels,
                                   .keys = options->query_keys,
                                   .without_features = !features_needed};
    kin_status status = kin_dataset_open(&job->database, &database, error);
    if (status == KIN_OK && options->test_set)
        status = kin_dataset_open(&job->queries, &queries, error);
    if (status == KIN_OK && options->codes != options->dataset)
        status = open_codes(&job->codes, options->codes, error);
    if (status == KIN_OK) status = open_codes(&job->query_codes, options->query_codes, error);
    return status;
}

/* What must be true of the sets together, before anything is computed. */
static kin_status check_sets(const eval_job *job, kin_error *error)
{
    const kin_eval_options *options = job->options;
    const kin_dataset *database = job->database, *queries = job->queries;
    uint32_t dimensions = kin_dataset_dimensions(database);
    bool own_codes = kin_dataset_bits(database) > 0 || job->codes != NULL;
    if (kin_dataset_labels(database) == NULL && dimensions == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s has no classes and no features, so that nothing says what belongs "
                        "together; give classes by --labels (folders, for instance)",
                        kin_dataset_name(database));
    if (options->plot != NULL && kin_dataset_labels(database) == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--plot wants classes: precision and recall are of them; give --labels");
    if (queries != NULL && dimensions > 0 && kin_dataset_dimensions(queries) > 0 &&
        kin_dataset_dimensions(queries) != dimensions)
        return kin_fail(error, KIN_MISMATCH,
                        "%s has vectors of %u numbers and %s of %u; they cannot be compared",
                        kin_dataset_name(queries), kin_dataset_dimensions(queries),
                        kin_dataset_name(database), dimensions);
    if (options->hasher == NULL && options->method_count == 0 && queries != NULL && own_codes &&
        kin_dataset_bits(queries) == 0 && job->query_codes == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the codes of %s are not there; give them by --query-codes",
                        kin_dataset_name(queries));
    return KIN_OK;
}

static kin_status make_split(eval_job *job, kin_error *error)
{
    const kin_eval_options *options = job->options;
    uint64_t count = (uint64_t)options->query_count, rows = kin_dataset_count(job->database);
    if (options->queries == NULL && count > (rows + 9) / 10) count = (rows + 9) / 10;
    const kin_split_options split = {.database = job->database,
                                     .queries = job->queries,
                                     .query_count = count,
                                     .balanced = options->balanced,
                                     .seed = (uint64_t)options->query_seed};
    kin_status status = kin_split_make(&job->split, &split, error);
    if (status != KIN_OK) return status;
    kin_eval_report *report = &job->report;
    report->database = kin_strdup(kin_dataset_name(job->database));
    report->queries = job->queries == NULL
                          ? kin_sprintf("held out, seed %lld", (long long)options->query_seed)
                          : kin_strdup(kin_dataset_name(job->queries));
    report->rows = job->split.database.count;
    report->asked = job->split.queries.count;
    report->first =
        (uint64_t)options->first < report->rows ? (uint64_t)options->first : report->rows;
    report->classes = kin_dataset_classes(job->database);
    report->unclassed = job->split.unclassed;
    report->query_seed = (uint64_t)options->query_seed;
    const kin_evaluation_options evaluation = {.first = report->first,
                                               .near = (uint32_t)options->near,
                                               .near_first = (uint64_t)options->near_first,
                                               .tick = tick,
                                               .user = job};
    return kin_evaluation_new(&job->evaluation, &job->split, &evaluation, error);
}

/* Chance, and the features themselves. */
static kin_status measure_lines(eval_job *job, kin_error *error)
{
    uint32_t dimensions = kin_dataset_dimensions(job->database);
    const kin_dataset *asked = job->split.queries.dataset;
    kin_status status = KIN_OK;
    if (dimensions > 0 && kin_dataset_dimensions(asked) > 0) {
        kin_vectors database = {.part = &job->split.database, .dimensions = dimensions};
        kin_vectors queries = {.part = &job->split.queries, .dimensions = dimensions};
        kin_measured measured;
        kin_progress_begin(job->progress, "comparing features", 0, 0);
        status =
            kin_evaluation_cosine(job->evaluation, &database, &queries, true, &measured, error);
        if (status != KIN_OK) return status;
        job->report.near = (uint64_t)job->options->near;
        job->report.near_first = (uint64_t)job->options->near_first;
        kin_eval_report_add(&job->report, "cosine of features")->measured = measured;
    }
    kin_measured chance;
    kin_evaluation_random(job->evaluation, (uint64_t)job->options->query_seed, &chance);
    kin_eval_report_add(&job->report, "chance")->measured = chance;
    return status;
}

static void measure_codes(eval_job *job, const kin_coded *coded, kin_eval_row *row)
{
    kin_progress_begin(job->progress, "comparing codes", 0, 0);
    row->bits = coded->bits;
    kin_evaluation_codes(job->evaluation, coded->database, coded->queries, coded->width,
                         &row->measured);
}

/* The real-valued layer behind the codes: what their signs lose. Only of classes. */
static kin_status measure_values(eval_job *job, const kin_coded *coded, kin_eval_row *row,
                                 kin_error *error)
{
    if (coded->database_values == NULL || job->report.classes == 0) return KIN_OK;
    kin_vectors database = {&job->split.database, coded->database_values, coded->bits};
    kin_vectors queries = {&job->split.queries, coded->query_values, coded->bits};
    kin_measured measured;
    kin_progress_begin(job->progress, "comparing code layers", 0, 0);
    kin_status status =
        kin_evaluation_cosine(job->evaluation, &database, &queries, false, &measured, error);
    row->measured.values_mean_precision = measured.metrics.mean_precision;
    row->measured.values_precision_first = measured.metrics.precision_first;
    return status;
}

/* The codes of a row again, with their first hits re-ranked, each way a row of its own. */
static kin_status measure_reranked(eval_job *job, const kin_coded *coded, const char *name,
                                   const kin_eval_row *row, kin_error *error)
{
    const kin_rerank_values values = {coded->database_stored, coded->query_asked,
                                      coded->value_dimensions};
    const kin_eval_row like = *row; /* a new row may move the others */
    if (job->options->rerank_count > 0 && values.stored == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s keeps no values to re-rank by (kindred-index build --rerank), or more "
                        "than fit 1 GB; leave out --rerank",
                        kin_dataset_name(job->database));
    for (uint32_t i = 0; i < job->options->rerank_count; i++) {
        uint64_t first = job->options->reranks[i];
        char *told = first == KIN_EVAL_RERANK_ALL
                         ? kin_sprintf("%s, all re-ranked", name)
                         : kin_sprintf("%s, %llu re-ranked", name, (unsigned long long)first);
        kin_eval_row *reranked = kin_eval_report_add(&job->report, told);
        reranked->bits = like.bits;
        reranked->seed = like.seed;
        reranked->trained = like.trained;
        kin_progress_begin(job->progress, "re-ranking", 0, 0);
        kin_evaluation_rerank(job->evaluation, coded->database, coded->queries, coded->width,
                              &values, first, &reranked->measured);
        free(told);
    }
    return KIN_OK;
}

/* The codes that a hasher gives, and the layer behind them. name: of the row. */
static kin_status measure_trial(eval_job *job, const kin_trial *trial, const char *name,
                                kin_eval_row *row, kin_error *error)
{
    kin_coded coded;
    kin_status status = kin_coded_by_encoder(
        &coded, &job->split, kin_encoder_hasher(trial->encoder), trial->thresholds, error);
    if (status == KIN_OK) measure_codes(job, &coded, row);
    if (status == KIN_OK) status = measure_values(job, &coded, row, error);
    if (status == KIN_OK)
        status = kin_coded_classified(&job->split, kin_encoder_hasher(trial->encoder),
                                      &row->measured.classified, error);
    if (status == KIN_OK) status = measure_reranked(job, &coded, name, row, error);
    kin_coded_fini(&coded);
    return status;
}

static kin_status measure_stored(eval_job *job, kin_error *error)
{
    kin_coded coded;
    kin_status status = kin_coded_stored(&coded, &job->split, job->codes, job->query_codes, error);
    if (status != KIN_OK) return status;
    kin_eval_row *row = kin_eval_report_add(&job->report, "codes");
    measure_codes(job, &coded, row);
    status = measure_reranked(job, &coded, "codes", row, error);
    kin_coded_fini(&coded);
    return status;
}

static kin_status measure_hasher(eval_job *job, kin_error *error)
{
    kin_trial trial;
    kin_status status = kin_trial_open(&trial, job->options->hasher, error);
    if (status == KIN_OK)
        status = measure_trial(job, &trial, "hasher", kin_eval_report_add(&job->report, "hasher"),
                               error);
    kin_trial_fini(&trial);
    return status;
}

static kin_status measure_method(eval_job *job, const char *method, unsigned bits, uint64_t seed,
                                 kin_error *error)
{
    const kin_trial_options options = {.method = method,
                                       .bits = bits,
                                       .seed = seed,
                                       .rows_max = (uint64_t)job->options->train,
                                       .tick = tick,
                                       .user = job};
    kin_trial trial;
    int64_t start = kin_clock_ns();
    char *what =
        kin_sprintf("training %s, %u bits, seed %llu", method, bits, (unsigned long long)seed);
    kin_progress_begin(job->progress, what, 0, 0);
    kin_status status = kin_trial_train(&trial, &job->split, &options, error);
    double seconds = (double)(kin_clock_ns() - start) * 1e-9;
    if (status == KIN_OK) {
        kin_eval_row *row = kin_eval_report_add(&job->report, method);
        row->trained = true;
        row->seed = seed;
        kin_progress_clear(job->progress);
        kin_log(KIN_LOG_INFO, "%s: %.1f s", what, seconds);
        status = measure_trial(job, &trial, method, row, error);
    }
    free(what);
    kin_trial_fini(&trial);
    return status;
}

static kin_status measure_all(eval_job *job, kin_error *error)
{
    const kin_eval_options *options = job->options;
    kin_status status = measure_lines(job, error);
    if (status == KIN_OK && options->hasher != NULL) return measure_hasher(job, error);
    for (uint32_t m = 0; m < options->method_count; m++)
        for (uint32_t w = 0; w < options->width_count; w++)
            for (int64_t s = 0; status == KIN_OK && s < options->seeds; s++)
                status = measure_method(job, options->methods[m], options->widths[w],
                                        (uint64_t)(options->seed + s), error);
    if (status != KIN_OK || options->method_count > 0) return status;
    if (kin_dataset_bits(job->database) > 0 || job->codes != NULL)
        return measure_stored(job, error);
    return KIN_OK;
}

static kin_status print(eval_job *job, kin_error *error)
{
    kin_buffer out = {0};
    kin_status status = KIN_OK;
    kin_progress_clear(job->progress);
    if (job->options->json)
        kin_eval_report_json(&job->report, &out);
    else
        kin_eval_report_table(&job->report, job->options->markdown, &out);
    if (job->options->plot != NULL) {
        kin_buffer png = {0};
        kin_eval_report_plot(&job->report, &png);
        status = kin_file_write_atomic(job->options->plot, png.data, png.bytes, error);
        kin_buffer_fini(&png);
    }
    if (status == KIN_OK &&
        (fwrite(out.data, 1, out.bytes, stdout) != out.bytes || fflush(stdout) != 0))
        status = kin_fail(error, KIN_IO, "cannot write to standard output");
    kin_buffer_fini(&out);
    return status;
}

static kin_status run(eval_job *job, kin_error *error)
{
    kin_status status = open_sets(job, error);
    if (status == KIN_OK) status = check_sets(job, error);
    if (status == KIN_OK) status = make_split(job, error);
    if (status == KIN_OK) status = measure_all(job, error);
    kin_eval_report_group(&job->report);
    if (status == KIN_OK) status = print(job, error);
    kin_progress_clear(job->progress);
    kin_eval_report_fini(&job->report);
    kin_evaluation_destroy(&job->evaluation);
    kin_split_fini(&job->split);
    kin_dataset_close(&job->codes);
    kin_dataset_close(&job->query_codes);
    kin_dataset_close(&job->queries);
    kin_dataset_close(&job->database);
    return status;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-eval", KIN_LOG_INFO);
    kin_eval_options options;
    kin_error error = {0};
    int code = 2;
    if (kin_eval_options_parse(&options, argc, argv, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
    } else if (options.help) {
        fputs(kin_eval_help, stdout);
        code = 0;
    } else {
        eval_job job = {.options = &options, .progress = kin_progress_new()};
        code = run(&job, &error) == KIN_OK ? 0 : 1;
        kin_progress_destroy(&job.progress);
        if (code != 0) kin_log(KIN_LOG_ERROR, "%s", error.text);
    }
    kin_eval_options_fini(&options);
    return code;
}
