#include "worker/encode/features_pixels.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

#define PREFIX "pixels:"
#define GREY ":grey"
#define VERSION "/1"

_Static_assert(3 * KIN_PIXELS_SIDE_MAX_COLOUR * KIN_PIXELS_SIDE_MAX_COLOUR <=
                       KIN_FEATURE_DIMENSIONS_MAX &&
                   KIN_PIXELS_SIDE_MAX_GREY * KIN_PIXELS_SIDE_MAX_GREY <=
                       KIN_FEATURE_DIMENSIONS_MAX,
               "the largest squares are vectors");

bool kin_pixels_is_name(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

kin_status kin_pixels_parse(kin_pixels *pixels, const char *name, kin_error *error)
{
    char *end = NULL;
    const char *digits = kin_pixels_is_name(name) ? name + strlen(PREFIX) : "";
    unsigned long side = *digits >= '0' && *digits <= '9' ? strtoul(digits, &end, 10) : 0;
    bool grey = end != NULL && strncmp(end, GREY, strlen(GREY)) == 0;
    if (grey) end += strlen(GREY);
    if (end == NULL || (*end != 0 && strcmp(end, VERSION) != 0))
        return kin_fail(error, KIN_BAD_INPUT,
                        "there are no features '%s': pixels are pixels:SIDE, of colours, or "
                        "pixels:SIDE" GREY ", such as pixels:32 and pixels:28" GREY,
                        name);
    unsigned long most = grey ? KIN_PIXELS_SIDE_MAX_GREY : KIN_PIXELS_SIDE_MAX_COLOUR;
    if (side < KIN_PIXELS_SIDE_MIN || side > most)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the features '%s' have a side of %lu; pixels of %s have one of %d to %lu",
                        name, side, grey ? "grey" : "colours", KIN_PIXELS_SIDE_MIN, most);
    *pixels = (kin_pixels){.side = (uint32_t)side, .grey = grey};
    return KIN_OK;
}

void kin_pixels_name(const kin_pixels *pixels, char name[KIN_PIXELS_NAME_BYTES])
{
    snprintf(name, KIN_PIXELS_NAME_BYTES, PREFIX "%u%s" VERSION, (unsigned)pixels->side,
             pixels->grey ? GREY : "");
}

uint32_t kin_pixels_dimensions(const kin_pixels *pixels)
{
    return pixels->side * pixels->side * (pixels->grey ? 1 : 3);
}

void kin_pixels_run(const kin_pixels *pixels, const uint8_t *raster, float *vector)
{
    size_t count = (size_t)pixels->side * pixels->side;
    if (!pixels->grey) {
        for (size_t i = 0; i < 3 * count; i++)
            vector[i] = (float)raster[i] / 255;
        return;
    }
    for (size_t i = 0; i < count; i++, raster += 3) {
        /* round(65536 times 0.299, 0.587, 0.114), which add up to 65536. */
        uint32_t level =
            (19595U * raster[0] + 38470U * raster[1] + 7471U * raster[2] + 32768) >> 16;
        vector[i] = (float)level / 255;
    }
}
