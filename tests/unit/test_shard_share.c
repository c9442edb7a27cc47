/* Shards that are written in shares, in any order and cut anywhere: the bytes are those of the
 * stream, which writes them from start to end. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/checksum.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"
#include "worker/index/row_sort.h"
#include "worker/shard/shard_share.h"

#define KEY_BYTES 3000

static kin_error error;

static void must(kin_status status)
{
    if (status != KIN_OK) fail_msg("%s", error.text);
}

static void no_tick(void *user)
{
    (void)user;
}

/* A shard's rows. */
typedef struct rows {
    kin_shard_facts facts;
    uint64_t *codes[KIN_TABLES_MAX]; /* [count][words], rotated and sorted */
    uint64_t *ids;
} rows;

static uint32_t key_bytes(uint64_t row)
{
    return (uint32_t)(1 + row * 7919 % (row % 97 == 0 ? KEY_BYTES : 40));
}

static void make_rows(rows *made, unsigned bits, uint64_t count, uint32_t tables, bool keys)
{
    kin_random random = {bits + count};
    unsigned words = bits / 64;
    made->facts = (kin_shard_facts){.number = 3,
                                    .bits = bits,
                                    .first = {{(uint64_t)1 << 60}},
                                    .last = {{UINT64_MAX >> 1, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
                                    .count = count,
                                    .id_max = ((uint64_t)1 << 33),
                                    .tables = tables,
                                    .keys = {.there = keys}};
    memset(made->facts.last.word + words, 0, (KIN_CODE_WORDS_MAX - words) * sizeof(uint64_t));
    kin_shard_outline outline;
    kin_shard_outline_make(&outline, &made->facts);
    for (uint32_t t = 0; t < tables; t++)
        made->codes[t] = kin_calloc(count * words, 8);
    made->ids = kin_calloc(count, 8);
    for (uint64_t i = 0; i < count; i++) {
        kin_code code = {{0}};
        for (unsigned w = 0; w < words; w++)
            code.word[w] = kin_random_u64(&random);
        code.word[0] = code.word[0] >> 1 | (uint64_t)1 << 60;
        if (i % 3 == 0) code.word[0] = code.word[0] >> 58 << 58 | 5; /* some are close, or equal */
        if (i % 9 == 0) memset(code.word + 1, 0, 24);
        made->ids[i] = i * 4000 % ((uint64_t)1 << 33);
        if (keys) made->facts.keys.bytes += key_bytes(i);
        for (uint32_t t = 0; t < tables; t++) {
            kin_code rotated = code;
            kin_code_rotate(&rotated, bits, outline.meta.table[t].rotation);
            memcpy(made->codes[t] + i * words, rotated.word, words * 8);
        }
    }
    kin_row_sorter *sorter = kin_row_sorter_new(no_tick, NULL);
    for (uint32_t t = 0; t < tables; t++)
        kin_row_sort(sorter, made->codes[t], count, words);
    kin_row_sorter_destroy(&sorter);
}

static void free_rows(rows *made)
{
    for (uint32_t t = 0; t < made->facts.tables; t++)
        free(made->codes[t]);
    free(made->ids);
}

static void write_stream(const rows *from, const char *path)
{
    kin_shard_stream *stream;
    kin_shard_written written;
    static const char key[KEY_BYTES] = "key";
    must(kin_shard_stream_open(&stream, path, &from->facts, &error));
    for (uint32_t t = 0; t < from->facts.tables; t++)
        must(kin_shard_stream_codes(stream, t, from->codes[t], from->facts.count, &error));
    must(kin_shard_stream_ids(stream, from->ids, from->facts.count, &error));
    for (uint64_t i = 0; from->facts.keys.there && i < from->facts.count; i++)
        must(kin_shard_stream_key(stream, key, key_bytes(i), &error));
    must(kin_shard_stream_finish(&stream, &written, &error));
}

/* What the shares know of the file's blocks. */
typedef struct blocks {
    uint64_t *checksums;
    uint8_t *known;
} blocks;

static void write_share(const rows *from, const char *path, const kin_shard_outline *outline,
                        const kin_shard_range *range, blocks *to)
{
    static const char key[KEY_BYTES] = "key";
    kin_shard_share *share;
    kin_block_run runs[KIN_SHARD_SHARE_RUNS];
    uint64_t half = range->rows / 2, first = range->first_row;
    unsigned words = from->facts.bits / 64;
    const uint64_t *codes = from->codes[range->table] + first * words;
    must(kin_shard_share_open(&share, path, outline, range, &error));
    must(kin_shard_share_codes(share, codes, words, half, &error));
    must(kin_shard_share_codes(share, codes + half * words, words, range->rows - half, &error));
    if (range->table == 0)
        must(kin_shard_share_ids(share, from->ids + first, 1, range->rows, &error));
    for (uint64_t i = first; i < first + range->rows; i++)
        if (range->table == 0 && from->facts.keys.there)
            must(kin_shard_share_key(share, key, key_bytes(i), &error));
    must(kin_shard_share_finish(&share, runs, &error));
    for (uint32_t i = 0; i < KIN_SHARD_SHARE_RUNS; i++) {
        if (runs[i].count > 0)
            memcpy(to->checksums + runs[i].first, runs[i].checksums, runs[i].count * 8);
        for (uint64_t b = 0; b < runs[i].count; b++) {
            assert_int_equal(to->known[runs[i].first + b], 0); /* nobody else's */
            to->known[runs[i].first + b] = 1;
        }
        kin_block_run_fini(&runs[i]);
    }
}

/* Cuts a table where the code changes, near every `each` rows; the last share first. */
static void write_table(const rows *from, const char *path, const kin_shard_outline *outline,
                        uint32_t table, uint64_t each, blocks *to)
{
    unsigned words = from->facts.bits / 64;
    const uint64_t *codes = from->codes[table];
    uint64_t end = from->facts.count, start;
    for (bool last = true; end > 0 || last; last = false, end = start) {
        start = end > each ? end - each : 0;
        while (start > 0 &&
               memcmp(codes + (start - 1) * words, codes + start * words, words * 8) == 0)
            start--;
        kin_shard_range range = {.table = table,
                                 .first_row = start,
                                 .rows = end - start,
                                 .first = start == 0,
                                 .last = last};
        if (start > 0) kin_code_from_words(&range.start, codes + start * words, from->facts.bits);
        if (!last) kin_code_from_words(&range.end, codes + end * words, from->facts.bits);
        for (uint64_t i = 0; table == 0 && from->facts.keys.there && i < end; i++)
            *(i < start ? &range.first_key_byte : &range.key_bytes) += key_bytes(i);
        write_share(from, path, outline, &range, to);
    }
}

static void compare(const rows *from, const char *folder, uint64_t each)
{
    char *whole = kin_path_join(folder, "whole"), *shared = kin_path_join(folder, "shared");
    kin_shard_outline outline;
    kin_shard_written written;
    kin_buffer a = {0}, b = {0};
    write_stream(from, whole);
    kin_shard_outline_make(&outline, &from->facts);
    blocks known = {kin_calloc(outline.file.block_count, 8),
                    kin_calloc(outline.file.block_count, 1)};
    must(kin_container_joint_create(&outline.file, shared, &error));
    for (uint32_t t = 0; t < from->facts.tables; t++)
        write_table(from, shared, &outline, from->facts.tables - 1 - t, each, &known);
    must(kin_shard_outline_complete(&outline, shared, known.checksums, known.known, NULL, NULL,
                                    &written, &error));
    must(kin_file_read(whole, SIZE_MAX, &a, &error));
    must(kin_file_read(shared, SIZE_MAX, &b, &error));
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, b.data, a.bytes);
    assert_int_equal(written.bytes, a.bytes);
    unlink(shared);
    kin_buffer_fini(&a);
    kin_buffer_fini(&b);
    free(known.checksums);
    free(known.known);
    free(whole);
    free(shared);
}

static void shares_give_the_bytes_of_the_stream(void **state)
{
    (void)state;
    const struct {
        unsigned bits;
        uint64_t count;
        uint32_t tables;
        bool keys;
    } cases[] = {{64, 1, 1, false},   {64, 17, 2, true},     {64, 40000, 3, false},
                 {64, 5000, 1, true}, {128, 9000, 2, false}, {256, 3000, 4, true},
                 {256, 0, 2, false}};
    char *folder = temporary_folder();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rows made;
        make_rows(&made, cases[c].bits, cases[c].count, cases[c].tables, cases[c].keys);
        for (uint64_t each = 1 + cases[c].count / 300; each < cases[c].count + 100;
             each = 3 * each + 1)
            compare(&made, folder, each);
        free_rows(&made);
    }
    must(kin_directory_remove(folder, &error));
    free(folder);
}

/* A span that is long enough to leave memory while it is written: nothing of it is lost. */
#define LONG_WORDS ((uint64_t)20 << 17)
#define PIECE_WORDS ((uint64_t)1 << 16)

static void long_spans_are_whole(void **state)
{
    (void)state;
    char *folder = temporary_folder(), *path = kin_path_join(folder, "long");
    uint64_t *piece = kin_calloc(PIECE_WORDS, sizeof *piece);
    kin_container_joint joint;
    kin_block_run run;
    kin_mapping mapping;
    const kin_placed_section section = {.name = "LONG", .bytes = LONG_WORDS * 8};
    kin_container_joint_plan(&joint, KIN_FILE_SHARD, 1, &section, 1);
    must(kin_container_joint_create(&joint, path, &error));
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    uint64_t start = joint.section[0].offset;
    kin_container_span *span =
        kin_container_span_new(descriptor, path, start, start + LONG_WORDS * 8, (uint64_t)4 << 20);
    for (uint64_t i = 0; i < LONG_WORDS; i++) {
        piece[i % PIECE_WORDS] = i * 0x9e3779b97f4a7c15u;
        if (i % PIECE_WORDS + 1 == PIECE_WORDS)
            must(kin_container_span_append(span, piece, PIECE_WORDS * 8, &error));
    }
    must(kin_container_span_finish(&span, &run, &error));
    close(descriptor);
    must(kin_mapping_open(&mapping, path, &error));
    uint64_t wrong = 0, first = KIN_CONTAINER_HEADER_BYTES;
    for (uint64_t i = 0; i < LONG_WORDS; i++)
        wrong += kin_load_le64(mapping.data + start + 8 * i) != i * 0x9e3779b97f4a7c15u;
    first += run.first * KIN_CONTAINER_BLOCK_BYTES;
    assert_true(run.count >= LONG_WORDS * 8 / KIN_CONTAINER_BLOCK_BYTES - 1);
    for (uint64_t b = 0; b < run.count; b++)
        wrong +=
            run.checksums[b] != kin_checksum(mapping.data + first + b * KIN_CONTAINER_BLOCK_BYTES,
                                             KIN_CONTAINER_BLOCK_BYTES);
    assert_int_equal(wrong, 0);
    kin_mapping_close(&mapping);
    kin_block_run_fini(&run);
    must(kin_directory_remove(folder, &error));
    free(piece);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_give_the_bytes_of_the_stream),
        cmocka_unit_test(long_spans_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
