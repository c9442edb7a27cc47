/* Where the files of an index are: CURRENT, names of generations, the sentences of a newcomer's
 * first mistakes. */
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "proto/generation.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

/* An index folder and a path in it. */
typedef struct test_index {
    char *folder;
    char *current;
} test_index;

static test_index make_index(const char *current)
{
    test_index index = {.folder = temporary_folder()};
    kin_error error = {0};
    index.current = kin_path_join(index.folder, KIN_CURRENT_FILE);
    if (current != NULL)
        assert_int_equal(kin_file_write_atomic(index.current, current, strlen(current), &error),
                         KIN_OK);
    char *generation = kin_path_join(index.folder, "generation-000007");
    assert_int_equal(kin_directory_make(generation, &error), KIN_OK);
    free(generation);
    return index;
}

static void remove_index(test_index *index)
{
    kin_error error = {0};
    assert_int_equal(kin_directory_remove(index->folder, &error), KIN_OK);
    free(index->folder);
    free(index->current);
}

static void names_come_back_and_others_are_0(void **state)
{
    (void)state;
    char name[KIN_GENERATION_NAME_BYTES];
    for (unsigned number = 1; number <= 999999; number += 997) {
        kin_generation_name(number, name);
        assert_int_equal(strlen(name), 17);
        assert_int_equal(kin_generation_number(name), number);
    }
    static const char *const wrong[] = {"",
                                        "generation-",
                                        "generation-1",
                                        "generation-000000",
                                        "generation-0000001",
                                        "generation-00001x",
                                        "generation--00001",
                                        "generation- 00001",
                                        "generation-+00001",
                                        "Generation-000001",
                                        "generation-000001/",
                                        "generation-000001.tmp",
                                        "generation-1000000",
                                        "../generation-000001",
                                        "building"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(kin_generation_number(wrong[i]), 0);
}

static void current_names_a_generation(void **state)
{
    (void)state;
    char name[KIN_GENERATION_NAME_BYTES];
    kin_error error = {0};
    test_index index = make_index("generation-000007\n");
    assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_OK);
    assert_string_equal(name, "generation-000007");
    remove_index(&index);
}

static void a_current_that_names_none_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "\n",
                                        "generation-000007\n\n",
                                        "generation-000007 \n",
                                        "generation-000007\ngeneration-000008\n",
                                        "../../etc\n",
                                        "./generation-000007\n",
                                        "/generation-000007\n",
                                        "building\n",
                                        "generation-7\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char name[KIN_GENERATION_NAME_BYTES];
        kin_error error = {0};
        test_index index = make_index(wrong[i]);
        assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_CORRUPT);
        assert_non_null(strstr(error.text, index.current));
        remove_index(&index);
    }
}

static void a_current_with_a_nul_or_too_long_is_refused(void **state)
{
    (void)state;
    char name[KIN_GENERATION_NAME_BYTES], contents[1000];
    kin_error error = {0};
    test_index index = make_index(NULL);
    memset(contents, '7', sizeof contents);
    memcpy(contents, "generation-000007\0x\n", 20);
    assert_int_equal(kin_file_write_atomic(index.current, contents, 20, &error), KIN_OK);
    assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_CORRUPT);
    assert_int_equal(kin_file_write_atomic(index.current, contents, sizeof contents, &error),
                     KIN_OK);
    assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_LIMIT);
    remove_index(&index);
}

static void the_sentences_say_what_to_do(void **state)
{
    (void)state;
    char name[KIN_GENERATION_NAME_BYTES];
    kin_manifest manifest;
    kin_error error = {0};
    assert_int_equal(kin_generation_current("/nowhere/index", name, &error), KIN_NOT_FOUND);
    assert_non_null(strstr(error.text, "kindred-index build -o /nowhere/index"));
    assert_int_equal(kin_generation_current("/proc/self/status", name, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "/proc/self/status is not a folder"));
    test_index index = make_index(NULL);
    assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_NOT_FOUND);
    assert_non_null(strstr(error.text, "is not a Kindred index"));
    assert_int_equal(kin_file_write_atomic(index.current, "generation-000008\n", 18, &error),
                     KIN_OK);
    assert_int_equal(kin_generation_current(index.folder, name, &error), KIN_NOT_FOUND);
    assert_non_null(strstr(error.text, "generation-000008, which is not there"));
    assert_int_equal(
        kin_generation_manifest(index.folder, "generation-000007", &manifest, NULL, &error),
        KIN_NOT_FOUND);
    assert_non_null(strstr(error.text, KIN_MANIFEST_FILE));
    remove_index(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back_and_others_are_0),
        cmocka_unit_test(current_names_a_generation),
        cmocka_unit_test(a_current_that_names_none_is_refused_by_name),
        cmocka_unit_test(a_current_with_a_nul_or_too_long_is_refused),
        cmocka_unit_test(the_sentences_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
