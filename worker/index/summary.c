#include "worker/index/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/build_report.h"
#include "worker/index/sampling.h"

/* Programs, libraries, MPI's own buffers: measured 60 to 90 MB on Debian 12. */
#define BASE_BYTES ((uint64_t)128 << 20)
/* Buffers of an exchange: two of 16 MB, and MPI's copies. */
#define EXCHANGE_BYTES ((uint64_t)64 << 20)

uint64_t kin_summary_memory_bound(const kin_build_state *build)
{
    uint64_t ranks = (uint64_t)kin_comm_ranks(build->comm);
    uint64_t dimensions = kin_features_dimensions(build->features);
    uint64_t inputs = build->building.list.count, bits = build->options->bits;
    uint64_t chunk = build->building.chunk_pictures;
    uint64_t row_bytes = bits / 8 + sizeof(uint64_t);
    uint64_t shards = build->options->shards > 0 ? build->options->shards : KIN_SHARDS_DEFAULT;
    uint64_t learn = kin_sampling_memory(build);
    /* Making parts: the picture that is shared with the decoder, and one chunk. */
    uint64_t make = KIN_PICTURE_BYTES_MAX + chunk * (dimensions * 4 + 3 * 16384);
    /* Networks: beside them, rank 0 keeps the models, and each was read and unpacked twice. */
    uint64_t networks = kin_features_memory(build->features) + 4 * build->network.bytes;
    /* Exchange: own rows twice while they are sorted, one shard three times. */
    uint64_t own = inputs / ranks + chunk;
    uint64_t exchange =
        2 * own * row_bytes + 3 * (inputs / shards + 1) * row_bytes + EXCHANGE_BYTES;
    return BASE_BYTES + make + networks + (learn > exchange ? learn : exchange);
}

void kin_summary_rejected(uint64_t inputs, const uint64_t rejected[KIN_REASON_COUNT])
{
    uint64_t sum = 0;
    kin_buffer line = {0};
    char count[32], all[32];
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++) {
        if (rejected[reason] == 0) continue;
        kin_buffer_printf(&line, "%s %s %s", sum == 0 ? ":" : ",",
                          kin_reason_word((kin_reason)reason),
                          kin_text_count(rejected[reason], count));
        sum += rejected[reason];
    }
    kin_buffer_append_byte(&line, 0);
    kin_log(KIN_LOG_INFO, "%s of %s inputs rejected%s", kin_text_count(sum, count),
            kin_text_count(inputs, all), (const char *)line.data);
    kin_buffer_fini(&line);
}

/* The peak of all pages of this process, since it was forgotten, without files that are mapped. */
static uint64_t peak_bytes(void)
{
    uint64_t peak_kb = 0, file_kb = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        unsigned long long kb;
        if (sscanf(line, "VmHWM: %llu", &kb) == 1) peak_kb = kb;
        if (sscanf(line, "RssFile: %llu", &kb) == 1) file_kb = kb;
    }
    if (status != NULL) fclose(status);
    return (peak_kb > file_kb ? peak_kb - file_kb : peak_kb) * 1024;
}

void kin_summary_memory_forget(void)
{
    FILE *reset = fopen("/proc/self/clear_refs", "we");
    if (reset == NULL) return; /* the peak stays, and says too much */
    (void)fputs("5", reset);   /* see proc(5) */
    fclose(reset);
}

uint64_t kin_summary_memory_used(void)
{
    static uint64_t most; /* one thread a rank calls it */
    uint64_t bytes = peak_bytes();
    if (bytes > most) most = bytes;
    return most;
}

static void print_stages(const kin_work_times *sum, double rank_seconds)
{
    const struct {
        const char *name;
        uint64_t ns;
    } stages[] = {
        {"read", sum->read_ns},       {"decode", sum->decode_ns}, {"features", sum->features_ns},
        {"hash", sum->hash_ns},       {"write", sum->write_ns},   {"learn", sum->learn_ns},
        {"publish", sum->publish_ns},
    };
    double rest = rank_seconds;
    kin_buffer line = {0};
    for (size_t i = 0; i <= sizeof stages / sizeof *stages; i++) {
        bool last = i == sizeof stages / sizeof *stages;
        double seconds = last ? rest : (double)stages[i].ns / 1e9;
        rest -= seconds;
        kin_buffer_printf(&line, "%s%s %.1f s (%.1f %%)", i == 0 ? "" : ", ",
                          last ? "rest" : stages[i].name, seconds,
                          rank_seconds > 0 ? 100 * seconds / rank_seconds : 0);
    }
    kin_buffer_append_byte(&line, 0);
    kin_log(KIN_LOG_INFO, "stages, over all ranks: %s", (const char *)line.data);
    kin_buffer_fini(&line);
}

static void print_ranks(const uint64_t *pictures, const uint64_t *memory, int ranks)
{
    uint64_t sum = 0, most = 0, least = UINT64_MAX, memory_most = 0;
    char a[32], b[32], c[32];
    for (int r = 0; r < ranks; r++) {
        sum += pictures[r];
        if (pictures[r] > most) most = pictures[r];
        if (pictures[r] < least) least = pictures[r];
        if (memory[r] > memory_most) memory_most = memory[r];
    }
    kin_log(KIN_LOG_INFO,
            "ranks: %d; pictures a rank %s to %s, the busiest %.2f x the mean; memory at most %s "
            "a rank",
            ranks, kin_text_count(least, a), kin_text_count(most, b),
            sum > 0 ? (double)most * ranks / (double)sum : 1.0, kin_text_bytes(memory_most, c));
}

static void print_generation(const kin_build_state *build, const kin_manifest *manifest,
                             uint64_t done, uint64_t unseen, double seconds)
{
    char a[32], b[32], c[32];
    uint64_t bytes = 0;
    for (uint32_t s = 0; s < manifest->shard_count; s++)
        bytes += manifest->shards[s].bytes;
    kin_summary_rejected(manifest->inputs, manifest->rejected);
    if (unseen > 0)
        kin_log(KIN_LOG_WARNING, "pictures without a thumbnail, because they could not be read: %s",
                kin_text_count(unseen, a));
    kin_log(KIN_LOG_INFO, "%s pictures indexed, %s %s; %u shards of %s in all",
            kin_text_count(manifest->indexed, a), kin_text_bytes(manifest->picture_bytes, b),
            build->kept != NULL ? "not read again" : "read", (unsigned)manifest->shard_count,
            kin_text_bytes(bytes, c));
    kin_log(KIN_LOG_INFO, "%s: %s/%s is the current generation; %.0f inputs a second",
            kin_text_duration(seconds, a), build->options->index_path, build->building.generation,
            seconds > 0 ? (double)done / seconds : 0);
}

void kin_summary_print(kin_build_state *build, const kin_manifest *manifest, double seconds)
{
    int ranks = kin_comm_ranks(build->comm);
    kin_work_times sum = *kin_chunk_worker_times(build->worker);
    uint64_t *pictures = kin_calloc((size_t)ranks, sizeof *pictures);
    uint64_t *memory = kin_calloc((size_t)ranks, sizeof *memory);
    kin_comm_gather(build->comm, sum.pictures, pictures);
    kin_comm_gather(build->comm, kin_summary_memory_used(), memory);
    kin_comm_sum(build->comm, (uint64_t *)&sum, sizeof sum / sizeof(uint64_t));
    if (kin_comm_rank(build->comm) == 0) {
        print_stages(&sum, seconds * ranks);
        print_ranks(pictures, memory, ranks);
        print_generation(build, manifest, sum.pictures, sum.unseen, seconds);
        uint64_t memory_most = 0;
        for (int r = 0; r < ranks; r++)
            if (memory[r] > memory_most) memory_most = memory[r];
        kin_build_report_finish(build, manifest, &sum, memory_most, seconds);
    }
    free(memory);
    free(pictures);
}
