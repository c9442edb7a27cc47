#include "common/code/code.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

bool kin_code_bits_valid(unsigned bits)
{
    return bits == 64 || bits == 128 || bits == 256;
}

int kin_code_compare(const kin_code *a, const kin_code *b)
{
    for (int i = 0; i < KIN_CODE_WORDS_MAX; i++)
        if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

unsigned kin_code_distance(const kin_code *a, const kin_code *b)
{
    unsigned distance = 0;
    for (int i = 0; i < KIN_CODE_WORDS_MAX; i++)
        distance += (unsigned)__builtin_popcountll(a->word[i] ^ b->word[i]);
    return distance;
}

unsigned kin_code_range_distance(const kin_code *code, const kin_code *first, const kin_code *last)
{
    unsigned distance = 0;
    for (int i = 0; i < KIN_CODE_WORDS_MAX; i++) {
        uint64_t ends = first->word[i] ^ last->word[i], front = UINT64_MAX;
        if (ends != 0) front = ~(UINT64_MAX >> __builtin_clzll(ends));
        distance += (unsigned)__builtin_popcountll((code->word[i] ^ first->word[i]) & front);
        if (ends != 0) break;
    }
    return distance;
}

void kin_code_from_words(kin_code *code, const uint64_t *words, unsigned bits)
{
    memset(code, 0, sizeof *code);
    memcpy(code->word, words, bits / 8);
}

void kin_code_from_bytes(kin_code *code, const uint8_t *bytes, unsigned bits)
{
    memset(code, 0, sizeof *code);
    for (unsigned i = 0; i < bits / 64; i++)
        code->word[i] = kin_load_be64(bytes + 8 * i);
}

void kin_code_to_bytes(const kin_code *code, uint8_t *bytes, unsigned bits)
{
    for (unsigned i = 0; i < bits / 64; i++)
        kin_store_be64(bytes + 8 * i, code->word[i]);
}

const char *kin_code_text(const kin_code *code, unsigned bits, char *text)
{
    for (unsigned i = 0; i < bits / 64; i++)
        snprintf(text + 16 * i, 17, "%016llx", (unsigned long long)code->word[i]);
    return text;
}

kin_status kin_code_parse(kin_code *code, const char *text, unsigned bits, kin_error *error)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    memset(code, 0, sizeof *code);
    size_t length = strlen(text);
    if (length != bits / 4)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "the code '%.80s' has %zu digits; this index has codes of %u bits, which are "
            "%u hexadecimal digits",
            text, length, bits, bits / 4);
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL)
            return kin_fail(error, KIN_BAD_INPUT, "the code '%s' has a '%c'; it takes 0-9 and a-f",
                            text, text[i]);
        code->word[i / 16] |= (uint64_t)((digit - digits) % 16) << (60 - 4 * (i % 16));
    }
    return KIN_OK;
}
