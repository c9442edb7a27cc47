/* Where to cut the code space into ranges of near-equal population. Pure: it says which counts it
 * needs and is told them, from however many places they are summed.
 *
 * Method: exact quantiles by radix refinement. The cut that is wanted after j / shards of the codes
 * is looked for among 256 ranges of the code space, then among 256 ranges of the one that holds it,
 * and so on. A cut lies between two distinct codes, so that equal codes stay together: at the place
 * nearest to the ideal one. Where many pictures share a code, cuts fall together and there are
 * fewer shards than asked for. */
#ifndef COORDINATOR_PARTITION_SPLITTER_H
#define COORDINATOR_PARTITION_SPLITTER_H

#include <stdint.h>

#include "common/code/code.h"

#define KIN_SPLITTER_FANOUT 256

typedef struct kin_splitter kin_splitter;

/* One range of the code space. */
typedef struct kin_split {
    kin_code first, last; /* both ends included */
    uint64_t count;       /* codes in it; more than 0 */
} kin_split;

/* total codes (more than 0) of a valid width, shards 1..KIN_SHARDS_MAX. */
kin_splitter *kin_splitter_new(unsigned bits, uint64_t total, uint32_t shards);
void kin_splitter_destroy(kin_splitter **splitter);

/* The prefixes whose codes are to be counted now, ascending: 0 where the cuts are known. Prefix i
 * is the first *prefix_bits (a multiple of 8, less than the width) bits of prefixes[i], the rest of
 * which are zero. Borrowed until kin_splitter_count. */
uint32_t kin_splitter_wants(const kin_splitter *splitter, const kin_code **prefixes,
                            unsigned *prefix_bits);

/* counts [prefixes][KIN_SPLITTER_FANOUT]: codes that start with prefix i and go on with the 8 bits
 * v, over all ranks. */
void kin_splitter_count(kin_splitter *splitter, const uint64_t *counts);

/* The ranges, when no more counts are wanted: ascending, without gaps, covering the code space.
 * splits [shards] receives them; returns how many there are, 1..shards. */
uint32_t kin_splitter_finish(const kin_splitter *splitter, kin_split *splits);

#endif
