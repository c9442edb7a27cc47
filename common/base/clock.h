/* Time that only goes forward. Nothing of it ever reaches a file or an answer's order. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some start of the machine (CLOCK_MONOTONIC). */
int64_t kin_clock_ns(void);

static inline int64_t kin_clock_ms(void)
{
    return kin_clock_ns() / 1000000;
}

/* Adds the time since *start_ns to *total_ns and starts anew. */
void kin_clock_lap(int64_t *start_ns, uint64_t *total_ns);

/* Sleeps; a signal may wake it early. */
void kin_sleep_ms(int64_t ms);

#endif
