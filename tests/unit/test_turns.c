/* Whose question is next: fair, in order within a client, and nothing lost; against a plain model
 * of arrays. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/random.h"
#include "coordinator/serve/turns.h"
#include "tests/support/test.h"

#define CLIENTS 12
#define SLOTS KIN_QUERIES_IN_FLIGHT_MAX

static kin_link_peer peer_of(uint32_t client)
{
    kin_link_peer peer = {.identity_bytes = 5};
    memcpy(peer.identity + 1, &client, sizeof client);
    return peer;
}

static kin_status enter(kin_turns *turns, uint32_t client, uint64_t bytes, uint32_t *slot)
{
    kin_link_peer peer = peer_of(client);
    kin_error error;
    return kin_turns_enter(turns, &peer, bytes, slot, &error);
}

static void one_who_asks_much_delays_nobody(void **state)
{
    (void)state;
    kin_turns *turns = kin_turns_new();
    uint32_t slot, late[3];
    for (int i = 0; i < 1000; i++)
        assert_int_equal(enter(turns, 0, 50, &slot), KIN_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(enter(turns, 1 + i, 50, &late[i]), KIN_OK);
    uint32_t turn = 0;
    for (uint32_t found = 0; found < 3; turn++) {
        slot = kin_turns_next(turns, SLOTS);
        assert_int_not_equal(slot, KIN_TURNS_NONE);
        for (uint32_t i = 0; i < 3; i++)
            found += slot == late[i];
    }
    assert_in_range(turn, 3, 4); /* one of the first client comes before them */
    kin_turns_destroy(&turns);
}

static void only_so_many_are_asked_at_once(void **state)
{
    (void)state;
    kin_turns *turns = kin_turns_new();
    uint32_t slot, asked[3];
    for (int i = 0; i < 10; i++)
        assert_int_equal(enter(turns, 7, 1, &slot), KIN_OK);
    for (int i = 0; i < 3; i++)
        asked[i] = kin_turns_next(turns, 3);
    assert_int_equal(kin_turns_next(turns, 3), KIN_TURNS_NONE);
    assert_int_equal(kin_turns_waiting(turns), 7);
    kin_turns_leave(turns, asked[1]);
    assert_int_not_equal(kin_turns_next(turns, 3), KIN_TURNS_NONE);
    assert_int_equal(kin_turns_next(turns, 3), KIN_TURNS_NONE);
    kin_turns_destroy(&turns);
}

static void a_client_has_a_share_and_all_have_a_limit(void **state)
{
    (void)state;
    kin_turns *turns = kin_turns_new();
    uint32_t slot, first, open = 0;
    assert_int_equal(enter(turns, 0, 1, &first), KIN_OK);
    while (enter(turns, 0, 1, &slot) == KIN_OK)
        open++;
    assert_int_equal(open + 1, KIN_QUERIES_OF_CLIENT_MAX);
    kin_turns_leave(turns, first);
    assert_int_equal(enter(turns, 0, 1, &slot), KIN_OK);
    assert_int_equal(enter(turns, 0, 1, &slot), KIN_BUSY);
    for (uint32_t client = 1; kin_turns_open(turns) < SLOTS; client++)
        assert_int_equal(enter(turns, client, 1, &slot), KIN_OK);
    assert_int_equal(enter(turns, 0x10000, 1, &slot), KIN_BUSY);
    kin_turns_destroy(&turns);
}

static void large_pictures_are_counted_in_bytes(void **state)
{
    (void)state;
    kin_turns *turns = kin_turns_new();
    uint32_t slot, count = 0;
    while (enter(turns, 0, KIN_PICTURE_BYTES_MAX, &slot) == KIN_OK)
        count++;
    assert_int_equal(count, 4);
    while (enter(turns, count, KIN_PICTURE_BYTES_MAX, &slot) == KIN_OK)
        count++;
    assert_int_equal(count, 8);
    for (slot = 0; slot < 8; slot++)
        kin_turns_leave(turns, slot);
    assert_int_equal(enter(turns, 0, 100 * (uint64_t)KIN_PICTURE_BYTES_MAX, &slot), KIN_OK);
    kin_turns_destroy(&turns);
}

/* The model: for every client its waiting questions in order, and the ring as an array. */
static struct {
    uint32_t ring[CLIENTS], ring_count;
    uint32_t waiting[CLIENTS][SLOTS], count[CLIENTS];
    uint32_t owner[SLOTS]; /* CLIENTS: free */
    bool asked[SLOTS];
    uint32_t open, asked_count;
} model;

static void model_drop(uint32_t *array, uint32_t *count, uint32_t value)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        if (array[i] != value) array[kept++] = array[i];
    *count = kept;
}

static void model_stop_waiting(uint32_t client, uint32_t slot)
{
    model_drop(model.waiting[client], &model.count[client], slot);
    if (model.count[client] == 0) model_drop(model.ring, &model.ring_count, client);
}

static void model_enter(uint32_t client, uint32_t slot)
{
    assert_int_equal(model.owner[slot], CLIENTS);
    model.owner[slot] = client;
    model.asked[slot] = false;
    if (model.count[client] == 0) model.ring[model.ring_count++] = client;
    model.waiting[client][model.count[client]++] = slot;
    model.open++;
}

static uint32_t model_next(uint32_t asked_max)
{
    if (model.ring_count == 0 || model.asked_count >= asked_max) return KIN_TURNS_NONE;
    uint32_t client = model.ring[0], slot = model.waiting[client][0];
    model_stop_waiting(client, slot);
    if (model.count[client] > 0) {
        model_drop(model.ring, &model.ring_count, client);
        model.ring[model.ring_count++] = client;
    }
    model.asked[slot] = true;
    model.asked_count++;
    return slot;
}

static void model_leave(uint32_t slot)
{
    if (model.asked[slot])
        model.asked_count--;
    else
        model_stop_waiting(model.owner[slot], slot);
    model.owner[slot] = CLIENTS;
    model.open--;
}

static void it_agrees_with_the_model(void **state)
{
    (void)state;
    kin_turns *turns = kin_turns_new();
    kin_random random = {.state = 11};
    for (uint32_t i = 0; i < SLOTS; i++)
        model.owner[i] = CLIENTS;
    for (int step = 0; step < 60000; step++) {
        uint32_t slot, busy = (uint32_t)(step / 5000) % 2; /* fills, then drains */
        uint64_t action = kin_random_below(&random, 10);
        if (action < (busy ? 6u : 3u) && model.open < 300) {
            uint32_t client = (uint32_t)kin_random_below(&random, CLIENTS);
            assert_int_equal(enter(turns, client, 1, &slot), KIN_OK);
            model_enter(client, slot);
        } else if (action < 8) {
            uint32_t asked_max = 1 + (uint32_t)kin_random_below(&random, 40);
            assert_int_equal(kin_turns_next(turns, asked_max), model_next(asked_max));
        } else {
            slot = (uint32_t)kin_random_below(&random, SLOTS);
            for (uint32_t i = 0; i < SLOTS && model.owner[slot] == CLIENTS; i++)
                slot = (slot + 1) % SLOTS;
            if (model.owner[slot] == CLIENTS) continue;
            kin_turns_leave(turns, slot);
            model_leave(slot);
        }
        assert_int_equal(kin_turns_open(turns), model.open);
        assert_int_equal(kin_turns_waiting(turns), model.open - model.asked_count);
    }
    kin_turns_destroy(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_who_asks_much_delays_nobody),
        cmocka_unit_test(only_so_many_are_asked_at_once),
        cmocka_unit_test(a_client_has_a_share_and_all_have_a_limit),
        cmocka_unit_test(large_pictures_are_counted_in_bytes),
        cmocka_unit_test(it_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
