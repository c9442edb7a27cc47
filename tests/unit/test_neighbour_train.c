/* Neighbourhood-contrastive hashing as a whole: equal files for any number of ranks, clusters that
 * become codes, poor samples, refusals. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/code.h"
#include "proto/encoder_file.h"
#include "tests/support/training_trial.h"
#include "worker/encode/blas.h"
#include "worker/encode/hasher.h"
#include "worker/plan/plan_build.h"
#include "worker/train/descent.h"

enum { DIMENSIONS = 30, CLUSTERS = 12 };

static const kin_neighbour_options small = {.neighbours = 5,
                                            .walk = 3,
                                            .components = 20,
                                            .batch = 64,
                                            .steps = 60,
                                            .hidden = {48, 32},
                                            .evening = 0.25,
                                            .temperature = 0.5,
                                            .geometry = 0.5,
                                            .stretch = 2,
                                            .quantization = 0.1,
                                            .emphasis = 0.2,
                                            .dropout = 0.1,
                                            .rate = 3e-3};

static kin_train_options options_of(unsigned bits)
{
    return (kin_train_options){.method = "neighbour",
                               .bits = bits,
                               .seed = 7,
                               .features = "builtin/1",
                               .decoder = "test",
                               .dimensions = DIMENSIONS,
                               .neighbour = &small};
}

/* Row i is of cluster i % CLUSTERS. */
static float *make_clusters(size_t count, double spread)
{
    float *vectors = kin_malloc(count * DIMENSIONS * sizeof *vectors);
    kin_random random = {.state = 3};
    double centres[CLUSTERS][DIMENSIONS];
    for (size_t c = 0; c < CLUSTERS; c++)
        for (size_t d = 0; d < DIMENSIONS; d++)
            centres[c][d] = kin_random_gaussian(&random);
    for (size_t i = 0; i < count * DIMENSIONS; i++)
        vectors[i] = (float)(centres[i / DIMENSIONS % CLUSTERS][i % DIMENSIONS] +
                             spread * kin_random_gaussian(&random));
    return vectors;
}

/* With 1 to ranks_max ranks: the files are the same. */
static kin_buffer train(const kin_train_options *options, const float *vectors, uint64_t count,
                        int ranks_max)
{
    static const int ranks[] = {1, 2, 3, 4, 5, 6, 7, 8};
    kin_train_source source = kin_lone_rank_source(vectors, count, options->dimensions);
    return training_same(ranks, (size_t)ranks_max, options, &source);
}

static void hash(const kin_buffer *file, const float *vectors, uint32_t count, kin_code *codes)
{
    kin_hasher *hasher = training_hasher(file);
    kin_hasher_hash(hasher, vectors, count, codes);
    kin_hasher_destroy(&hasher);
}

static void ranks_agree(void **state)
{
    (void)state;
    enum { COUNT = 709 }; /* blocks that are not full */
    float *vectors = make_clusters(COUNT, 0.5);
    kin_train_options options = options_of(24);
    kin_buffer file = train(&options, vectors, COUNT, 5);
    kin_encoder_file parsed;
    kin_error error = {0};
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    assert_string_equal(parsed.card.method, "neighbour");
    assert_int_equal(parsed.card.bits, 24);
    assert_int_equal(parsed.card.training_count, COUNT);
    assert_int_equal(parsed.card.iterations, small.steps);
    assert_non_null(memmem(parsed.options.text, parsed.options.bytes, "walk=3\n", 7));
    size_t lines = 0;
    for (size_t i = 0; i < parsed.curve.bytes; i++)
        lines += parsed.curve.text[i] == '\n';
    assert_int_equal(lines, 22);
    kin_buffer_fini(&file);
    free(vectors);
}

/* What kindred plan says of mini-batches is what learning says on its card. */
static void the_plan_knows_the_batches(void **state)
{
    static const uint64_t counts[] = {60, 200, 709};
    (void)state;
    float *vectors = make_clusters(709, 0.5);
    kin_neighbour_options usual = KIN_NEIGHBOUR_OPTIONS_DEFAULT;
    kin_train_options options = options_of(16);
    usual.hidden[0] = 16;
    usual.hidden[1] = 8;
    options.neighbour = &usual;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        kin_buffer file = train(&options, vectors, counts[i], 1);
        kin_encoder_file parsed;
        kin_error error = {0};
        unsigned batch = 0, steps = 0;
        assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error),
                         KIN_OK);
        const char *at = memmem(parsed.options.text, parsed.options.bytes, "batch=", 6);
        assert_non_null(at);
        assert_int_equal(sscanf(at, "batch=%u steps=%u", &batch, &steps), 2);
        assert_true(fabs(kin_plan_neighbour_batch(counts[i]) - batch) < KIN_BATCH_SLICES);
        assert_true(fabs(kin_plan_neighbour_steps(counts[i]) / steps - 1) < 0.05);
        kin_buffer_fini(&file);
    }
    free(vectors);
}

/* Pictures of one cluster get codes that are nearer than those of others, seen or not: the mean
 * distance within is under half of that between. */
static void clusters_become_codes(void **state)
{
    (void)state;
    enum { COUNT = 1200, SEEN = 900 };
    float *vectors = make_clusters(COUNT, 0.7);
    kin_train_options options = options_of(64);
    kin_buffer file = train(&options, vectors, SEEN, 1);
    kin_code *codes = kin_calloc(COUNT, sizeof *codes);
    hash(&file, vectors, COUNT, codes);
    double within = 0, between = 0;
    size_t pairs[2] = {0};
    for (size_t i = SEEN; i < COUNT; i++)
        for (size_t j = 0; j < i; j++) {
            double distance = kin_code_distance(&codes[i], &codes[j]);
            bool same = i % CLUSTERS == j % CLUSTERS;
            *(same ? &within : &between) += distance;
            pairs[same]++;
        }
    within /= (double)pairs[1];
    between /= (double)pairs[0];
    if (!(within < between / 2)) fail_msg("within %g, between %g", within, between);
    free(codes);
    kin_buffer_fini(&file);
    free(vectors);
}

/* The last line of the curve: the loss of signs and the balance of bits, here counted anew from the
 * numbers before the hyperbolic tangent, whose mean is 0. */
static void codes_are_turned(void **state)
{
    (void)state;
    enum { COUNT = 500, BITS = 24 };
    float *vectors = make_clusters(COUNT, 0.7), *values = kin_malloc(COUNT * BITS * sizeof *values);
    kin_train_options options = options_of(BITS);
    kin_buffer file = train(&options, vectors, COUNT, 1);
    kin_encoder_file parsed;
    kin_error error = {0};
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    kin_hasher *hasher = kin_hasher_new(&parsed);
    kin_hasher_values(hasher, vectors, COUNT, values);
    double means[BITS] = {0}, ones[BITS] = {0}, loss = 0, balance = 0, told[2];
    for (size_t i = 0; i < COUNT * BITS; i++) {
        double number = atanh((double)values[i]), off = fabs(number) - 1;
        means[i % BITS] += number / COUNT;
        ones[i % BITS] += number > 0;
        loss += off * off / (COUNT * BITS);
    }
    for (size_t b = 0; b < BITS; b++) {
        if (fabs(means[b]) > 2e-3) fail_msg("bit %zu: a mean of %g", b, means[b]);
        balance += fabs(ones[b] / COUNT - 0.5) / BITS;
    }
    const char *line = memmem(parsed.curve.text, parsed.curve.bytes, "rotation\t", 9);
    assert_non_null(line);
    assert_int_equal(sscanf(line, "rotation\t1\t%lf\tnan\t%lf", &told[0], &told[1]), 2);
    if (fabs(told[0] - loss) > 0.02 * loss || fabs(told[1] - balance) > 2e-3)
        fail_msg("loss %g and balance %g are told, %g and %g are so", told[0], told[1], loss,
                 balance);
    assert_true(balance < 0.2);
    kin_hasher_destroy(&hasher);
    kin_buffer_fini(&file);
    free(values);
    free(vectors);
}

/* One vector, fewer than neighbours, than a batch; equal ones, zeros, constant dimensions: finite
 * (the parser has seen to that), and equal vectors get equal codes. */
static void poor_samples(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    float *vectors = make_clusters(COUNT, 0.3);
    float *same = kin_calloc(COUNT * DIMENSIONS, sizeof *same);
    float *zeros = kin_calloc(COUNT * DIMENSIONS, sizeof *zeros);
    float *constant = kin_malloc(COUNT * DIMENSIONS * sizeof *constant);
    for (size_t i = 0; i < COUNT * DIMENSIONS; i++) {
        same[i] = vectors[i % DIMENSIONS];
        constant[i] = i % DIMENSIONS < 25 ? 0.1f : vectors[i];
    }
    const struct {
        const float *vectors;
        uint32_t count;
        bool distinct;
    } cases[] = {{vectors, 1, false},    {vectors, 2, true},   {vectors, 4, true},
                 {vectors, 40, true},    {same, COUNT, false}, {zeros, COUNT, false},
                 {constant, COUNT, true}};
    kin_train_options options = options_of(64);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint32_t count = cases[c].count;
        kin_code codes[COUNT], again;
        kin_buffer file = train(&options, cases[c].vectors, count, 3);
        hash(&file, cases[c].vectors, count, codes);
        hash(&file, cases[c].vectors, 1, &again);
        assert_int_equal(kin_code_distance(&codes[0], &again), 0);
        unsigned distance = kin_code_distance(&codes[0], &codes[count - 1]);
        if (cases[c].distinct)
            assert_true(distance > 0);
        else
            assert_int_equal(distance, 0);
        kin_buffer_fini(&file);
    }
    free(constant);
    free(zeros);
    free(same);
    free(vectors);
}

/* Killed after every possible checkpoint, gone on from with another number of ranks; with and
 * without a held-out part. Nothing else gives the undisturbed run's file. */
static void goes_on(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    float *vectors = make_clusters(COUNT, 0.5);
    for (int held = 0; held < 2; held++) {
        kin_train_options options = options_of(24);
        options.held_out = held * 0.2;
        kin_buffer undisturbed = train(&options, vectors, COUNT, 3);
        kin_train_source source = kin_lone_rank_source(vectors, COUNT, DIMENSIONS);
        int killed = 1;
        for (;; killed++) {
            training_shelf kept = {.left = killed};
            training_keep(&options, &kept);
            bool through = training_through(1 + killed % 3, &options, &source);
            kept.left = 1000;
            kin_buffer again = train(&options, vectors, COUNT, 1);
            assert_int_equal(kept.loads, 1);
            assert_int_equal(1000 - kept.left, through ? 0 : 3 - killed); /* not begun anew */
            assert_int_equal(again.bytes, undisturbed.bytes);
            assert_memory_equal(again.data, undisturbed.data, undisturbed.bytes);
            kin_buffer_fini(&again);
            kin_buffer_fini(&kept.state);
            if (through) break;
        }
        assert_int_equal(killed, 4); /* of 60 steps: after 16, 32 and 48 */
        kin_buffer_fini(&undisturbed);
    }
    free(vectors);
}

/* The state of a job with another option is none. */
static void other_states(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    float *vectors = make_clusters(COUNT, 0.5);
    kin_train_options options = options_of(24);
    kin_buffer undisturbed = train(&options, vectors, COUNT, 1);
    kin_neighbour_options others[] = {small, small, small, small};
    others[0].temperature = 0.6;
    others[1].hidden[1] = 31;
    others[2].rate = 2e-3;
    others[3].walk = 2;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        training_shelf kept = {.left = 2};
        training_keep(&options, &kept);
        options.neighbour = &others[i];
        kin_train_source source = kin_lone_rank_source(vectors, COUNT, DIMENSIONS);
        assert_false(training_through(1, &options, &source));
        kept.left = 1000;
        options.neighbour = &small;
        kin_buffer again = train(&options, vectors, COUNT, 1);
        assert_memory_equal(again.data, undisturbed.data, undisturbed.bytes);
        kin_buffer_fini(&again);
        kin_buffer_fini(&kept.state);
    }
    kin_buffer_fini(&undisturbed);
    free(vectors);
}

typedef struct heard {
    size_t lines, epochs;
    double least;
    size_t best;
} heard;

static void listen(void *user, const kin_train_epoch *epoch)
{
    heard *h = user;
    if (strcmp(epoch->phase, "rotation") == 0) return;
    h->lines++;
    h->epochs = epoch->epochs;
    assert_true(isfinite(epoch->held_out) && epoch->epoch == h->lines);
    if (h->lines > 1 && epoch->held_out >= h->least) return;
    h->least = epoch->held_out;
    h->best = h->lines;
}

/* Few pictures and many epochs: the held-out loss turns, learning stops and goes back. */
static void stops_early(void **state)
{
    (void)state;
    enum { COUNT = 260 };
    float *vectors = make_clusters(COUNT, 3);
    kin_neighbour_options own = small;
    heard h = {0};
    own.steps = 0;
    own.epochs = 300;
    kin_train_options options = options_of(24);
    options.neighbour = &own;
    options.held_out = 0.3;
    options.patience = 3;
    options.log = listen;
    options.user = &h;
    kin_buffer file = train(&options, vectors, COUNT, 1);
    kin_encoder_file parsed;
    kin_error error = {0};
    char best[32];
    assert_int_equal(h.epochs, 300);
    assert_true(h.lines < 300 && h.lines == h.best + 3);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    snprintf(best, sizeof best, "best-epoch=%zu\n", h.best);
    assert_non_null(memmem(parsed.options.text, parsed.options.bytes, best, strlen(best)));
    assert_non_null(memmem(parsed.options.text, parsed.options.bytes, "held-out=", 9));
    /* What it goes back to is what a run that ends there has, but for the rate, which falls later:
     * so the values of another epoch are others. */
    options.patience = 4;
    h = (heard){0};
    kin_buffer longer = train(&options, vectors, COUNT, 1);
    kin_encoder_file more;
    assert_int_equal(kin_encoder_file_parse(&more, longer.data, longer.bytes, "f", &error), KIN_OK);
    size_t weights = (size_t)parsed.layer[1].inputs * parsed.layer[1].outputs * sizeof(float);
    bool same = memcmp(parsed.layer[1].weights, more.layer[1].weights, weights) == 0;
    snprintf(best, sizeof best, "best-epoch=%zu\n", h.best);
    assert_true(same ==
                (memmem(parsed.options.text, parsed.options.bytes, best, strlen(best)) != NULL));
    kin_buffer_fini(&file);
    kin_buffer_fini(&longer);
    free(vectors);
}

static void assert_refused(const kin_train_options *options, const float *vectors, uint64_t count,
                           const char *text)
{
    kin_train_source source = kin_lone_rank_source(vectors, count, DIMENSIONS);
    training_refused(options, &source, KIN_BAD_INPUT, text);
}

static void refusals(void **state)
{
    (void)state;
    float *vectors = make_clusters(100, 1);
    kin_train_options options = options_of(20);
    assert_refused(&options, vectors, 100, "20 bits");
    options.bits = 264;
    assert_refused(&options, vectors, 100, "264 bits");
    options.bits = 64;
    assert_refused(&options, vectors, 0, "no picture");
    const struct {
        kin_neighbour_options options;
        const char *text;
    } cases[] = {{small, "neighbours"},  {small, "walk"},         {small, "components"},
                 {small, "batch"},       {small, "hidden"},       {small, "evening"},
                 {small, "temperature"}, {small, "quantization"}, {small, "dropout"},
                 {small, "geometry"},    {small, "stretch"},      {small, "rate"},
                 {small, "emphasis"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kin_neighbour_options wrong = cases[c].options;
        if (c == 0) wrong.neighbours = 0;
        if (c == 1) wrong.walk = 1001;
        if (c == 2) wrong.components = 0;
        if (c == 3) wrong.batch = 62;
        if (c == 4) wrong.hidden[1] = 5000;
        if (c == 5) wrong.evening = -0.1;
        if (c == 6) wrong.temperature = NAN;
        if (c == 7) wrong.quantization = -1;
        if (c == 8) wrong.dropout = 1;
        if (c == 9) wrong.geometry = INFINITY;
        if (c == 10) wrong.stretch = -1;
        if (c == 11) wrong.rate = 0;
        if (c == 12) wrong.emphasis = 1.5;
        options.neighbour = &wrong;
        assert_refused(&options, vectors, 100, cases[c].text);
    }
    options.neighbour = &small;
    vectors[50 * DIMENSIONS + 4] = NAN;
    assert_refused(&options, vectors, 100, "not a finite number");
    free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_agree),
        cmocka_unit_test(the_plan_knows_the_batches),
        cmocka_unit_test(clusters_become_codes),
        cmocka_unit_test(codes_are_turned),
        cmocka_unit_test(poor_samples),
        cmocka_unit_test(goes_on),
        cmocka_unit_test(other_states),
        cmocka_unit_test(stops_early),
        cmocka_unit_test(refusals),
    };
    kin_blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
