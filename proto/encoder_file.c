#include "proto/encoder_file.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/code/code.h"
#include "proto/container.h"

/* The section "card" as it lies in the file; numbers little-endian. */
typedef struct disk_card {
    char method[16];
    char features[32];
    char decoder[64];
    char blas[32];
    uint8_t dimensions[4];
    uint8_t bits[4];
    uint8_t seed[8];
    uint8_t training_count[8];
    uint8_t iterations[4];
    uint8_t reserved[84];
} disk_card;

static_assert(sizeof(disk_card) == 256, "ENCODER.md: the card has 256 bytes");
static_assert(offsetof(disk_card, dimensions) == 144, "ENCODER.md: dimensions at 144");
static_assert(offsetof(disk_card, seed) == 152, "ENCODER.md: seed at 152");
static_assert(offsetof(disk_card, reserved) == 172, "ENCODER.md: reserved from 172");

/* Printable ASCII, at least one character, then NULs to the end, at least one. */
static bool text_valid(const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes);
    if (length == 0 || length == bytes) return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~') return false;
    for (size_t i = length; i < bytes; i++)
        if (text[i] != '\0') return false;
    return true;
}

static kin_status check_texts(const kin_encoder_card *card, const char *name, kin_error *error)
{
    const struct {
        const char *what, *text;
        size_t bytes;
    } texts[] = {{"method", card->method, sizeof card->method},
                 {"features", card->features, sizeof card->features},
                 {"decoder", card->decoder, sizeof card->decoder},
                 {"blas", card->blas, sizeof card->blas}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!text_valid(texts[i].text, texts[i].bytes))
            return kin_fail(error, KIN_CORRUPT,
                            "%s: the card's text '%s' is not 1 to %zu printable characters", name,
                            texts[i].what, texts[i].bytes - 1);
    if (strcmp(card->method, "itq") != 0 && strcmp(card->method, "lsh") != 0)
        return kin_fail(error, KIN_MISMATCH,
                        "%s: method '%s' is unknown here (itq, lsh); use a newer Kindred", name,
                        card->method);
    return KIN_OK;
}

static kin_status check_numbers(const kin_encoder_card *card, const char *name, kin_error *error)
{
    if (!kin_code_bits_valid(card->bits))
        return kin_fail(error, KIN_CORRUPT, "%s: codes of %u bits; there are 64, 128 and 256", name,
                        (unsigned)card->bits);
    if (card->dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %u dimensions, more than the limit of %u", name,
                        (unsigned)card->dimensions, (unsigned)KIN_FEATURE_DIMENSIONS_MAX);
    if (card->dimensions < card->bits)
        return kin_fail(error, KIN_CORRUPT, "%s: %u dimensions cannot give %u bits", name,
                        (unsigned)card->dimensions, (unsigned)card->bits);
    if (card->training_count == 0)
        return kin_fail(error, KIN_CORRUPT, "%s: learned from no vector", name);
    return KIN_OK;
}

static kin_status read_card(kin_encoder_card *card, const uint8_t *section, uint64_t bytes,
                            const char *name, kin_error *error)
{
    disk_card disk;
    if (bytes != sizeof disk)
        return kin_fail(error, KIN_CORRUPT, "%s: the card has %llu bytes, not %zu", name,
                        (unsigned long long)bytes, sizeof disk);
    memcpy(&disk, section, sizeof disk);
    memcpy(card->method, disk.method, sizeof card->method);
    memcpy(card->features, disk.features, sizeof card->features);
    memcpy(card->decoder, disk.decoder, sizeof card->decoder);
    memcpy(card->blas, disk.blas, sizeof card->blas);
    card->dimensions = kin_load_le32(disk.dimensions);
    card->bits = kin_load_le32(disk.bits);
    card->seed = kin_load_le64(disk.seed);
    card->training_count = kin_load_le64(disk.training_count);
    card->iterations = kin_load_le32(disk.iterations);
    for (size_t i = 0; i < sizeof disk.reserved; i++)
        if (disk.reserved[i] != 0)
            return kin_fail(error, KIN_CORRUPT, "%s: reserved bytes of the card are not zero",
                            name);
    kin_status status = check_texts(card, name, error);
    return status == KIN_OK ? check_numbers(card, name, error) : status;
}

/* A section of count finite floats. */
static kin_status find_floats(const kin_container *container, const char *section, size_t count,
                              const uint8_t **floats, const char *name, kin_error *error)
{
    uint64_t bytes = 0;
    *floats = kin_container_section(container, section, &bytes);
    if (*floats == NULL)
        return kin_fail(error, KIN_CORRUPT, "%s: has no section '%s'", name, section);
    if (bytes != count * sizeof(float))
        return kin_fail(error, KIN_CORRUPT,
                        "%s: section '%s' has %llu bytes, the card asks for %zu", name, section,
                        (unsigned long long)bytes, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        float value;
        kin_encoder_file_floats(*floats + i * sizeof value, 1, &value);
        if (!isfinite(value))
            return kin_fail(error, KIN_CORRUPT, "%s: number %zu of section '%s' is not finite",
                            name, i, section);
    }
    return KIN_OK;
}

kin_status kin_encoder_file_parse(kin_encoder_file *file, const void *data, size_t bytes,
                                  const char *name, kin_error *error)
{
    kin_container container;
    kin_status status = kin_container_parse(&container, data, bytes, KIN_FILE_ENCODER,
                                            KIN_ENCODER_FILE_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(&container, name, error);
    if (status != KIN_OK) return status;
    uint64_t card_bytes = 0;
    const uint8_t *card = kin_container_section(&container, "card", &card_bytes);
    if (card == NULL) return kin_fail(error, KIN_CORRUPT, "%s: has no section 'card'", name);
    status = read_card(&file->card, card, card_bytes, name, error);
    if (status != KIN_OK) return status;
    if (container.section_count != 3)
        return kin_fail(error, KIN_CORRUPT, "%s: has %u sections, not 3", name,
                        (unsigned)container.section_count);
    size_t bits = file->card.bits, dimensions = file->card.dimensions;
    status = find_floats(&container, "planes", bits * dimensions, &file->planes, name, error);
    if (status != KIN_OK) return status;
    return find_floats(&container, "thresh", bits, &file->thresholds, name, error);
}

void kin_encoder_file_floats(const uint8_t *section, size_t count, float *values)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word = kin_load_le32(section + i * sizeof word);
        memcpy(&values[i], &word, sizeof word);
    }
}

static void append_floats(kin_buffer *out, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        kin_buffer_append_le32(out, word);
    }
}

kin_status kin_encoder_file_build(kin_buffer *out, const kin_encoder_card *card,
                                  const float *planes, const float *thresholds, kin_error *error)
{
    const char *name = "the new encoder";
    if (check_texts(card, name, error) != KIN_OK || check_numbers(card, name, error) != KIN_OK)
        return KIN_BAD_INPUT;
    disk_card disk = {0};
    memcpy(disk.method, card->method, sizeof disk.method);
    memcpy(disk.features, card->features, sizeof disk.features);
    memcpy(disk.decoder, card->decoder, sizeof disk.decoder);
    memcpy(disk.blas, card->blas, sizeof disk.blas);
    kin_store_le32(disk.dimensions, card->dimensions);
    kin_store_le32(disk.bits, card->bits);
    kin_store_le64(disk.seed, card->seed);
    kin_store_le64(disk.training_count, card->training_count);
    kin_store_le32(disk.iterations, card->iterations);
    kin_buffer plane_bytes = {0}, threshold_bytes = {0};
    append_floats(&plane_bytes, planes, (size_t)card->bits * card->dimensions);
    append_floats(&threshold_bytes, thresholds, card->bits);
    const kin_section_source sections[] = {{"card", &disk, sizeof disk},
                                           {"planes", plane_bytes.data, plane_bytes.bytes},
                                           {"thresh", threshold_bytes.data, threshold_bytes.bytes}};
    size_t start = out->bytes;
    kin_container_build(out, KIN_FILE_ENCODER, KIN_ENCODER_FILE_VERSION, sections, 3);
    kin_buffer_fini(&plane_bytes);
    kin_buffer_fini(&threshold_bytes);
    kin_encoder_file written;
    kin_status status =
        kin_encoder_file_parse(&written, out->data + start, out->bytes - start, name, error);
    if (status != KIN_OK) out->bytes = start;
    return status;
}
