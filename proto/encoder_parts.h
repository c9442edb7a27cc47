/* What the versions of the encoder file share: proto/encoder_file.c, proto/encoder_layers.c. */
#ifndef PROTO_ENCODER_PARTS_H
#define PROTO_ENCODER_PARTS_H

#include <assert.h>

#include "proto/container.h"
#include "proto/encoder_file.h"

/* The section "card" as it lies in the file; numbers little-endian. */
typedef struct kin_disk_card {
    char method[16];
    char features[32];
    char decoder[64];
    char blas[32];
    uint8_t dimensions[4];
    uint8_t bits[4];
    uint8_t seed[8];
    uint8_t training_count[8];
    uint8_t iterations[4];
    uint8_t input[4]; /* from here on zeros in version 1 */
    uint8_t layer_count[4];
    uint8_t head[4];
    uint8_t class_count[4];
    uint8_t data[16];
    uint8_t reserved[52];
} kin_disk_card;

static_assert(sizeof(kin_disk_card) == 256, "ENCODER.md: the card has 256 bytes");
static_assert(offsetof(kin_disk_card, dimensions) == 144, "ENCODER.md: dimensions at 144");
static_assert(offsetof(kin_disk_card, seed) == 152, "ENCODER.md: seed at 152");
static_assert(offsetof(kin_disk_card, input) == 172, "ENCODER.md: input at 172");
static_assert(offsetof(kin_disk_card, data) == 188, "ENCODER.md: data at 188");
static_assert(offsetof(kin_disk_card, reserved) == 204, "ENCODER.md: reserved from 204");

kin_status kin_encoder_card_check(const kin_encoder_card *card, uint32_t version, const char *name,
                                  kin_error *error);
/* What versions 2 and 3 ask for. */
kin_status kin_encoder_card_check_layers(const kin_encoder_card *card, const char *name,
                                         kin_error *error);
void kin_encoder_card_store(const kin_encoder_card *card, kin_disk_card *disk);

/* A section of count finite floats. */
kin_status kin_encoder_section_floats(const kin_container *container, const char *section,
                                      size_t count, const uint8_t **floats, const char *name,
                                      kin_error *error);
void kin_encoder_append_floats(kin_buffer *out, const float *values, size_t count);

/* The sections of versions 2 and 3; file->card and version are read. */
kin_status kin_encoder_parse_layers(kin_encoder_file *file, const kin_container *container,
                                    const char *name, kin_error *error);

#endif
