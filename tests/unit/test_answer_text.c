/* Answers as text: the exact bytes that people and programs get. */
#include <string.h>

#include "coordinator/client/answer_text.h"
#include "coordinator/client/json_outline.h"
#include "tests/support/test.h"

static kin_hit hits[] = {{.id = 7, .distance = 0}, {.id = 1234567, .distance = 12}};
static char *keys[] = {"a/b.png", "odd\n\"\xff.png"};
static uint32_t key_bytes[] = {7, 10};

static kin_answer answer_of(uint32_t hit_count)
{
    kin_answer answer = {.bits = 64,
                         .hit_count = hit_count,
                         .hits = hits,
                         .keys = keys,
                         .key_bytes = key_bytes,
                         .shards = 4,
                         .answered = 4,
                         .total_within = 40,
                         .generation = "generation-000001"};
    answer.code.word[0] = 0x0123456789abcdef;
    return answer;
}

static void check(kin_answer_format format, int32_t within, const kin_answer *answer,
                  const char *expected)
{
    kin_question question = {.within = within};
    kin_buffer out = {0};
    kin_answer_append(&out, format, "q.png", &question, answer);
    kin_buffer_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    kin_buffer_fini(&out);
}

static void test_json(void **state)
{
    (void)state;
    kin_answer answer = answer_of(2);
    check(KIN_ANSWER_JSON, -1, &answer,
          "{\"query\": \"q.png\", \"hits\": [{\"id\": 7, \"distance\": 0, \"key\": \"a/b.png\"}, "
          "{\"id\": 1234567, \"distance\": 12, \"key\": \"odd\\u000a\\\"\xef\xbf\xbd.png\", "
          "\"key_hex\": \"6f64640a22ff2e706e67\"}], "
          "\"coverage\": {\"shards\": 4, \"answered\": 4}, \"code\": \"0123456789abcdef\", "
          "\"generation\": \"generation-000001\"}\n");
    answer = answer_of(0);
    answer.answered = 3;
    check(KIN_ANSWER_JSON, 2, &answer,
          "{\"query\": \"q.png\", \"hits\": [], \"coverage\": {\"shards\": 4, \"answered\": 3}, "
          "\"code\": \"0123456789abcdef\", \"generation\": \"generation-000001\", "
          "\"total\": 40}\n");
}

static void test_certificate(void **state)
{
    (void)state;
    uint64_t histogram[] = {1, 0, 1200};
    kin_answer answer = answer_of(1);
    memset(answer.fingerprint, 'f', 32);
    answer.radius = 2;
    answer.pruned = 3;
    answer.histogram = histogram;
    answer.any_ties = answer.checked = true;
    check(KIN_ANSWER_JSON, 2, &answer,
          "{\"query\": \"q.png\", \"hits\": [{\"id\": 7, \"distance\": 0, \"key\": \"a/b.png\"}], "
          "\"coverage\": {\"shards\": 4, \"answered\": 4}, \"code\": \"0123456789abcdef\", "
          "\"generation\": \"generation-000001\", \"certificate\": {\"fingerprint\": "
          "\"ffffffffffffffffffffffffffffffff\", \"pruned\": 3, \"kth\": null, \"radius\": 2, "
          "\"ties\": \"any\", \"checked\": true}, \"total\": 40, \"histogram\": [1, 0, 1200]}\n");
    check(KIN_ANSWER_TABLE, 2, &answer,
          "q.png   code 0123456789abcdef\n"
          "  rank  distance  id  key\n"
          "     1         0   7  a/b.png\n"
          "  the first 1 of 40 within 2 bits; -k asks for more\n"
          "  bits  codes at that distance\n"
          "     0  1\n"
          "     1  0\n"
          "     2  1,200\n"
          "  checked: a scan of all codes of generation-000001 gives the same answer\n");
}

static void test_reranked(void **state)
{
    (void)state;
    uint32_t scores[] = {3u << 28};
    kin_answer answer = answer_of(2);
    answer.rerank = 1000;
    answer.scores = scores;
    answer.score_count = 1;
    memset(answer.fingerprint, 'f', 32);
    check(KIN_ANSWER_JSON, -1, &answer,
          "{\"query\": \"q.png\", \"hits\": [{\"id\": 7, \"distance\": 0, "
          "\"asymmetric\": 0.750000000, \"key\": \"a/b.png\"}, "
          "{\"id\": 1234567, \"distance\": 12, \"key\": \"odd\\u000a\\\"\xef\xbf\xbd.png\", "
          "\"key_hex\": \"6f64640a22ff2e706e67\"}], "
          "\"coverage\": {\"shards\": 4, \"answered\": 4}, \"code\": \"0123456789abcdef\", "
          "\"generation\": \"generation-000001\", \"rerank\": 1000, \"reranked\": 1, "
          "\"certificate\": {\"fingerprint\": \"ffffffffffffffffffffffffffffffff\", "
          "\"pruned\": 0, \"kth\": null, \"radius\": 0, \"ties\": \"kept\"}}\n");
    check(KIN_ANSWER_TSV, -1, &answer,
          "q.png\t1\t0\t7\ta/b.png\t0.750000000\n"
          "q.png\t2\t12\t1234567\todd\\n\"\\xff.png\t\n");
    check(KIN_ANSWER_TABLE, -1, &answer,
          "q.png   code 0123456789abcdef\n"
          "  rank  distance  asymmetric       id  key\n"
          "     1         0    0.750000        7  a/b.png\n"
          "     2        12           -  1234567  odd\\n\"\\xff.png\n"
          "  re-ranked: the first 1,000 hits, by the asymmetric distance of their values\n");
}

static void test_tsv(void **state)
{
    (void)state;
    kin_answer answer = answer_of(2);
    check(KIN_ANSWER_TSV, -1, &answer,
          "q.png\t1\t0\t7\ta/b.png\nq.png\t2\t12\t1234567\todd\\n\"\\xff.png\n");
}

static void test_table(void **state)
{
    (void)state;
    kin_answer answer = answer_of(2);
    check(KIN_ANSWER_TABLE, 12, &answer,
          "q.png   code 0123456789abcdef\n"
          "  rank  distance       id  key\n"
          "     1         0        7  a/b.png\n"
          "     2        12  1234567  odd\\n\"\\xff.png\n"
          "  the first 2 of 40 within 12 bits; -k asks for more\n");
    answer = answer_of(0);
    answer.answered = 1;
    check(KIN_ANSWER_TABLE, 0, &answer,
          "q.png   code 0123456789abcdef\n"
          "  no picture within 0 bits\n"
          "  partial: 1 of 4 shards answered\n");
}

static void check_outline(const char *json, const char *expected)
{
    kin_buffer out = {0};
    kin_json_outline_append(&out, json, strlen(json));
    kin_buffer_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    kin_buffer_fini(&out);
}

static void test_outline(void **state)
{
    (void)state;
    check_outline("{\"a\": [{\"n\": \"x\", \"s\": [0, 1]}, {\"n\": \"y, {z\", \"s\": []}], "
                  "\"q\":12,\"l\": {\"p\": 0.5, \"d\":{\"e\":null}}}",
                  "a: \n  - n: x\n    s: [0, 1]\n  - n: y, {z\n    s: []\nq: 12\n"
                  "l: \n  p: 0.5\n  d: \n    e: null\n");
    /* Not JSON: no crash, no control character. */
    check_outline("", "");
    check_outline("}}]]", "");
    check_outline("\"\x1b[31m", "\\x1b[31\n");
    check_outline("{\"a", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),     cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_reranked), cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_table),    cmocka_unit_test(test_outline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
