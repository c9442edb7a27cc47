/* Placement of shards on workers: enough different workers, even loads, few moves. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "coordinator/partition/placement.h"
#include "tests/support/test.h"

#define WORKERS_MAX 40
#define SHARDS_MAX 300

static uint64_t names[WORKERS_MAX + 1];
static uint32_t placed[SHARDS_MAX * WORKERS_MAX], before[SHARDS_MAX * WORKERS_MAX];

static void name_workers(uint64_t seed)
{
    for (uint32_t i = 0; i <= WORKERS_MAX; i++) {
        char name[64];
        snprintf(name, sizeof name, "rack%llu-host%u", (unsigned long long)seed, i);
        names[i] = kin_checksum(name, strlen(name));
    }
}

static void every_replica_is_another_worker_and_loads_are_even(void **state)
{
    (void)state;
    kin_random random = {.state = 7};
    for (int round = 0; round < 2000; round++) {
        uint32_t workers = 1 + (uint32_t)kin_random_below(&random, WORKERS_MAX);
        uint32_t shards = 1 + (uint32_t)kin_random_below(&random, SHARDS_MAX);
        uint32_t most = workers < 5 ? workers : 5;
        uint32_t replicas = 1 + (uint32_t)kin_random_below(&random, most);
        uint32_t load[WORKERS_MAX] = {0};
        name_workers(kin_random_u64(&random));
        kin_placement_compute(names, workers, shards, replicas, placed);
        for (uint32_t shard = 0; shard < shards; shard++) {
            const uint32_t *chosen = placed + shard * replicas;
            for (uint32_t i = 0; i < replicas; i++) {
                assert_in_range(chosen[i], 0, workers - 1);
                load[chosen[i]]++;
                for (uint32_t j = 0; j < i; j++)
                    assert_int_not_equal(chosen[i], chosen[j]);
            }
        }
        uint32_t bound = (shards * replicas + workers - 1) / workers;
        for (uint32_t i = 0; i < workers; i++)
            assert_in_range(load[i], 0, bound);
    }
}

static void order_of_workers_does_not_matter(void **state)
{
    (void)state;
    uint64_t reversed[WORKERS_MAX];
    name_workers(3);
    for (uint32_t i = 0; i < 9; i++)
        reversed[i] = names[8 - i];
    kin_placement_compute(names, 9, 100, 3, before);
    kin_placement_compute(reversed, 9, 100, 3, placed);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(names[before[i]], reversed[placed[i]]);
}

static bool holds(const uint32_t *chosen, uint32_t replicas, uint32_t worker)
{
    for (uint32_t i = 0; i < replicas; i++)
        if (chosen[i] == worker) return true;
    return false;
}

/* Replicas that the smaller cluster has on another worker than the larger one had. */
static uint32_t moves(uint32_t workers, uint32_t shards, uint32_t replicas)
{
    uint32_t moved = 0;
    kin_placement_compute(names, workers + 1, shards, replicas, before);
    kin_placement_compute(names, workers, shards, replicas, placed);
    for (uint32_t shard = 0; shard < shards; shard++)
        for (uint32_t i = 0; i < replicas; i++)
            moved += !holds(before + shard * replicas, replicas, placed[shard * replicas + i]);
    return moved;
}

/* What the lost worker had must move; even loads push others along, up to three times as much where
 * a worker has few shards. Placing anew at random would move (workers - 1) / workers of everything:
 * 31 times as much at the end of the range. */
static void few_shards_move_when_a_worker_comes_or_goes(void **state)
{
    (void)state;
    for (uint32_t workers = 4; workers < 32; workers += 3) {
        uint32_t sum = 0, least = 0;
        for (uint64_t seed = 0; seed < 20; seed++) {
            name_workers(seed);
            sum += moves(workers, 256, 2);
            least += (512 + workers) / (workers + 1);
        }
        assert_in_range(sum, least / 2, workers <= 10 ? least * 3 / 2 : least * 7 / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_replica_is_another_worker_and_loads_are_even),
        cmocka_unit_test(order_of_workers_does_not_matter),
        cmocka_unit_test(few_shards_move_when_a_worker_comes_or_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
