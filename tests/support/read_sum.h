/* Reading memory as fast as it goes, for figures. */
#ifndef TESTS_SUPPORT_READ_SUM_H
#define TESTS_SUPPORT_READ_SUM_H

#include <stdint.h>

#include "common/base/cpu.h"

/* The sum of words [count], count a multiple of 32, read by vectors of the level's size. */
uint64_t read_sum(const uint64_t *words, uint64_t count, kin_cpu_level level);

#endif
