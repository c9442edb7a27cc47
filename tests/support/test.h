/* cmocka.h, behind what it needs to have included before it. */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef KIN_PLAIN_TEST
#include "tests/support/plain_test.h"
#else
#include <cmocka.h>
#endif

#endif
