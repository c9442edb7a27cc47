#include "proto/network_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/container.h"

/* proto/NETWORK.md: offsets within a row of "specs". */
enum {
    SPEC_NAME = 0,          /* 64 bytes, NUL-padded */
    SPEC_WIDTH = 64,        /* u32, as all that have no other type */
    SPEC_HEIGHT = 68,       /* */
    SPEC_SHORTER_SIDE = 72, /* */
    SPEC_RESIZE = 76,       /* */
    SPEC_BGR = 80,          /* 0 or 1 */
    SPEC_SCALE = 84,        /* float */
    SPEC_MEAN = 88,         /* float [3] */
    SPEC_DEVIATION = 100,   /* float [3] */
    SPEC_POOLING = 112,     /* */
    SPEC_POWER = 116,       /* float */
    SPEC_NORMALISE = 120,   /* 0 or 1 */
    SPEC_TAP_COUNT = 124,   /* */
    SPEC_TAPS = 128,        /* 8 x 256 bytes, NUL-padded */
    SPEC_BYTES_1 = 128 + KIN_NETWORK_TAPS_MAX * KIN_NETWORK_TAP_BYTES,
    SPEC_INTERPOLATION = SPEC_BYTES_1, /* from here on version 2 */
    SPEC_CENTRE = SPEC_BYTES_1 + 4,    /* 0 or 1 */
    SPEC_ZERO = SPEC_BYTES_1 + 8,      /* 8 bytes */
    SPEC_BYTES = SPEC_BYTES_1 + 16
};

static const char *const model_sections[KIN_NETWORK_MODELS_MAX] = {
    "model-a", "model-b", "model-c", "model-d", "model-e", "model-f", "model-g", "model-h"};

static const char *const mean_sections[KIN_NETWORK_MODELS_MAX] = {
    "means-a", "means-b", "means-c", "means-d", "means-e", "means-f", "means-g", "means-h"};

static float load_float(const uint8_t *from)
{
    uint32_t word = kin_load_le32(from);
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static void store_float(uint8_t *to, float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    kin_store_le32(to, word);
}

/* At least one character, ended by a NUL and nothing else behind it; printable where asked. */
static bool text_valid(const char *text, size_t size, bool printable)
{
    size_t length = strnlen(text, size);
    if (length == 0 || length == size) return false;
    for (size_t i = 0; i < size; i++)
        if (i < length ? printable && (text[i] < ' ' || text[i] > '~') : text[i] != 0) return false;
    return true;
}

static kin_status check_numbers(const kin_network_spec *spec, kin_error *error)
{
    bool finite = isfinite(spec->scale) && isfinite(spec->power);
    for (int c = 0; c < 3; c++)
        finite = finite && isfinite(spec->mean[c]) && isfinite(spec->deviation[c]) &&
                 spec->deviation[c] > 0;
    if (!finite || spec->scale == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "scale, mean and std are finite numbers, scale is not 0, and std is "
                        "positive");
    if (spec->pooling == KIN_NETWORK_POOL_GEM && !(spec->power >= 1 && spec->power <= 100))
        return kin_fail(error, KIN_BAD_INPUT, "the power of gem pooling is %g; it takes 1 to 100",
                        (double)spec->power);
    return KIN_OK;
}

kin_status kin_network_spec_check(const kin_network_spec *spec, kin_error *error)
{
    if (!text_valid(spec->name, sizeof spec->name, true))
        return kin_fail(error, KIN_BAD_INPUT, "the name is not 1 to %d printable characters",
                        KIN_NETWORK_NAME_BYTES - 1);
    if (spec->width < 1 || spec->width > KIN_RASTER_SIDE_MAX || spec->height < 1 ||
        spec->height > KIN_RASTER_SIDE_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "an input of %u x %u; sides are 1 to %u",
                        (unsigned)spec->width, (unsigned)spec->height, KIN_RASTER_SIDE_MAX);
    if (spec->resize >= KIN_NETWORK_RESIZES || spec->pooling >= KIN_NETWORK_POOLINGS ||
        spec->interpolation >= KIN_NETWORK_INTERPOLATIONS)
        return kin_fail(error, KIN_BAD_INPUT, "the way of resizing or pooling is unknown");
    if (spec->resize == KIN_NETWORK_RESIZE_CROP
            ? spec->shorter_side < spec->width || spec->shorter_side < spec->height ||
                  spec->shorter_side > 4 * KIN_RASTER_SIDE_MAX
            : spec->shorter_side != 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the shorter side before cropping is %u; it is at least the input's sides, "
                        "and only for cropping",
                        (unsigned)spec->shorter_side);
    if (spec->tap_count < 1 || spec->tap_count > KIN_NETWORK_TAPS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "%u tensors are tapped; 1 to %d can be",
                        (unsigned)spec->tap_count, KIN_NETWORK_TAPS_MAX);
    for (uint32_t t = 0; t < spec->tap_count; t++)
        if (!text_valid(spec->taps[t], sizeof spec->taps[t], false))
            return kin_fail(error, KIN_BAD_INPUT, "the name of tap %u is not 1 to %d bytes", t + 1,
                            KIN_NETWORK_TAP_BYTES - 1);
    return check_numbers(spec, error);
}

static void put_spec(const kin_network_spec *spec, uint8_t row[SPEC_BYTES])
{
    memset(row, 0, SPEC_BYTES);
    memcpy(row + SPEC_NAME, spec->name, sizeof spec->name);
    kin_store_le32(row + SPEC_WIDTH, spec->width);
    kin_store_le32(row + SPEC_HEIGHT, spec->height);
    kin_store_le32(row + SPEC_SHORTER_SIDE, spec->shorter_side);
    kin_store_le32(row + SPEC_RESIZE, spec->resize);
    kin_store_le32(row + SPEC_BGR, spec->bgr);
    store_float(row + SPEC_SCALE, spec->scale);
    for (int c = 0; c < 3; c++) {
        store_float(row + SPEC_MEAN + 4 * c, spec->mean[c]);
        store_float(row + SPEC_DEVIATION + 4 * c, spec->deviation[c]);
    }
    kin_store_le32(row + SPEC_POOLING, spec->pooling);
    store_float(row + SPEC_POWER, spec->power);
    kin_store_le32(row + SPEC_NORMALISE, spec->normalise);
    kin_store_le32(row + SPEC_TAP_COUNT, spec->tap_count);
    for (uint32_t t = 0; t < spec->tap_count; t++)
        memcpy(row + SPEC_TAPS + (size_t)t * KIN_NETWORK_TAP_BYTES, spec->taps[t],
               KIN_NETWORK_TAP_BYTES);
    kin_store_le32(row + SPEC_INTERPOLATION, spec->interpolation);
    kin_store_le32(row + SPEC_CENTRE, spec->centre);
}

/* What version 2 says on top; false where it is impossible. */
static bool get_additions(kin_network_spec *spec, const uint8_t *row)
{
    uint32_t centre = kin_load_le32(row + SPEC_CENTRE);
    spec->interpolation = (kin_network_interpolation)kin_load_le32(row + SPEC_INTERPOLATION);
    spec->centre = centre == 1;
    return centre <= 1 && kin_load_le64(row + SPEC_ZERO) == 0;
}

static kin_status get_spec(kin_network_spec *spec, const uint8_t *row, uint32_t version,
                           const char *name, kin_error *error)
{
    kin_error why;
    uint32_t bgr = kin_load_le32(row + SPEC_BGR), normal = kin_load_le32(row + SPEC_NORMALISE);
    memset(spec, 0, sizeof *spec);
    memcpy(spec->name, row + SPEC_NAME, sizeof spec->name);
    spec->width = kin_load_le32(row + SPEC_WIDTH);
    spec->height = kin_load_le32(row + SPEC_HEIGHT);
    spec->shorter_side = kin_load_le32(row + SPEC_SHORTER_SIDE);
    spec->resize = (kin_network_resize)kin_load_le32(row + SPEC_RESIZE);
    spec->bgr = bgr == 1;
    spec->scale = load_float(row + SPEC_SCALE);
    for (int c = 0; c < 3; c++) {
        spec->mean[c] = load_float(row + SPEC_MEAN + 4 * c);
        spec->deviation[c] = load_float(row + SPEC_DEVIATION + 4 * c);
    }
    spec->pooling = (kin_network_pooling)kin_load_le32(row + SPEC_POOLING);
    spec->power = load_float(row + SPEC_POWER);
    spec->normalise = normal == 1;
    spec->tap_count = kin_load_le32(row + SPEC_TAP_COUNT);
    memcpy(spec->taps, row + SPEC_TAPS, sizeof spec->taps);
    bool zeros = version == 1 || get_additions(spec, row);
    for (uint32_t t = spec->tap_count; t < KIN_NETWORK_TAPS_MAX; t++)
        for (size_t i = 0; i < KIN_NETWORK_TAP_BYTES; i++)
            zeros = zeros && spec->taps[t][i] == 0;
    if (bgr > 1 || normal > 1 || !zeros)
        return kin_fail(error, KIN_CORRUPT, "%s: a spec holds what it must not", name);
    if (kin_network_spec_check(spec, &why) != KIN_OK)
        return kin_fail(error, KIN_CORRUPT, "%s: a spec is impossible: %s", name, why.text);
    return KIN_OK;
}

float kin_network_mean(const kin_network_model *model, uint64_t i)
{
    return load_float((const uint8_t *)model->means + 4 * i);
}

/* Spec, model and means of one row; *sections counts the sections that are theirs. */
static kin_status get_model(kin_network_model *model, uint32_t m, const kin_container *container,
                            const uint8_t *row, const char *name, uint64_t *sections,
                            kin_error *error)
{
    uint64_t mean_bytes = 0;
    *model = (kin_network_model){0};
    model->onnx = kin_container_section(container, model_sections[m], &model->bytes);
    if (model->onnx == NULL)
        return kin_fail(error, KIN_CORRUPT, "%s: has no section '%s'", name, model_sections[m]);
    kin_status status = get_spec(&model->spec, row, container->version, name, error);
    *sections += 1;
    if (status != KIN_OK || !model->spec.centre) return status;
    model->means = kin_container_section(container, mean_sections[m], &mean_bytes);
    if (model->means == NULL)
        return kin_fail(error, KIN_CORRUPT, "%s: has no section '%s'", name, mean_sections[m]);
    model->mean_count = mean_bytes / 4;
    bool good = mean_bytes % 4 == 0 && model->mean_count <= KIN_FEATURE_DIMENSIONS_MAX;
    for (uint64_t i = 0; good && i < model->mean_count; i++)
        good = isfinite(kin_network_mean(model, i));
    if (!good)
        return kin_fail(error, KIN_CORRUPT, "%s: the means of model %u are impossible", name,
                        (unsigned)m + 1);
    *sections += 1;
    return KIN_OK;
}

kin_status kin_network_file_parse(kin_network_file *file, const void *data, size_t bytes,
                                  const char *name, kin_error *error)
{
    kin_container container;
    kin_status status = kin_container_parse(&container, data, bytes, KIN_FILE_NETWORK,
                                            KIN_NETWORK_FILE_VERSION, name, error);
    if (status == KIN_OK) status = kin_container_check_all(&container, name, error);
    if (status != KIN_OK) return status;
    uint64_t spec_bytes = 0, row_bytes = container.version == 1 ? SPEC_BYTES_1 : SPEC_BYTES;
    uint64_t sections = 1;
    const uint8_t *specs = kin_container_section(&container, "specs", &spec_bytes);
    uint64_t count = spec_bytes / row_bytes;
    bool agrees = specs != NULL && count >= 1 && count <= KIN_NETWORK_MODELS_MAX &&
                  spec_bytes == count * row_bytes;
    file->model_count = agrees ? (uint32_t)count : 0;
    for (uint32_t m = 0; status == KIN_OK && m < file->model_count; m++)
        status = get_model(&file->models[m], m, &container, specs + m * row_bytes, name, &sections,
                           error);
    if (status == KIN_OK && (!agrees || sections != container.section_count))
        return kin_fail(error, KIN_CORRUPT, "%s: the number of its models contradicts itself",
                        name);
    return status;
}

/* The version that says all of it. */
static uint32_t version_of(const kin_network_file *file)
{
    for (uint32_t m = 0; m < file->model_count; m++)
        if (file->models[m].spec.interpolation != KIN_NETWORK_BILINEAR ||
            file->models[m].spec.centre)
            return 2;
    return 1;
}

void kin_network_file_build(kin_buffer *out, const kin_network_file *file)
{
    uint8_t specs[KIN_NETWORK_MODELS_MAX * SPEC_BYTES];
    kin_section_source sections[1 + 2 * KIN_NETWORK_MODELS_MAX];
    uint32_t version = version_of(file), count = 1;
    size_t row_bytes = version == 1 ? SPEC_BYTES_1 : SPEC_BYTES;
    KIN_CHECK(file->model_count >= 1 && file->model_count <= KIN_NETWORK_MODELS_MAX);
    for (uint32_t m = 0; m < file->model_count; m++) {
        const kin_network_model *model = &file->models[m];
        uint8_t row[SPEC_BYTES];
        put_spec(&model->spec, row);
        memcpy(specs + m * row_bytes, row, row_bytes);
        sections[count++] =
            (kin_section_source){model_sections[m], model->onnx, (size_t)model->bytes};
    }
    for (uint32_t m = 0; m < file->model_count; m++) {
        const kin_network_model *model = &file->models[m];
        if (!model->spec.centre) continue;
        sections[count++] =
            (kin_section_source){mean_sections[m], model->mean_count == 0 ? "" : model->means,
                                 (size_t)model->mean_count * 4};
    }
    sections[0] = (kin_section_source){"specs", specs, file->model_count * row_bytes};
    kin_container_build(out, KIN_FILE_NETWORK, version, sections, count);
}

#define FEATURES_PREFIX "network/"
#define FEATURES_DIGITS 16

void kin_network_features_name(const void *data, const char *arithmetic, char *name)
{
    char digits[33];
    kin_digest digest = kin_container_digest(data);
    kin_digest_text(&digest, digits);
    int length = snprintf(name, KIN_NETWORK_FEATURES_BYTES, FEATURES_PREFIX "%.*s/%s",
                          FEATURES_DIGITS, digits, arithmetic);
    KIN_CHECK(length < KIN_NETWORK_FEATURES_BYTES);
}

bool kin_network_is_features(const char *name)
{
    return strncmp(name, FEATURES_PREFIX, strlen(FEATURES_PREFIX)) == 0;
}
