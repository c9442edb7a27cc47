/* Versions 2 and 3 of the encoder file: a chain of layers, a head, texts; the way back. */
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

/* A chain of layers, as two sections have it. */
typedef struct chain {
    const char *rows, *floats; /* names of the sections */
    const char *wanted;        /* what the last layer gives */
    uint32_t inputs, outputs;  /* of the whole chain */
    kin_encoder_layer *layer;  /* [count] */
    uint32_t count;
} chain;

/* The shapes of the layers; *weights is how many floats all of them have. */
static kin_status check_layers(const chain *c, size_t *weights, const char *name, kin_error *error)
{
    uint32_t inputs = c->inputs;
    *weights = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const kin_encoder_layer *layer = &c->layer[i];
        if (layer->inputs != inputs || layer->outputs == 0 ||
            layer->outputs > KIN_FEATURE_DIMENSIONS_MAX)
            return kin_fail(error, KIN_CORRUPT,
                            "%s: layer %u takes %u numbers and gives %u in '%s'; it is given %u, "
                            "and the limit is %u",
                            name, (unsigned)i, (unsigned)layer->inputs, (unsigned)layer->outputs,
                            c->rows, (unsigned)inputs, KIN_FEATURE_DIMENSIONS_MAX);
        if (layer->activation > KIN_ACTIVATE_SINE)
            return kin_fail(error, KIN_MISMATCH,
                            "%s: activation %u is unknown here; use a newer Kindred", name,
                            (unsigned)layer->activation);
        inputs = layer->outputs;
        *weights += ((size_t)layer->inputs + 1) * layer->outputs;
    }
    if (inputs != c->outputs)
        return kin_fail(error, KIN_CORRUPT, "%s: the last layer gives %u numbers for %u %s", name,
                        (unsigned)inputs, (unsigned)c->outputs, c->wanted);
    if (*weights > KIN_HASHER_WEIGHTS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %zu weights, more than the limit of %u", name,
                        *weights, KIN_HASHER_WEIGHTS_MAX);
    return KIN_OK;
}

static kin_status read_chain(const chain *c, const kin_container *container, const char *name,
                             kin_error *error)
{
    uint64_t bytes = 0;
    const uint8_t *rows = kin_container_section(container, c->rows, &bytes);
    if (rows == NULL || bytes != c->count * sizeof(disk_layer))
        return kin_fail(error, KIN_CORRUPT, "%s: section '%s' does not have %u rows", name, c->rows,
                        (unsigned)c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        disk_layer row;
        memcpy(&row, rows + i * sizeof row, sizeof row);
        c->layer[i] =
            (kin_encoder_layer){.inputs = kin_load_le32(row.inputs),
                                .outputs = kin_load_le32(row.outputs),
                                .activation = (kin_layer_activation)kin_load_le32(row.activation)};
        if (kin_load_le32(row.reserved) != 0)
            return kin_fail(error, KIN_CORRUPT, "%s: reserved bytes of layer %u are not zero", name,
                            (unsigned)i);
    }
    size_t weights = 0;
    kin_status status = check_layers(c, &weights, name, error);
    const uint8_t *floats = NULL;
    if (status == KIN_OK)
        status = kin_encoder_section_floats(container, c->floats, weights, &floats, name, error);
    for (uint32_t i = 0; status == KIN_OK && i < c->count; i++) {
        kin_encoder_layer *layer = &c->layer[i];
        layer->weights = floats;
        layer->biases = floats + (size_t)layer->outputs * layer->inputs * sizeof(float);
        floats = layer->biases + layer->outputs * sizeof(float);
    }
    return status;
}

static kin_status read_layers(kin_encoder_file *file, const kin_container *container,
                              const char *name, kin_error *error)
{
    const chain forth = {.rows = "layers",
                         .floats = "weights",
                         .wanted = "bits",
                         .inputs = file->card.dimensions,
                         .outputs = file->card.bits,
                         .layer = file->layer,
                         .count = file->card.layer_count};
    return read_chain(&forth, container, name, error);
}

/* Version 3: from the code to the features; the section says how many layers there are. */
static kin_status read_back(kin_encoder_file *file, const kin_container *container,
                            const char *name, kin_error *error)
{
    uint64_t bytes = 0;
    (void)kin_container_section(container, "back", &bytes);
    uint64_t count = bytes / sizeof(disk_layer);
    if (count == 0 || count > KIN_HASHER_LAYERS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: section 'back' has %llu rows; there are 1 to %u",
                        name, (unsigned long long)count, KIN_HASHER_LAYERS_MAX);
    const chain back = {.rows = "back",
                        .floats = "backw",
                        .wanted = "dimensions",
                        .inputs = file->card.bits,
                        .outputs = file->card.dimensions,
                        .layer = file->back,
                        .count = (uint32_t)count};
    file->back_count = (uint32_t)count;
    return read_chain(&back, container, name, error);
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
    if (status == KIN_OK && file->version > 2) status = read_back(file, container, name, error);
    if (status != KIN_OK) return status;
    unsigned known = 4 + (file->back_count > 0 ? 2 : 0) +
                     (file->card.head != KIN_HEAD_NONE ? 2 : 0) + (file->options.text != NULL) +
                     (file->curve.text != NULL) + (file->quality.text != NULL);
    if (container->section_count != known)
        return kin_fail(error, KIN_CORRUPT, "%s: has %u sections, not %u", name,
                        (unsigned)container->section_count, known);
    return KIN_OK;
}

/* Sections under construction. */
typedef struct sections {
    kin_section_source source[11];
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

static void append_layers(const kin_hasher_layer *layers, uint32_t count, kin_buffer *rows,
                          kin_buffer *weights)
{
    for (uint32_t i = 0; i < count; i++) {
        const kin_hasher_layer *layer = &layers[i];
        kin_buffer_append_le32(rows, layer->inputs);
        kin_buffer_append_le32(rows, layer->outputs);
        kin_buffer_append_le32(rows, layer->activation);
        kin_buffer_append_le32(rows, 0);
        kin_encoder_append_floats(weights, layer->weights, (size_t)layer->outputs * layer->inputs);
        kin_encoder_append_floats(weights, layer->biases, layer->outputs);
    }
}

static kin_status check_count(const kin_hasher_layer *layers, uint32_t count, const char *name,
                              kin_error *error)
{
    size_t weights = 0;
    for (uint32_t i = 0; i < count; i++)
        weights += ((size_t)layers[i].inputs + 1) * layers[i].outputs;
    if (count > KIN_HASHER_LAYERS_MAX || weights > KIN_HASHER_WEIGHTS_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %u layers of %zu weights, more than %u of %u", name,
                        (unsigned)count, weights, KIN_HASHER_LAYERS_MAX, KIN_HASHER_WEIGHTS_MAX);
    return KIN_OK;
}

/* What must hold before the layers are walked; the reader checks the rest. */
static kin_status check_contents(const kin_encoder_contents *contents, const char *name,
                                 kin_error *error)
{
    const kin_encoder_card *card = &contents->card;
    if (kin_encoder_card_check(card, 2, name, error) != KIN_OK) return KIN_BAD_INPUT;
    kin_status status = check_count(contents->layers, card->layer_count, name, error);
    return status == KIN_OK ? check_count(contents->back, contents->back_count, name, error)
                            : status;
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
    kin_buffer back = {0}, back_weights = {0};
    sections all = {.count = 0};
    kin_encoder_card_store(card, &disk);
    append_layers(contents->layers, card->layer_count, &rows, &weights);
    append_layers(contents->back, contents->back_count, &back, &back_weights);
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
    if (contents->back_count > 0) {
        add_section(&all, "back", back.data, back.bytes);
        add_section(&all, "backw", back_weights.data, back_weights.bytes);
    }
    size_t start = out->bytes;
    uint32_t version = contents->back_count > 0 ? 3 : 2;
    kin_container_build(out, KIN_FILE_ENCODER, version, all.source, all.count);
    kin_encoder_file written;
    status = kin_encoder_file_parse(&written, out->data + start, out->bytes - start, name, error);
    if (status != KIN_OK) out->bytes = start;
    kin_buffer_fini(&rows);
    kin_buffer_fini(&weights);
    kin_buffer_fini(&thresholds);
    kin_buffer_fini(&head);
    kin_buffer_fini(&names);
    kin_buffer_fini(&back);
    kin_buffer_fini(&back_weights);
    return status;
}
