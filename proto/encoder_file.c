#include "proto/encoder_file.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/code/code.h"
#include "proto/container.h"
#include "proto/encoder_parts.h"

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
    return KIN_OK;
}

unsigned kin_stored_bits(unsigned bits)
{
    unsigned stored = KIN_CODE_BITS_MIN;
    while (stored < bits)
        stored *= 2;
    return stored;
}

bool kin_learned_bits_valid(unsigned bits)
{
    return bits >= KIN_LEARNED_BITS_MIN && bits <= KIN_CODE_BITS_MAX &&
           bits % KIN_LEARNED_BITS_STEP == 0;
}

static kin_status check_numbers(const kin_encoder_card *card, const char *name, kin_error *error)
{
    if (card->dimensions == 0 || card->dimensions > KIN_FEATURE_DIMENSIONS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %u dimensions; there are 1 to %u", name,
                        (unsigned)card->dimensions, (unsigned)KIN_FEATURE_DIMENSIONS_MAX);
    if (card->training_count == 0)
        return kin_fail(error, KIN_CORRUPT, "%s: learned from no vector", name);
    return KIN_OK;
}

/* What only version 1 asks for. */
static kin_status check_plain(const kin_encoder_card *card, const char *name, kin_error *error)
{
    if (strcmp(card->method, "itq") != 0 && strcmp(card->method, "lsh") != 0 &&
        strcmp(card->method, "given") != 0)
        return kin_fail(error, KIN_MISMATCH,
                        "%s: method '%s' is unknown here (itq, lsh, given); use a newer Kindred",
                        name, card->method);
    if (!kin_code_bits_valid(card->bits))
        return kin_fail(error, KIN_CORRUPT, "%s: codes of %u bits; there are 64, 128 and 256", name,
                        (unsigned)card->bits);
    if (card->dimensions < card->bits)
        return kin_fail(error, KIN_CORRUPT, "%s: %u dimensions cannot give %u bits", name,
                        (unsigned)card->dimensions, (unsigned)card->bits);
    if (card->layer_count != 0 || card->class_count != 0 || card->input != 0 || card->head != 0)
        return kin_fail(error, KIN_CORRUPT, "%s: reserved bytes of the card are not zero", name);
    return KIN_OK;
}

kin_status kin_encoder_card_check(const kin_encoder_card *card, uint32_t version, const char *name,
                                  kin_error *error)
{
    kin_status status = check_texts(card, name, error);
    if (status == KIN_OK) status = check_numbers(card, name, error);
    if (status != KIN_OK) return status;
    return version == 1 ? check_plain(card, name, error)
                        : kin_encoder_card_check_layers(card, name, error);
}

void kin_encoder_card_store(const kin_encoder_card *card, kin_disk_card *disk)
{
    memset(disk, 0, sizeof *disk);
    memcpy(disk->method, card->method, sizeof disk->method);
    memcpy(disk->features, card->features, sizeof disk->features);
    memcpy(disk->decoder, card->decoder, sizeof disk->decoder);
    memcpy(disk->blas, card->blas, sizeof disk->blas);
    kin_store_le32(disk->dimensions, card->dimensions);
    kin_store_le32(disk->bits, card->bits);
    kin_store_le64(disk->seed, card->seed);
    kin_store_le64(disk->training_count, card->training_count);
    kin_store_le32(disk->iterations, card->iterations);
    kin_store_le32(disk->input, card->input);
    kin_store_le32(disk->layer_count, card->layer_count);
    kin_store_le32(disk->head, card->head);
    kin_store_le32(disk->class_count, card->class_count);
    memcpy(disk->data, &card->data, sizeof disk->data);
}

static kin_status read_card(kin_encoder_card *card, uint32_t version, const uint8_t *section,
                            uint64_t bytes, const char *name, kin_error *error)
{
    kin_disk_card disk;
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
    card->input = (kin_hasher_input)kin_load_le32(disk.input);
    card->layer_count = kin_load_le32(disk.layer_count);
    card->head = (kin_head_kind)kin_load_le32(disk.head);
    card->class_count = kin_load_le32(disk.class_count);
    memcpy(&card->data, disk.data, sizeof disk.data);
    size_t reserved =
        version == 1 ? offsetof(kin_disk_card, input) : offsetof(kin_disk_card, reserved);
    for (size_t i = reserved; i < sizeof disk; i++)
        if (section[i] != 0)
            return kin_fail(error, KIN_CORRUPT, "%s: reserved bytes of the card are not zero",
                            name);
    return kin_encoder_card_check(card, version, name, error);
}

kin_status kin_encoder_section_floats(const kin_container *container, const char *section,
                                      size_t count, const uint8_t **floats, const char *name,
                                      kin_error *error)
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

static kin_status parse_plain(kin_encoder_file *file, const kin_container *container,
                              const char *name, kin_error *error)
{
    if (container->section_count != 3)
        return kin_fail(error, KIN_CORRUPT, "%s: has %u sections, not 3", name,
                        (unsigned)container->section_count);
    size_t bits = file->card.bits, dimensions = file->card.dimensions;
    file->card.layer_count = 1;
    file->layer[0] =
        (kin_encoder_layer){.inputs = file->card.dimensions, .outputs = file->card.bits};
    kin_status status = kin_encoder_section_floats(container, "planes", bits * dimensions,
                                                   &file->layer[0].weights, name, error);
    if (status != KIN_OK) return status;
    return kin_encoder_section_floats(container, "thresh", bits, &file->thresholds, name, error);
}

kin_status kin_encoder_file_parse(kin_encoder_file *file, const void *data, size_t bytes,
                                  const char *name, kin_error *error)
{
    kin_container container;
    memset(file, 0, sizeof *file);
    kin_status status = kin_container_parse(&container, data, bytes, KIN_FILE_ENCODER,
                                            KIN_ENCODER_FILE_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(&container, name, error);
    if (status != KIN_OK) return status;
    uint64_t card_bytes = 0;
    const uint8_t *card = kin_container_section(&container, "card", &card_bytes);
    if (card == NULL) return kin_fail(error, KIN_CORRUPT, "%s: has no section 'card'", name);
    status = read_card(&file->card, container.version, card, card_bytes, name, error);
    if (status != KIN_OK) return status;
    file->version = container.version;
    return container.version == 1 ? parse_plain(file, &container, name, error)
                                  : kin_encoder_parse_layers(file, &container, name, error);
}

void kin_encoder_file_floats(const uint8_t *section, size_t count, float *values)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word = kin_load_le32(section + i * sizeof word);
        memcpy(&values[i], &word, sizeof word);
    }
}

void kin_encoder_append_floats(kin_buffer *out, const float *values, size_t count)
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
    if (kin_encoder_card_check(card, 1, name, error) != KIN_OK) return KIN_BAD_INPUT;
    kin_disk_card disk;
    kin_encoder_card_store(card, &disk);
    kin_buffer plane_bytes = {0}, threshold_bytes = {0};
    kin_encoder_append_floats(&plane_bytes, planes, (size_t)card->bits * card->dimensions);
    kin_encoder_append_floats(&threshold_bytes, thresholds, card->bits);
    const kin_section_source sections[] = {{"card", &disk, sizeof disk},
                                           {"planes", plane_bytes.data, plane_bytes.bytes},
                                           {"thresh", threshold_bytes.data, threshold_bytes.bytes}};
    size_t start = out->bytes;
    kin_container_build(out, KIN_FILE_ENCODER, 1, sections, 3);
    kin_buffer_fini(&plane_bytes);
    kin_buffer_fini(&threshold_bytes);
    kin_encoder_file written;
    kin_status status =
        kin_encoder_file_parse(&written, out->data + start, out->bytes - start, name, error);
    if (status != KIN_OK) out->bytes = start;
    return status;
}
