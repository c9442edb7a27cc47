/* Files of figures: read back as they were, the golden bytes, what is refused; and the cache of a
 * machine's rates, whatever is in its place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/figures.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"
#include "worker/plan/rates.h"

static void fill(kin_figures *figures)
{
    *figures = (kin_figures){0};
    snprintf(figures->machine, sizeof figures->machine, "a machine, 2 processors");
    kin_figures_set(figures, "import-64-t2-split.r2.look", 1.0 / 3 * 1e-7);
    kin_figures_set(figures, "disk.write", 2.5e-9);
    kin_figures_set_in(figures, "a-b_c", "made", 1795896545);
    kin_figures_set(figures, "negative", -12345.678901234567);
    kin_figures_set(figures, "zero", 0);
}

static void figures_are_read_as_they_were(void **state)
{
    kin_figures figures, read;
    kin_buffer bytes = {0};
    kin_error error;
    double value = 1;
    (void)state;
    fill(&figures);
    kin_figures_build(&figures, &bytes);
    golden_check("figures-1.kin", bytes.data, bytes.bytes);
    assert_int_equal(kin_figures_parse(&read, bytes.data, bytes.bytes, "file", &error), KIN_OK);
    assert_string_equal(read.machine, figures.machine);
    assert_int_equal(read.count, figures.count);
    for (uint32_t i = 0; i < figures.count; i++) {
        assert_true(kin_figures_get(&read, figures.items[i].name, &value));
        assert_true(value == figures.items[i].value);
    }
    assert_true(kin_figures_get_in(&read, "a-b_c", "made", 0) == 1795896545);
    assert_true(kin_figures_get_in(&read, "a-b_c", "other", 7) == 7);
    assert_false(kin_figures_get(&read, "disk", &value));
    kin_figures_fini(&read);
    kin_figures_fini(&figures);
    kin_buffer_fini(&bytes);
}

static void what_is_no_figure_is_not_set(void **state)
{
    static const char *const names[] = {"", "Upper", "a b", "line\n", "\xc3\xa4", "a/b"};
    char long_name[KIN_FIGURE_NAME_BYTES + 1];
    kin_figures figures = {0};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        kin_figures_set(&figures, names[i], 1);
    memset(long_name, 'a', sizeof long_name);
    long_name[KIN_FIGURE_NAME_BYTES] = 0;
    kin_figures_set(&figures, long_name, 1);
    kin_figures_set_in(&figures, long_name + 1, "b", 1);
    kin_figures_set(&figures, "value", NAN);
    kin_figures_set(&figures, "value", INFINITY);
    assert_int_equal(figures.count, 0);
    kin_figures_set(&figures, long_name + 1, 1);
    assert_int_equal(figures.count, 1);
    kin_figures_fini(&figures);
}

static void the_oldest_goes(void **state)
{
    kin_figures figures = {0}, read;
    kin_buffer bytes = {0};
    kin_error error;
    char name[32];
    double value;
    (void)state;
    for (int i = 0; i <= KIN_FIGURES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        kin_figures_set(&figures, name, i);
    }
    kin_figures_set(&figures, "n5", 55);
    assert_int_equal(figures.count, KIN_FIGURES_MAX);
    assert_false(kin_figures_get(&figures, "n0", &value));
    kin_figures_build(&figures, &bytes);
    assert_int_equal(kin_figures_parse(&read, bytes.data, bytes.bytes, "file", &error), KIN_OK);
    assert_true(kin_figures_get(&read, "n5", &value) && value == 55);
    kin_figures_fini(&figures);
    kin_figures_fini(&read);
    kin_buffer_fini(&bytes);
}

/* Lines with a checksum that holds. */
static kin_status parse_lines(const char *lines, kin_figures *figures, kin_error *error)
{
    char *text = kin_sprintf("%schecksum %016llx\n", lines,
                             (unsigned long long)kin_checksum(lines, strlen(lines)));
    kin_status status = kin_figures_parse(figures, text, strlen(text), "the-file", error);
    free(text);
    return status;
}

static void other_lines_are_refused(void **state)
{
    static const char *const texts[] = {
        "kindred figures 2\nmachine m\n",          "kindred figures 1\n",
        "kindred figures 1\nmachin m\n",           "kindred figures 1\nmachine \x01\n",
        "kindred figures 1\nmachine m\na\n",       "kindred figures 1\nmachine m\na \n",
        "kindred figures 1\nmachine m\na  1\n",    "kindred figures 1\nmachine m\na 1 \n",
        "kindred figures 1\nmachine m\na nan\n",   "kindred figures 1\nmachine m\na inf\n",
        "kindred figures 1\nmachine m\na 1e999\n", "kindred figures 1\nmachine m\na 0x10\n",
        "kindred figures 1\nmachine m\nA 1\n",     "kindred figures 1\nmachine m\na 1\na 2\n",
        "kindred figures 1\nmachine m\n\n",        "kindred figures 1\nmachine m\na 1\r\n",
        "kindred figures 1\nmachine m\na 1e\n",    "kindred figures 1\nmachine m\na --1\n",
    };
    kin_figures figures;
    kin_error error;
    (void)state;
    assert_int_equal(parse_lines("kindred figures 1\nmachine m\na 1\n", &figures, &error), KIN_OK);
    kin_figures_fini(&figures);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(parse_lines(texts[i], &figures, &error), KIN_CORRUPT);
        assert_int_equal(figures.count, 0);
        assert_non_null(strstr(error.text, "the-file"));
    }
}

static void cut_and_changed_files_are_refused(void **state)
{
    kin_figures figures, read;
    kin_buffer bytes = {0};
    (void)state;
    fill(&figures);
    kin_figures_build(&figures, &bytes);
    for (size_t cut = 0; cut < bytes.bytes; cut++)
        assert_int_equal(kin_figures_parse(&read, bytes.data, cut, "file", NULL), KIN_CORRUPT);
    for (size_t at = 0; at < bytes.bytes; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (uint8_t)(1u << bit);
            assert_int_equal(kin_figures_parse(&read, bytes.data, bytes.bytes, "file", NULL),
                             KIN_CORRUPT);
            bytes.data[at] ^= (uint8_t)(1u << bit);
        }
    kin_figures_fini(&figures);
    kin_buffer_fini(&bytes);
}

static void rates_of_this_machine_are_kept(void **state)
{
    kin_figures rates, read;
    kin_error error;
    char prefix[KIN_FIGURE_NAME_BYTES];
    char *folder = temporary_folder();
    (void)state;
    setenv("XDG_CACHE_HOME", folder, 1);
    assert_int_equal(kin_rates_load(&rates, &error), KIN_NOT_FOUND);
    assert_true(rates.machine[0] != 0 && rates.count == 0);
    kin_figures_set(&rates, "job.r1.made", 100);
    kin_figures_set(&rates, "job.r4.made", 400);
    kin_figures_set(&rates, "jobs.r2.made", 1);
    kin_figures_set(&rates, "job.r8.other", 1);
    assert_int_equal(kin_rates_save(&rates, &error), KIN_OK);
    assert_int_equal(kin_rates_load(&read, &error), KIN_OK);
    assert_int_equal(kin_rates_made(&read, "job.r4"), 400);
    assert_int_equal(kin_rates_made(&read, "job.r8"), 0);
    assert_true(kin_rates_choose(&read, "job", 4, prefix));
    assert_string_equal(prefix, "job.r4");
    assert_true(kin_rates_choose(&read, "job", 64, prefix)); /* the nearest */
    assert_string_equal(prefix, "job.r4");
    assert_true(kin_rates_choose(&read, "job", 2, prefix));
    assert_string_equal(prefix, "job.r1");
    assert_false(kin_rates_choose(&read, "jo", 1, prefix));
    kin_figures_fini(&read);
    /* Of another machine, damaged, no file at all. */
    snprintf(rates.machine, sizeof rates.machine, "another");
    assert_int_equal(kin_rates_save(&rates, &error), KIN_OK);
    assert_int_equal(kin_rates_load(&read, &error), KIN_MISMATCH);
    assert_non_null(strstr(error.text, "another"));
    assert_true(read.count == 0 && strcmp(read.machine, "another") != 0);
    char *path = kin_rates_path();
    assert_int_equal(truncate(path, 30), 0);
    assert_int_equal(kin_rates_load(&read, &error), KIN_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_not_equal(kin_rates_load(&read, &error), KIN_OK);
    assert_int_not_equal(kin_rates_save(&rates, &error), KIN_OK);
    free(path);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(kin_rates_load(&read, &error), KIN_NOT_FOUND);
    assert_int_equal(kin_rates_save(&rates, &error), KIN_NOT_FOUND);
    kin_figures_fini(&rates);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_read_as_they_were),
        cmocka_unit_test(what_is_no_figure_is_not_set),
        cmocka_unit_test(the_oldest_goes),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(cut_and_changed_files_are_refused),
        cmocka_unit_test(rates_of_this_machine_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
