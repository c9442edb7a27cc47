/* Training: the same bytes for any number of ranks, samples that are poor, what is refused, the
 * quantization loss, and that learned codes retrieve better than random ones. Against numpy:
 * tests/e2e/features_oracle.py. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/code.h"
#include "proto/encoder_file.h"
#include "tests/support/training_trial.h"
#include "worker/encode/blas.h"
#include "worker/encode/hasher.h"
#include "worker/train/itq.h"
#include "worker/train/moments.h"

#define DIMENSIONS 96

static kin_train_options options_of(const char *method, unsigned bits)
{
    return (kin_train_options){.method = method,
                               .bits = bits,
                               .seed = 11,
                               .iterations = 50,
                               .features = "test/1",
                               .decoder = "none",
                               .dimensions = DIMENSIONS};
}

/* Vectors around `clusters` centres; vector i is of cluster i % clusters. */
static float *make_clusters(uint64_t count, unsigned clusters, uint32_t dimensions, double noise)
{
    kin_random random = {.state = 5};
    float *centres = kin_malloc((size_t)clusters * dimensions * sizeof *centres);
    float *vectors = kin_malloc(count * dimensions * sizeof *vectors);
    for (size_t i = 0; i < (size_t)clusters * dimensions; i++)
        centres[i] = (float)kin_random_gaussian(&random);
    for (uint64_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < dimensions; j++)
            vectors[i * dimensions + j] = centres[i % clusters * dimensions + j] +
                                          (float)(noise * kin_random_gaussian(&random));
    free(centres);
    return vectors;
}

static kin_buffer train_everywhere(const kin_train_options *options, const kin_train_source *source)
{
    static const int ranks[] = {1, 2, 3, 4, KIN_TRAIN_SLICES + 2};
    return training_same(ranks, sizeof ranks / sizeof *ranks, options, source);
}

static void ranks_agree(void **state)
{
    (void)state;
    uint64_t count = 5003; /* slices of unequal length, blocks that are not full */
    float *vectors = make_clusters(count, 20, DIMENSIONS, 0.5);
    kin_train_source source = kin_lone_rank_source(vectors, count, DIMENSIONS);
    for (int i = 0; i < 2; i++) {
        kin_train_options options = options_of(i == 0 ? "itq" : "lsh", 64);
        kin_buffer file = train_everywhere(&options, &source);
        kin_encoder_file parsed;
        kin_error error = {0};
        assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error),
                         KIN_OK);
        assert_int_equal(parsed.card.training_count, count);
        assert_string_equal(parsed.card.blas, kin_blas_core_name());
        assert_int_equal(parsed.card.iterations, i == 0 ? 50 : 0);
        kin_buffer_fini(&file);
    }
    free(vectors);
}

/* Fewer vectors than bits, one, many that are one, zeros, constant dimensions: the parser has seen
 * that all numbers are finite; here also that equal vectors get equal codes, and that vectors which
 * are far apart in the sample get different ones. */
static void poor_samples(void **state)
{
    (void)state;
    float *vectors = make_clusters(600, 600, DIMENSIONS, 0);
    float *same = kin_calloc((size_t)600 * DIMENSIONS, sizeof *same);
    float *zeros = kin_calloc((size_t)600 * DIMENSIONS, sizeof *zeros);
    float *constant = kin_malloc((size_t)600 * DIMENSIONS * sizeof *constant);
    for (size_t i = 0; i < (size_t)600 * DIMENSIONS; i++) {
        same[i] = vectors[i % DIMENSIONS];
        constant[i] = i % DIMENSIONS < 90 ? 0.1f : vectors[i];
    }
    const struct {
        const float *vectors;
        uint64_t count;
        bool distinct;
    } cases[] = {{vectors, 1, false}, {vectors, 2, true},  {vectors, 40, true},
                 {same, 600, false},  {zeros, 600, false}, {constant, 600, true}};
    for (size_t c = 0; c < 2 * sizeof cases / sizeof *cases; c++) {
        kin_train_options options = options_of(c % 2 == 0 ? "itq" : "lsh", 64);
        kin_train_source source =
            kin_lone_rank_source(cases[c / 2].vectors, cases[c / 2].count, DIMENSIONS);
        kin_buffer file = train_everywhere(&options, &source);
        kin_hasher *hasher = training_hasher(&file);
        kin_code first, again, last;
        kin_hasher_hash(hasher, cases[c / 2].vectors, 1, &first);
        kin_hasher_hash(hasher, cases[c / 2].vectors, 1, &again);
        kin_hasher_hash(hasher, cases[c / 2].vectors + (cases[c / 2].count - 1) * DIMENSIONS, 1,
                        &last);
        assert_int_equal(kin_code_distance(&first, &again), 0);
        if (cases[c / 2].distinct)
            assert_true(kin_code_distance(&first, &last) > 8);
        else
            assert_int_equal(kin_code_distance(&first, &last), 0);
        kin_hasher_destroy(&hasher);
        kin_buffer_fini(&file);
    }
    free(constant);
    free(zeros);
    free(same);
    free(vectors);
}

static void refusals(void **state)
{
    (void)state;
    float *vectors = make_clusters(100, 10, DIMENSIONS, 1);
    kin_train_source source = kin_lone_rank_source(vectors, 100, DIMENSIONS);
    kin_train_source none = kin_lone_rank_source(vectors, 0, DIMENSIONS);
    kin_train_options options = options_of("itq", 128);
    training_refused(&options, &source, KIN_BAD_INPUT, "128 bits cannot be learned from");
    options = options_of("itq", 65);
    training_refused(&options, &source, KIN_BAD_INPUT, "65 bits");
    options = options_of("pq", 64);
    training_refused(&options, &source, KIN_BAD_INPUT, "'pq'; there are: autoencoder, itq, lsh");
    options = options_of("itq", 64);
    options.dimensions = none.dimensions = 1000000;
    training_refused(&options, &none, KIN_LIMIT, "1000000 dimensions");
    options = options_of("itq", 64);
    none.dimensions = DIMENSIONS;
    training_refused(&options, &none, KIN_BAD_INPUT, "no picture to learn");
    char long_name[80];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    options.decoder = long_name;
    training_refused(&options, &source, KIN_BAD_INPUT, "'decoder'");
    options = options_of("lsh", 64);
    vectors[50 * DIMENSIONS + 7] = NAN;
    training_refused(&options, &source, KIN_BAD_INPUT, "feature 7");
    free(vectors);
}

static void loss_never_grows(void **state)
{
    (void)state;
    enum { BITS = 64, ROWS = 1000, PADDED = 1024, ITERATIONS = 60 };
    kin_random random = {.state = 9};
    kin_itq_slice slices[KIN_TRAIN_SLICES] = {0};
    slices[2] = (kin_itq_slice){kin_calloc((size_t)PADDED * BITS, sizeof(double)), ROWS};
    for (size_t i = 0; i < (size_t)ROWS * BITS; i++)
        slices[2].projected[i] = kin_random_gaussian(&random) * (1 + (double)(i % BITS) / 8);
    double rotation[BITS * BITS], loss[ITERATIONS];
    kin_train_context context = kin_lone_rank_context();
    kin_error error = {0};
    kin_blas_init();
    assert_int_equal(
        kin_itq_learn(&context, slices, BITS, NULL, 3, ITERATIONS, rotation, loss, 0, 1, &error),
        KIN_OK);
    for (int i = 1; i < ITERATIONS; i++)
        assert_true(loss[i] <= loss[i - 1] * (1 + 1e-12));
    assert_true(loss[ITERATIONS - 1] < 0.98 * loss[0]);
    for (size_t i = 0; i < BITS; i++)
        for (size_t j = 0; j < BITS; j++) {
            double dot = 0;
            for (size_t k = 0; k < BITS; k++)
                dot += rotation[i * BITS + k] * rotation[j * BITS + k];
            assert_true(fabs(dot - (i == j)) < 1e-12);
        }
    free(slices[2].projected);
}

/* Share of the 10 nearest codes that are of the query's cluster; ties by position. */
static double precision(const kin_code *codes, unsigned count, unsigned clusters)
{
    unsigned right = 0;
    for (unsigned q = 0; q < 100; q++) {
        bool *taken = kin_calloc(count, sizeof *taken);
        taken[q] = true;
        for (int k = 0; k < 10; k++) {
            unsigned best = 0, best_distance = 1000;
            for (unsigned i = 0; i < count; i++) {
                unsigned distance = taken[i] ? 1000 : kin_code_distance(&codes[q], &codes[i]);
                if (distance < best_distance) {
                    best_distance = distance;
                    best = i;
                }
            }
            taken[best] = true;
            right += best % clusters == q % clusters;
        }
        free(taken);
    }
    return right / 1000.0;
}

/* Clusters that differ in few of the dimensions, beneath noise in all: what variance tells apart.
 */
static void itq_beats_lsh_beats_chance(void **state)
{
    (void)state;
    enum { COUNT = 2000, CLUSTERS = 40 };
    float *vectors = make_clusters(COUNT, CLUSTERS, DIMENSIONS, 1);
    for (size_t i = 0; i < (size_t)COUNT * DIMENSIONS; i++)
        if (i % DIMENSIONS >= 32) vectors[i] *= 0.7f;
    kin_train_source source = kin_lone_rank_source(vectors, COUNT, DIMENSIONS);
    double found[2];
    kin_code *codes = kin_calloc(COUNT, sizeof *codes);
    for (int i = 0; i < 2; i++) {
        kin_train_options options = options_of(i == 0 ? "itq" : "lsh", 64);
        kin_buffer file = {0};
        kin_train_context context = kin_lone_rank_context();
        kin_error error = {0};
        assert_int_equal(kin_train(&context, &options, &source, &file, &error), KIN_OK);
        kin_hasher *hasher = training_hasher(&file);
        kin_hasher_hash(hasher, vectors, COUNT, codes);
        found[i] = precision(codes, COUNT, CLUSTERS);
        kin_hasher_destroy(&hasher);
        kin_buffer_fini(&file);
    }
    print_message("# precision at 10: itq %.3f, lsh %.3f, chance %.3f\n", found[0], found[1],
                  1.0 / CLUSTERS);
    assert_true(found[0] > found[1] + 0.02);
    assert_true(found[1] > 4.0 / CLUSTERS);
    free(codes);
    free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_agree),
        cmocka_unit_test(poor_samples),
        cmocka_unit_test(refusals),
        cmocka_unit_test(loss_never_grows),
        cmocka_unit_test(itq_beats_lsh_beats_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
