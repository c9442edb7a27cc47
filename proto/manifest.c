#include "proto/manifest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/container.h"

/* What is written without values, and with them. */
#define MANIFEST_VERSION 1
#define MANIFEST_VERSION_VALUES 2

/* proto/MANIFEST.md: offsets within the section "summary". */
enum {
    SUMMARY_BITS = 0,            /* u32 */
    SUMMARY_DIMENSIONS = 4,      /* u32 */
    SUMMARY_THUMBNAIL_SIDE = 8,  /* u32 */
    SUMMARY_SHARD_COUNT = 12,    /* u32 */
    SUMMARY_SEED = 16,           /* u64 */
    SUMMARY_TRAINING = 24,       /* u64 */
    SUMMARY_INPUTS = 32,         /* u64 */
    SUMMARY_INDEXED = 40,        /* u64 */
    SUMMARY_LINKS = 48,          /* u64 */
    SUMMARY_PICTURE_BYTES = 56,  /* u64 */
    SUMMARY_DISTINCT = 64,       /* u64 */
    SUMMARY_LARGEST_BUCKET = 72, /* u64 */
    SUMMARY_FINGERPRINT = 80,    /* 16 bytes */
    SUMMARY_FEATURES = 96,       /* 64 bytes, NUL-padded */
    SUMMARY_HASHER = 160,        /* 32 bytes */
    SUMMARY_DECODER = 192,       /* 128 bytes */
    SUMMARY_CORRELATIONS = 320,  /* u32 */
    SUMMARY_REASONS = 324,       /* u32: rows of "rejected" */
    SUMMARY_LEDGER = 328,        /* 16 bytes */
    SUMMARY_BYTES_1 = 344,       /* version 1 ends here */
    SUMMARY_VALUES = 344,        /* u32: dimensions of values */
    SUMMARY_ZERO = 348,          /* u32 */
    SUMMARY_BYTES = 352
};

/* A row of "shards". */
enum {
    SHARD_FILE = 0,         /* 32 bytes, NUL-padded */
    SHARD_FIRST = 32,       /* 32 bytes: the code, big-endian, zero behind its width */
    SHARD_LAST = 64,        /* 32 bytes */
    SHARD_COUNT = 96,       /* u64 */
    SHARD_FILE_BYTES = 104, /* u64 */
    SHARD_DIGEST = 112,     /* 16 bytes */
    SHARD_ROW_BYTES = 128
};

/* A row of "correlat": two bit numbers (u32) and phi in 1e-9 (i64, two's complement). */
#define CORRELATION_ROW_BYTES 16
#define PHI_UNIT 1e-9
/* A row of "rejected": a reason's word (24 bytes, NUL-padded) and how many (u64). */
#define REASON_WORD_BYTES 24
#define REASON_ROW_BYTES 32

void kin_manifest_fini(kin_manifest *manifest)
{
    free(manifest->shards);
    memset(manifest, 0, sizeof *manifest);
}

static void put_text(uint8_t *to, size_t bytes, const char *text)
{
    KIN_CHECK(strlen(text) < bytes);
    memcpy(to, text, strlen(text));
}

static void put_summary(const kin_manifest *manifest, uint8_t summary[SUMMARY_BYTES])
{
    memset(summary, 0, SUMMARY_BYTES);
    kin_store_le32(summary + SUMMARY_BITS, manifest->bits);
    kin_store_le32(summary + SUMMARY_DIMENSIONS, manifest->dimensions);
    kin_store_le32(summary + SUMMARY_THUMBNAIL_SIDE, manifest->thumbnail_side);
    kin_store_le32(summary + SUMMARY_SHARD_COUNT, manifest->shard_count);
    kin_store_le64(summary + SUMMARY_SEED, manifest->seed);
    kin_store_le64(summary + SUMMARY_TRAINING, manifest->training_pictures);
    kin_store_le64(summary + SUMMARY_INPUTS, manifest->inputs);
    kin_store_le64(summary + SUMMARY_INDEXED, manifest->indexed);
    kin_store_le64(summary + SUMMARY_LINKS, manifest->links_not_followed);
    kin_store_le64(summary + SUMMARY_PICTURE_BYTES, manifest->picture_bytes);
    kin_store_le64(summary + SUMMARY_DISTINCT, manifest->distinct_codes);
    kin_store_le64(summary + SUMMARY_LARGEST_BUCKET, manifest->largest_bucket);
    memcpy(summary + SUMMARY_FINGERPRINT, manifest->fingerprint.byte, 16);
    memcpy(summary + SUMMARY_LEDGER, manifest->ledger.byte, 16);
    put_text(summary + SUMMARY_FEATURES, sizeof manifest->features, manifest->features);
    put_text(summary + SUMMARY_HASHER, sizeof manifest->hasher, manifest->hasher);
    put_text(summary + SUMMARY_DECODER, sizeof manifest->decoder, manifest->decoder);
    kin_store_le32(summary + SUMMARY_CORRELATIONS, manifest->correlation_count);
    kin_store_le32(summary + SUMMARY_REASONS, KIN_REASON_COUNT - 1);
    kin_store_le32(summary + SUMMARY_VALUES, manifest->value_dimensions);
}

static void put_shards(const kin_manifest *manifest, kin_buffer *rows)
{
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const kin_manifest_shard *shard = &manifest->shards[i];
        uint8_t row[SHARD_ROW_BYTES] = {0};
        put_text(row + SHARD_FILE, sizeof shard->file, shard->file);
        kin_code_to_bytes(&shard->first, row + SHARD_FIRST, manifest->bits);
        kin_code_to_bytes(&shard->last, row + SHARD_LAST, manifest->bits);
        kin_store_le64(row + SHARD_COUNT, shard->count);
        kin_store_le64(row + SHARD_FILE_BYTES, shard->bytes);
        memcpy(row + SHARD_DIGEST, shard->digest.byte, sizeof shard->digest.byte);
        kin_buffer_append(rows, row, sizeof row);
    }
}

static void put_rejected(const kin_manifest *manifest, kin_buffer *rows)
{
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++) {
        uint8_t row[REASON_ROW_BYTES] = {0};
        put_text(row, REASON_WORD_BYTES, kin_reason_word((kin_reason)reason));
        kin_store_le64(row + REASON_WORD_BYTES, manifest->rejected[reason]);
        kin_buffer_append(rows, row, sizeof row);
    }
}

void kin_manifest_build(const kin_manifest *manifest, kin_buffer *out)
{
    uint8_t summary[SUMMARY_BYTES];
    kin_buffer shards = {0}, rejected = {0}, ones = {0}, correlations = {0};
    put_summary(manifest, summary);
    put_shards(manifest, &shards);
    put_rejected(manifest, &rejected);
    for (unsigned i = 0; i < manifest->bits; i++)
        kin_buffer_append_le64(&ones, manifest->bit_ones[i]);
    for (uint32_t i = 0; i < manifest->correlation_count; i++) {
        kin_buffer_append_le32(&correlations, manifest->correlation[i].a);
        kin_buffer_append_le32(&correlations, manifest->correlation[i].b);
        int64_t phi = (int64_t)llround(manifest->correlation[i].phi / PHI_UNIT);
        kin_buffer_append_le64(&correlations, (uint64_t)phi);
    }
    bool has_values = manifest->value_dimensions > 0;
    const kin_section_source sections[] = {
        {"summary", summary, has_values ? SUMMARY_BYTES : SUMMARY_BYTES_1},
        {"shards", shards.data, shards.bytes},
        {"rejected", rejected.data, rejected.bytes},
        {"ones", ones.data, ones.bytes},
        {"correlat", correlations.data, correlations.bytes},
    };
    kin_container_build(out, KIN_FILE_MANIFEST,
                        has_values ? MANIFEST_VERSION_VALUES : MANIFEST_VERSION, sections,
                        sizeof sections / sizeof *sections);
    kin_buffer_fini(&shards);
    kin_buffer_fini(&rejected);
    kin_buffer_fini(&ones);
    kin_buffer_fini(&correlations);
}

static kin_status refuse(kin_error *error, const char *name, const char *what)
{
    return kin_fail(error, KIN_CORRUPT, "%s: the manifest contradicts itself: %s", name, what);
}

/* Text of at most size - 1 printable ASCII characters, NUL-padded. */
static bool get_text(char *to, const uint8_t *from, size_t size)
{
    size_t length = strnlen((const char *)from, size);
    if (length == size) return false;
    for (size_t i = 0; i < size; i++)
        if (i < length ? from[i] < 0x20 || from[i] > 0x7e : from[i] != 0) return false;
    memcpy(to, from, size);
    return true;
}

static kin_status get_summary(kin_manifest *manifest, const uint8_t *summary, const char *name,
                              kin_error *error)
{
    manifest->bits = kin_load_le32(summary + SUMMARY_BITS);
    manifest->dimensions = kin_load_le32(summary + SUMMARY_DIMENSIONS);
    manifest->thumbnail_side = kin_load_le32(summary + SUMMARY_THUMBNAIL_SIDE);
    manifest->shard_count = kin_load_le32(summary + SUMMARY_SHARD_COUNT);
    manifest->seed = kin_load_le64(summary + SUMMARY_SEED);
    manifest->training_pictures = kin_load_le64(summary + SUMMARY_TRAINING);
    manifest->inputs = kin_load_le64(summary + SUMMARY_INPUTS);
    manifest->indexed = kin_load_le64(summary + SUMMARY_INDEXED);
    manifest->links_not_followed = kin_load_le64(summary + SUMMARY_LINKS);
    manifest->picture_bytes = kin_load_le64(summary + SUMMARY_PICTURE_BYTES);
    manifest->distinct_codes = kin_load_le64(summary + SUMMARY_DISTINCT);
    manifest->largest_bucket = kin_load_le64(summary + SUMMARY_LARGEST_BUCKET);
    memcpy(manifest->fingerprint.byte, summary + SUMMARY_FINGERPRINT, 16);
    memcpy(manifest->ledger.byte, summary + SUMMARY_LEDGER, 16);
    manifest->correlation_count = kin_load_le32(summary + SUMMARY_CORRELATIONS);
    if (!get_text(manifest->features, summary + SUMMARY_FEATURES, sizeof manifest->features) ||
        !get_text(manifest->hasher, summary + SUMMARY_HASHER, sizeof manifest->hasher) ||
        !get_text(manifest->decoder, summary + SUMMARY_DECODER, sizeof manifest->decoder))
        return refuse(error, name, "a name of the encoder is no plain text");
    if (!kin_code_bits_valid(manifest->bits))
        return refuse(error, name, "codes are of 64, 128 or 256 bits");
    if (manifest->shard_count > KIN_SHARDS_MAX ||
        manifest->dimensions > KIN_FEATURE_DIMENSIONS_MAX ||
        manifest->thumbnail_side > KIN_THUMBNAIL_SIDE_MAX ||
        manifest->correlation_count > KIN_MANIFEST_CORRELATIONS_MAX ||
        kin_load_le32(summary + SUMMARY_REASONS) != KIN_REASON_COUNT - 1)
        return refuse(error, name, "a count is above its limit");
    if (manifest->indexed > manifest->inputs || manifest->distinct_codes > manifest->indexed ||
        manifest->largest_bucket > manifest->indexed)
        return refuse(error, name, "the sums do not add up");
    return KIN_OK;
}

/* What version 2 adds. */
static kin_status get_values(kin_manifest *manifest, const uint8_t *summary, const char *name,
                             kin_error *error)
{
    manifest->value_dimensions = kin_load_le32(summary + SUMMARY_VALUES);
    if (manifest->value_dimensions == 0 || manifest->value_dimensions > manifest->bits ||
        kin_load_le32(summary + SUMMARY_ZERO) != 0)
        return refuse(error, name, "its values have more dimensions than its codes bits, or none");
    return KIN_OK;
}

static bool file_name_valid(const char *file)
{
    unsigned number;
    char back[32];
    if (sscanf(file, "shard-%4u.kin", &number) != 1) return false;
    snprintf(back, sizeof back, "shard-%04u.kin", number);
    return strcmp(back, file) == 0;
}

/* Whether next is the code that follows last; all ones have no successor. */
static bool follows(const kin_code *last, const kin_code *next, unsigned bits)
{
    kin_code code = *last;
    for (int i = (int)bits / 64 - 1; i >= 0; i--)
        if (++code.word[i] != 0) return kin_code_compare(&code, next) == 0;
    return false;
}

static bool is_end(const kin_code *code, unsigned bits, uint64_t word)
{
    for (unsigned i = 0; i < bits / 64; i++)
        if (code->word[i] != word) return false;
    return true;
}

static kin_status get_shards(kin_manifest *manifest, const uint8_t *rows, const char *name,
                             kin_error *error)
{
    uint64_t sum = 0;
    manifest->shards = kin_calloc(manifest->shard_count, sizeof *manifest->shards);
    for (uint32_t i = 0; i < manifest->shard_count; i++, rows += SHARD_ROW_BYTES) {
        kin_manifest_shard *shard = &manifest->shards[i];
        if (!get_text(shard->file, rows + SHARD_FILE, sizeof shard->file) ||
            !file_name_valid(shard->file))
            return refuse(error, name, "a shard's file is not named shard-NNNN.kin");
        kin_code_from_bytes(&shard->first, rows + SHARD_FIRST, manifest->bits);
        kin_code_from_bytes(&shard->last, rows + SHARD_LAST, manifest->bits);
        shard->count = kin_load_le64(rows + SHARD_COUNT);
        shard->bytes = kin_load_le64(rows + SHARD_FILE_BYTES);
        memcpy(shard->digest.byte, rows + SHARD_DIGEST, sizeof shard->digest.byte);
        if (i == 0 ? !is_end(&shard->first, manifest->bits, 0)
                   : !follows(&shard[-1].last, &shard->first, manifest->bits))
            return refuse(error, name, "the shards' ranges leave a gap or overlap");
        if (kin_code_compare(&shard->first, &shard->last) > 0 ||
            shard->count > manifest->indexed - sum)
            return refuse(error, name, "a shard's range or count is impossible");
        sum += shard->count;
    }
    if (sum != manifest->indexed)
        return refuse(error, name, "the shards' counts do not add up to the pictures indexed");
    if (manifest->shard_count > 0 &&
        !is_end(&manifest->shards[manifest->shard_count - 1].last, manifest->bits, UINT64_MAX))
        return refuse(error, name, "the shards do not cover the code space");
    return KIN_OK;
}

static kin_status get_rejected(kin_manifest *manifest, const uint8_t *rows, const char *name,
                               kin_error *error)
{
    uint64_t left = manifest->inputs - manifest->indexed;
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++, rows += REASON_ROW_BYTES) {
        char word[REASON_WORD_BYTES];
        if (!get_text(word, rows, sizeof word) ||
            strcmp(word, kin_reason_word((kin_reason)reason)) != 0)
            return refuse(error, name, "a reason of rejection is unknown");
        manifest->rejected[reason] = kin_load_le64(rows + REASON_WORD_BYTES);
        if (manifest->rejected[reason] > left)
            return refuse(error, name, "indexed and rejected do not add up to the inputs");
        left -= manifest->rejected[reason];
    }
    if (left != 0) return refuse(error, name, "indexed and rejected do not add up to the inputs");
    return KIN_OK;
}

static kin_status get_health(kin_manifest *manifest, const uint8_t *ones,
                             const uint8_t *correlations, const char *name, kin_error *error)
{
    for (unsigned i = 0; i < manifest->bits; i++) {
        manifest->bit_ones[i] = kin_load_le64(ones + 8 * i);
        if (manifest->bit_ones[i] > manifest->indexed)
            return refuse(error, name, "a bit is 1 in more pictures than there are");
    }
    for (uint32_t i = 0; i < manifest->correlation_count; i++) {
        const uint8_t *row = correlations + i * CORRELATION_ROW_BYTES;
        kin_manifest_correlation *correlation = &manifest->correlation[i];
        correlation->a = kin_load_le32(row);
        correlation->b = kin_load_le32(row + 4);
        correlation->phi = (double)(int64_t)kin_load_le64(row + 8) * PHI_UNIT;
        if (correlation->a >= correlation->b || correlation->b >= manifest->bits ||
            fabs(correlation->phi) > 1)
            return refuse(error, name, "a correlation of bits is impossible");
    }
    return KIN_OK;
}

static kin_status parse_sections(kin_manifest *manifest, const kin_container *container,
                                 const char *name, kin_error *error)
{
    uint64_t summary_bytes, shard_bytes, rejected_bytes, ones_bytes, correlation_bytes;
    const uint8_t *summary = kin_container_section(container, "summary", &summary_bytes);
    const uint8_t *shards = kin_container_section(container, "shards", &shard_bytes);
    const uint8_t *rejected = kin_container_section(container, "rejected", &rejected_bytes);
    const uint8_t *ones = kin_container_section(container, "ones", &ones_bytes);
    const uint8_t *correlations = kin_container_section(container, "correlat", &correlation_bytes);
    if (summary == NULL || shards == NULL || rejected == NULL || ones == NULL ||
        correlations == NULL ||
        summary_bytes != (container->version == 1 ? SUMMARY_BYTES_1 : SUMMARY_BYTES))
        return refuse(error, name, "a section is missing");
    kin_status status = get_summary(manifest, summary, name, error);
    if (status == KIN_OK && container->version > 1)
        status = get_values(manifest, summary, name, error);
    if (status != KIN_OK) return status;
    if (shard_bytes != (uint64_t)manifest->shard_count * SHARD_ROW_BYTES ||
        rejected_bytes != (uint64_t)(KIN_REASON_COUNT - 1) * REASON_ROW_BYTES ||
        ones_bytes != (uint64_t)manifest->bits * 8 ||
        correlation_bytes != (uint64_t)manifest->correlation_count * CORRELATION_ROW_BYTES)
        return refuse(error, name, "a section has another size than its rows");
    status = get_shards(manifest, shards, name, error);
    if (status == KIN_OK) status = get_rejected(manifest, rejected, name, error);
    if (status == KIN_OK) status = get_health(manifest, ones, correlations, name, error);
    return status;
}

kin_status kin_manifest_parse(kin_manifest *manifest, const void *data, size_t bytes,
                              const char *name, kin_error *error)
{
    memset(manifest, 0, sizeof *manifest);
    kin_container container;
    kin_status status = kin_container_parse(&container, data, bytes, KIN_FILE_MANIFEST,
                                            MANIFEST_VERSION_VALUES, name, error);
    if (status == KIN_OK) status = kin_container_check_all(&container, name, error);
    if (status == KIN_OK) status = parse_sections(manifest, &container, name, error);
    if (status != KIN_OK) kin_manifest_fini(manifest);
    return status;
}
