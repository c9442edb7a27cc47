/* Key files: what is read back, what is refused, and that no prefix or changed byte of a file is
 * read past its end (the sanitizers watch). */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/key_file.h"

/* Of ZeroMQ's documentation of zmq_curve_keypair. */
#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static kin_status parse_pair(const char *text, kin_key_pair *pair, kin_error *error)
{
    return kin_key_pair_parse(text, strlen(text), "file", pair, error);
}

static void pair_is_read(void **state)
{
    kin_key_pair pair;
    kin_error error;
    (void)state;
    assert_int_equal(parse_pair("# note\n\n  public-key = \"" PUBLIC "\"\r\n"
                                "secret-key=\"" SECRET "\"",
                                &pair, &error),
                     KIN_OK);
    assert_string_equal(pair.public_key, PUBLIC);
    assert_string_equal(pair.secret_key, SECRET);
}

static void half_and_broken_pairs_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "public-key = \"" PUBLIC "\"\n",
        "secret-key = \"" SECRET "\"\n",
        PUBLIC "\n" SECRET "\n",
        "public-key = \"" PUBLIC "x\"\nsecret-key = \"" SECRET "\"\n",
        "public-key = " PUBLIC "\nsecret-key = \"" SECRET "\"\n",
        "other-key = \"" PUBLIC "\"\nsecret-key = \"" SECRET "\"\n",
        "public-key = \"" PUBLIC "\nsecret-key = \"" SECRET "\"\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        kin_key_pair pair;
        kin_error error = {0};
        assert_int_equal(parse_pair(texts[i], &pair, &error), KIN_BAD_INPUT);
        assert_true(strstr(error.text, "file") != NULL);
    }
}

static void list_takes_bare_and_named_keys(void **state)
{
    static const char text[] = "# friends\n" PUBLIC "\npublic-key = \"" SECRET "\"\n";
    kin_key_list list;
    kin_error error;
    (void)state;
    assert_int_equal(kin_key_list_parse(text, sizeof text - 1, "list", &list, &error), KIN_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.keys[0], PUBLIC);
    assert_string_equal(list.keys[1], SECRET);
    kin_key_list_fini(&list);
    static const char secret[] = PUBLIC "\nsecret-key = \"" SECRET "\"\n";
    assert_int_equal(kin_key_list_parse(secret, sizeof secret - 1, "list", &list, &error),
                     KIN_BAD_INPUT);
    assert_true(strstr(error.text, "line 2") != NULL);
    assert_int_equal(list.count, 0);
}

static void changed_files_are_read_within_their_bytes(void **state)
{
    static const char text[] = "# n\npublic-key = \"" PUBLIC "\"\nsecret-key = \"" SECRET "\"\n";
    (void)state;
    for (size_t bytes = 0; bytes < sizeof text; bytes++)
        for (int change = 0; change < 5; change++) {
            char *copy = kin_malloc(bytes);
            memcpy(copy, text, bytes);
            if (bytes > 0 && change > 0)
                copy[bytes / (unsigned)change % bytes] = "\0\n\"="[change - 1];
            kin_key_pair pair;
            kin_key_list list;
            /* A full file is sizeof text - 1 bytes; only the last newline may be missing. */
            kin_status status = kin_key_pair_parse(copy, bytes, "file", &pair, NULL);
            if (change == 0)
                assert_int_equal(status == KIN_OK,
                                 bytes == sizeof text - 2 || bytes == sizeof text - 1);
            if (kin_key_list_parse(copy, bytes, "file", &list, NULL) == KIN_OK)
                kin_key_list_fini(&list);
            free(copy);
        }
}

static void written_files_are_read_back(void **state)
{
    char folder[] = "/tmp/kindred-keys-XXXXXX";
    kin_key_pair pair, back;
    kin_key_list list;
    kin_error error;
    struct stat about;
    (void)state;
    assert_non_null(mkdtemp(folder));
    char *path = kin_path_join(folder, "key"), *public_path = kin_sprintf("%s.pub", path);
    assert_int_equal(kin_key_pair_new(&pair, &error), KIN_OK);
    assert_int_equal(kin_key_pair_write(path, &pair, &error), KIN_OK);
    assert_int_equal(kin_key_pair_read(path, &back, &error), KIN_OK);
    assert_memory_equal(&pair, &back, sizeof pair);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(kin_key_list_read(public_path, &list, &error), KIN_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.keys[0], pair.public_key);
    kin_key_list_fini(&list);
    assert_int_equal(kin_key_pair_write(path, &pair, &error), KIN_BAD_INPUT);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(kin_key_pair_read(path, &back, &error), KIN_BAD_INPUT);
    assert_true(strstr(error.text, "chmod 600") != NULL);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(public_path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_is_read),
        cmocka_unit_test(half_and_broken_pairs_are_refused),
        cmocka_unit_test(list_takes_bare_and_named_keys),
        cmocka_unit_test(changed_files_are_read_within_their_bytes),
        cmocka_unit_test(written_files_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
