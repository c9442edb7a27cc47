/* Which shard a question asks first, and which it does without. */
#include "tests/support/test.h"
#include "worker/serve/nearest.h"

enum { SHARDS = 4 };

/* Quarters of the code space, but that the second one reaches beyond its middle: all that is known
 * of a code of it is nothing. */
static kin_held_shard shards[SHARDS] = {
    {.first.word = {0}, .last.word = {0x3fffffffffffffff}},
    {.first.word = {0x4000000000000000}, .last.word = {0x8fffffffffffffff}},
    {.first.word = {0x9000000000000000}, .last.word = {0xbfffffffffffffff}},
    {.first.word = {0xc000000000000000}, .last.word = {UINT64_MAX}},
};

static void the_shard_of_a_code_comes_first(void **state)
{
    (void)state;
    kin_held_shard *all[SHARDS] = {&shards[0], &shards[1], &shards[2], &shards[3]};
    for (uint32_t s = 0; s < SHARDS; s++) {
        assert_int_equal(kin_nearest_shard(all, SHARDS, &shards[s].first), s);
        assert_int_equal(kin_nearest_shard(all, SHARDS, &shards[s].last), s);
    }
}

static void else_the_nearest_one(void **state)
{
    (void)state;
    kin_held_shard *some[] = {&shards[0], &shards[2], &shards[3]};
    /* 01...: a bit from 00..., two from 10..., one from 11...: the first of two. */
    assert_int_equal(kin_nearest_shard(some, 3, &shards[1].first), 0);
    assert_int_equal(kin_nearest_shard(some + 1, 2, &shards[1].first), 1);
}

/* A query for `count` hits that has as many at `distance`. */
static bool can_help(const kin_held_shard *shard, uint32_t distance, uint32_t within, bool counts)
{
    kin_hit heap[1];
    kin_topk topk;
    kin_topk_init(&topk, heap, 1);
    kin_search_query query = {.within = within, .topk = &topk, .count_within = counts};
    if (distance != UINT32_MAX) kin_topk_push(&topk, &(kin_hit){.id = 7, .distance = distance});
    return kin_shard_can_help(shard, &query);
}

/* The code is all zeros: two bits from every code of the last shard. */
static void shards_that_are_too_far_are_left_out(void **state)
{
    (void)state;
    assert_true(can_help(&shards[3], UINT32_MAX, 64, false));
    assert_true(can_help(&shards[3], 2, 64, false)); /* by a smaller id */
    assert_false(can_help(&shards[3], 1, 64, false));
    assert_false(can_help(&shards[3], UINT32_MAX, 1, false));
    assert_true(can_help(&shards[3], 0, 1, true)); /* its codes are to be counted */
    assert_true(can_help(&shards[1], 0, 64, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shard_of_a_code_comes_first),
        cmocka_unit_test(else_the_nearest_one),
        cmocka_unit_test(shards_that_are_too_far_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
