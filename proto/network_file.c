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
    SPEC_BYTES = 128 + KIN_NETWORK_TAPS_MAX * KIN_NETWORK_TAP_BYTES
};

static const char *const model_sections[KIN_NETWORK_MODELS_MAX] = {
    "model-a", "model-b", "model-c", "model-d", "model-e", "model-f", "model-g", "model-h"};

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
    if (spec->resize >= KIN_NETWORK_RESIZES || spec->pooling >= KIN_NETWORK_POOLINGS)
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
}

static kin_status get_spec(kin_network_spec *spec, const uint8_t *row, const char *name,
                           kin_error *error)
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
    bool zeros = true;
    for (uint32_t t = spec->tap_count; t < KIN_NETWORK_TAPS_MAX; t++)
        for (size_t i = 0; i < KIN_NETWORK_TAP_BYTES; i++)
            zeros = zeros && spec->taps[t][i] == 0;
    if (bgr > 1 || normal > 1 || !zeros)
        return kin_fail(error, KIN_CORRUPT, "%s: a spec holds what it must not", name);
    if (kin_network_spec_check(spec, &why) != KIN_OK)
        return kin_fail(error, KIN_CORRUPT, "%s: a spec is impossible: %s", name, why.text);
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
    uint64_t spec_bytes = 0;
    const uint8_t *specs = kin_container_section(&container, "specs", &spec_bytes);
    file->model_count = (uint32_t)(container.section_count - 1);
    if (specs == NULL || file->model_count < 1 || file->model_count > KIN_NETWORK_MODELS_MAX ||
        spec_bytes != (uint64_t)file->model_count * SPEC_BYTES)
        return kin_fail(error, KIN_CORRUPT, "%s: the number of its models contradicts itself",
                        name);
    for (uint32_t m = 0; status == KIN_OK && m < file->model_count; m++) {
        kin_network_model *model = &file->models[m];
        model->onnx = kin_container_section(&container, model_sections[m], &model->bytes);
        if (model->onnx == NULL)
            return kin_fail(error, KIN_CORRUPT, "%s: has no section '%s'", name, model_sections[m]);
        status = get_spec(&model->spec, specs + (size_t)m * SPEC_BYTES, name, error);
    }
    return status;
}

void kin_network_file_build(kin_buffer *out, const kin_network_file *file)
{
    uint8_t specs[KIN_NETWORK_MODELS_MAX * SPEC_BYTES];
    kin_section_source sections[1 + KIN_NETWORK_MODELS_MAX];
    KIN_CHECK(file->model_count >= 1 && file->model_count <= KIN_NETWORK_MODELS_MAX);
    for (uint32_t m = 0; m < file->model_count; m++) {
        put_spec(&file->models[m].spec, specs + (size_t)m * SPEC_BYTES);
        sections[1 + m] = (kin_section_source){model_sections[m], file->models[m].onnx,
                                               (size_t)file->models[m].bytes};
    }
    sections[0] = (kin_section_source){"specs", specs, (size_t)file->model_count * SPEC_BYTES};
    kin_container_build(out, KIN_FILE_NETWORK, KIN_NETWORK_FILE_VERSION, sections,
                        1 + file->model_count);
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
