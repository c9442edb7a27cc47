/* Every reader of file bytes behind one door, for fuzzing and for damage tests. */
#ifndef TESTS_SUPPORT_PARSE_ANY_H
#define TESTS_SUPPORT_PARSE_ANY_H

#include <stddef.h>

#include "proto/container.h"

/* Parses data as a file of the kind and, where that succeeds, touches all that the reader offers.
 */
kin_status parse_any(kin_file_kind kind, const void *data, size_t bytes);

#endif
