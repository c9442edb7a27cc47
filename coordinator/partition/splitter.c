#include "coordinator/partition/splitter.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

#define ROUND_BITS 8

/* A cut that is looked for: `ideal` codes should lie before it. While it is open, it lies within
 * the codes that start with prefix, and `before` codes are smaller than all of those. Once it is
 * known, prefix is the first code behind it and `before` is exact. */
typedef struct cut {
    kin_code prefix;
    uint64_t ideal, before;
    bool known;
} cut;

struct kin_splitter {
    unsigned bits, prefix_bits;
    uint64_t total;
    uint32_t cut_count;
    cut *cuts;
    kin_code *prefixes; /* of the open cuts, without repetitions */
    uint32_t prefix_count;
};

/* The codes after and before, as numbers; beyond the last comes 0. */
static void increment(kin_code *code, unsigned bits)
{
    for (int word = (int)bits / 64 - 1; word >= 0; word--)
        if (++code->word[word] != 0) return;
}

static void decrement(kin_code *code, unsigned bits)
{
    for (int word = (int)bits / 64 - 1; word >= 0; word--)
        if (code->word[word]-- != 0) return;
}

static void gather_prefixes(kin_splitter *splitter)
{
    splitter->prefix_count = 0;
    for (uint32_t i = 0; i < splitter->cut_count; i++) {
        const cut *c = &splitter->cuts[i];
        uint32_t n = splitter->prefix_count;
        if (c->known) continue;
        if (n > 0 && kin_code_compare(&splitter->prefixes[n - 1], &c->prefix) == 0) continue;
        splitter->prefixes[splitter->prefix_count++] = c->prefix;
    }
}

kin_splitter *kin_splitter_new(unsigned bits, uint64_t total, uint32_t shards)
{
    KIN_CHECK(kin_code_bits_valid(bits) && total > 0 && shards >= 1 && shards <= KIN_SHARDS_MAX);
    kin_splitter *splitter = kin_calloc(1, sizeof *splitter);
    splitter->bits = bits;
    splitter->total = total;
    splitter->cut_count = shards - 1;
    splitter->cuts = kin_calloc(shards, sizeof *splitter->cuts);
    splitter->prefixes = kin_calloc(shards, sizeof *splitter->prefixes);
    for (uint32_t i = 0; i < splitter->cut_count; i++) {
        cut *c = &splitter->cuts[i];
        /* total * (i + 1) / shards, in parts that do not overflow */
        c->ideal = total / shards * (i + 1) + total % shards * (i + 1) / shards;
        c->known = c->ideal == 0; /* nothing lies before it */
    }
    gather_prefixes(splitter);
    return splitter;
}

void kin_splitter_destroy(kin_splitter **splitter)
{
    if (*splitter == NULL) return;
    free((*splitter)->cuts);
    free((*splitter)->prefixes);
    free(*splitter);
    *splitter = NULL;
}

uint32_t kin_splitter_wants(const kin_splitter *splitter, const kin_code **prefixes,
                            unsigned *prefix_bits)
{
    *prefixes = splitter->prefixes;
    *prefix_bits = splitter->prefix_bits;
    return splitter->prefix_count;
}

/* Moves an open cut into the one of the 256 ranges that holds its ideal place. */
static void refine(const kin_splitter *splitter, cut *c, const uint64_t *counts)
{
    unsigned value = 0;
    while (value < KIN_SPLITTER_FANOUT - 1 && c->before + counts[value] <= c->ideal)
        c->before += counts[value++];
    unsigned end = splitter->prefix_bits + ROUND_BITS;
    c->prefix.word[(end - 1) / 64] |= (uint64_t)value << (63 - (end - 1) % 64);
    if (c->before == c->ideal) {
        c->known = true;
    } else if (end ==
               splitter->bits) { /* the ideal place is within one code: take its nearer end */
        uint64_t behind = c->before + counts[value];
        KIN_CHECK(c->before < c->ideal && c->ideal < behind);
        if (behind - c->ideal < c->ideal - c->before) {
            increment(&c->prefix,
                      splitter->bits); /* behind the last code there is no cut: finish */
            c->before = behind;
        }
        c->known = true;
    }
}

void kin_splitter_count(kin_splitter *splitter, const uint64_t *counts)
{
    KIN_CHECK(splitter->prefix_count > 0);
    uint32_t prefix = 0;
    for (uint32_t i = 0; i < splitter->cut_count; i++) {
        cut *c = &splitter->cuts[i];
        if (c->known) continue;
        while (kin_code_compare(&splitter->prefixes[prefix], &c->prefix) != 0) {
            prefix++;
            KIN_CHECK(prefix < splitter->prefix_count);
        }
        refine(splitter, c, counts + (size_t)prefix * KIN_SPLITTER_FANOUT);
    }
    splitter->prefix_bits += ROUND_BITS;
    gather_prefixes(splitter);
}

uint32_t kin_splitter_finish(const kin_splitter *splitter, kin_split *splits)
{
    KIN_CHECK(splitter->prefix_count == 0);
    uint32_t count = 0;
    uint64_t before = 0;
    kin_code first = {{0}};
    for (uint32_t i = 0; i <= splitter->cut_count; i++) {
        bool last = i == splitter->cut_count;
        uint64_t until = last ? splitter->total : splitter->cuts[i].before;
        /* Nothing before it, or nothing behind it: no cut. */
        if (!last && (until == before || until == splitter->total)) continue;
        kin_split *split = &splits[count++];
        *split = (kin_split){.first = first, .count = until - before};
        if (last) {
            for (unsigned word = 0; word < splitter->bits / 64; word++)
                split->last.word[word] = UINT64_MAX;
        } else {
            first = splitter->cuts[i].prefix;
            split->last = first;
            decrement(&split->last, splitter->bits);
        }
        before = until;
    }
    return count;
}
