/* A code: 64, 128 or 256 bits that say what a picture looks like. */
#ifndef COMMON_CODE_CODE_H
#define COMMON_CODE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/status.h"

#define KIN_CODE_WORDS_MAX (KIN_CODE_BITS_MAX / 64)
#define KIN_CODE_BYTES_MAX (KIN_CODE_BITS_MAX / 8)
#define KIN_CODE_TEXT_BYTES (2 * KIN_CODE_BYTES_MAX + 1)

/* Bit i (0 first) is bit 63 - i % 64 of word[i / 64]: codes order as big-endian numbers and as
 * their hexadecimal text. Words beyond the width are zero. In memory and on disk a code of a known
 * width is bits / 64 words; as bytes (hexadecimal, .npy) it is those words big-endian, which is
 * the order of numpy.packbits. */
typedef struct kin_code {
    uint64_t word[KIN_CODE_WORDS_MAX];
} kin_code;

/* 64, 128 or 256. */
bool kin_code_bits_valid(unsigned bits);

/* <0, 0, >0 as a comes before, is, comes after b. All widths, as unused words are zero. */
int kin_code_compare(const kin_code *a, const kin_code *b);

/* The Hamming distance in bits. */
unsigned kin_code_distance(const kin_code *a, const kin_code *b);

/* At least so many bits is code from every code of the range first..last: those in which it differs
 * from what both ends have in common at their front. */
unsigned kin_code_range_distance(const kin_code *code, const kin_code *first, const kin_code *last);

static inline unsigned kin_code_bit(const kin_code *code, unsigned i)
{
    return (unsigned)(code->word[i / 64] >> (63 - i % 64)) & 1;
}

static inline void kin_code_set_bit(kin_code *code, unsigned i)
{
    code->word[i / 64] |= (uint64_t)1 << (63 - i % 64);
}

/* bits / 64 words [bits/64] to a code and back. */
void kin_code_from_words(kin_code *code, const uint64_t *words, unsigned bits);

/* bits / 8 bytes, first bit in the top of the first byte. */
void kin_code_from_bytes(kin_code *code, const uint8_t *bytes, unsigned bits);
void kin_code_to_bytes(const kin_code *code, uint8_t *bytes, unsigned bits);

/* text [KIN_CODE_TEXT_BYTES]: bits / 4 lower-case hexadecimal digits; returns text. */
const char *kin_code_text(const kin_code *code, unsigned bits, char *text);

/* The inverse; either case; exactly bits / 4 digits, else KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_code_parse(kin_code *code, const char *text, unsigned bits,
                                       kin_error *error);

#endif
