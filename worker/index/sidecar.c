#include "worker/index/sidecar.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

typedef struct reading {
    kin_network_spec *spec;
    const char *name;
    kin_error *error;
} reading;

/* One word of an object and what reads it. */
typedef struct word {
    const char *key;
    kin_status (*read)(const reading *at, const char *key, const json_t *value);
} word;

void kin_sidecar_default(kin_network_spec *spec)
{
    *spec = (kin_network_spec){.name = "network",
                               .width = 224,
                               .height = 224,
                               .shorter_side = 256,
                               .resize = KIN_NETWORK_RESIZE_CROP,
                               .scale = 1.0f / 255,
                               .mean = {0.485f, 0.456f, 0.406f},
                               .deviation = {0.229f, 0.224f, 0.225f},
                               .power = 3};
}

static kin_status refuse(const reading *at, const char *key, const char *wanted)
{
    return kin_fail(at->error, KIN_BAD_INPUT, "%s: \"%s\" must be %s", at->name, key, wanted);
}

static kin_status skip(const reading *at, const char *key, const json_t *value)
{
    (void)at;
    (void)key;
    (void)value;
    return KIN_OK;
}

/* One of `count` words to its number. */
static kin_status read_choice(const reading *at, const char *key, const json_t *value,
                              const char *const *words, size_t count, const char *wanted,
                              size_t *choice)
{
    const char *text = json_string_value(value);
    for (*choice = 0; text != NULL && *choice < count; ++*choice)
        if (strcmp(text, words[*choice]) == 0) return KIN_OK;
    return refuse(at, key, wanted);
}

static kin_status read_side(const reading *at, const char *key, const json_t *value)
{
    json_int_t side = json_integer_value(value);
    bool shorter = strcmp(key, "shorter_side") == 0;
    if (!json_is_integer(value) || side < 1 ||
        side > (shorter ? 4 * KIN_RASTER_SIDE_MAX : KIN_RASTER_SIDE_MAX))
        return refuse(at, key,
                      shorter ? "a whole number from 1 to 4096" : "a whole number from 1 to 1024");
    uint32_t *to = strcmp(key, "width") == 0    ? &at->spec->width
                   : strcmp(key, "height") == 0 ? &at->spec->height
                                                : &at->spec->shorter_side;
    *to = (uint32_t)side;
    return KIN_OK;
}

static kin_status read_resize(const reading *at, const char *key, const json_t *value)
{
    static const char *const words[] = {"stretch", "crop", "pad"};
    size_t choice;
    kin_status status =
        read_choice(at, key, value, words, 3, "\"stretch\", \"crop\" or \"pad\"", &choice);
    if (status == KIN_OK) at->spec->resize = (kin_network_resize)choice;
    return status;
}

static kin_status read_interpolation(const reading *at, const char *key, const json_t *value)
{
    static const char *const words[] = {"bilinear", "bicubic"};
    size_t choice;
    kin_status status = read_choice(at, key, value, words, 2,
                                    "\"bilinear\" or \"bicubic\" (both antialiased)", &choice);
    if (status == KIN_OK) at->spec->interpolation = (kin_network_interpolation)choice;
    return status;
}

static kin_status read_channels(const reading *at, const char *key, const json_t *value)
{
    static const char *const words[] = {"rgb", "bgr"};
    size_t choice;
    kin_status status = read_choice(at, key, value, words, 2, "\"rgb\" or \"bgr\"", &choice);
    if (status == KIN_OK) at->spec->bgr = choice == 1;
    return status;
}

static kin_status read_number(const reading *at, const char *key, const json_t *value)
{
    if (!json_is_number(value)) return refuse(at, key, "a number");
    *(strcmp(key, "scale") == 0 ? &at->spec->scale : &at->spec->power) =
        (float)json_number_value(value);
    return KIN_OK;
}

static kin_status read_three(const reading *at, const char *key, const json_t *value)
{
    float *to = strcmp(key, "mean") == 0 ? at->spec->mean : at->spec->deviation;
    if (json_array_size(value) != 3) return refuse(at, key, "a list of 3 numbers");
    for (size_t i = 0; i < 3; i++) {
        const json_t *number = json_array_get(value, i);
        if (!json_is_number(number)) return refuse(at, key, "a list of 3 numbers");
        to[i] = (float)json_number_value(number);
    }
    return KIN_OK;
}

static kin_status read_name(const reading *at, const char *key, const json_t *value)
{
    size_t bytes = json_string_length(value);
    if (bytes < 1 || bytes >= sizeof at->spec->name) return refuse(at, key, "1 to 63 characters");
    memset(at->spec->name, 0, sizeof at->spec->name);
    memcpy(at->spec->name, json_string_value(value), bytes);
    return KIN_OK;
}

static kin_status read_taps(const reading *at, const char *key, const json_t *value)
{
    size_t count = json_array_size(value);
    memset(at->spec->taps, 0, sizeof at->spec->taps);
    if (count < 1 || count > KIN_NETWORK_TAPS_MAX)
        return refuse(at, key, "a list of 1 to 8 names of tensors");
    for (size_t i = 0; i < count; i++) {
        const json_t *tap = json_array_get(value, i);
        size_t bytes = json_string_length(tap);
        if (bytes < 1 || bytes >= KIN_NETWORK_TAP_BYTES)
            return refuse(at, key, "a list of names of 1 to 255 bytes");
        memcpy(at->spec->taps[i], json_string_value(tap), bytes);
    }
    at->spec->tap_count = (uint32_t)count;
    return KIN_OK;
}

static kin_status read_pooling(const reading *at, const char *key, const json_t *value)
{
    static const char *const words[] = {"average", "max", "gem"};
    size_t choice;
    kin_status status =
        read_choice(at, key, value, words, 3, "\"average\", \"max\" or \"gem\"", &choice);
    if (status == KIN_OK) at->spec->pooling = (kin_network_pooling)choice;
    return status;
}

static kin_status read_boolean(const reading *at, const char *key, const json_t *value)
{
    if (!json_is_boolean(value)) return refuse(at, key, "true or false");
    *(strcmp(key, "centre") == 0 ? &at->spec->centre : &at->spec->normalise) = json_is_true(value);
    return KIN_OK;
}

static const word input_words[] = {
    {"width", read_side},        {"height", read_side},
    {"shorter_side", read_side}, {"resize", read_resize},
    {"channels", read_channels}, {"interpolation", read_interpolation},
    {"scale", read_number},      {"mean", read_three},
    {"std", read_three},         {NULL, NULL},
};

static kin_status read_object(const reading *at, const json_t *object, const word *words)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const word *w = words;
        while (w->key != NULL && strcmp(w->key, key) != 0)
            w++;
        if (w->key == NULL)
            return kin_fail(at->error, KIN_BAD_INPUT, "%s: the word \"%.60s\" is unknown there",
                            at->name, key);
        kin_status status = w->read(at, key, value);
        if (status != KIN_OK) return status;
    }
    return KIN_OK;
}

static kin_status read_input(const reading *at, const char *key, const json_t *value)
{
    if (!json_is_object(value)) return refuse(at, key, "an object");
    kin_network_spec *spec = at->spec;
    spec->shorter_side = 0;
    kin_status status = read_object(at, value, input_words);
    bool crop = spec->resize == KIN_NETWORK_RESIZE_CROP;
    uint32_t longer = spec->width > spec->height ? spec->width : spec->height;
    if (status == KIN_OK && crop && spec->shorter_side == 0) spec->shorter_side = longer;
    return status;
}

kin_status kin_sidecar_parse(kin_network_spec *spec, const char *text, size_t bytes,
                             const char *name, kin_error *error)
{
    static const word words[] = {
        {"name", read_name},         {"input", read_input},
        {"taps", read_taps},         {"pooling", read_pooling},
        {"power", read_number},      {"centre", read_boolean},
        {"normalise", read_boolean}, {"source", skip},
        {"license", skip},           {NULL, NULL},
    };
    reading at = {.spec = spec, .name = name, .error = error};
    json_error_t where;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "%s: line %d is no JSON: %s", name, where.line,
                        where.text);
    kin_status status = json_is_object(root) ? read_object(&at, root, words)
                                             : refuse(&at, "the whole file", "an object");
    json_decref(root);
    return status;
}

kin_status kin_sidecar_read(kin_network_spec *spec, const char *path, kin_error *error)
{
    kin_buffer text = {0};
    kin_status status = kin_file_read(path, KIN_SIDECAR_BYTES_MAX, &text, error);
    if (status == KIN_OK)
        status = kin_sidecar_parse(spec, (const char *)text.data, text.bytes, path, error);
    kin_buffer_fini(&text);
    return status;
}

/* --- Words of a command line ----------------------------------------------------------------- */

/* "size=224" or "size=320x240". */
static kin_status set_size(const reading *at, const char *value)
{
    unsigned width, height;
    char rest;
    int count = sscanf(value, "%4ux%4u%c", &width, &height, &rest);
    if (count == 1 && sscanf(value, "%4u%c", &width, &rest) == 1) height = width;
    if ((count != 2 && (count != 1 || strchr(value, 'x') != NULL)) || width < 1 || height < 1 ||
        width > KIN_RASTER_SIDE_MAX || height > KIN_RASTER_SIDE_MAX)
        return refuse(at, "size", "W or WxH, of 1 to 1024");
    at->spec->width = width;
    at->spec->height = height;
    return KIN_OK;
}

/* What a sidecar would say: a number, several, true or false; else a text. */
static json_t *value_of(const char *text)
{
    char *list = kin_sprintf("[%s]", text);
    json_t *array = json_loads(list, 0, NULL);
    free(list);
    if (array == NULL || json_array_size(array) == 0) {
        json_decref(array);
        return json_string(text);
    }
    if (json_array_size(array) > 1) return array;
    json_t *only = json_incref(json_array_get(array, 0));
    json_decref(array);
    return only;
}

static kin_status set_word(const reading *at, const char *setting)
{
    static const word others[] = {
        {"pooling", read_pooling},   {"power", read_number}, {"centre", read_boolean},
        {"normalise", read_boolean}, {NULL, NULL},
    };
    size_t bytes = strcspn(setting, "=");
    const char *value = setting[bytes] == '=' ? setting + bytes + 1 : NULL;
    if (value == NULL)
        return kin_fail(at->error, KIN_BAD_INPUT, "%s is '%.100s'; it takes WORD=VALUE", at->name,
                        setting);
    if (bytes == 4 && strncmp(setting, "size", 4) == 0) return set_size(at, value);
    const word *tables[] = {input_words, others};
    for (size_t t = 0; t < 2; t++)
        for (const word *w = tables[t]; w->key != NULL; w++)
            if (strlen(w->key) == bytes && strncmp(w->key, setting, bytes) == 0) {
                json_t *json = value_of(value);
                kin_status status =
                    json == NULL ? refuse(at, w->key, "text of UTF-8") : w->read(at, w->key, json);
                json_decref(json);
                return status;
            }
    return kin_fail(at->error, KIN_BAD_INPUT,
                    "%s: there is no word '%.60s'; there are size, width, height, resize, "
                    "shorter_side, interpolation, channels, scale, mean, std, pooling, power, "
                    "centre, normalise",
                    at->name, setting);
}

kin_status kin_sidecar_set(kin_network_spec *spec, const kin_option_list *settings,
                           kin_error *error)
{
    const kin_network_spec before = *spec;
    reading at = {.spec = spec, .name = "--set", .error = error};
    bool shorter = false;
    for (uint32_t i = 0; i < settings->count; i++) {
        kin_status status = set_word(&at, settings->items[i]);
        if (status != KIN_OK) return status;
        shorter = shorter || strncmp(settings->items[i], "shorter_side=", 13) == 0;
    }
    uint32_t longer = spec->width > spec->height ? spec->width : spec->height;
    bool sides = spec->width != before.width || spec->height != before.height;
    if (spec->resize != KIN_NETWORK_RESIZE_CROP && !shorter)
        spec->shorter_side = 0;
    else if (!shorter && (sides || spec->shorter_side == 0))
        spec->shorter_side = longer;
    return KIN_OK;
}
