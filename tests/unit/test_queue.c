/* The bounded queue: order, capacity, closing, taking out of the middle, many threads. */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/queue.h"
#include "tests/support/test.h"

static int items[200000];

static void keeps_order_and_says_when_it_is_full(void **state)
{
    (void)state;
    kin_queue *queue = kin_queue_new(3);
    for (int round = 0; round < 5; round++) { /* around the ring */
        for (int i = 0; i < 3; i++)
            assert_true(kin_queue_push(queue, &items[i]));
        assert_false(kin_queue_push(queue, &items[3]));
        assert_int_equal(kin_queue_count(queue), 3);
        assert_ptr_equal(kin_queue_pop(queue), &items[0]);
        assert_ptr_equal(kin_queue_try_pop(queue, NULL, NULL), &items[1]);
        assert_true(kin_queue_push(queue, &items[4]));
        assert_ptr_equal(kin_queue_pop(queue), &items[2]);
        assert_ptr_equal(kin_queue_pop(queue), &items[4]);
        assert_null(kin_queue_try_pop(queue, NULL, NULL));
    }
    kin_queue_destroy(&queue);
    assert_null(queue);
}

static bool is_same(const void *item, const void *like)
{
    return item == like;
}

static void takes_out_of_the_middle(void **state)
{
    (void)state;
    kin_queue *queue = kin_queue_new(4);
    assert_true(kin_queue_push(queue, &items[9]));
    assert_ptr_equal(kin_queue_pop(queue), &items[9]); /* start inside the ring */
    for (int i = 0; i < 4; i++)
        assert_true(kin_queue_push(queue, &items[i]));
    assert_ptr_equal(kin_queue_try_pop(queue, is_same, &items[2]), &items[2]);
    assert_null(kin_queue_try_pop(queue, is_same, &items[2]));
    assert_ptr_equal(kin_queue_pop(queue), &items[0]);
    assert_ptr_equal(kin_queue_pop(queue), &items[1]);
    assert_ptr_equal(kin_queue_pop(queue), &items[3]);
    kin_queue_destroy(&queue);
}

static void gives_what_is_in_it_after_closing(void **state)
{
    (void)state;
    kin_queue *queue = kin_queue_new(2);
    assert_true(kin_queue_push(queue, &items[0]));
    kin_queue_close(queue);
    assert_false(kin_queue_push(queue, &items[1]));
    assert_ptr_equal(kin_queue_pop(queue), &items[0]);
    assert_null(kin_queue_pop(queue));
    kin_queue_destroy(&queue);
}

static void *count_items(void *user)
{
    int *item;
    while ((item = kin_queue_pop(user)) != NULL)
        ++*item; /* its only owner */
    return NULL;
}

static void every_item_has_one_taker(void **state)
{
    (void)state;
    enum { COUNT = sizeof items / sizeof items[0], TAKERS = 4 };
    kin_queue *queue = kin_queue_new(16);
    pthread_t takers[TAKERS];
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, count_items, queue), 0);
    for (int i = 0; i < COUNT; i++)
        while (!kin_queue_push(queue, &items[i]))
            sched_yield();
    kin_queue_close(queue);
    for (int i = 0; i < TAKERS; i++)
        pthread_join(takers[i], NULL);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(items[i], 1);
    kin_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_says_when_it_is_full),
        cmocka_unit_test(takes_out_of_the_middle),
        cmocka_unit_test(gives_what_is_in_it_after_closing),
        cmocka_unit_test(every_item_has_one_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
