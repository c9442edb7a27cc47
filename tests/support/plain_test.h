/* The few words of cmocka that a unit test of kernels needs, for machines that are emulated and
 * have no cmocka: the first failure ends the program. */
#ifndef TESTS_SUPPORT_PLAIN_TEST_H
#define TESTS_SUPPORT_PLAIN_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)         \
    {                                      \
        .name = #function, .run = function \
    }

#define assert_true(what)                                       \
    do {                                                        \
        if (what) break;                                        \
        printf("not ok %s:%d %s\n", __FILE__, __LINE__, #what); \
        exit(1);                                                \
    } while (0)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_memory_equal(a, b, bytes) assert_true(memcmp(a, b, bytes) == 0)

static inline int plain_test_run(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        tests[i].run(&state);
        printf("ok %s\n", tests[i].name);
    }
    return 0;
}

#define cmocka_run_group_tests(tests, setup, teardown) \
    plain_test_run(tests, sizeof(tests) / sizeof *(tests))

#endif
