#include "worker/plan/plan_print.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/text.h"

/* What a worker takes beside the files that it maps: program, threads, sockets. */
#define WORKER_BYTES ((uint64_t)48 << 20)

static void append_job(const kin_planning *p, kin_buffer *out)
{
    const kin_plan_options *o = p->options;
    char count[32], bytes[32];
    if (o->codes > 0) {
        kin_buffer_printf(out, "import of %s codes of %u bits, %u table%s, %u shard%s",
                          kin_text_count((uint64_t)o->codes, count), (unsigned)p->import.bits,
                          (unsigned)p->tables, p->tables == 1 ? "" : "s", (unsigned)p->shards,
                          p->shards == 1 ? "" : "s");
    } else {
        uint64_t inputs = p->build.inputs > 0 ? p->build.inputs : 1;
        kin_buffer_printf(out, "build of %s inputs of %s on average, %u bits",
                          kin_text_count(p->build.inputs, count),
                          kin_text_bytes(p->build.picture_bytes / inputs, bytes),
                          (unsigned)p->build.bits);
    }
    kin_buffer_printf(out, "; %lld rank%s on %lld machine%s of %lld processor%s\n",
                      (long long)o->ranks, o->ranks == 1 ? "" : "s", (long long)o->nodes,
                      o->nodes == 1 ? "" : "s", (long long)o->cores, o->cores == 1 ? "" : "s");
}

static void append_source(const kin_planning *p, kin_buffer *out)
{
    char when[32] = "";
    struct tm local;
    time_t made = (time_t)p->plan.measured_s;
    if (localtime_r(&made, &local) != NULL) strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
    kin_buffer_printf(out, "rates of %s, measured %s%s\n\n", p->rates.machine, when,
                      p->measured ? "" : " (--calibrate measures anew)");
}

/* "1.2 ms", "0.031 ms", "3.4 s". */
static const char *small_time(double seconds, char text[32])
{
    if (seconds < 1e-3)
        snprintf(text, 32, "%.3f ms", seconds * 1e3);
    else if (seconds < 1)
        snprintf(text, 32, "%.1f ms", seconds * 1e3);
    else
        snprintf(text, 32, "%.1f s", seconds);
    return text;
}

static void append_stages(const kin_planning *p, kin_buffer *out)
{
    char text[32];
    double all = kin_plan_seconds(&p->plan);
    for (uint32_t s = 0; s < p->plan.stage_count; s++) {
        const kin_plan_stage *stage = &p->plan.stages[s];
        kin_buffer_printf(out, "  %-10s %14s  %3.0f %%\n", stage->name,
                          stage->seconds < 10 ? small_time(stage->seconds, text)
                                              : kin_text_duration(stage->seconds, text),
                          all > 0 ? 100 * stage->seconds / all : 0);
    }
    kin_buffer_printf(out, "  %-10s %14s\n\n", "all",
                      all < 10 ? small_time(all, text) : kin_text_duration(all, text));
}

void kin_plan_print_text(const kin_planning *p, kin_buffer *out)
{
    char a[32], b[32], count[32];
    append_job(p, out);
    append_source(p, out);
    append_stages(p, out);
    kin_buffer_printf(out, "  memory     %s a rank, at most at a time\n",
                      kin_text_bytes(p->plan.memory_bytes, a));
    if (p->options->codes > 0)
        kin_buffer_printf(out,
                          "             in %llu task%s, for which the codes are read %llu time%s\n",
                          (unsigned long long)p->passes.tasks, p->passes.tasks == 1 ? "" : "s",
                          (unsigned long long)p->passes.passes, p->passes.passes == 1 ? "" : "s");
    kin_buffer_printf(out, "  disk       %s to stay, %s while it is made\n",
                      kin_text_bytes(p->plan.disk_bytes, a),
                      kin_text_bytes(p->plan.disk_peak_bytes, b));
    kin_buffer_printf(out, "  serving    %s of files that searches read, and %s a worker\n",
                      kin_text_bytes(p->serving_bytes, a), kin_text_bytes(WORKER_BYTES, b));
    kin_buffer_printf(
        out,
        "  search     about %s where codes have structure, %s where they have none: the\n"
        "             mean of the %lld nearest, one thread",
        small_time(p->search.clustered, a), small_time(p->search.uniform, b),
        (long long)p->options->k);
    if (p->shards > 1)
        kin_buffer_printf(out, ", a shard of %s codes",
                          kin_text_count(p->codes / p->shards, count));
    kin_buffer_printf(
        out, "\n  machine    disk writes %.2f GB/s and reads %.2f, memory %.1f (one thread)\n",
        p->disk_write_s > 0 ? 1e-9 / p->disk_write_s : 0,
        p->disk_read_s > 0 ? 1e-9 / p->disk_read_s : 0, p->memory_s > 0 ? 1e-9 / p->memory_s : 0);
}

void kin_plan_print_json(const kin_planning *p, kin_buffer *out)
{
    const kin_plan *plan = &p->plan;
    bool import = p->options->codes > 0;
    kin_buffer_printf(
        out, "{\"job\":\"%s\",\"inputs\":%llu,\"codes\":%llu,\"bits\":%u,",
        import ? "import" : "build", (unsigned long long)(import ? p->codes : p->build.inputs),
        (unsigned long long)p->codes, (unsigned)(import ? p->import.bits : p->build.bits));
    kin_buffer_printf(out,
                      "\"tables\":%u,\"shards\":%u,\"ranks\":%lld,\"nodes\":%lld,\"cores\":%lld,",
                      (unsigned)p->tables, (unsigned)p->shards, (long long)p->options->ranks,
                      (long long)p->options->nodes, (long long)p->options->cores);
    kin_buffer_append_string(out, "\"machine\":");
    kin_text_append_json(out, p->rates.machine, strlen(p->rates.machine));
    kin_buffer_printf(out, ",\"measured\":%lld,\"stages\":[", (long long)plan->measured_s);
    for (uint32_t s = 0; s < plan->stage_count; s++)
        kin_buffer_printf(out, "%s{\"name\":\"%s\",\"seconds\":%.6g}", s > 0 ? "," : "",
                          plan->stages[s].name, plan->stages[s].seconds);
    kin_buffer_printf(out, "],\"seconds\":%.6g,\"memory_bytes\":%llu,\"disk_bytes\":%llu,",
                      kin_plan_seconds(plan), (unsigned long long)plan->memory_bytes,
                      (unsigned long long)plan->disk_bytes);
    kin_buffer_printf(out, "\"disk_peak_bytes\":%llu,\"serving_bytes\":%llu,",
                      (unsigned long long)plan->disk_peak_bytes,
                      (unsigned long long)p->serving_bytes);
    if (import)
        kin_buffer_printf(out, "\"tasks\":%llu,\"passes\":%llu,",
                          (unsigned long long)p->passes.tasks,
                          (unsigned long long)p->passes.passes);
    kin_buffer_printf(
        out, "\"search\":{\"k\":%lld,\"clustered_seconds\":%.6g,\"uniform_seconds\":%.6g}}\n",
        (long long)p->options->k, p->search.clustered, p->search.uniform);
}
