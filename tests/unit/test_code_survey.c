/* Surveys of codes: distances of all pairs where all codes are drawn, largest buckets by a plain
 * count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "coordinator/client/code_survey.h"
#include "proto/generation.h"
#include "tests/support/golden.h"
#include "tests/support/make_index.h"
#include "tests/support/test.h"

#define BITS 64

static char *index_folder;
static kin_manifest manifest;
static char *folder;

static void make(const kin_code *codes, uint64_t count)
{
    index_folder = temporary_folder();
    kin_make_index(index_folder, codes, count, BITS, 3);
    assert_int_equal(kin_generation_manifest(index_folder, NULL, &manifest, &folder, NULL), KIN_OK);
}

static void unmake(void)
{
    kin_manifest_fini(&manifest);
    free(folder);
    assert_int_equal(kin_directory_remove(index_folder, NULL), KIN_OK);
    free(index_folder);
}

static void distances_of_all_pairs(void **state)
{
    (void)state;
    enum { COUNT = 700 };
    static kin_code codes[COUNT];
    uint64_t at[KIN_CODE_BITS_MAX + 1] = {0};
    double sum = 0, squares = 0, pairs = COUNT * (COUNT - 1) / 2.0;
    kin_code_survey survey;
    kin_make_codes(codes, COUNT, BITS, 7);
    make(codes, COUNT);
    assert_int_equal(kin_code_survey_distances(folder, &manifest, &survey, NULL), KIN_OK);
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < a; b++) {
            unsigned distance = kin_code_distance(&codes[a], &codes[b]);
            at[distance]++;
            sum += distance;
            squares += (double)distance * distance;
        }
    assert_int_equal(survey.codes, COUNT);
    assert_int_equal(survey.pairs, pairs);
    assert_memory_equal(survey.at, at, sizeof at);
    assert_true(fabs(survey.mean - sum / pairs) < 1e-9);
    assert_true(fabs(survey.deviation - sqrt(squares / pairs - sum * sum / pairs / pairs)) < 1e-9);
    unmake();
}

static void of_many_codes_some_are_drawn(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static kin_code codes[COUNT];
    kin_code_survey survey, again;
    kin_make_codes(codes, COUNT, BITS, 7);
    make(codes, COUNT);
    assert_int_equal(kin_code_survey_distances(folder, &manifest, &survey, NULL), KIN_OK);
    assert_int_equal(kin_code_survey_distances(folder, &manifest, &again, NULL), KIN_OK);
    assert_int_equal(survey.codes, KIN_SURVEY_CODES);
    assert_memory_equal(&survey, &again, sizeof survey);
    unmake();
}

static void the_largest_buckets(void **state)
{
    (void)state;
    enum { COUNT = 40, ROOM = 3 };
    kin_code codes[COUNT] = {0};
    /* 5 of 9, 4 of 2 and of 3, 3 of 8, 2 of 1, the others alone; ids count up */
    static const int shared[] = {9, 2, 3, 8, 9, 2, 3, 8, 9, 2, 3, 8, 9, 2, 3, 1, 9, 1};
    kin_survey_bucket buckets[ROOM];
    uint32_t count;
    for (int i = 0; i < COUNT; i++)
        codes[i].word[0] = i < 18 ? (uint64_t)shared[i] << 56 : (uint64_t)(100 + i) << 56 | 1;
    make(codes, COUNT);
    assert_int_equal(kin_code_survey_buckets(folder, &manifest, buckets, ROOM, &count, NULL),
                     KIN_OK);
    assert_int_equal(count, 3);
    static const struct {
        uint64_t pictures, code, id;
        const char *key;
    } wanted[] = {{5, 9, 0, "synthetic/0"}, {4, 2, 1, "synthetic/1"}, {4, 3, 2, "synthetic/2"}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(buckets[i].pictures, wanted[i].pictures);
        assert_true(buckets[i].code.word[0] == wanted[i].code << 56);
        assert_int_equal(buckets[i].first_id, wanted[i].id);
        assert_string_equal(buckets[i].first_key, wanted[i].key);
    }
    kin_survey_buckets_fini(buckets, count);
    kin_survey_bucket all[COUNT];
    assert_int_equal(kin_code_survey_buckets(folder, &manifest, all, COUNT, &count, NULL), KIN_OK);
    assert_int_equal(count, 5); /* single pictures are no buckets */
    assert_int_equal(all[4].pictures, 2);
    kin_survey_buckets_fini(all, count);
    unmake();
}

static void a_missing_shard_is_named(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    kin_code codes[COUNT];
    kin_code_survey survey;
    kin_error error = {0};
    kin_make_codes(codes, COUNT, BITS, 7);
    make(codes, COUNT);
    char *path = kin_path_join(folder, manifest.shards[0].file);
    assert_int_equal(remove(path), 0);
    free(path);
    assert_int_equal(kin_code_survey_distances(folder, &manifest, &survey, &error), KIN_NOT_FOUND);
    assert_non_null(strstr(error.text, "shard-0000.kin"));
    unmake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_of_all_pairs),
        cmocka_unit_test(of_many_codes_some_are_drawn),
        cmocka_unit_test(the_largest_buckets),
        cmocka_unit_test(a_missing_shard_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
