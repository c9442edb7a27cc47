#include "common/base/clock.h"

#include <time.h>

int64_t kin_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void kin_clock_lap(int64_t *start_ns, uint64_t *total_ns)
{
    int64_t now_ns = kin_clock_ns();
    *total_ns += (uint64_t)(now_ns - *start_ns);
    *start_ns = now_ns;
}

void kin_sleep_ms(int64_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&pause, 0);
}
