#include "common/base/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"

#define TERMINAL_INTERVAL_MS 200
#define LOG_INTERVAL_MS 10000

struct kin_progress {
    const char *what;
    uint64_t total, done_before, done, rejected;
    double fraction;
    int64_t start_ms, drawn_ms;
    bool terminal, drawn;
};

kin_progress *kin_progress_new(void)
{
    kin_progress *progress = kin_calloc(1, sizeof *progress);
    progress->terminal = isatty(STDERR_FILENO) == 1;
    return progress;
}

void kin_progress_clear(kin_progress *progress)
{
    if (progress->drawn) fputs("\033[K", stderr);
    progress->drawn = false;
}

void kin_progress_destroy(kin_progress **progress)
{
    if (*progress == NULL) return;
    kin_progress_clear(*progress);
    free(*progress);
    *progress = NULL;
}

void kin_progress_begin(kin_progress *progress, const char *what, uint64_t total, uint64_t done)
{
    kin_progress_clear(progress);
    progress->what = what;
    progress->total = total;
    progress->done = progress->done_before = done;
    progress->rejected = 0;
    progress->fraction = 0;
    progress->start_ms = progress->drawn_ms = kin_clock_ms();
}

/* "reading pictures: 1,200 of 6,900 (17 %), 210 a second, 27 s left, 3 rejected" */
static void describe(const kin_progress *progress, int64_t now_ms, kin_buffer *line)
{
    char a[32], b[32];
    double seconds = (double)(now_ms - progress->start_ms) / 1000;
    double made = (double)(progress->done - progress->done_before);
    kin_buffer_append_string(line, progress->what);
    if (progress->total == 0) {
        if (progress->fraction > 0) kin_buffer_printf(line, ": %.0f %%", 100 * progress->fraction);
        kin_buffer_append_byte(line, 0);
        return;
    }
    kin_buffer_printf(line, ": %s of %s (%.0f %%)", kin_text_count(progress->done, a),
                      kin_text_count(progress->total, b),
                      100 * (double)progress->done / (double)progress->total);
    if (made > 0 && seconds > 0) {
        double rate = made / seconds, left = (double)(progress->total - progress->done) / rate;
        kin_buffer_printf(line, ", %.*f a second, %s left", rate < 10 ? 1 : 0, rate,
                          kin_text_duration(left, a));
    }
    if (progress->rejected > 0)
        kin_buffer_printf(line, ", %s rejected", kin_text_count(progress->rejected, a));
    kin_buffer_append_byte(line, 0);
}

static void draw(kin_progress *progress)
{
    int64_t now_ms = kin_clock_ms();
    int64_t interval_ms = progress->terminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
    if (now_ms - progress->drawn_ms < interval_ms) return;
    progress->drawn_ms = now_ms;
    kin_buffer line = {0};
    describe(progress, now_ms, &line);
    if (progress->terminal) {
        /* The cursor goes back, so that a line of somebody else begins at the margin. */
        fprintf(stderr, "%s\033[K\r", (const char *)line.data);
        fflush(stderr);
        progress->drawn = true;
    } else {
        kin_log(KIN_LOG_INFO, "%s", (const char *)line.data);
    }
    kin_buffer_fini(&line);
}

void kin_progress_update(kin_progress *progress, uint64_t done, uint64_t rejected)
{
    progress->done = done < progress->total ? done : progress->total;
    progress->rejected = rejected;
    draw(progress);
}

void kin_progress_fraction(kin_progress *progress, double fraction)
{
    progress->fraction = fraction;
    draw(progress);
}
