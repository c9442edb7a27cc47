#include "worker/index/import_summary.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/import_report.h"
#include "worker/index/summary.h"

void kin_import_announce(const kin_import_state *import)
{
    char codes[32], memory[32];
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm);
    uint64_t each =
        kin_import_memory_for_rows(import->options->memory_bytes, ranks) + KIN_IMPORT_RANK_BYTES;
    kin_log(KIN_LOG_INFO, "%s codes of %u bits, %llu rank%s; memory: at most %s a rank",
            kin_text_count(import->source.count, codes), import->source.bits,
            (unsigned long long)ranks, ranks == 1 ? "" : "s", kin_text_bytes(each, memory));
}

void kin_import_print_plan(const kin_import_state *import)
{
    char memory[32], bytes[32];
    uint64_t result = 0;
    for (uint32_t s = 0; s < import->plan.shard_count; s++)
        result += import->outlines[s].file.bytes;
    kin_progress_clear(import->progress);
    kin_log(KIN_LOG_INFO,
            "plan: %u task%s, for which the codes are read %llu time%s; at most %s of memory a "
            "rank; %s on disk",
            (unsigned)import->plan.task_count, import->plan.task_count == 1 ? "" : "s",
            (unsigned long long)import->passes, import->passes == 1 ? "" : "s",
            kin_text_bytes(import->planned_bytes, memory), kin_text_bytes(result, bytes));
}

static void print_stages(const kin_import_state *import, const uint64_t *ns, uint64_t memory)
{
    static const char *const names[] = {"make", "look", "gather", "sort", "write", "complete"};
    kin_buffer line = {0};
    char text[32];
    int ranks = kin_comm_ranks(import->comm);
    for (size_t i = 0; i < 6; i++)
        if (ns[i] > 0)
            kin_buffer_printf(&line, "%s%s %.1f s", line.bytes == 0 ? "" : ", ", names[i],
                              (double)ns[i] / 1e9 / ranks);
    kin_buffer_append_byte(&line, 0);
    char planned[32];
    kin_log(KIN_LOG_INFO, "stages, mean of %d rank%s: %s; memory at most %s a rank, %s planned",
            ranks, ranks == 1 ? "" : "s", (const char *)line.data, kin_text_bytes(memory, text),
            kin_text_bytes(import->planned_bytes, planned));
    kin_buffer_fini(&line);
}

void kin_import_summary_print(kin_import_state *import, const kin_manifest *manifest,
                              double seconds)
{
    char a[32], b[32], c[32];
    uint64_t bytes = 0, memory = kin_summary_memory_used();
    uint64_t ns[] = {import->make_ns, import->examine_ns, import->gather_ns,
                     import->sort_ns, import->write_ns,   import->publish_ns};
    kin_comm_sum(import->comm, ns, 6);
    kin_comm_max(import->comm, &memory, 1);
    if (kin_comm_rank(import->comm) != 0) return;
    for (uint32_t s = 0; s < manifest->shard_count; s++)
        bytes += manifest->shards[s].bytes;
    print_stages(import, ns, memory);
    kin_log(KIN_LOG_INFO, "%s codes imported, %s distinct; %u shard%s of %u table%s, %s in all",
            kin_text_count(manifest->indexed, a), kin_text_count(manifest->distinct_codes, b),
            (unsigned)manifest->shard_count, manifest->shard_count == 1 ? "" : "s",
            (unsigned)import->plan.table_count, import->plan.table_count == 1 ? "" : "s",
            kin_text_bytes(bytes, c));
    kin_log(KIN_LOG_INFO, "%s: %s/%s is the current generation; %.0f codes a second",
            kin_text_duration(seconds, a), import->options->index_path, import->building.generation,
            seconds > 0 ? (double)manifest->indexed / seconds : 0);
    kin_import_report_finish(import, ns, memory);
}
