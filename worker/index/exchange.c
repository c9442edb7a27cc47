#include "worker/index/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/index/feature_writer.h"
#include "worker/index/shard_source.h"
#include "worker/index/summary.h"
#include "worker/shard/shard_writer.h"

/* What a rank sends, or receives, in one round. */
#define ROUND_BYTES (16u << 20)

static void tick(void *user)
{
    kin_build_state *build = user;
    kin_comm_tick(build->comm);
}

/* counts [KIN_SPLITTER_FANOUT]: this rank's rows whose code starts with prefix and goes on with
 * each of the values of the 8 bits behind it. */
static void count_prefix(const kin_rows *rows, const kin_code *prefix, unsigned prefix_bits,
                         uint64_t *counts)
{
    unsigned word = prefix_bits / 64, shift = 56 - prefix_bits % 64;
    kin_code last = *prefix; /* of those that go on with a value */
    last.word[word] |= ((uint64_t)1 << shift) - 1;
    for (unsigned w = word + 1; w < rows->words; w++)
        last.word[w] = UINT64_MAX;
    uint64_t before = kin_rows_before(rows, prefix);
    for (uint64_t value = 0; value < KIN_SPLITTER_FANOUT; value++) {
        uint64_t through = kin_rows_through(rows, &last);
        counts[value] = through - before;
        before = through;
        last.word[word] += (uint64_t)1 << shift;
    }
}

uint32_t kin_exchange_split(kin_build_state *build, const kin_rows *rows, uint64_t total,
                            uint32_t shards, kin_split *splits)
{
    kin_splitter *splitter = kin_splitter_new(build->options->bits, total, shards);
    uint64_t *counts = kin_malloc((size_t)shards * KIN_SPLITTER_FANOUT * sizeof *counts);
    const kin_code *prefixes;
    unsigned prefix_bits;
    uint32_t count;
    while ((count = kin_splitter_wants(splitter, &prefixes, &prefix_bits)) > 0) {
        for (uint32_t i = 0; i < count; i++)
            count_prefix(rows, &prefixes[i], prefix_bits, counts + i * KIN_SPLITTER_FANOUT);
        kin_comm_sum(build->comm, counts, (size_t)count * KIN_SPLITTER_FANOUT);
        kin_splitter_count(splitter, counts);
    }
    count = kin_splitter_finish(splitter, splits);
    free(counts);
    kin_splitter_destroy(&splitter);
    return count;
}

void kin_exchange_file_name(uint32_t shard, char name[32])
{
    snprintf(name, 32, "shard-%04u.kin", (unsigned)shard);
}

/* One wave: rank r gets the rows of shard first + r. */
typedef struct wave {
    int ranks;
    uint64_t *from, *sent;     /* [ranks]: where rows for a rank begin here, and how many */
    uint64_t *coming;          /* [ranks]: rows that each rank has for this one */
    kin_comm_parcel out, in;   /* of one round */
    uint64_t round_rows;       /* for one rank in one round */
    uint64_t rounds, received; /* of this wave; rows received so far */
} wave;

static void wave_init(wave *w, int ranks, size_t row_bytes)
{
    *w = (wave){.ranks = ranks, .round_rows = ROUND_BYTES / row_bytes / (unsigned)ranks};
    w->from = kin_calloc((size_t)ranks, sizeof *w->from);
    w->sent = kin_calloc((size_t)ranks, sizeof *w->sent);
    w->coming = kin_calloc((size_t)ranks, sizeof *w->coming);
    kin_comm_parcel *parcels[] = {&w->out, &w->in};
    for (int i = 0; i < 2; i++) {
        parcels[i]->bytes = kin_calloc((size_t)ranks, sizeof(int));
        parcels[i]->at = kin_calloc((size_t)ranks, sizeof(int));
        parcels[i]->data = kin_malloc(ROUND_BYTES);
    }
}

static void wave_fini(wave *w)
{
    kin_comm_parcel *parcels[] = {&w->out, &w->in};
    for (int i = 0; i < 2; i++) {
        free(parcels[i]->bytes);
        free(parcels[i]->at);
        free(parcels[i]->data);
    }
    free(w->from);
    free(w->sent);
    free(w->coming);
}

/* Finds what goes where, and tells the receivers how much comes from whom. */
static void plan_wave(kin_build_state *build, const kin_rows *rows, const kin_split *splits,
                      uint32_t split_count, uint32_t first, wave *w)
{
    uint64_t most = 0;
    for (int r = 0; r < w->ranks; r++) {
        uint32_t s = first + (uint32_t)r;
        w->from[r] = w->sent[r] = 0;
        if (s < split_count) {
            w->from[r] = kin_rows_before(rows, &splits[s].first);
            uint64_t end =
                s + 1 < split_count ? kin_rows_before(rows, &splits[s + 1].first) : rows->count;
            w->sent[r] = end - w->from[r];
        }
        if (w->sent[r] > most) most = w->sent[r];
        w->out.bytes[r] = w->in.bytes[r] = sizeof(uint64_t);
        w->out.at[r] = w->in.at[r] = r * (int)sizeof(uint64_t);
    }
    memcpy(w->out.data, w->sent, (size_t)w->ranks * sizeof *w->sent);
    kin_comm_exchange(build->comm, &w->out, &w->in);
    memcpy(w->coming, w->in.data, (size_t)w->ranks * sizeof *w->coming);
    kin_comm_max(build->comm, &most, 1);
    w->rounds = (most + w->round_rows - 1) / w->round_rows;
    w->received = 0;
}

/* Rows of `total` that travel in a round. */
static uint64_t in_round(const wave *w, uint64_t total, uint64_t round)
{
    uint64_t before = round * w->round_rows;
    if (total <= before) return 0;
    return total - before < w->round_rows ? total - before : w->round_rows;
}

static void run_round(kin_build_state *build, const kin_rows *rows, wave *w, uint64_t round,
                      kin_rows *shard)
{
    size_t row_bytes = (rows->words + 1) * sizeof(uint64_t);
    int out_at = 0, in_at = 0;
    for (int r = 0; r < w->ranks; r++) {
        w->out.at[r] = out_at;
        w->in.at[r] = in_at;
        w->out.bytes[r] = (int)(in_round(w, w->sent[r], round) * row_bytes);
        w->in.bytes[r] = (int)(in_round(w, w->coming[r], round) * row_bytes);
        if (w->out.bytes[r] > 0)
            memcpy(w->out.data + out_at, kin_row(rows, w->from[r] + round * w->round_rows),
                   (size_t)w->out.bytes[r]);
        out_at += w->out.bytes[r];
        in_at += w->in.bytes[r];
    }
    kin_comm_exchange(build->comm, &w->out, &w->in);
    memcpy(shard->data + w->received * (rows->words + 1), w->in.data, (size_t)in_at);
    w->received += (uint64_t)in_at / row_bytes;
}

/* Sorts what came and writes the files. */
static void write_shard(kin_build_state *build, kin_rows *rows, uint32_t number,
                        const kin_split *split, const char *folder, kin_exchange_shard *facts)
{
    kin_rows_sort(rows, tick, build);
    kin_rows_distinct(rows, &facts->distinct_codes, &facts->largest_bucket);
    uint64_t *words = kin_malloc(rows->count * rows->words * sizeof *words);
    uint64_t *ids = kin_malloc(rows->count * sizeof *ids);
    for (uint64_t i = 0; i < rows->count; i++) {
        memcpy(words + i * rows->words, kin_row(rows, i), rows->words * sizeof *words);
        ids[i] = kin_row(rows, i)[rows->words];
    }
    kin_rows_fini(rows);
    kin_shard_source *source = kin_shard_source_new(build, ids);
    kin_shard_rows shard = {.number = number,
                            .bits = build->options->bits,
                            .first = split->first,
                            .last = split->last,
                            .count = split->count,
                            .words = words,
                            .ids = ids,
                            .user = source,
                            .key = kin_shard_source_key,
                            .tick = kin_shard_source_tick};
    if (build->options->rerank) {
        shard.value_dimensions = kin_hasher_bits(kin_encoder_hasher(build->encoder));
        shard.values = kin_shard_source_values;
    }
    if (build->thumbnail_side > 0) shard.thumbnail = kin_shard_source_thumbnail;
    char name[32];
    kin_exchange_file_name(number, name);
    char *path = kin_path_join(folder, name);
    kin_error error;
    kin_status status = kin_shard_write(path, &shard, &facts->file, &error);
    if (status == KIN_OK && build->options->keep_features)
        status = kin_feature_writer_run(source, folder, number, shard.count,
                                        kin_features_dimensions(build->features), &error);
    if (status != KIN_OK) kin_comm_fail(build->comm, &error);
    free(path);
    (void)kin_summary_memory_used(); /* parts are mapped now */
    kin_shard_source_destroy(&source);
    kin_summary_memory_forget();
    free(words);
    free(ids);
}

void kin_exchange_write(kin_build_state *build, const kin_rows *rows, const kin_split *splits,
                        uint32_t split_count, const char *folder, kin_exchange_shard *shards)
{
    int rank = kin_comm_rank(build->comm), ranks = kin_comm_ranks(build->comm);
    wave w;
    wave_init(&w, ranks, (rows->words + 1) * sizeof(uint64_t));
    memset(shards, 0, split_count * sizeof *shards);
    for (uint32_t first = 0; first < split_count; first += (uint32_t)ranks) {
        uint32_t mine = first + (uint32_t)rank;
        kin_rows shard = {0};
        plan_wave(build, rows, splits, split_count, first, &w);
        kin_rows_init(&shard, build->options->bits, mine < split_count ? splits[mine].count : 0);
        for (uint64_t round = 0; round < w.rounds; round++)
            run_round(build, rows, &w, round, &shard);
        KIN_CHECK(w.received == shard.count);
        if (mine < split_count)
            write_shard(build, &shard, mine, &splits[mine], folder, &shards[mine]);
        kin_rows_fini(&shard);
    }
    wave_fini(&w);
    kin_comm_sum(build->comm, (uint64_t *)shards, split_count * sizeof *shards / sizeof(uint64_t));
}
