#include "worker/index/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "worker/encode/onnx_embed.h"
#include "worker/encode/onnx_file.h"
#include "worker/encode/picture_network.h"
#include "worker/index/sidecar.h"

#define EXTENSION ".onnx"

char *kin_model_split(const char *argument, const char **tensors)
{
    const char *at = strstr(argument, EXTENSION ":");
    *tensors = NULL;
    if (at == NULL) return kin_strdup(argument);
    size_t bytes = (size_t)(at - argument) + strlen(EXTENSION);
    *tensors = argument + bytes + 1;
    return kin_sprintf("%.*s", (int)bytes, argument);
}

/* The path without its extension. */
static char *stem_of(const char *path)
{
    size_t bytes = strlen(path), extension = strlen(EXTENSION);
    if (bytes > extension && strcmp(path + bytes - extension, EXTENSION) == 0) bytes -= extension;
    return kin_sprintf("%.*s", (int)bytes, path);
}

static kin_status take_tensors(kin_network_spec *spec, const char *tensors, kin_error *error)
{
    memset(spec->taps, 0, sizeof spec->taps);
    spec->tap_count = 0;
    for (const char *at = tensors; at != NULL;) {
        size_t bytes = strcspn(at, ",");
        if (bytes < 1 || bytes >= KIN_NETWORK_TAP_BYTES || spec->tap_count == KIN_NETWORK_TAPS_MAX)
            return kin_fail(error, KIN_BAD_INPUT,
                            "'%s' is no list of up to %d names of tensors of up to %d bytes",
                            tensors, KIN_NETWORK_TAPS_MAX, KIN_NETWORK_TAP_BYTES - 1);
        memcpy(spec->taps[spec->tap_count++], at, bytes);
        at = at[bytes] == ',' ? at + bytes + 1 : NULL;
    }
    return KIN_OK;
}

kin_status kin_model_spec(kin_network_spec *spec, const char *path, const char *tensors,
                          const kin_option_list *settings, bool *assumed, kin_error *error)
{
    char *stem = stem_of(path), *sidecar = kin_sprintf("%s.json", stem);
    const char *slash = strrchr(stem, '/'), *base = slash == NULL ? stem : slash + 1;
    kin_sidecar_default(spec);
    memset(spec->name, 0, sizeof spec->name);
    for (size_t i = 0; base[i] != 0 && i + 1 < sizeof spec->name; i++)
        spec->name[i] = (char)(base[i] < ' ' || base[i] > '~' ? '?' : base[i]);
    kin_status status = kin_sidecar_read(spec, sidecar, error);
    *assumed = status == KIN_NOT_FOUND;
    if (*assumed) status = KIN_OK;
    if (status == KIN_OK && settings != NULL) status = kin_sidecar_set(spec, settings, error);
    if (status == KIN_OK && tensors != NULL) status = take_tensors(spec, tensors, error);
    free(sidecar);
    free(stem);
    return status;
}

/* The default tap, where none is named. */
static kin_status find_tap(kin_network_spec *spec, const char *path, const kin_buffer *onnx,
                           kin_error *error)
{
    kin_graph *graph = NULL;
    if (spec->tap_count > 0) return KIN_OK;
    kin_status status = kin_onnx_parse(&graph, onnx->data, onnx->bytes, NULL, path, error);
    if (status == KIN_OK) {
        const char *tap = kin_picture_network_default_tap(graph);
        if (tap == NULL || strlen(tap) >= KIN_NETWORK_TAP_BYTES)
            status = kin_fail(error, KIN_BAD_INPUT,
                              "%s: no tensor to tap is found; name one as %s:TENSOR", path, path);
        else
            memcpy(spec->taps[spec->tap_count++], tap, strlen(tap));
    }
    kin_graph_destroy(&graph);
    return status;
}

static void say_assumed(const char *path, const kin_network_spec *spec)
{
    static const char *const ways[] = {"stretched", "cropped", "padded"};
    char shorter[40] = "";
    if (spec->resize == KIN_NETWORK_RESIZE_CROP)
        snprintf(shorter, sizeof shorter, " of a shorter side of %u", (unsigned)spec->shorter_side);
    kin_log(KIN_LOG_WARNING,
            "%s has no sidecar (.json beside it): ImageNet's common values are assumed where --set "
            "says no others: %u x %u%s, %s, %s, %s, scale %g, mean %.3f %.3f %.3f, std %.3f %.3f "
            "%.3f",
            path, (unsigned)spec->width, (unsigned)spec->height, shorter, ways[spec->resize],
            spec->interpolation == KIN_NETWORK_BICUBIC ? "bicubic" : "bilinear",
            spec->bgr ? "BGR" : "RGB", (double)spec->scale, (double)spec->mean[0],
            (double)spec->mean[1], (double)spec->mean[2], (double)spec->deviation[0],
            (double)spec->deviation[1], (double)spec->deviation[2]);
}

/* The model's bytes, with what it keeps in other files. */
static kin_status read_model(kin_buffer *onnx, const char *path, kin_error *error)
{
    kin_status status = kin_file_read(path, KIN_ONNX_BYTES_MAX, onnx, error);
    char *folder = kin_onnx_folder(path);
    if (status == KIN_OK) status = kin_onnx_embed(onnx, folder, path, error);
    free(folder);
    return status;
}

static kin_status gather_one(kin_network_model *model, kin_buffer *onnx, const char *argument,
                             const kin_option_list *settings, bool says, kin_error *error)
{
    const char *tensors;
    bool assumed;
    kin_error why;
    kin_network_spec *spec = &model->spec;
    char *path = kin_model_split(argument, &tensors);
    kin_status status = kin_model_spec(spec, path, tensors, settings, &assumed, error);
    if (status == KIN_OK) status = read_model(onnx, path, error);
    if (status == KIN_OK) status = find_tap(spec, path, onnx, error);
    if (status == KIN_OK && kin_network_spec_check(spec, &why) != KIN_OK)
        status = kin_fail(error, KIN_BAD_INPUT, "%s%s: %s", path,
                          assumed ? "" : " with its sidecar", why.text);
    if (status == KIN_OK && assumed && says) say_assumed(path, spec);
    model->onnx = onnx->data;
    model->bytes = onnx->bytes;
    free(path);
    return status;
}

kin_status kin_models_gather(kin_buffer *out, const kin_option_list *models,
                             const kin_option_list *settings, bool says, kin_error *error)
{
    uint32_t count = models->count, taps = 0;
    kin_network_file file = {.model_count = count};
    kin_buffer onnx[KIN_NETWORK_MODELS_MAX] = {0};
    kin_status status = KIN_OK;
    if (count > KIN_NETWORK_MODELS_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "%u models; the limit is %d", (unsigned)count,
                        KIN_NETWORK_MODELS_MAX);
    if (count > 1 && settings->count > 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--set is about one --model, and there are %u: say it in their sidecars",
                        (unsigned)count);
    for (uint32_t m = 0; status == KIN_OK && m < count; m++) {
        status = gather_one(&file.models[m], &onnx[m], models->items[m], settings, says, error);
        taps += file.models[m].spec.tap_count;
    }
    for (uint32_t m = 0; m < count; m++)
        file.models[m].spec.normalise = file.models[m].spec.normalise || taps > 1;
    if (status == KIN_OK) kin_network_file_build(out, &file);
    for (uint32_t m = 0; m < count; m++)
        kin_buffer_fini(&onnx[m]);
    return status;
}
