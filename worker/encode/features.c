#include "worker/encode/features.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/features_builtin.h"

struct kin_features {
    const char *name, *versioned_name;
    uint32_t dimensions;
    kin_raster_spec raster;
};

struct kin_features_scratch {
    kin_builtin_scratch builtin;
};

static const kin_features builtin = {
    .name = "builtin",
    .versioned_name = "builtin/1",
    .dimensions = KIN_BUILTIN_DIMENSIONS,
    .raster = {.mode = KIN_RASTER_STRETCH, .width = KIN_BUILTIN_SIDE, .height = KIN_BUILTIN_SIDE}};

kin_status kin_features_open(kin_features **features, const char *name, kin_error *error)
{
    *features = NULL;
    if (strcmp(name, builtin.name) != 0 && strcmp(name, builtin.versioned_name) != 0)
        return kin_fail(error, KIN_BAD_INPUT, "there are no features '%s'; there are: %s (%s)",
                        name, builtin.name, builtin.versioned_name);
    *features = kin_malloc(sizeof **features);
    **features = builtin;
    return KIN_OK;
}

void kin_features_close(kin_features **features)
{
    free(*features);
    *features = NULL;
}

const char *kin_features_name(const kin_features *features)
{
    return features->versioned_name;
}

uint32_t kin_features_dimensions(const kin_features *features)
{
    return features->dimensions;
}

const kin_raster_spec *kin_features_raster(const kin_features *features)
{
    return &features->raster;
}

kin_features_scratch *kin_features_scratch_new(const kin_features *features)
{
    KIN_CHECK(features != NULL);
    return kin_malloc(sizeof(kin_features_scratch));
}

void kin_features_scratch_destroy(kin_features_scratch **scratch)
{
    free(*scratch);
    *scratch = NULL;
}

void kin_features_run(const kin_features *features, kin_features_scratch *scratch,
                      const kin_image *rasters, uint32_t count, float *vectors)
{
    for (uint32_t i = 0; i < count; i++) {
        KIN_CHECK(rasters[i].width == features->raster.width);
        KIN_CHECK(rasters[i].height == features->raster.height);
        kin_builtin_run(&scratch->builtin, rasters[i].pixels,
                        vectors + (size_t)i * features->dimensions);
    }
}
