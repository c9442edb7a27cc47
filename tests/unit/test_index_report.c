/* Figures that follow from a manifest, against sums done by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "coordinator/client/index_report.h"
#include "tests/support/test.h"

/* 100 pictures on two shards; bit 0 is always 1, bit 1 never, the others in half of them. */
static kin_manifest make_manifest(void)
{
    kin_manifest manifest = {.bits = 64, .inputs = 105, .indexed = 100, .dimensions = 1024};
    strcpy(manifest.features, "builtin/1");
    strcpy(manifest.hasher, "itq");
    strcpy(manifest.decoder, "a \"decoder\"");
    manifest.rejected[KIN_REASON_EMPTY] = 2;
    manifest.rejected[KIN_REASON_CORRUPT] = 3;
    for (unsigned i = 0; i < 64; i++)
        manifest.bit_ones[i] = 50;
    manifest.bit_ones[0] = 100;
    manifest.bit_ones[1] = 0;
    manifest.distinct_codes = 64;
    manifest.largest_bucket = 9;
    manifest.correlation_count = 1;
    manifest.correlation[0] = (kin_manifest_correlation){3, 17, -0.75};
    manifest.shard_count = 2;
    manifest.shards = kin_calloc(2, sizeof *manifest.shards);
    manifest.shards[0] = (kin_manifest_shard){.file = "shard-0000.kin", .count = 60, .bytes = 1000};
    manifest.shards[1] = (kin_manifest_shard){.file = "shard-0001.kin", .count = 40, .bytes = 500};
    manifest.shards[0].last.word[0] = 0x7fffffffffffffff;
    manifest.shards[1].first.word[0] = 0x8000000000000000;
    manifest.shards[1].last.word[0] = UINT64_MAX;
    return manifest;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static void test_figures(void **state)
{
    (void)state;
    kin_manifest manifest = make_manifest();
    kin_index_figures figures;
    kin_index_figures_compute(&figures, &manifest, 0);
    assert_int_equal(figures.rejected, 5);
    assert_int_equal(figures.shard_bytes, 1500);
    assert_true(near(figures.bytes_a_picture, 15));
    assert_true(near(figures.balance, 1.2));
    assert_int_equal(figures.dead_bits, 2);
    assert_true(near(figures.entropy_bits, 6)); /* 64 distinct codes bound it below 62 bits */
    manifest.distinct_codes = UINT64_MAX;
    kin_index_figures_compute(&figures, &manifest, 0);
    assert_true(near(figures.entropy_bits, 62));
    manifest.bit_ones[2] = 25; /* h(1/4) = 2 - 3/4 log2 3 */
    kin_index_figures_compute(&figures, &manifest, 0);
    assert_true(near(figures.entropy_bits, 61 + 2 - 0.75 * log2(3)));
    kin_manifest_fini(&manifest);
}

typedef void append_report(kin_buffer *, const char *, const char *, const kin_manifest *,
                           const kin_index_card *, const kin_code_survey *);

static char *text_of(append_report *append, const kin_manifest *manifest,
                     const kin_index_card *card, const kin_code_survey *survey)
{
    kin_buffer out = {0};
    kin_index_card none = {0};
    append(&out, "my \"index\"", "generation-000003", manifest, card != NULL ? card : &none,
           survey);
    kin_buffer_append_byte(&out, 0);
    return (char *)out.data;
}

static void test_text(void **state)
{
    (void)state;
    kin_manifest manifest = make_manifest();
    char *text = text_of(kin_index_report_append, &manifest, NULL, NULL);
    static const char *const wanted[] = {"generation-000003\n",
                                         "  indexed                  100\n",
                                         "  rejected                   5\n",
                                         "    empty                     2\n",
                                         "    corrupt                   3\n",
                                         "  dead bits       2\n",
                                         "3 and 17 (-0.75)",
                                         "7fffffffffffffff",
                                         "    50 -  60 %     62  ####",
                                         "    90 - 100 %      1  #\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strstr(text, wanted[i]) == NULL) fail_msg("'%s' is missing in:\n%s", wanted[i], text);
    free(text);
    kin_manifest_fini(&manifest);
}

static void test_json(void **state)
{
    (void)state;
    kin_manifest manifest = make_manifest();
    char *json = text_of(kin_index_report_append_json, &manifest, NULL, NULL);
    static const char *const wanted[] = {
        "{\"index\": \"my \\\"index\\\"\", \"generation\": \"generation-000003\", ",
        "\"inputs\": 105, \"indexed\": 100, \"rejected\": 5, ",
        "\"rejected_by_reason\": {\"empty\": 2, \"corrupt\": 3}",
        "\"decoder\": \"a \\\"decoder\\\"\"",
        "{\"file\": \"shard-0001.kin\", \"first\": \"8000000000000000\", ",
        "\"last\": \"ffffffffffffffff\", \"count\": 40, \"bytes\": 500}]",
        "\"entropy_bits\": 6.000, \"dead_bits\": 2, \"ones\": [100, 0, 50, ",
        "{\"a\": 3, \"b\": 17, \"phi\": -0.7500}]}}\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strstr(json, wanted[i]) == NULL) fail_msg("'%s' is missing in:\n%s", wanted[i], json);
    assert_ptr_equal(strchr(json, '\n'), json + strlen(json) - 1); /* one line */
    free(json);
    kin_manifest_fini(&manifest);
}

static void test_distances(void **state)
{
    (void)state;
    kin_manifest manifest = make_manifest();
    kin_code_survey survey = {.codes = 4, .pairs = 6, .mean = 40, .deviation = 12.5};
    survey.at[0] = 1;
    survey.at[31] = 3;
    survey.at[64] = 2;
    char *text = text_of(kin_index_report_append, &manifest, NULL, &survey);
    char *json = text_of(kin_index_report_append_json, &manifest, NULL, &survey);
    static const char *const wanted[] = {
        "mean 40.0, deviation 12.5 bits (independent fair bits: 32.0, 4.0)\n",
        "pairs (6 of 4 codes)\n", "      0 -   3   16.7 %  ##############\n",
        "     28 -  31   50.0 %  ########################################\n",
        "     64 -  64   33.3 %  ###########################\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (strstr(text, wanted[i]) == NULL) fail_msg("'%s' is missing in:\n%s", wanted[i], text);
    assert_non_null(strstr(json,
                           "}], \"distances\": {\"codes\": 4, \"pairs\": 6, \"mean\": 40.0000, "
                           "\"deviation\": 12.5000, \"at\": [1, 0, "));
    assert_string_equal(json + strlen(json) - 9, "0, 2]}}}\n");
    free(text);
    free(json);
    kin_manifest_fini(&manifest);
}

/* What the encoder file says: bits that are learned, and what was measured. */
static void test_card(void **state)
{
    (void)state;
    static const char lines[] = "queries\t150\nqueries-are\theld-out\ndatabase\t8192\nfirst\t100\n"
                                "near\t10\nnear-found\t0.8153\nmap\t0.4651\nodd \"one\"\t01\nbad\n";
    kin_manifest manifest = make_manifest();
    kin_index_card card = {.learned_bits = 40, .quality = {lines, sizeof lines - 1}};
    char *text = text_of(kin_index_report_append, &manifest, &card, NULL);
    char *json = text_of(kin_index_report_append_json, &manifest, &card, NULL);
    assert_non_null(strstr(text, "64 bits by itq, 40 learned, of builtin/1"));
    assert_non_null(strstr(text,
                           "  measured        of the 10 nearest by features, 81.5 % are among "
                           "the first 100 hits; mAP 0.465 (150 rows held out, among 8,192)\n"));
    assert_non_null(strstr(text, "of 40 bits\n"));
    assert_non_null(strstr(text, "    50 -  60 %     38  ####"));
    assert_non_null(strstr(
        json,
        "\"learned_bits\": 40, \"quality\": {\"queries\": 150, \"queries-are\": \"held-out\", "
        "\"database\": 8192, \"first\": 100, \"near\": 10, \"near-found\": 0.8153, \"map\": "
        "0.4651, \"odd \\\"one\\\"\": \"01\"}}, "));
    free(text);
    free(json);
    /* Fair bits are those that are learned, and so far codes can be apart. */
    kin_code_survey survey = {.codes = 4, .pairs = 6, .mean = 20, .deviation = 3};
    survey.at[40] = 6;
    text = text_of(kin_index_report_append, &manifest, &card, &survey);
    assert_non_null(strstr(text, "(independent fair bits: 20.0, 3.2)\n"));
    assert_non_null(strstr(text, "     39 -  40  100.0 %  ####"));
    assert_null(strstr(text, "     42 - "));
    free(text);
    card.quality.bytes = 12; /* only how many asked */
    text = text_of(kin_index_report_append, &manifest, &card, NULL);
    assert_null(strstr(text, "measured"));
    free(text);
    kin_manifest_fini(&manifest);
}

/* An index without a picture divides by nothing. */
static void test_empty(void **state)
{
    (void)state;
    kin_manifest manifest = {.bits = 64};
    char *text = text_of(kin_index_report_append, &manifest, NULL, NULL);
    char *json = text_of(kin_index_report_append_json, &manifest, NULL, NULL);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(json, "nan"));
    free(text);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),   cmocka_unit_test(test_text),  cmocka_unit_test(test_json),
        cmocka_unit_test(test_distances), cmocka_unit_test(test_empty), cmocka_unit_test(test_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
