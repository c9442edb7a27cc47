/* How far is an exact scan from reading the same bytes?
 *
 *   build/tests/bench_scan [MILLIONS]     default 10 million codes a width
 *
 * One thread. For each width, kernel and number of queries a pass: milliseconds to sum the bytes
 * with vectors of the kernel's size (the floor), milliseconds to scan them, their ratio. Read and
 * scan alternate, so that both meet the same neighbours; figures are medians. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/read_sum.h"
#include "worker/search/search.h"

#define ROUNDS 11
#define K 12
#define MILLIONS_MAX 1000

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median_ms(int64_t times[ROUNDS])
{
    qsort(times, ROUNDS, sizeof *times, compare_times);
    return (double)times[ROUNDS / 2] / 1e6;
}

/* Uniform codes in ascending order: tops [count] sorted, the words behind them random. */
static kin_codes_view make_codes(const uint64_t *tops, uint64_t count, unsigned bits)
{
    kin_random random = {.state = bits};
    unsigned width = bits / 64;
    uint64_t *words = kin_calloc(count * width, 8), *ids = kin_calloc(count, 8);
    for (uint64_t row = 0; row < count; row++) {
        for (unsigned i = 0; i < width; i++)
            words[row * width + i] = i == 0 ? tops[row] : kin_random_u64(&random);
        ids[row] = kin_random_u64(&random);
    }
    return (kin_codes_view){
        .words = words, .ids = (const uint8_t *)ids, .id_bytes = 8, .count = count, .bits = bits};
}

static int64_t scan_ns(const kin_codes_view *codes, uint32_t queries, kin_cpu_level level,
                       kin_random *random)
{
    kin_hit hits[KIN_SEARCH_QUERIES_PER_PASS][K];
    kin_topk topks[KIN_SEARCH_QUERIES_PER_PASS];
    kin_search_query pass[KIN_SEARCH_QUERIES_PER_PASS] = {0};
    for (uint32_t i = 0; i < queries; i++) {
        kin_topk_init(&topks[i], hits[i], K);
        pass[i].within = codes->bits;
        pass[i].topk = &topks[i];
        pass[i].deadline_ns = INT64_MAX;
        for (unsigned word = 0; word < codes->bits / 64; word++)
            pass[i].code.word[word] = kin_random_u64(random);
    }
    int64_t start = kin_clock_ns();
    kin_search_scan(codes, pass, queries, level);
    return kin_clock_ns() - start;
}

static void measure(const kin_codes_view *codes, kin_cpu_level level, uint32_t queries)
{
    static volatile uint64_t sink; /* the sums must be computed */
    kin_random random = {.state = 7};
    int64_t reads[ROUNDS], scans[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = kin_clock_ns();
        sink = read_sum(codes->words, codes->count * (codes->bits / 64), level);
        reads[round] = kin_clock_ns() - start;
        scans[round] = scan_ns(codes, queries, level, &random);
    }
    (void)sink;
    double read_ms = median_ms(reads), scan_ms = median_ms(scans);
    printf("%4u  %-7s %7u %9.2f %9.2f %7.2f %12.3f\n", codes->bits, kin_cpu_level_name(level),
           queries, read_ms, scan_ms, scan_ms / read_ms,
           scan_ms * 1e6 / (double)codes->count / queries);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const unsigned widths[] = {64, 128, 256};
    long millions = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
    if (argc > 2 || millions < 1 || millions > MILLIONS_MAX) {
        fprintf(stderr, "usage: %s [MILLIONS of codes, 1 to %d]\n", argv[0], MILLIONS_MAX);
        return 2;
    }
    uint64_t count = (uint64_t)millions * 1000000; /* a multiple of 32 */
    uint64_t *tops = kin_calloc(count, sizeof *tops);
    kin_random random = {.state = 1};
    for (uint64_t i = 0; i < count; i++)
        tops[i] = kin_random_u64(&random);
    qsort(tops, count, sizeof *tops, compare_words);
    printf("%ld million codes, k = %d, one thread, medians of %d\n", millions, K, ROUNDS);
    printf("bits  kernel  queries   read ms   scan ms   ratio  ns/code/query\n");
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        kin_codes_view codes = make_codes(tops, count, widths[w]);
        for (int level = 0; level < KIN_CPU_LEVELS; level++) {
            if (!kin_cpu_supports((kin_cpu_level)level)) continue;
            measure(&codes, (kin_cpu_level)level, 1);
            measure(&codes, (kin_cpu_level)level, KIN_SEARCH_QUERIES_PER_PASS);
        }
        free((void *)codes.words);
        free((void *)codes.ids);
    }
    free(tops);
    return 0;
}
