/* A synthetic index: codes without pictures, for tests and benchmarks of serving. */
#ifndef TESTS_SUPPORT_MAKE_INDEX_H
#define TESTS_SUPPORT_MAKE_INDEX_H

#include <stdint.h>

#include "common/code/code.h"

/* Publishes generation 1 at path: shards and manifest, without an encoder, so that workers serve it
 * by code only. codes [count], of ids 0 to count - 1, count > 0; the key of an id is
 * "synthetic/ID". Up to shard_count shards, fewer where equal codes would be torn apart. A failure
 * ends the program with a sentence. */
void kin_make_index(const char *path, const kin_code *codes, uint64_t count, unsigned bits,
                    uint32_t shard_count);

/* codes [count] from a seed: most are uniform, the others crowd around a few, with many equal ones,
 * so that answers have ties. */
void kin_make_codes(kin_code *codes, uint64_t count, unsigned bits, uint64_t seed);

#endif
