/* kindred-verify's checks, on a small index that is right, and on one for each thing that can be
 * wrong with it although every checksum holds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/encoder_file.h"
#include "proto/generation.h"
#include "proto/ledger.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"
#include "worker/shard/shard_writer.h"
#include "worker/verify/verify.h"

#define BITS 64
#define SHARDS 2
#define ROWS 40 /* of each shard */
#define REJECTED 3
#define INPUTS (SHARDS * ROWS + REJECTED)
#define SEARCHES 5

/* An index in parts, so that a test can spoil one before it is written. */
typedef struct test_index {
    char *folder;
    uint64_t words[SHARDS][ROWS], ids[SHARDS][ROWS];
    uint64_t rejected[REJECTED]; /* ids */
    kin_manifest manifest;
    kin_manifest_shard shards[SHARDS];
    float threshold; /* of the encoder's bits */
    bool renamed;    /* keys are others */
} test_index;

static kin_status get_key(void *user, uint64_t row, const char **key, uint32_t *bytes,
                          kin_error *error)
{
    static const char *const keys[] = {"a.png", "b/c.jpg", "d.gif"};
    const bool *renamed = user;
    (void)error;
    *key = *renamed && row % 3 == 0 ? "A.png" : keys[row % 3];
    *bytes = (uint32_t)strlen(*key);
    return KIN_OK;
}

static kin_status get_thumbnail(void *user, uint64_t row, const uint8_t **data, uint32_t *bytes,
                                kin_error *error)
{
    static const uint8_t pixels[40] = {0xff, 0xd8, 1, 2, 3};
    (void)user;
    (void)error;
    *data = pixels;
    *bytes = (uint32_t)(row % sizeof pixels);
    return KIN_OK;
}

/* Codes with duplicates, the first bit being the shard; ids in the order of rows, every 27th input
 * being rejected. */
static test_index sample(void)
{
    test_index index = {.folder = temporary_folder()};
    kin_random random = {.state = 1};
    uint64_t id = 0, rejected = 0;
    for (uint32_t s = 0; s < SHARDS; s++) {
        uint64_t word = (uint64_t)s << 63;
        for (int row = 0; row < ROWS; row++) {
            if (row % 3 != 0) word += 1 + kin_random_below(&random, 1u << 30);
            if (id % 27 == 26 && rejected < REJECTED) index.rejected[rejected++] = id++;
            index.words[s][row] = word;
            index.ids[s][row] = id++;
        }
    }
    while (rejected < REJECTED)
        index.rejected[rejected++] = id++;
    kin_manifest *manifest = &index.manifest;
    *manifest = (kin_manifest){.bits = BITS,
                               .features = "builtin/1",
                               .hasher = "lsh",
                               .decoder = "decoder/1",
                               .dimensions = BITS,
                               .thumbnail_side = 96,
                               .inputs = INPUTS,
                               .indexed = SHARDS * ROWS,
                               .shard_count = SHARDS};
    manifest->rejected[KIN_REASON_CORRUPT] = REJECTED;
    uint64_t bucket = 0;
    for (int i = 0; i < SHARDS * ROWS; i++) {
        uint64_t word = index.words[i / ROWS][i % ROWS];
        bool is_new = i == 0 || word != index.words[(i - 1) / ROWS][(i - 1) % ROWS];
        manifest->distinct_codes += is_new;
        bucket = is_new ? 1 : bucket + 1;
        if (bucket > manifest->largest_bucket) manifest->largest_bucket = bucket;
        for (unsigned bit = 0; bit < BITS; bit++)
            manifest->bit_ones[bit] += word >> (63 - bit) & 1;
    }
    return index;
}

static void write_file(const test_index *index, const char *name, const kin_buffer *file)
{
    char *path = kin_path_join(index->folder, name);
    kin_error error = {0};
    if (kin_file_write_atomic(path, file->data, file->bytes, &error) != KIN_OK)
        fail_msg("%s", error.text);
    free(path);
}

static void write_encoder(test_index *index)
{
    static const float planes[BITS * BITS] = {1, -1};
    float thresholds[BITS] = {0};
    kin_encoder_card card = {.method = "lsh",
                             .features = "builtin/1",
                             .decoder = "decoder/1",
                             .blas = "none",
                             .dimensions = BITS,
                             .bits = BITS,
                             .training_count = 1};
    kin_buffer file = {0};
    kin_error error = {0};
    if (kin_encoder_file_build(&file, &card, planes, thresholds, &error) != KIN_OK)
        fail_msg("%s", error.text);
    index->manifest.fingerprint = kin_digest_of(file.data, file.bytes);
    if (index->threshold != 0) { /* another encoder than the manifest's */
        thresholds[0] = index->threshold;
        kin_buffer_clear(&file);
        if (kin_encoder_file_build(&file, &card, planes, thresholds, &error) != KIN_OK)
            fail_msg("%s", error.text);
    }
    write_file(index, "generation-000001/encoder.kin", &file);
    kin_buffer_fini(&file);
}

static void write_shards(test_index *index)
{
    for (uint32_t s = 0; s < SHARDS; s++) {
        kin_manifest_shard *shard = &index->shards[s];
        shard->first.word[0] = (uint64_t)s << 63;
        shard->last.word[0] = ((uint64_t)s << 63) + INT64_MAX;
        shard->count = ROWS;
        snprintf(shard->file, sizeof shard->file, "shard-%04u.kin", s);
        char *path = kin_sprintf("%s/generation-000001/%s", index->folder, shard->file);
        kin_shard_rows rows = {.number = s,
                               .bits = BITS,
                               .first = shard->first,
                               .last = shard->last,
                               .count = ROWS,
                               .words = index->words[s],
                               .ids = index->ids[s],
                               .user = &index->renamed,
                               .key = get_key,
                               .thumbnail = get_thumbnail};
        kin_error error = {0};
        kin_shard_written written;
        if (kin_shard_write(path, &rows, &written, &error) != KIN_OK) fail_msg("%s", error.text);
        shard->bytes = written.bytes;
        shard->digest = written.digest;
        free(path);
    }
}

static void write_index(test_index *index)
{
    char *folder = kin_path_join(index->folder, "generation-000001");
    kin_error error = {0};
    assert_int_equal(kin_directory_make(folder, &error), KIN_OK);
    free(folder);
    kin_buffer file = {0};
    kin_buffer_append_string(&file, "generation-000001\n");
    write_file(index, KIN_CURRENT_FILE, &file);
    kin_buffer_clear(&file);
    kin_ledger_builder ledger = {0};
    for (int i = 0; i < REJECTED; i++)
        kin_ledger_builder_add(&ledger, &(kin_ledger_row){.id = index->rejected[i],
                                                          .reason = KIN_REASON_CORRUPT,
                                                          .key = index->renamed ? "y" : "x",
                                                          .key_bytes = 1,
                                                          .detail = ""});
    kin_ledger_builder_finish(&ledger, &file);
    kin_ledger_builder_fini(&ledger);
    index->manifest.ledger = kin_container_digest(file.data);
    write_file(index, "generation-000001/ledger.kin", &file);
    kin_buffer_clear(&file);
    write_encoder(index);
    write_shards(index);
    index->manifest.shards = index->shards;
    kin_manifest_build(&index->manifest, &file);
    write_file(index, "generation-000001/manifest.kin", &file);
    kin_buffer_fini(&file);
}

static void remove_index(test_index *index)
{
    kin_error error = {0};
    assert_int_equal(kin_directory_remove(index->folder, &error), KIN_OK);
    free(index->folder);
}

/* What kin_verify_index prints, in text [4096]; the number of failures, 1 where it gives up. */
static uint64_t verify(const test_index *index, char text[4096])
{
    kin_verify_report report = {.quiet = true};
    kin_error error = {0};
    char path[] = "/tmp/kindred-test-XXXXXX";
    int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    kin_status status = kin_verify_index(index->folder, SEARCHES, &report, &error);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    ssize_t bytes = pread(file, text, 4095, 0);
    text[bytes > 0 ? bytes : 0] = 0;
    close(kept);
    close(file);
    unlink(path);
    if (status == KIN_OK) return report.failed;
    snprintf(text, 4096, "%s", error.text);
    return 1;
}

static void an_index_that_is_right_passes(void **state)
{
    (void)state;
    char text[4096];
    test_index index = sample();
    write_index(&index);
    uint64_t failed = verify(&index, text);
    if (failed > 0) fail_msg("%s", text);
    assert_string_equal(text, "");
    remove_index(&index);
}

#define FINDS(change, words)                                   \
    do {                                                       \
        char text[4096];                                       \
        test_index index = sample();                           \
        change;                                                \
        write_index(&index);                                   \
        assert_true(verify(&index, text) > 0);                 \
        if (strstr(text, words) == NULL) fail_msg("%s", text); \
        remove_index(&index);                                  \
    } while (0)

static void what_no_checksum_shows_is_found(void **state)
{
    (void)state;
    FINDS(index.ids[1][7] = INPUTS, "has the id 83, but there are 83 inputs");
    FINDS(index.ids[1][8] = index.ids[0][8], "is there twice (again in shard-0001.kin)");
    FINDS(index.rejected[1] = index.rejected[0] + 1, "again in the ledger");
    FINDS(index.manifest.distinct_codes--, "distinct codes");
    FINDS(index.manifest.largest_bucket++, "distinct codes, at most 2 pictures in one; the");
    FINDS(index.manifest.bit_ones[63]--, "bit 63 is 1 in");
    FINDS(index.manifest.rejected[KIN_REASON_CORRUPT]--;
          index.manifest.rejected[KIN_REASON_EMPTY]++, "reason empty");
    FINDS(index.threshold = 0.5f, "encoder.kin is not the encoder");
}

/* One shard's file in the place of the other, each of them whole. */
static void a_shard_in_another_ones_place_is_found(void **state)
{
    (void)state;
    char text[4096];
    test_index index = sample();
    write_index(&index);
    char *from = kin_path_join(index.folder, "generation-000001/shard-0000.kin");
    kin_buffer file = {0};
    kin_error error = {0};
    assert_int_equal(kin_file_read(from, 1u << 20, &file, &error), KIN_OK);
    write_file(&index, "generation-000001/shard-0001.kin", &file);
    assert_true(verify(&index, text) > 0);
    assert_non_null(strstr(text, "shard-0001.kin is not the shard that the manifest names"));
    kin_buffer_fini(&file);
    free(from);
    remove_index(&index);
}

/* Files of a twin index, of equal counts, ranges, sizes and sums. */
static void a_file_of_another_index_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {"shard-0001.kin", "ledger.kin"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char text[4096], words[64];
        test_index index = sample(), twin = sample();
        twin.renamed = true;
        write_index(&index);
        write_index(&twin);
        char *name = kin_path_join("generation-000001", names[n]);
        char *from = kin_path_join(twin.folder, name);
        kin_buffer file = {0};
        kin_error error = {0};
        assert_int_equal(kin_file_read(from, 1u << 20, &file, &error), KIN_OK);
        write_file(&index, name, &file);
        assert_int_equal(verify(&index, text), 1);
        snprintf(words, sizeof words, "%s is not the ", names[n]);
        if (strstr(text, words) == NULL) fail_msg("%s", text);
        kin_buffer_fini(&file);
        free(from);
        free(name);
        remove_index(&index);
        remove_index(&twin);
    }
}

/* Every byte of every file: what is wrong is said with the file's name. */
static void every_flipped_byte_and_every_short_file_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {"manifest.kin", "encoder.kin", "ledger.kin",
                                        "shard-0000.kin", "shard-0001.kin"};
    char text[4096];
    test_index index = sample();
    write_index(&index);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char *path = kin_sprintf("%s/generation-000001/%s", index.folder, names[n]);
        kin_buffer file = {0};
        kin_error error = {0};
        assert_int_equal(kin_file_read(path, 1u << 20, &file, &error), KIN_OK);
        int descriptor = open(path, O_RDWR | O_CLOEXEC);
        assert_true(descriptor >= 0);
        /* The long variant takes every byte; else every 7th, and all of the first kilobyte. */
        size_t step = getenv("KINDRED_TEST_LONG") != NULL ? 1 : 7;
        for (size_t i = 0; i < file.bytes; i += i < 1024 ? 1 : step) {
            uint8_t flipped = (uint8_t)(file.data[i] ^ (1u << (i % 8)));
            assert_int_equal(pwrite(descriptor, &flipped, 1, (off_t)i), 1);
            if (verify(&index, text) == 0) fail_msg("byte %zu of %s may be flipped", i, names[n]);
            if (strstr(text, names[n]) == NULL) fail_msg("no %s in: %s", names[n], text);
            assert_int_equal(pwrite(descriptor, &file.data[i], 1, (off_t)i), 1);
        }
        for (size_t bytes = 0; bytes < file.bytes; bytes += 512) {
            assert_int_equal(ftruncate(descriptor, (off_t)bytes), 0);
            assert_true(verify(&index, text) > 0);
            assert_non_null(strstr(text, names[n]));
            assert_int_equal(pwrite(descriptor, file.data, file.bytes, 0), (ssize_t)file.bytes);
        }
        close(descriptor);
        kin_buffer_fini(&file);
        free(path);
    }
    assert_int_equal(verify(&index, text), 0);
    remove_index(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_that_is_right_passes),
        cmocka_unit_test(what_no_checksum_shows_is_found),
        cmocka_unit_test(a_shard_in_another_ones_place_is_found),
        cmocka_unit_test(a_file_of_another_index_is_found),
        cmocka_unit_test(every_flipped_byte_and_every_short_file_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
