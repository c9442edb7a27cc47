#include "tests/support/make_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/generation.h"
#include "worker/shard/shard_writer.h"

#define CENTRES 16

/* A code and whose it is; ordered as shards are. */
typedef struct row {
    kin_code code;
    uint64_t id;
} row;

static void require(kin_status status, const kin_error *error)
{
    if (status == KIN_OK) return;
    fprintf(stderr, "make_index: %s\n", error->text);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int order = kin_code_compare(&x->code, &y->code);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

void kin_make_codes(kin_code *codes, uint64_t count, unsigned bits, uint64_t seed)
{
    kin_random random = {seed};
    kin_code centres[CENTRES] = {0};
    for (int i = 0; i < CENTRES; i++)
        for (unsigned w = 0; w < bits / 64; w++)
            centres[i].word[w] = kin_random_u64(&random);
    for (uint64_t i = 0; i < count; i++) {
        kin_code code = {0};
        for (unsigned w = 0; w < bits / 64; w++)
            code.word[w] = kin_random_u64(&random);
        if (kin_random_below(&random, 4) == 0) {
            code = centres[kin_random_below(&random, CENTRES)];
            for (uint64_t flips = kin_random_below(&random, 4); flips > 0; flips--)
                code.word[kin_random_below(&random, bits / 64)] ^= (uint64_t)1
                                                                   << kin_random_below(&random, 64);
        }
        codes[i] = code;
    }
}

/* The rows of the shard being written; the key is made when it is asked for. */
typedef struct shard_source {
    const row *rows;
    char key[32];
} shard_source;

static kin_status give_key(void *user, uint64_t number, const char **key, uint32_t *bytes,
                           kin_error *error)
{
    shard_source *source = user;
    (void)error;
    *bytes = (uint32_t)snprintf(source->key, sizeof source->key, "synthetic/%llu",
                                (unsigned long long)source->rows[number].id);
    *key = source->key;
    return KIN_OK;
}

static void write_shard(const char *folder, const row *rows, unsigned bits, uint32_t number,
                        kin_manifest_shard *shard)
{
    kin_error error;
    shard_source source = {.rows = rows};
    unsigned word_count = bits / 64;
    uint64_t *words = kin_calloc(shard->count * word_count, sizeof *words);
    uint64_t *ids = kin_calloc(shard->count, sizeof *ids);
    for (uint64_t i = 0; i < shard->count; i++) {
        memcpy(words + i * word_count, rows[i].code.word, word_count * sizeof *words);
        ids[i] = rows[i].id;
    }
    kin_shard_rows writing = {.number = number,
                              .bits = bits,
                              .first = shard->first,
                              .last = shard->last,
                              .count = shard->count,
                              .words = words,
                              .ids = ids,
                              .user = &source,
                              .key = give_key};
    snprintf(shard->file, sizeof shard->file, "shard-%04u.kin", number);
    char *path = kin_path_join(folder, shard->file);
    kin_shard_written written;
    require(kin_shard_write(path, &writing, &written, &error), &error);
    shard->bytes = written.bytes;
    shard->digest = written.digest;
    free(path);
    free(words);
    free(ids);
}

/* The code before a code. */
static kin_code before(kin_code code, unsigned bits)
{
    for (int i = (int)bits / 64 - 1; i >= 0; i--)
        if (code.word[i]-- != 0) break;
    return code;
}

/* Cuts the sorted rows into ranges of near-equal population; equal codes stay together. */
static void cut(const row *rows, uint64_t count, uint32_t shard_count, kin_manifest *manifest)
{
    kin_code all_ones = {0};
    for (unsigned w = 0; w < manifest->bits / 64; w++)
        all_ones.word[w] = UINT64_MAX;
    manifest->shards = kin_calloc(shard_count, sizeof *manifest->shards);
    for (uint64_t start = 0; start < count;) {
        uint32_t number = manifest->shard_count++;
        kin_manifest_shard *shard = &manifest->shards[number];
        uint64_t end = number + 1 == shard_count ? count : (number + 1) * count / shard_count;
        if (end <= start) end = start + 1;
        while (end < count && kin_code_compare(&rows[end].code, &rows[end - 1].code) == 0)
            end++;
        if (number > 0) {
            shard->first = rows[start].code;
            shard[-1].last = before(shard->first, manifest->bits);
        }
        shard->last = all_ones;
        shard->count = end - start;
        start = end;
    }
}

static void count_distinct(const row *rows, uint64_t count, kin_manifest *manifest)
{
    uint64_t same = 0;
    for (uint64_t i = 0; i < count; i++) {
        for (unsigned bit = 0; bit < manifest->bits; bit++)
            manifest->bit_ones[bit] += kin_code_bit(&rows[i].code, bit);
        bool distinct = i == 0 || kin_code_compare(&rows[i].code, &rows[i - 1].code) != 0;
        same = distinct ? 1 : same + 1;
        manifest->distinct_codes += distinct;
        if (same > manifest->largest_bucket) manifest->largest_bucket = same;
    }
}

void kin_make_index(const char *path, const kin_code *codes, uint64_t count, unsigned bits,
                    uint32_t shard_count)
{
    kin_error error;
    kin_manifest manifest = {.bits = bits,
                             .features = "builtin/1",
                             .hasher = "lsh",
                             .decoder = "none",
                             .dimensions = bits,
                             .inputs = count,
                             .indexed = count};
    char name[KIN_GENERATION_NAME_BYTES];
    kin_generation_name(1, name);
    char *folder = kin_path_join(path, name), *current = kin_path_join(path, KIN_CURRENT_FILE);
    require(kin_directory_make(folder, &error), &error);
    row *rows = kin_calloc(count, sizeof *rows);
    for (uint64_t i = 0; i < count; i++)
        rows[i] = (row){codes[i], i};
    qsort(rows, count, sizeof *rows, compare);
    cut(rows, count, shard_count, &manifest);
    count_distinct(rows, count, &manifest);
    const row *next = rows;
    for (uint32_t s = 0; s < manifest.shard_count; s++) {
        write_shard(folder, next, bits, s, &manifest.shards[s]);
        next += manifest.shards[s].count;
    }
    kin_buffer bytes = {0};
    kin_manifest_build(&manifest, &bytes);
    char *file = kin_path_join(folder, KIN_MANIFEST_FILE);
    require(kin_file_write_atomic(file, bytes.data, bytes.bytes, &error), &error);
    kin_buffer_clear(&bytes);
    kin_buffer_printf(&bytes, "%s\n", name);
    require(kin_file_write_atomic(current, bytes.data, bytes.bytes, &error), &error);
    kin_buffer_fini(&bytes);
    kin_manifest_fini(&manifest);
    free(file);
    free(rows);
    free(current);
    free(folder);
}
