/* Codes, the order of hits, and the k first of a stream. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/code/code.h"
#include "common/code/hit.h"
#include "common/code/topk.h"
#include "tests/support/test.h"

static const unsigned widths[] = {64, 128, 256};

static kin_code random_code(kin_random *random, unsigned bits)
{
    kin_code code = {0};
    for (unsigned i = 0; i < bits / 64; i++)
        code.word[i] = kin_random_u64(random);
    return code;
}

static void three_widths_are_valid(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 600; bits++)
        assert_int_equal(kin_code_bits_valid(bits), bits == 64 || bits == 128 || bits == 256);
}

static void bit_0_is_the_first_of_the_text_and_of_the_bytes(void **state)
{
    (void)state;
    kin_code code = {0};
    char text[KIN_CODE_TEXT_BYTES];
    uint8_t bytes[KIN_CODE_BYTES_MAX];
    kin_code_set_bit(&code, 0);
    kin_code_set_bit(&code, 7);
    kin_code_set_bit(&code, 127);
    assert_string_equal(kin_code_text(&code, 128, text), "81000000000000000000000000000001");
    kin_code_to_bytes(&code, bytes, 128);
    assert_int_equal(bytes[0], 0x81);
    assert_int_equal(bytes[15], 0x01);
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(kin_code_bit(&code, i), i == 0 || i == 7 || i == 127);
}

static void a_code_comes_back_from_text_bytes_and_words(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int i = 0; i < 300; i++) {
        unsigned bits = widths[i % 3];
        kin_code code = random_code(&random, bits), back;
        char text[KIN_CODE_TEXT_BYTES];
        uint8_t bytes[KIN_CODE_BYTES_MAX];
        kin_error error = {0};
        assert_int_equal(strlen(kin_code_text(&code, bits, text)), bits / 4);
        memset(&back, 0xff, sizeof back);
        assert_int_equal(kin_code_parse(&back, text, bits, &error), KIN_OK);
        assert_memory_equal(&back, &code, sizeof code);
        for (char *digit = text; *digit != 0; digit++)
            if (*digit >= 'a') *digit = (char)(*digit - 'a' + 'A');
        assert_int_equal(kin_code_parse(&back, text, bits, &error), KIN_OK);
        assert_memory_equal(&back, &code, sizeof code);
        kin_code_to_bytes(&code, bytes, bits);
        memset(&back, 0xff, sizeof back);
        kin_code_from_bytes(&back, bytes, bits);
        assert_memory_equal(&back, &code, sizeof code);
        memset(&back, 0xff, sizeof back);
        kin_code_from_words(&back, code.word, bits);
        assert_memory_equal(&back, &code, sizeof code);
    }
}

static void a_text_that_is_no_code_is_refused_with_its_width(void **state)
{
    (void)state;
    kin_code code;
    kin_error error = {0};
    static const char *const wrong[] = {"",
                                        "0",
                                        "00112233445566",
                                        "00112233445566778",
                                        "0011223344556677 ",
                                        "001122334455667g",
                                        "-011223344556677",
                                        "0x11223344556677\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(kin_code_parse(&code, wrong[i], 64, &error), KIN_BAD_INPUT);
        assert_true(strlen(error.text) > 20);
    }
    assert_int_equal(kin_code_parse(&code, "0011", 64, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "16 hexadecimal digits"));
}

/* The order of codes is that of their text, the distance that of their bits. */
static void order_and_distance_are_those_of_the_text(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int i = 0; i < 3000; i++) {
        unsigned bits = widths[i % 3], distance = 0;
        kin_code a = random_code(&random, bits), b = random_code(&random, bits);
        unsigned shared = (unsigned)kin_random_below(&random, bits / 64 + 1);
        for (unsigned word = 0; word < shared; word++) /* ties in the first words */
            b.word[word] = a.word[word];
        char a_text[KIN_CODE_TEXT_BYTES], b_text[KIN_CODE_TEXT_BYTES];
        int wanted = strcmp(kin_code_text(&a, bits, a_text), kin_code_text(&b, bits, b_text));
        int got = kin_code_compare(&a, &b);
        assert_int_equal((got > 0) - (got < 0), (wanted > 0) - (wanted < 0));
        for (unsigned bit = 0; bit < bits; bit++)
            distance += kin_code_bit(&a, bit) != kin_code_bit(&b, bit);
        assert_int_equal(kin_code_distance(&a, &b), distance);
    }
}

/* The bound of a range against every code of small ranges, and codes at its ends. */
static void a_range_is_at_least_as_far_as_said(void **state)
{
    (void)state;
    kin_random random = {.state = 31};
    for (int trial = 0; trial < 20000; trial++) {
        unsigned bits = trial % 2 == 0 ? 64 : 256;
        kin_code first = {0}, last, inside, code = {0};
        for (unsigned w = 0; w < bits / 64; w++) {
            first.word[w] = kin_random_u64(&random);
            code.word[w] = kin_random_u64(&random);
        }
        last = first;
        unsigned common = (unsigned)kin_random_below(&random, bits + 1), expected = 0;
        for (unsigned bit = common; bit < bits; bit++) { /* ends differ from bit `common` on */
            first.word[bit / 64] &= ~((uint64_t)1 << (63 - bit % 64));
            kin_code_set_bit(&last, bit);
        }
        for (unsigned bit = 0; bit < common; bit++)
            expected += kin_code_bit(&first, bit) != kin_code_bit(&code, bit);
        assert_int_equal(kin_code_range_distance(&code, &first, &last), expected);
        inside = first;
        for (unsigned bit = common; bit < bits; bit++)
            if (kin_random_below(&random, 2) != 0) kin_code_set_bit(&inside, bit);
        assert_true(kin_code_distance(&code, &inside) >= expected);
    }
}

/* Few distances and few ids, so that both parts of the order decide. Ids are distinct. */
static kin_hit *random_hits(kin_random *random, uint32_t count)
{
    kin_hit *hits = kin_calloc(count, sizeof *hits);
    for (uint32_t i = 0; i < count; i++)
        hits[i] = (kin_hit){.id = i,
                            .distance = (uint32_t)kin_random_below(random, 5),
                            .shard = i % 3,
                            .row = 1000 - i};
    for (uint32_t i = count; i > 1; i--) { /* in any order */
        uint32_t j = (uint32_t)kin_random_below(random, i);
        kin_hit kept = hits[i - 1];
        hits[i - 1] = hits[j];
        hits[j] = kept;
    }
    return hits;
}

/* How many of hits come before hit: its place in the order, by counting. */
static uint32_t place(const kin_hit *hits, uint32_t count, const kin_hit *hit)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < count; i++)
        before += hits[i].distance < hit->distance ||
                  (hits[i].distance == hit->distance && hits[i].id < hit->id);
    return before;
}

static void top_k_is_the_k_first_of_any_stream(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    for (int round = 0; round < 400; round++) {
        uint32_t count = (uint32_t)kin_random_below(&random, 120);
        uint32_t k = 1 + (uint32_t)kin_random_below(&random, 140);
        kin_hit *hits = random_hits(&random, count), *heap = kin_calloc(k, sizeof *heap);
        kin_topk topk;
        kin_topk_init(&topk, heap, k);
        for (uint32_t i = 0; i < count; i++) {
            kin_topk_push(&topk, &hits[i]);
            if (i + 1 < k) assert_int_equal(kin_topk_bound(&topk), UINT32_MAX);
        }
        if (count >= k) assert_true(kin_topk_bound(&topk) < 5);
        uint32_t kept = kin_topk_finish(&topk);
        assert_int_equal(kept, count < k ? count : k);
        for (uint32_t i = 0; i < kept; i++)
            assert_int_equal(place(hits, count, &heap[i]), i);
        free(hits);
        free(heap);
    }
}

static void sorting_hits_keeps_shard_and_row_with_their_id(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    for (uint32_t count = 0; count < 200; count++) {
        kin_hit *hits = random_hits(&random, count), *sorted = kin_calloc(count, sizeof *sorted);
        if (count > 0) memcpy(sorted, hits, count * sizeof *hits);
        kin_hits_sort(sorted, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(place(hits, count, &sorted[i]), i);
            assert_int_equal(sorted[i].row, 1000 - sorted[i].id);
            assert_int_equal(sorted[i].shard, sorted[i].id % 3);
        }
        free(hits);
        free(sorted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_widths_are_valid),
        cmocka_unit_test(bit_0_is_the_first_of_the_text_and_of_the_bytes),
        cmocka_unit_test(a_code_comes_back_from_text_bytes_and_words),
        cmocka_unit_test(a_text_that_is_no_code_is_refused_with_its_width),
        cmocka_unit_test(order_and_distance_are_those_of_the_text),
        cmocka_unit_test(a_range_is_at_least_as_far_as_said),
        cmocka_unit_test(top_k_is_the_k_first_of_any_stream),
        cmocka_unit_test(sorting_hits_keeps_shard_and_row_with_their_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
