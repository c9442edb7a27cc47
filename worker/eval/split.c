#include "worker/eval/split.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"

/* A row that may become a query. */
typedef struct candidate {
    uint64_t turn; /* among those of its class; 0 for all where classes do not matter */
    uint64_t draw; /* random */
    uint64_t row;
    uint32_t label;
} candidate;

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_draws(const void *a, const void *b)
{
    const candidate *left = a, *right = b;
    int order = compare_numbers(left->turn, right->turn);
    if (order == 0) order = compare_numbers(left->draw, right->draw);
    return order != 0 ? order : compare_numbers(left->row, right->row);
}

static int compare_rows(const void *a, const void *b)
{
    const candidate *left = a, *right = b;
    return compare_numbers(left->row, right->row);
}

typedef struct class_name {
    const char *name;
    uint32_t label;
} class_name;

static int compare_names(const void *a, const void *b)
{
    const class_name *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* The database's number of each class of a test set; `classes` where it has none of that name. */
static uint32_t *match_classes(const kin_dataset *database, const kin_dataset *queries)
{
    uint32_t count = kin_dataset_classes(queries), classes = kin_dataset_classes(database);
    uint32_t *matches = kin_malloc(count * sizeof *matches);
    class_name *names = kin_malloc(classes * sizeof *names);
    for (uint32_t i = 0; i < classes; i++)
        names[i] = (class_name){kin_dataset_class_name(database, i), i};
    qsort(names, classes, sizeof *names, compare_names);
    for (uint32_t i = 0; i < count; i++) {
        class_name wanted = {kin_dataset_class_name(queries, i), 0};
        const class_name *match = bsearch(&wanted, names, classes, sizeof *names, compare_names);
        matches[i] = match == NULL ? classes : match->label;
    }
    free(names);
    return matches;
}

/* Rows with a class, or all where there are none. */
static candidate *list_candidates(const kin_split_options *options, uint64_t *count)
{
    const kin_dataset *from = options->queries == NULL ? options->database : options->queries;
    const uint32_t *labels = kin_dataset_labels(from);
    uint32_t *matches =
        options->queries != NULL && labels != NULL ? match_classes(options->database, from) : NULL;
    candidate *listed = kin_malloc(kin_dataset_count(from) * sizeof *listed);
    kin_random random = {.state = options->seed};
    *count = 0;
    for (uint64_t i = 0; i < kin_dataset_count(from); i++) {
        uint64_t draw = kin_random_u64(&random);
        if (labels != NULL && labels[i] == KIN_NO_CLASS) continue;
        uint32_t label = labels == NULL ? 0 : labels[i];
        listed[(*count)++] =
            (candidate){.draw = draw, .row = i, .label = matches == NULL ? label : matches[label]};
    }
    free(matches);
    return listed;
}

/* The candidates that become queries are first. */
static void draw_queries(const kin_split_options *options, candidate *listed, uint64_t count)
{
    qsort(listed, count, sizeof *listed, compare_draws);
    if (!options->balanced) return;
    uint64_t *turns = kin_calloc(kin_dataset_classes(options->database) + 1, sizeof *turns);
    for (uint64_t i = 0; i < count; i++)
        listed[i].turn = turns[listed[i].label]++;
    free(turns);
    qsort(listed, count, sizeof *listed, compare_draws);
}

static void fill_queries(kin_part *part, candidate *drawn, uint64_t count)
{
    qsort(drawn, count, sizeof *drawn, compare_rows);
    part->count = count;
    part->rows = kin_malloc(count * sizeof *part->rows);
    part->labels = kin_malloc(count * sizeof *part->labels);
    for (uint64_t i = 0; i < count; i++) {
        part->rows[i] = drawn[i].row;
        part->labels[i] = drawn[i].label;
    }
}

/* The rows that have a class and are not held out. */
static void fill_database(kin_split *split, const kin_split_options *options)
{
    const kin_dataset *dataset = options->database;
    const uint32_t *labels = kin_dataset_labels(dataset);
    uint64_t rows = kin_dataset_count(dataset), held = 0;
    kin_part *part = &split->database;
    part->rows = kin_malloc(rows * sizeof *part->rows);
    part->labels = kin_malloc(rows * sizeof *part->labels);
    split->class_sizes = kin_calloc(kin_dataset_classes(dataset) + 1, sizeof *split->class_sizes);
    for (uint64_t i = 0; i < rows; i++) {
        bool out = options->queries == NULL && held < split->queries.count &&
                   split->queries.rows[held] == i;
        if (out) held++;
        if (labels != NULL && labels[i] == KIN_NO_CLASS) split->unclassed++;
        if (out || (labels != NULL && labels[i] == KIN_NO_CLASS)) continue;
        part->rows[part->count] = i;
        part->labels[part->count] = labels == NULL ? 0 : labels[i];
        split->class_sizes[part->labels[part->count++]]++;
    }
}

static kin_status check(const kin_split *split, const kin_split_options *options, kin_error *error)
{
    const char *name = kin_dataset_name(options->database);
    uint32_t classes = kin_dataset_classes(options->database), there = 0;
    if (split->queries.count == 0)
        return kin_fail(
            error, KIN_BAD_INPUT, "there is no row of %s to ask",
            kin_dataset_name(options->queries == NULL ? options->database : options->queries));
    if (split->database.count == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "nothing of %s is left to search: all %llu rows are queries; ask for fewer",
                        name, (unsigned long long)split->queries.count);
    for (uint32_t i = 0; i < classes; i++)
        there += split->class_sizes[i] > 0;
    if (kin_dataset_labels(options->database) != NULL && there < 2)
        return kin_fail(error, KIN_BAD_INPUT,
                        "all rows of %s are of one class (%s); with nothing to tell apart, every "
                        "code would be perfect",
                        name, kin_dataset_class_name(options->database, 0));
    return KIN_OK;
}

kin_status kin_split_make(kin_split *split, const kin_split_options *options, kin_error *error)
{
    memset(split, 0, sizeof *split);
    bool labelled = kin_dataset_labels(options->database) != NULL;
    if (options->queries != NULL && labelled != (kin_dataset_labels(options->queries) != NULL))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s has classes and %s has none; give both, or neither",
                        kin_dataset_name(labelled ? options->database : options->queries),
                        kin_dataset_name(labelled ? options->queries : options->database));
    split->database.dataset = options->database;
    split->queries.dataset = options->queries == NULL ? options->database : options->queries;
    uint64_t count;
    candidate *listed = list_candidates(options, &count);
    draw_queries(options, listed, count);
    fill_queries(&split->queries, listed,
                 count < options->query_count ? count : options->query_count);
    free(listed);
    fill_database(split, options);
    if (!labelled) {
        free(split->database.labels);
        free(split->queries.labels);
        split->database.labels = split->queries.labels = NULL;
    }
    kin_status status = check(split, options, error);
    if (status != KIN_OK) kin_split_fini(split);
    return status;
}

void kin_split_fini(kin_split *split)
{
    free(split->database.rows);
    free(split->database.labels);
    free(split->queries.rows);
    free(split->queries.labels);
    free(split->class_sizes);
    memset(split, 0, sizeof *split);
}
