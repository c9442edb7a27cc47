#include "worker/index/import_examine.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/index/code_health.h"

/* Codes that are read, and have a digest, at a time: half a megabyte of 64 bits stays in the cache
 * of a core. */
#define BLOCK_CODES 65536
/* Blocks of this rank that are on their way from the disk while one is looked at: a system that
 * sees every second block read does not read ahead by itself. */
#define BLOCKS_AHEAD 8
/* Pairs of bits are counted in no more codes than this: a correlation is known to 0.001 then. */
#define PAIR_CODES ((uint64_t)1 << 20)
/* Codes whose ones fit into a byte. */
#define BYTE_CODES 255

uint64_t kin_import_sample_count(const kin_import_state *import)
{
    return kin_plan_sample_codes(import->source.count, import->options->shards);
}

uint64_t *kin_import_sample(kin_import_state *import, uint64_t *count)
{
    const kin_code_source *source = &import->source;
    unsigned words = source->bits / 64;
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm);
    uint64_t rank = (uint64_t)kin_comm_rank(import->comm);
    *count = kin_import_sample_count(import);
    uint64_t *sample = kin_calloc(*count * words, sizeof *sample);
    for (uint64_t i = rank; i < *count; i += ranks) {
        /* One of each stretch, at a place that no regularity of the file can know. */
        uint64_t from = (uint64_t)((double)source->count * (double)i / (double)*count);
        uint64_t to = (uint64_t)((double)source->count * (double)(i + 1) / (double)*count);
        kin_random random = {i};
        uint64_t row = to > from ? from + kin_random_below(&random, to - from) : from;
        kin_error error;
        kin_import_check(import,
                         kin_code_source_read(source, *count == source->count ? i : row, 1,
                                              sample + i * words, &error),
                         &error);
        if (i / ranks % 256 == 0) kin_comm_tick(import->comm);
    }
    kin_comm_sum(import->comm, sample, *count * words);
    return sample;
}

/* One rank's look. */
typedef struct look {
    kin_import_state *import;
    unsigned words;
    uint64_t *codes; /* [BLOCK_CODES][words] */
    kin_buffer text; /* keys of the block */
    uint16_t *key_bytes;
    uint64_t *counts;  /* [cells][2]: rows, bytes of keys */
    uint64_t *digests; /* [blocks] */
    uint64_t pair_stride;
    kin_rows pair_rows;
} look;

/* Adds how often each bit is 1: eight bits of eight bytes at a time. */
static void count_ones(const look *l, uint64_t count)
{
    const uint64_t lanes = 0x0101010101010101u;
    for (unsigned w = 0; w < l->words; w++)
        for (uint64_t from = 0; from < count; from += BYTE_CODES) {
            uint64_t to = count - from < BYTE_CODES ? count : from + BYTE_CODES, sums[8] = {0};
            for (uint64_t i = from; i < to; i++) {
                uint64_t word = l->codes[i * l->words + w];
#pragma GCC unroll 8
                for (unsigned bit = 0; bit < 8; bit++)
                    sums[bit] += word >> bit & lanes;
            }
            for (unsigned bit = 0; bit < 64; bit++)
                l->import->bit_ones[w * 64 + 63 - bit] += sums[bit % 8] >> (bit / 8 * 8) & 255;
        }
}

static void count_pairs(look *l, uint64_t first, uint64_t count)
{
    l->pair_rows.count = 0;
    uint64_t skip = (l->pair_stride - first % l->pair_stride) % l->pair_stride;
    for (uint64_t i = skip; i < count; i += l->pair_stride)
        memcpy(l->pair_rows.data + l->pair_rows.count++ * (l->words + 1), l->codes + i * l->words,
               l->words * sizeof *l->codes);
    kin_health_count(&l->pair_rows, l->import->pairs, kin_import_tick, l->import);
    l->import->pair_rows += l->pair_rows.count;
}

/* The cells of some codes of one shard in its further tables; turns the codes. */
static void count_further(look *l, uint32_t shard, uint64_t *codes, unsigned count)
{
    const kin_import_state *import = l->import;
    const kin_import_plan *plan = &import->plan;
    uint32_t cells[KIN_ROUTE_LANES];
    for (uint32_t t = 1; t < plan->table_count; t++) {
        for (unsigned i = 0; i < count; i++)
            kin_import_rotate(codes + (size_t)i * l->words, l->words,
                              plan->rotation[t] - plan->rotation[t - 1]);
        const kin_import_ranges *ranges = &import->ranges[(size_t)t * plan->shard_count + shard];
        kin_import_route_find_some(&ranges->route, codes, l->words, count, cells);
        for (unsigned i = 0; i < count; i++)
            l->counts[2 * (size_t)(ranges->first_cell + cells[i])]++;
    }
}

static void count_units(look *l, uint64_t count)
{
    const kin_import_state *import = l->import;
    const kin_import_plan *plan = &import->plan;
    bool further = plan->table_unit[1] < plan->unit_count;
    uint32_t cells[KIN_ROUTE_LANES];
    for (uint64_t first = 0; first < count; first += KIN_ROUTE_LANES) {
        unsigned some =
            count - first < KIN_ROUTE_LANES ? (unsigned)(count - first) : KIN_ROUTE_LANES;
        uint64_t *codes = l->codes + first * l->words;
        kin_import_route_find_some(&import->route, codes, l->words, some, cells);
        for (unsigned i = 0; i < some; i++) {
            l->counts[2 * (size_t)cells[i]]++;
            if (l->key_bytes != NULL)
                l->counts[2 * (size_t)cells[i] + 1] += l->key_bytes[first + i];
        }
        if (further && plan->shard_count == 1) count_further(l, 0, codes, some);
        for (unsigned i = 0; further && plan->shard_count > 1 && i < some; i++) {
            const kin_import_unit *unit = &plan->units[plan->cell_unit[cells[i]]];
            if (!unit->whole) count_further(l, unit->shard, codes + (size_t)i * l->words, 1);
        }
    }
}

static void look_at_block(look *l, uint64_t block)
{
    kin_import_state *import = l->import;
    kin_error error;
    uint64_t first = block * BLOCK_CODES, left = import->source.count - first;
    uint64_t count = left < BLOCK_CODES ? left : BLOCK_CODES;
    kin_import_check(import, kin_code_source_read(&import->source, first, count, l->codes, &error),
                     &error);
    if (l->key_bytes != NULL)
        kin_import_check(
            import, kin_key_lines_read(&import->keys, first, count, &l->text, l->key_bytes, &error),
            &error);
    l->digests[block] = kin_checksum(l->codes, (size_t)count * l->words * sizeof *l->codes);
    count_ones(l, count);
    count_pairs(l, first, count);
    count_units(l, count); /* which rotates the codes */
}

static void take_sums(look *l, uint64_t blocks)
{
    kin_import_state *import = l->import;
    kin_import_plan *plan = &import->plan;
    unsigned bits = plan->bits;
    kin_comm_sum(import->comm, l->digests, blocks);
    kin_comm_sum(import->comm, l->counts, 2 * (size_t)plan->cell_count);
    kin_comm_sum(import->comm, import->bit_ones, bits);
    kin_comm_sum(import->comm, import->pairs, kin_health_pairs(bits));
    kin_comm_sum(import->comm, &import->pair_rows, 1);
    for (uint32_t c = 0; c < plan->cell_count; c++) {
        kin_import_unit *unit = &plan->units[plan->cell_unit[c]];
        plan->cell_rows[c] = l->counts[2 * (size_t)c];
        unit->rows += l->counts[2 * (size_t)c];
        unit->key_bytes += l->counts[2 * (size_t)c + 1];
    }
    import->codes_digest = kin_digest_of(l->digests, (size_t)blocks * sizeof *l->digests);
}

static void show_progress(void *user)
{
    kin_import_state *import = user;
    uint64_t done, rejected;
    kin_comm_reported(import->comm, &done, &rejected);
    kin_progress_update(import->progress, done, 0);
}

void kin_import_examine(kin_import_state *import)
{
    const kin_code_source *source = &import->source;
    uint64_t blocks = (source->count + BLOCK_CODES - 1) / BLOCK_CODES;
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm);
    uint64_t rank = (uint64_t)kin_comm_rank(import->comm), done = 0;
    look l = {.import = import, .words = source->bits / 64, .pair_stride = 1};
    while (source->count / l.pair_stride > PAIR_CODES)
        l.pair_stride *= 2;
    l.codes = kin_malloc((size_t)BLOCK_CODES * l.words * sizeof *l.codes);
    l.counts = kin_calloc(2 * (size_t)import->plan.cell_count, sizeof *l.counts);
    l.digests = kin_calloc(blocks, sizeof *l.digests);
    if (import->keys.path != NULL) l.key_bytes = kin_malloc(BLOCK_CODES * sizeof *l.key_bytes);
    kin_rows_init(&l.pair_rows, source->bits, BLOCK_CODES);
    import->bit_ones = kin_calloc(source->bits, sizeof *import->bit_ones);
    import->pairs = kin_calloc(kin_health_pairs(source->bits), sizeof *import->pairs);
    kin_comm_report(import->comm, 0, 0);
    if (import->progress != NULL) {
        kin_progress_begin(import->progress, "codes looked at", source->count, 0);
        kin_comm_watch(import->comm, show_progress, import);
    }
    for (uint64_t ahead = 1; ahead < BLOCKS_AHEAD; ahead++)
        kin_code_source_expect(source, (rank + ahead * ranks) * BLOCK_CODES, BLOCK_CODES);
    for (uint64_t block = rank; block < blocks; block += ranks) {
        kin_code_source_expect(source, (block + BLOCKS_AHEAD * ranks) * BLOCK_CODES, BLOCK_CODES);
        look_at_block(&l, block);
        done += BLOCK_CODES;
        kin_comm_report(import->comm, done, 0);
        kin_comm_tick(import->comm);
    }
    take_sums(&l, blocks);
    kin_comm_watch(import->comm, NULL, NULL);
    free(l.codes);
    free(l.counts);
    free(l.digests);
    free(l.key_bytes);
    kin_buffer_fini(&l.text);
    kin_rows_fini(&l.pair_rows);
}
