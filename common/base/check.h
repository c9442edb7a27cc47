/* Invariants of our own code. Always on, in every build: a broken one aborts. Never for input. */
#ifndef COMMON_BASE_CHECK_H
#define COMMON_BASE_CHECK_H

_Noreturn void kin_check_failed(const char *condition, const char *file, int line);

#define KIN_CHECK(condition)                                                \
    do {                                                                    \
        if (!(condition)) kin_check_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#endif
