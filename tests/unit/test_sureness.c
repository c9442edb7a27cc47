/* How sure bits are: by hand, and against a plain sort of all neighbours. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "tests/support/test.h"
#include "worker/atlas/sureness.h"

static void neighbours_decide(void **state)
{
    (void)state;
    /* Of so few rows one other is asked, the nearest; bit 0 is the top one. */
    const uint64_t top = (uint64_t)1 << 63, words[] = {top | 1, top | 3, top, 0};
    float sure[4][2];
    assert_int_equal(kin_sureness_near(4), 1);
    assert_int_equal(kin_sureness_near(101), 5);
    kin_sureness(words, 4, 1, 2, &sure[0][0]);
    for (int i = 0; i < 3; i++)
        assert_true(sure[i][0] == 1);
    assert_true(sure[3][0] == 0); /* it has a 0, and the nearest a 1 */
    for (int i = 0; i < 4; i++)
        assert_true(sure[i][1] == -1);
    kin_sureness(words, 1, 1, 2, &sure[0][0]);
    assert_true(sure[0][0] == 0 && sure[0][1] == 0);
}

#define ROWS 200

typedef struct other {
    unsigned distance;
    int row;
} other;

static int compare(const void *a, const void *b)
{
    const other *left = a, *right = b;
    int order = (left->distance > right->distance) - (left->distance < right->distance);
    return order != 0 ? order : left->row - right->row;
}

static void it_is_what_a_plain_sort_says(void **state)
{
    (void)state;
    enum { WIDTH = 2, BITS = 128 };
    int near = (int)kin_sureness_near(ROWS);
    static uint64_t words[ROWS][WIDTH];
    static float sure[ROWS][BITS];
    kin_random random = {.state = 9};
    for (int i = 0; i < ROWS; i++)
        for (int w = 0; w < WIDTH; w++)
            words[i][w] = i % 3 == 0 && i > 0 ? words[i - 1][w]
                                              : kin_random_u64(&random) & kin_random_u64(&random);
    kin_sureness(&words[0][0], ROWS, WIDTH, BITS, &sure[0][0]);
    for (int i = 0; i < ROWS; i++) {
        other others[ROWS];
        int count = 0;
        for (int j = 0; j < ROWS; j++) {
            unsigned distance = 0;
            for (int w = 0; w < WIDTH; w++)
                distance += (unsigned)__builtin_popcountll(words[i][w] ^ words[j][w]);
            if (j != i) others[count++] = (other){distance, j};
        }
        qsort(others, (size_t)count, sizeof *others, compare);
        for (int b = 0; b < BITS; b++) {
            double ones = 0;
            for (int n = 0; n < near; n++)
                ones += words[others[n].row][b / 64] >> (63 - b % 64) & 1;
            double share = 2 * ones / near - 1;
            bool own = words[i][b / 64] >> (63 - b % 64) & 1;
            assert_true(fabs(sure[i][b] - ((share > 0) == own ? share : 0)) < 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_decide),
        cmocka_unit_test(it_is_what_a_plain_sort_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
