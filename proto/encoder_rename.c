#include "proto/encoder_rename.h"

#include <string.h>

#include "proto/encoder_parts.h"

/* A text that does not fit fills its zeroed array to the end, which the check refuses by name. */
static void set_text(char *field, size_t bytes, const char *text)
{
    memset(field, 0, bytes);
    memcpy(field, text, strnlen(text, bytes));
}

kin_status kin_encoder_file_renamed(kin_buffer *out, const void *data, size_t bytes,
                                    const char *name, const char *features, const char *decoder,
                                    kin_error *error)
{
    kin_encoder_file file;
    kin_container container;
    kin_status status = kin_encoder_file_parse(&file, data, bytes, name, error);
    if (status == KIN_OK)
        status = kin_container_parse(&container, data, bytes, KIN_FILE_ENCODER,
                                     KIN_ENCODER_FILE_VERSION, name, error);
    if (status != KIN_OK) return status;
    if (file.version == 1) file.card.layer_count = 0; /* as its card has it */
    set_text(file.card.features, sizeof file.card.features, features);
    set_text(file.card.decoder, sizeof file.card.decoder, decoder);
    if (kin_encoder_card_check(&file.card, file.version, name, error) != KIN_OK)
        return KIN_BAD_INPUT;
    kin_disk_card disk;
    kin_encoder_card_store(&file.card, &disk);
    kin_section_source sections[KIN_CONTAINER_SECTIONS_MAX];
    for (uint32_t s = 0; s < container.section_count; s++) {
        const kin_section *section = &container.section[s];
        sections[s] = (kin_section_source){section->name, container.data + section->offset,
                                           (size_t)section->bytes};
        if (strcmp(section->name, "card") == 0)
            sections[s] = (kin_section_source){section->name, &disk, sizeof disk};
    }
    kin_container_build(out, KIN_FILE_ENCODER, file.version, sections, container.section_count);
    return KIN_OK;
}

kin_status kin_encoder_file_measured(kin_buffer *out, const void *data, size_t bytes,
                                     const char *name, const kin_buffer *text, kin_error *error)
{
    kin_encoder_file file;
    kin_container container;
    kin_section_source sections[KIN_CONTAINER_SECTIONS_MAX];
    uint32_t count = 0;
    kin_status status = kin_encoder_file_parse(&file, data, bytes, name, error);
    if (status == KIN_OK)
        status = kin_container_parse(&container, data, bytes, KIN_FILE_ENCODER,
                                     KIN_ENCODER_FILE_VERSION, name, error);
    if (status == KIN_OK && file.version < 2)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: version %u has no room for a quality", name,
                          (unsigned)file.version);
    if (status != KIN_OK) return status;
    for (uint32_t s = 0; s < container.section_count; s++) {
        const kin_section *section = &container.section[s];
        if (strcmp(section->name, "quality") == 0) continue;
        sections[count++] = (kin_section_source){section->name, container.data + section->offset,
                                                 (size_t)section->bytes};
    }
    if (text->bytes > 0)
        sections[count++] = (kin_section_source){"quality", text->data, text->bytes};
    size_t start = out->bytes;
    kin_container_build(out, KIN_FILE_ENCODER, file.version, sections, count);
    status = kin_encoder_file_parse(&file, out->data + start, out->bytes - start, name, error);
    if (status != KIN_OK) out->bytes = start;
    return status;
}
