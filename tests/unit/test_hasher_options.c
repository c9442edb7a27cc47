/* Options of learning: what is given is taken by the method or refused by name, and a zero that is
 * given stays a zero. */
#include "tests/support/golden.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "worker/index/build_options.h"

/* Written anew from the methods' papers and headers: what each of them has. */
static const struct {
    const char *method, *taken;
} methods[] = {
    {"itq", " seed iterations "},
    {"lsh", " seed "},
    {"pcah", " "},
    {"sh", " "},
    {"autoencoder",
     " seed layers epochs pretrain-epochs batch patience rate pretrain-rate noise input-dropout "
     "decay held-out code-layer whitening neighbours walk components evening "},
    {"supervised",
     " seed labels layers head epochs batch patience rate noise dropout input-dropout "
     "decay held-out "},
    {"neighbour", " seed layers epochs batch patience held-out rate input-dropout neighbours walk "
                  "components evening temperature "
                  "geometry stretch quantization emphasis "},
};

static kin_status parse(kin_hasher_options *options, kin_error *error, const char *const *words)
{
    char *argv[16] = {"train"};
    int argc = 1, arguments;
    kin_hasher_options_init(options);
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    const kin_option table[] = {KIN_HASHER_OPTION_ROWS(options), {0}};
    kin_status status = kin_options_parse(table, argc, argv, &arguments, error);
    if (status == KIN_OK) status = kin_hasher_options_check(options, error);
    return status;
}

static const char *value_of(const kin_option *row)
{
    if (row->choices != NULL) return "linear";
    if (strcmp(row->name, "layers") == 0) return "8-4";
    if (strcmp(row->name, "batch") == 0) return "8";
    return row->kind == KIN_OPTION_TEXT ? "folders" : "1";
}

static void each_option_is_taken_or_refused_by_name(void **state)
{
    (void)state;
    kin_hasher_options options;
    const kin_option table[] = {KIN_HASHER_OPTION_ROWS(&options)};
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
        for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
            char option[40], word[40];
            kin_error error = {0};
            if (strcmp(table[r].name, "hasher") == 0 || strcmp(table[r].name, "bits") == 0)
                continue;
            snprintf(option, sizeof option, "--%s", table[r].name);
            snprintf(word, sizeof word, " %s ", table[r].name);
            const char *words[] = {"--hasher", methods[m].method, option, value_of(&table[r]),
                                   NULL};
            kin_status status = parse(&options, &error, words);
            if (strstr(methods[m].taken, word) != NULL) {
                if (status != KIN_OK && strstr(error.text, "does not take") != NULL)
                    fail_msg("%s: %s", methods[m].method, error.text);
            } else {
                assert_int_equal(status, KIN_BAD_INPUT);
                assert_non_null(strstr(error.text, "does not take"));
                assert_non_null(strstr(error.text, option));
                assert_non_null(strstr(error.text, methods[m].method));
            }
            kin_hasher_options_fini(&options);
        }
}

static void zeros_are_zeros(void **state)
{
    (void)state;
    kin_error error;
    kin_hasher_options options;
    const char *words[] = {"--hasher", "supervised",      "--dropout", "0", "--held-out",
                           "0",        "--input-dropout", "0",         NULL};
    assert_int_equal(parse(&options, &error, words), KIN_OK);
    kin_train_options training = kin_hasher_options_training(&options);
    assert_true(training.dropout == KIN_TRAIN_ZERO && training.held_out == KIN_TRAIN_ZERO);
    assert_true(training.noise == 0 && training.rate == 0 && training.epochs == 0);
    const char *none[] = {"--hasher", "autoencoder", "--pretrain-epochs", "0", NULL};
    assert_int_equal(parse(&options, &error, none), KIN_OK);
    training = kin_hasher_options_training(&options);
    assert_true(training.pretrain_epochs == KIN_TRAIN_NO_EPOCHS && training.neighbour->walk == 8);
}

static void defaults_are_the_methods(void **state)
{
    (void)state;
    kin_error error;
    kin_hasher_options options;
    const char *words[] = {NULL};
    assert_int_equal(parse(&options, &error, words), KIN_OK);
    kin_train_options training = kin_hasher_options_training(&options);
    assert_string_equal(training.method, KIN_HASHER_DEFAULT);
    assert_int_equal(training.bits, KIN_CODE_BITS_DEFAULT);
    assert_int_equal(training.seed, 1);
    assert_int_equal(training.iterations, 50);
    const char *near[] = {"--hasher", "neighbour", "--seed", "0", NULL};
    assert_int_equal(parse(&options, &error, near), KIN_OK);
    training = kin_hasher_options_training(&options);
    assert_int_equal(training.seed, 0);
    assert_memory_equal(training.neighbour, &KIN_NEIGHBOUR_OPTIONS_DEFAULT,
                        sizeof(kin_neighbour_options));
}

static void neighbour_gets_what_is_given(void **state)
{
    (void)state;
    kin_error error;
    kin_hasher_options options;
    const char *words[] = {"--hasher=neighbour", "--layers=30-20",  "--epochs=7",
                           "--batch=8",          "--rate=0.25",     "--walk=0",
                           "--neighbours=3",     "--geometry=2",    "--input-dropout=0.5",
                           "--temperature=0.75", "--components=12", "--quantization=0",
                           "--evening=0.5",      "--stretch=3",     NULL};
    assert_int_equal(parse(&options, &error, words), KIN_OK);
    const kin_neighbour_options *n = kin_hasher_options_training(&options).neighbour;
    assert_true(n->hidden[0] == 30 && n->hidden[1] == 20 && n->epochs == 7 && n->batch == 8);
    assert_true(n->rate == 0.25 && n->walk == 0 && n->neighbours == 3 && n->geometry == 2);
    assert_true(n->dropout == 0.5 && n->temperature == 0.75 && n->components == 12);
    assert_true(n->quantization == 0 && n->evening == 0.5 && n->stretch == 3);
}

static void values_out_of_range_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *words[4], *said;
    } cases[] = {{{"--batch=7", NULL}, "batch of the method neighbour is 7"},
                 {{"--rate=0", NULL}, "rate of the method neighbour is 0"},
                 {{"--temperature=0", NULL}, "temperature of the method neighbour is 0"},
                 {{"--input-dropout=1", NULL}, "dropout of the method neighbour is 1"},
                 {{"--layers=512", NULL}, "two widths"},
                 {{"--layers=none", NULL}, "two widths"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kin_error error;
        kin_hasher_options options;
        const char *words[] = {"--hasher=neighbour", cases[c].words[0], NULL};
        assert_int_equal(parse(&options, &error, words), KIN_BAD_INPUT);
        assert_non_null(strstr(error.text, cases[c].said));
    }
}

/* An unfinished build is not gone on with when somebody has corrected the file of its classes. */
static void classes_are_of_the_job(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "classes");
    kin_error error;
    kin_build_options options = {.hasher = {.hasher = "supervised", .labels = path}};
    assert_int_equal(kin_file_write_atomic(path, "a\nb\n", 4, &error), KIN_OK);
    kin_digest first = kin_build_options_digest(&options, "builtin/1");
    kin_digest again = kin_build_options_digest(&options, "builtin/1");
    assert_true(kin_digest_equal(&first, &again));
    assert_int_equal(kin_file_write_atomic(path, "b\na\n", 4, &error), KIN_OK);
    again = kin_build_options_digest(&options, "builtin/1");
    assert_false(kin_digest_equal(&first, &again));
    options.hasher.labels = "folders";
    (void)kin_build_options_digest(&options, "builtin/1");
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_is_taken_or_refused_by_name),
        cmocka_unit_test(zeros_are_zeros),
        cmocka_unit_test(defaults_are_the_methods),
        cmocka_unit_test(neighbour_gets_what_is_given),
        cmocka_unit_test(values_out_of_range_are_named),
        cmocka_unit_test(classes_are_of_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
