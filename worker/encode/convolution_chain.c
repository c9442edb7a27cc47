#include "worker/encode/convolution_chain.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/convolution_parts.h"

/* What strips may take of a second-level cache. */
#define STRIPS_BYTES_MAX ((size_t)512 << 10)
/* More lines in a strip would save nothing. */
#define LINES_MAX 8

/* Where lines of what a stage gives are held. */
typedef struct chain_strip {
    size_t line_floats, capacity; /* lines that it can hold */
    size_t step;                  /* lines that are made at a time */
    size_t offset;                /* floats into the scratch */
} chain_strip;

struct kin_convolution_chain {
    const kin_convolution *stages[KIN_CHAIN_STAGES_MAX];
    chain_strip strips[KIN_CHAIN_STAGES_MAX]; /* [count - 1] */
    size_t count;
    size_t lines; /* of the last stage at a time */
    size_t strip_floats, scratch_bytes;
};

/* --- Making ---------------------------------------------------------------------------------- */

static size_t floats_in_line(const kin_convolution *stage)
{
    return stage->out_width * stage->spec.channels_out;
}

static bool fits(const kin_convolution *const *stages, size_t count, size_t map_bytes)
{
    KIN_CHECK(count >= 2 && count <= KIN_CHAIN_STAGES_MAX);
    size_t largest = 0;
    for (size_t s = 0; s < count; s++) {
        if (!kin_convolution_by_lines(stages[s]) || stages[s]->out_height == 0) return false;
        if (s + 1 == count) break;
        const kin_convolution_spec *next = &stages[s + 1]->spec;
        KIN_CHECK(next->channels_in == stages[s]->spec.channels_out &&
                  next->height == stages[s]->out_height && next->width == stages[s]->out_width);
        size_t bytes = floats_in_line(stages[s]) * stages[s]->out_height * sizeof(float);
        if (bytes > largest) largest = bytes;
    }
    return largest >= map_bytes;
}

/* Lays the strips out for `lines` of the last stage at a time. */
static void lay_strips(kin_convolution_chain *chain, size_t lines)
{
    size_t multiple = KIN_ALIGNMENT / sizeof(float);
    chain->lines = lines;
    chain->strip_floats = 0;
    for (size_t s = chain->count - 1; s-- > 0;) {
        const kin_convolution_spec *next = &chain->stages[s + 1]->spec;
        chain_strip *strip = &chain->strips[s];
        size_t needed =
            kin_convolution_extent(lines, next->stride_h, next->kernel_h, next->dilation_h);
        lines *= next->stride_h;
        strip->step = lines;
        /* Room for more than is needed at once: lines that are needed again move seldom. */
        strip->capacity = needed > lines ? needed + 2 * lines : needed;
        strip->line_floats = floats_in_line(chain->stages[s]);
        strip->offset = chain->strip_floats;
        chain->strip_floats +=
            (strip->capacity * strip->line_floats + multiple - 1) / multiple * multiple;
    }
}

kin_convolution_chain *kin_convolution_chain_new(const kin_convolution *const *stages, size_t count,
                                                 size_t map_bytes)
{
    if (!fits(stages, count, map_bytes)) return NULL;
    kin_convolution_chain *chain = kin_calloc(1, sizeof *chain);
    chain->count = count;
    size_t scratch = 0;
    for (size_t s = 0; s < count; s++) {
        chain->stages[s] = stages[s];
        if (stages[s]->scratch_bytes > scratch) scratch = stages[s]->scratch_bytes;
    }
    for (size_t lines = LINES_MAX; lines >= 1; lines /= 2) {
        lay_strips(chain, lines);
        if (chain->strip_floats * sizeof(float) <= STRIPS_BYTES_MAX) break;
    }
    chain->scratch_bytes = chain->strip_floats * sizeof(float) + scratch;
    return chain;
}

void kin_convolution_chain_destroy(kin_convolution_chain **chain)
{
    free(*chain);
    *chain = NULL;
}

size_t kin_convolution_chain_scratch_bytes(const kin_convolution_chain *chain)
{
    return chain->scratch_bytes;
}

/* --- Running --------------------------------------------------------------------------------- */

typedef struct chain_run {
    const kin_convolution_chain *chain;
    const kin_convolution_call *whole; /* input, output, sum */
    float *strips;
    size_t begin[KIN_CHAIN_STAGES_MAX], end[KIN_CHAIN_STAGES_MAX]; /* lines that strips hold */
} chain_run;

static void make_lines(chain_run *run, size_t s, size_t first, size_t until, float *to);

/* Sees to it that the strip of stage s holds lines [from, until); those before are not needed any
 * more. */
static void fill_strip(chain_run *run, size_t s, size_t from, size_t until)
{
    const chain_strip *strip = &run->chain->strips[s];
    float *lines = run->strips + strip->offset;
    if (from >= run->end[s]) run->begin[s] = run->end[s] = from;
    if (until > run->begin[s] + strip->capacity) {
        memmove(lines, lines + (from - run->begin[s]) * strip->line_floats,
                (run->end[s] - from) * strip->line_floats * sizeof *lines);
        run->begin[s] = from;
    }
    KIN_CHECK(until <= run->begin[s] + strip->capacity);
    while (run->end[s] < until) {
        size_t left = until - run->end[s], count = left < strip->step ? left : strip->step;
        make_lines(run, s, run->end[s], run->end[s] + count,
                   lines + (run->end[s] - run->begin[s]) * strip->line_floats);
        run->end[s] += count;
    }
}

/* Lines [first, until) of what stage s gives. */
static void make_lines(chain_run *run, size_t s, size_t first, size_t until, float *to)
{
    const kin_convolution_chain *chain = run->chain;
    const kin_convolution *stage = chain->stages[s];
    const kin_convolution_spec *spec = &stage->spec;
    kin_convolution_call call = *run->whole;
    call.first = first;
    call.lines = until - first;
    if (s > 0) {
        size_t top = first * spec->stride_h;
        size_t bottom = top + kin_convolution_extent(until - first, spec->stride_h, spec->kernel_h,
                                                     spec->dilation_h);
        size_t from = top > spec->pad_top ? top - spec->pad_top : 0;
        size_t end = bottom > spec->pad_top ? bottom - spec->pad_top : 0;
        if (from > spec->height) from = spec->height;
        if (end > spec->height) end = spec->height;
        if (from < end) fill_strip(run, s - 1, from, end);
        call.input = run->strips + chain->strips[s - 1].offset;
        call.input_stride = spec->channels_in;
        call.input_first = run->begin[s - 1];
    }
    if (s + 1 < chain->count) {
        call.output = to;
        call.output_stride = spec->channels_out;
        call.sum = NULL;
    } else {
        call.output += first * stage->out_width * call.output_stride;
        if (call.sum != NULL) call.sum += first * stage->out_width * call.sum_stride;
    }
    stage->method->run(stage, &call);
}

void kin_convolution_chain_run(const kin_convolution_chain *chain, const float *input,
                               size_t input_stride, float *output, size_t output_stride,
                               const float *sum, size_t sum_stride, void *scratch)
{
    size_t last = chain->count - 1, height = chain->stages[last]->out_height;
    kin_convolution_call whole = {.input = input,
                                  .input_stride = input_stride,
                                  .output = output,
                                  .output_stride = output_stride,
                                  .sum = sum,
                                  .sum_stride = sum_stride,
                                  .scratch = (float *)scratch + chain->strip_floats};
    chain_run run = {.chain = chain, .whole = &whole, .strips = scratch};
    for (size_t first = 0; first < height; first += chain->lines) {
        size_t left = height - first;
        make_lines(&run, last, first, first + (left < chain->lines ? left : chain->lines), NULL);
    }
}
