/* Version 2 of the encoder file: a chain of layers, a head, texts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "proto/encoder_parts.h"

/* A row of the section "layers". */
typedef struct disk_layer {
    uint8_t inputs[4];
    uint8_t outputs[4];
    uint8_t activation[4];
    uint8_t reserved[4];
} disk_layer;

static_assert(sizeof(disk_layer) == 16, "ENCODER.md: a layer's row has 16 bytes");

kin_status kin_encoder_card_check_layers(const kin_encoder_card *card, const char *name,
                                         kin_error *error)
{
    if (!kin_learned_bits_valid(card->bits))
        return kin_fail(
            error, KIN_CORRUPT, "%s: codes of %u bits; there are %u to %u in steps of %u", name,
            (unsigned)card->bits, KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX, KIN_LEARNED_BITS_STEP);
    if (card->input > KIN_INPUT_UNIT || card->head > KIN_HEAD_SOFTMAX)
        return kin_fail(error, KIN_MISMATCH,
                        "%s: input %u and head %u are not both known here; use a newer Kindred",
                        name, (unsigned)card->input, (unsigned)card->head);
    if (card->layer_count == 0 || card->layer_count > KIN_HASHER_LAYERS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %u layers; there are 1 to %u", name,
                        (unsigned)card->layer_count, KIN_HASHER_LAYERS_MAX);
    if (card->class_count > KIN_HEAD_CLASSES_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %u classes, more than the limit of %u", name,
                        (unsigned)card->class_count, KIN_HEAD_CLASSES_MAX);
    if ((card->head == KIN_HEAD_NONE) != (card->class_count == 0) || card->class_count == 1)
        return kin_fail(error, KIN_CORRUPT, "%s: head %u of %u classes", name, (unsigned)card->head,
                        (unsigned)card->class_count);
    return KIN_OK;
}

/* Rows that a head has weights for: of two classes told apart by one number, one. */
static uint32_t head_rows(const kin_encoder_card *card)
{
    if (card->head == KIN_HEAD_LOGISTIC && card->class_count == 2) return 1;
    return card->class_count;
}

/* The shapes of the layers; *weights is how many floats all of them have. */
static kin_status check_layers(kin_encoder_file *file, size_t *weights, const char *name,
                               kin_error *error)
{
    uint32_t inputs = file->card.dimensions, count = file->card.layer_count;
    *weights = 0;
    for (uint32_t i = 0; i < count; i++) {
        const kin_encoder_layer *layer = &file->layer[i];
        if (layer->inputs != inputs || layer->outputs == 0 ||
            layer->outputs > KIN_FEATURE_DIMENSIONS_MAX)
            return kin_fail(error, KIN_CORRUPT,
                            "%s: layer %u takes %u numbers and gives %u; it is given %u, and the "
                            "limit is %u",
                            name, (unsigned)i, (unsigned)layer->inputs, (unsigned)layer->outputs,
                            (unsigned)inputs, KIN_FEATURE_DIMENSIONS_MAX);
        if (layer->activation > KIN_ACTIVATE_SINE)
            return kin_fail(error, KIN_MISMATCH,
                            "%s: activation %u is unknown here; use a newer Kindred", name,
                            (unsigned)layer->activation);
        inputs = layer->outputs;
        *weights += ((size_t)layer->inputs + 1) * layer->outputs;
    }
    if (inputs != file->card.bits)
        return kin_fail(error, KIN_CORRUPT, "%s: the last layer gives %u numbers for %u bits", name,
                        (unsigned)inputs, (unsigned)file->card.bits);
    if (*weights > KIN_HASHER_WEIGHTS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %zu weights, more than the limit of %u", name,
                        *weights, KIN_HASHER_WEIGHTS_MAX);
    return KIN_OK;
}

static kin_status read_layers(kin_encoder_file *file, const kin_container *container,
                              const char *name, kin_error *error)
{
    uint64_t bytes = 0;
    const uint8_t *rows = kin_container_section(container, "layers", &bytes);
    if (rows == NULL || bytes != file->card.layer_count * sizeof(disk_layer))
        return kin_fail(error, KIN_CORRUPT, "%s: section 'layers' does not have %u rows", name,
                        (unsigned)file->card.layer_count);
    for (uint32_t i = 0; i < file->card.layer_count; i++) {
        disk_layer row;
        memcpy(&row, rows + i * sizeof row, sizeof row);
        file->layer[i] =
            (kin_encoder_layer){.inputs = kin_load_le32(row.inputs),
                                .outputs = kin_load_le32(row.outputs),
                                .activation = (kin_layer_activation)kin_load_le32(row.activation)};
        if (kin_load_le32(row.reserved) != 0)
            return kin_fail(error, KIN_CORRUPT, "%s: reserved bytes of layer %u are not zero", name,
                            (unsigned)i);
    }
    size_t weights = 0;
    kin_status status = check_layers(file, &weights, name, error);
    const uint8_t *floats = NULL;
    if (status == KIN_OK)
        status = kin_encoder_section_floats(container, "weights", weights, &floats, name, error);
    for (uint32_t i = 0; status == KIN_OK && i < file->card.layer_count; i++) {
        kin_encoder_layer *layer = &file->layer[i];
        layer->weights = floats;
        layer->biases = floats + (size_t)layer->outputs * layer->inputs * sizeof(float);
        floats = layer->biases + layer->outputs * sizeof(float);
    }
    return status;
}

/* class_count names, each of 1 to 255 bytes without control characters, each with its NUL. */
static kin_status read_names(kin_encoder_file *file, const kin_container *container,
                             const char *name, kin_error *error)
{
    uint64_t bytes = 0;
    const char *names = (const char *)kin_container_section(container, "classes", &bytes);
    uint64_t at = 0;
    uint32_t found = 0;
    while (names != NULL && at < bytes && found < file->card.class_count) {
        size_t length = strnlen(names + at, bytes - at);
        bool good = length >= 1 && length <= KIN_CLASS_NAME_BYTES_MAX && length < bytes - at;
        for (size_t i = 0; good && i < length; i++)
            good = (unsigned char)names[at + i] >= ' ' && names[at + i] != 0x7f;
        if (!good) break;
        at += length + 1;
        found++;
    }
    if (names == NULL || found != file->card.class_count || at != bytes)
        return kin_fail(error, KIN_CORRUPT,
                        "%s: section 'classes' does not name %u classes in 1 to %u characters each",
                        name, (unsigned)file->card.class_count, KIN_CLASS_NAME_BYTES_MAX);
    file->class_names = names;
    return KIN_OK;
}

static kin_status read_head(kin_encoder_file *file, const kin_container *container,
                            const char *name, kin_error *error)
{
    uint32_t rows = head_rows(&file->card), bits = file->card.bits;
    file->head = (kin_encoder_layer){.inputs = bits, .outputs = rows};
    kin_status status = kin_encoder_section_floats(container, "head", (size_t)rows * (bits + 1),
                                                   &file->head.weights, name, error);
    if (status != KIN_OK) return status;
    file->head.biases = file->head.weights + (size_t)rows * bits * sizeof(float);
    return read_names(file, container, name, error);
}

/* Printable ASCII, tabs and line feeds; where the section is there at all. */
static kin_status read_text(const kin_container *container, const char *section,
                            kin_encoder_text *text, const char *name, kin_error *error)
{
    uint64_t bytes = 0;
    const char *found = (const char *)kin_container_section(container, section, &bytes);
    if (found == NULL) return KIN_OK;
    if (bytes == 0 || bytes > KIN_ENCODER_TEXT_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: text '%s' has %llu bytes; there are 1 to %u", name,
                        section, (unsigned long long)bytes, KIN_ENCODER_TEXT_BYTES_MAX);
    for (uint64_t i = 0; i < bytes; i++)
        if ((found[i] < ' ' || found[i] > '~') && found[i] != '\n' && found[i] != '\t')
            return kin_fail(error, KIN_CORRUPT, "%s: byte %llu of text '%s' is not printable", name,
                            (unsigned long long)i, section);
    *text = (kin_encoder_text){found, (size_t)bytes};
    return KIN_OK;
}

kin_status kin_encoder_parse_layers(kin_encoder_file *file, const kin_container *container,
                                    const char *name, kin_error *error)
{
    kin_status status = read_layers(file, container, name, error);
    if (status == KIN_OK)
        status = kin_encoder_section_floats(container, "thresh", file->card.bits, &file->thresholds,
                                            name, error);
    if (status == KIN_OK && file->card.head != KIN_HEAD_NONE)
        status = read_head(file, container, name, error);
    if (status == KIN_OK) status = read_text(container, "options", &file->options, name, error);
    if (status == KIN_OK) status = read_text(container, "curve", &file->curve, name, error);
    if (status == KIN_OK) status = read_text(container, "quality", &file->quality, name, error);
    if (status != KIN_OK) return status;
    unsigned known = 4 + (file->card.head != KIN_HEAD_NONE ? 2 : 0) + (file->options.text != NULL) +
                     (file->curve.text != NULL) + (file->quality.text != NULL);
    if (container->section_count != known)
        return kin_fail(error, KIN_CORRUPT, "%s: has %u sections, not %u", name,
                        (unsigned)container->section_count, known);
    return KIN_OK;
}

/* Sections under construction. */
typedef struct sections {
    kin_section_source source[9];
    uint32_t count;
} sections;

static void add_section(sections *all, const char *name, const void *data, uint64_t bytes)
{
    all->source[all->count++] = (kin_section_source){name, data, bytes};
}

static void add_text(sections *all, const char *name, const char *text)
{
    if (text != NULL && *text != 0) add_section(all, name, text, strlen(text));
}

static void append_layers(const kin_encoder_contents *contents, kin_buffer *rows,
                          kin_buffer *weights)
{
    for (uint32_t i = 0; i < contents->card.layer_count; i++) {
        const kin_hasher_layer *layer = &contents->layers[i];
        kin_buffer_append_le32(rows, layer->inputs);
        kin_buffer_append_le32(rows, layer->outputs);
        kin_buffer_append_le32(rows, layer->activation);
        kin_buffer_append_le32(rows, 0);
        kin_encoder_append_floats(weights, layer->weights, (size_t)layer->outputs * layer->inputs);
        kin_encoder_append_floats(weights, layer->biases, layer->outputs);
    }
}

/* What must hold before the layers are walked; the reader checks the rest. */
static kin_status check_contents(const kin_encoder_contents *contents, const char *name,
                                 kin_error *error)
{
    const kin_encoder_card *card = &contents->card;
    size_t weights = 0;
    if (kin_encoder_card_check(card, 2, name, error) != KIN_OK) return KIN_BAD_INPUT;
    for (uint32_t i = 0; i < card->layer_count; i++)
        weights += ((size_t)contents->layers[i].inputs + 1) * contents->layers[i].outputs;
    if (weights > KIN_HASHER_WEIGHTS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %zu weights, more than the limit of %u", name,
                        weights, KIN_HASHER_WEIGHTS_MAX);
    return KIN_OK;
}

kin_status kin_encoder_file_write(kin_buffer *out, const kin_encoder_contents *contents,
                                  kin_error *error)
{
    const char *name = "the new encoder";
    const kin_encoder_card *card = &contents->card;
    kin_status status = check_contents(contents, name, error);
    if (status != KIN_OK) return status;
    kin_disk_card disk;
    kin_buffer rows = {0}, weights = {0}, thresholds = {0}, head = {0}, names = {0};
    sections all = {.count = 0};
    kin_encoder_card_store(card, &disk);
    append_layers(contents, &rows, &weights);
    kin_encoder_append_floats(&thresholds, contents->thresholds, card->bits);
    add_section(&all, "card", &disk, sizeof disk);
    add_section(&all, "layers", rows.data, rows.bytes);
    add_section(&all, "weights", weights.data, weights.bytes);
    add_section(&all, "thresh", thresholds.data, thresholds.bytes);
    if (card->head != KIN_HEAD_NONE) {
        uint32_t classes = head_rows(card);
        kin_encoder_append_floats(&head, contents->head_weights, (size_t)classes * card->bits);
        kin_encoder_append_floats(&head, contents->head_biases, classes);
        for (uint32_t i = 0; i < card->class_count; i++)
            kin_buffer_append(&names, contents->class_names[i],
                              strlen(contents->class_names[i]) + 1);
        add_section(&all, "head", head.data, head.bytes);
        add_section(&all, "classes", names.data, names.bytes);
    }
    add_text(&all, "options", contents->options);
    add_text(&all, "curve", contents->curve);
    add_text(&all, "quality", contents->quality);
    size_t start = out->bytes;
    kin_container_build(out, KIN_FILE_ENCODER, KIN_ENCODER_FILE_VERSION, all.source, all.count);
    kin_encoder_file written;
    status = kin_encoder_file_parse(&written, out->data + start, out->bytes - start, name, error);
    if (status != KIN_OK) out->bytes = start;
    kin_buffer_fini(&rows);
    kin_buffer_fini(&weights);
    kin_buffer_fini(&thresholds);
    kin_buffer_fini(&head);
    kin_buffer_fini(&names);
    return status;
}
