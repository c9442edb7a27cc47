/* Every method: the same file from any number of ranks, samples that are poor, what is refused,
 * going on from a checkpoint, and that what is learned retrieves. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/training_trial.h"
#include "worker/encode/blas.h"
#include "worker/encode/hasher.h"

enum { DIMENSIONS = 24, COUNT = 600, CLASSES = 6, BITS = 16, RANKS_MAX = 6 };

/* "semantic": an autoencoder as in Salakhutdinov and Hinton 2009, a logistic code layer with noise
 * before it and no walks. */
static const char *const methods[] = {"autoencoder", "semantic", "itq",       "lsh",
                                      "pcah",        "sh",       "supervised"};
enum { METHODS = sizeof methods / sizeof *methods };
/* Those that descend, and have checkpoints. */
static const char *const descending[] = {"autoencoder", "semantic", "supervised"};
static const char *const class_names[] = {"a", "b", "c", "d", "e", "f"};
static const uint32_t layers[] = {20};

/* Clusters around CLASSES centres, and their labels. */
typedef struct sample {
    float vectors[COUNT * DIMENSIONS];
    uint32_t labels[COUNT];
    kin_train_source source;
} sample;

static sample *make_sample(bool pixels)
{
    sample *s = kin_malloc(sizeof *s);
    kin_random random = {.state = 4};
    float centres[CLASSES * DIMENSIONS];
    for (size_t i = 0; i < CLASSES * DIMENSIONS; i++)
        centres[i] = (float)kin_random_gaussian(&random);
    for (size_t i = 0; i < COUNT; i++) {
        s->labels[i] = (uint32_t)(i % CLASSES);
        for (size_t j = 0; j < DIMENSIONS; j++) {
            double x = centres[s->labels[i] * DIMENSIONS + j] + 0.5 * kin_random_gaussian(&random);
            s->vectors[i * DIMENSIONS + j] = (float)(pixels ? 1 / (1 + exp(-3 * x)) : x);
        }
    }
    s->source = kin_lone_rank_source(s->vectors, COUNT, DIMENSIONS);
    s->source.labels = s->labels;
    s->source.class_count = CLASSES;
    s->source.class_names = class_names;
    return s;
}

static kin_train_options options_of(const char *method)
{
    static kin_neighbour_options near, still;
    bool semantic = strcmp(method, "semantic") == 0;
    near = still = KIN_NEIGHBOUR_OPTIONS_DEFAULT;
    near.walk = 2;
    still.walk = 0;
    return (kin_train_options){.method = semantic ? "autoencoder" : method,
                               .code_layer = semantic ? KIN_CODE_LOGISTIC : KIN_CODE_LINEAR,
                               .neighbour = semantic ? &still : &near,
                               .bits = BITS,
                               .seed = 3,
                               .iterations = 20,
                               .features = "test/1",
                               .decoder = "none",
                               .dimensions = DIMENSIONS,
                               .layers = layers,
                               .layer_count = 1,
                               .epochs = 4,
                               .pretrain_epochs = 2,
                               .batch = 50,
                               .noise = 0.5,
                               .held_out = 0.1};
}

static kin_buffer train_alone(const kin_train_options *options, const kin_train_source *source)
{
    kin_train_context context = kin_lone_rank_context();
    kin_buffer file = {0};
    kin_error error = {0};
    if (kin_train(&context, options, source, &file, &error) != KIN_OK)
        fail_msg("%s: %s", options->method, error.text);
    return file;
}

static void ranks_agree(void **state)
{
    int ranks[RANKS_MAX];
    (void)state;
    for (int r = 0; r < RANKS_MAX; r++)
        ranks[r] = r + 1;
    for (size_t m = 0; m < 2 * METHODS; m++) {
        sample *s = make_sample(m >= METHODS);
        kin_train_options options = options_of(methods[m % METHODS]);
        kin_buffer alone = training_same(ranks, RANKS_MAX, &options, &s->source);
        kin_buffer_fini(&alone);
        free(s);
    }
}

/* Share of the 20 nearest codes that are of the same class. */
static double precision(const kin_code *codes)
{
    size_t right = 0;
    for (size_t q = 0; q < 60; q++) {
        unsigned taken = 0;
        for (unsigned distance = 0; taken < 20 && distance <= BITS; distance++)
            for (size_t i = 0; i < COUNT && taken < 20; i++)
                if (i != q && kin_code_distance(&codes[q], &codes[i]) == distance) {
                    right += i % CLASSES == q % CLASSES;
                    taken++;
                }
    }
    return (double)right / (60 * 20);
}

static void codes_retrieve(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        sample *s = make_sample(false);
        kin_train_options options = options_of(methods[m]);
        options.epochs = 40;
        options.pretrain_epochs = 60;
        options.rate = 0.005;
        options.noise = 1;
        kin_buffer file = train_alone(&options, &s->source);
        kin_hasher *hasher = training_hasher(&file);
        kin_code codes[COUNT];
        kin_hasher_hash(hasher, s->vectors, COUNT, codes);
        double found = precision(codes);
        print_message("# %s: precision at 20 %.3f, chance %.3f\n", methods[m], found,
                      1.0 / CLASSES);
        assert_true(found > 0.6);
        kin_hasher_destroy(&hasher);
        kin_buffer_fini(&file);
        free(s);
    }
}

static void heads_tell_classes(void **state)
{
    (void)state;
    const kin_head_kind kinds[] = {KIN_HEAD_LINEAR, KIN_HEAD_LOGISTIC, KIN_HEAD_SOFTMAX};
    for (size_t h = 0; h < 6; h++) {
        sample *s = make_sample(false);
        kin_train_options options = options_of("supervised");
        options.head = kinds[h % 3];
        options.epochs = 20;
        if (h >= 3) { /* two classes, and the code layer alone */
            s->source.class_count = 2;
            options.no_layers = true;
            for (size_t i = 0; i < COUNT; i++)
                s->labels[i] %= 2;
        }
        kin_buffer file = train_alone(&options, &s->source);
        kin_hasher *hasher = training_hasher(&file);
        uint32_t classes = kin_hasher_classes(hasher);
        float *shares = kin_malloc(COUNT * classes * sizeof *shares);
        size_t right = 0;
        assert_int_equal(classes, s->source.class_count);
        assert_string_equal(kin_hasher_class_name(hasher, 1), "b");
        kin_hasher_classify(hasher, s->vectors, COUNT, shares);
        for (size_t i = 0; i < COUNT; i++) {
            size_t best = 0;
            double sum = 0;
            for (uint32_t c = 0; c < classes; c++) {
                sum += shares[i * classes + c];
                if (shares[i * classes + c] > shares[i * classes + best]) best = c;
            }
            assert_true(fabs(sum - 1) < 1e-5);
            right += best == s->labels[i];
        }
        if (right < COUNT * 9 / 10) fail_msg("head %u: %zu of %u", options.head, right, COUNT);
        free(shares);
        kin_hasher_destroy(&hasher);
        kin_buffer_fini(&file);
        free(s);
    }
}

/* One vector, two, fewer than bits, all equal, all zero, constant dimensions: a file with finite
 * numbers (its parser has looked) and equal codes for equal vectors. */
static void poor_samples(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++)
        for (int c = 0; c < 6; c++) {
            sample *s = make_sample(false);
            kin_train_options options = options_of(methods[m]);
            const uint64_t counts[] = {1, 2, 10, COUNT, COUNT, COUNT};
            bool labels = strcmp(methods[m], "supervised") == 0;
            if (labels && counts[c] == 1) { /* one class only */
                free(s);
                continue;
            }
            s->source.count = counts[c];
            for (size_t i = 0; i < COUNT * DIMENSIONS; i++) {
                if (c == 3) s->vectors[i] = s->vectors[i % DIMENSIONS];
                if (c == 4) s->vectors[i] = 0;
                if (c == 5 && i % DIMENSIONS < 20) s->vectors[i] = 0.7f;
            }
            kin_buffer file = train_alone(&options, &s->source);
            kin_hasher *hasher = training_hasher(&file);
            kin_code codes[2];
            kin_hasher_hash(hasher, s->vectors, 1, &codes[0]);
            kin_hasher_hash(hasher, s->vectors + (c == 3 ? 5 * DIMENSIONS : 0), 1, &codes[1]);
            assert_int_equal(kin_code_distance(&codes[0], &codes[1]), 0);
            kin_hasher_destroy(&hasher);
            kin_buffer_fini(&file);
            free(s);
        }
}

static void refusals(void **state)
{
    (void)state;
    sample *s = make_sample(false);
    kin_train_options options = options_of("supervised");
    s->source.labels = NULL;
    training_refused(&options, &s->source, KIN_BAD_INPUT, "learns from labels, and there are none");
    s->source.labels = s->labels;
    s->labels[7] = 6;
    training_refused(&options, &s->source, KIN_BAD_INPUT, "vector 7 of the sample has no class");
    memset(s->labels, 0, sizeof s->labels);
    training_refused(&options, &s->source, KIN_BAD_INPUT, "of one class");
    for (size_t m = 0; m < METHODS; m++) {
        options = options_of(methods[m]);
        for (size_t i = 0; i < COUNT; i++)
            s->labels[i] = i % 2;
        s->vectors[100 * DIMENSIONS + 5] = NAN;
        training_refused(&options, &s->source, KIN_BAD_INPUT, "feature 5");
        s->vectors[100 * DIMENSIONS + 5] = 0;
    }
    options = options_of("autoencoder");
    options.bits = 12;
    training_refused(&options, &s->source, KIN_BAD_INPUT, "12 bits; a code has 16 to 256");
    options = options_of("autoencoder");
    options.batch = 3;
    training_refused(&options, &s->source, KIN_LIMIT, "batches of 3");
    options = options_of("autoencoder");
    options.rate = -1;
    training_refused(&options, &s->source, KIN_BAD_INPUT, "the rate of learning is -1");
    options = options_of("autoencoder");
    options.whitening = 1.5;
    training_refused(&options, &s->source, KIN_BAD_INPUT, "a whitening of 1.5; it is 0 to 1");
    options = options_of("autoencoder");
    options.layers = (const uint32_t[]){9000};
    training_refused(&options, &s->source, KIN_LIMIT, "a layer of 9000 units");
    for (size_t m = 0; m < sizeof descending / sizeof *descending; m++) {
        options = options_of(descending[m]);
        options.rate = 1e38;
        training_refused(&options, &s->source, KIN_BAD_INPUT, "take a smaller learning rate");
    }
    free(s);
}

/* Killed after every possible checkpoint, with other numbers of ranks before and after. */
static void goes_on(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof descending / sizeof *descending; m++) {
        sample *s = make_sample(false);
        kin_train_options options = options_of(descending[m]);
        kin_buffer undisturbed = train_alone(&options, &s->source);
        for (int killed = 1; killed < 100; killed++) {
            training_shelf kept = {.left = killed};
            training_keep(&options, &kept);
            bool through = training_through(1 + killed % 3, &options, &s->source);
            kept.left = 1000;
            const int ranks[] = {1 + killed % 2};
            kin_buffer again = training_same(ranks, 1, &options, &s->source);
            assert_int_equal(again.bytes, undisturbed.bytes);
            assert_memory_equal(again.data, undisturbed.data, undisturbed.bytes);
            kin_buffer_fini(&again);
            kin_buffer_fini(&kept.state);
            if (!through) continue;
            assert_true(killed > 3);
            break;
        }
        kin_buffer_fini(&undisturbed);
        free(s);
    }
}

/* A state of another job, or no state at all, is not gone on from. */
static void other_states(void **state)
{
    (void)state;
    sample *s = make_sample(false);
    kin_train_options options = options_of("autoencoder");
    kin_buffer undisturbed = train_alone(&options, &s->source);
    training_shelf kept = {.left = 1000};
    training_keep(&options, &kept);
    options.seed++;
    kin_buffer other = train_alone(&options, &s->source);
    options.seed--;
    kin_buffer again = train_alone(&options, &s->source);
    assert_int_equal(again.bytes, undisturbed.bytes);
    assert_memory_equal(again.data, undisturbed.data, undisturbed.bytes);
    kept.state.bytes /= 2;
    kin_buffer third = train_alone(&options, &s->source);
    assert_memory_equal(third.data, undisturbed.data, undisturbed.bytes);
    kin_buffer_fini(&kept.state);
    kin_buffer_fini(&undisturbed);
    kin_buffer_fini(&other);
    kin_buffer_fini(&again);
    kin_buffer_fini(&third);
    free(s);
}

/* Somebody corrects the file of labels while the job is down. */
static void other_labels(void **state)
{
    (void)state;
    sample *s = make_sample(false);
    kin_train_options options = options_of("supervised");
    kin_buffer undisturbed = train_alone(&options, &s->source);
    training_shelf kept = {.left = 1000};
    training_keep(&options, &kept);
    s->labels[1] = s->labels[0];
    kin_buffer other = train_alone(&options, &s->source);
    s->labels[1] = 1 % CLASSES;
    kin_buffer again = train_alone(&options, &s->source);
    assert_int_equal(again.bytes, undisturbed.bytes);
    assert_memory_equal(again.data, undisturbed.data, undisturbed.bytes);
    kin_buffer_fini(&kept.state);
    kin_buffer_fini(&undisturbed);
    kin_buffer_fini(&other);
    kin_buffer_fini(&again);
    free(s);
}

typedef struct heard {
    int epochs;
    double first, last;
} heard;

static void listen(void *user, const kin_train_epoch *epoch)
{
    heard *h = user;
    if (strcmp(epoch->phase, "fine-tuning") != 0) return;
    if (h->epochs++ == 0) h->first = epoch->loss;
    h->last = epoch->loss;
    assert_true(isfinite(epoch->held_out) && epoch->balance >= 0 && epoch->balance <= 0.5);
}

static void tells_the_curve(void **state)
{
    (void)state;
    sample *s = make_sample(true);
    heard h = {0};
    kin_train_options options = options_of("semantic");
    options.log = listen;
    options.user = &h;
    options.epochs = 8;
    options.pretrain_epochs = 60;
    kin_buffer file = train_alone(&options, &s->source);
    kin_encoder_file parsed;
    kin_error error = {0};
    assert_int_equal(h.epochs, 8);
    assert_true(h.last < h.first);
    assert_int_equal(kin_encoder_file_parse(&parsed, file.data, file.bytes, "f", &error), KIN_OK);
    size_t lines = 0;
    for (size_t i = 0; i < parsed.curve.bytes; i++)
        lines += parsed.curve.text[i] == '\n';
    assert_int_equal(lines, 1 + 2 * 60 + 8);
    assert_memory_equal(parsed.options.text, "layers=24-20-16\nepochs=8\n", 25);
    kin_buffer_fini(&file);
    free(s);
}

int main(void)
{
    kin_blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_agree),        cmocka_unit_test(codes_retrieve),
        cmocka_unit_test(heads_tell_classes), cmocka_unit_test(poor_samples),
        cmocka_unit_test(refusals),           cmocka_unit_test(goes_on),
        cmocka_unit_test(other_states),       cmocka_unit_test(tells_the_curve),
        cmocka_unit_test(other_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
