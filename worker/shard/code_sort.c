#include "worker/shard/code_sort.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)

/* One pass: from -> to by the digit at `shift` of a word. False if there is nothing to do. */
static bool pass(const uint64_t *from, uint64_t *to, uint64_t count, unsigned words, unsigned word,
                 unsigned shift)
{
    uint64_t at[DIGITS] = {0}, sum = 0;
    for (uint64_t i = 0; i < count; i++)
        at[from[i * words + word] >> shift & (DIGITS - 1)]++;
    for (uint32_t d = 0; d < DIGITS; d++) {
        if (at[d] == count) return false;
        uint64_t here = at[d];
        at[d] = sum;
        sum += here;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t place = at[from[i * words + word] >> shift & (DIGITS - 1)]++;
        for (unsigned w = 0; w < words; w++)
            to[place * words + w] = from[i * words + w];
    }
    return true;
}

void kin_code_sort(uint64_t *codes, uint64_t *scratch, uint64_t count, unsigned bits,
                   unsigned top_bits)
{
    unsigned words = bits / 64;
    uint64_t *from = codes, *to = scratch;
    for (unsigned word = words; word-- > 0;) {
        if (64 * word >= top_bits) continue;
        unsigned here = top_bits - 64 * word < 64 ? top_bits - 64 * word : 64;
        for (unsigned left = here; left > 0; left -= left < DIGIT_BITS ? left : DIGIT_BITS) {
            unsigned low = 64 - left;
            uint64_t *sorted = to;
            if (!pass(from, to, count, words, word, low)) continue;
            to = from;
            from = sorted;
        }
    }
    if (from != codes && count > 0) memcpy(codes, from, count * words * sizeof *codes);
}
