#include "common/image/raster.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/image/orientation.h"
#include "common/image/resize.h"

/* value * numerator / denominator, rounded, at least 1. */
static uint32_t scaled(uint32_t value, uint32_t numerator, uint32_t denominator)
{
    uint64_t product = (uint64_t)value * numerator;
    uint32_t result = (uint32_t)((product + denominator / 2) / denominator);
    return result + !result;
}

/* Half of it, rounded to even where it lies between, as Python's round. */
static uint32_t half(uint32_t value)
{
    return value / 2 + (value % 2 & value / 2 % 2);
}

/* The sizes of a picture of width x height (upright) that touches its box from inside. */
static void fit_box(uint32_t width, uint32_t height, const kin_raster_spec *spec,
                    kin_resize_window *window)
{
    bool wide = (uint64_t)width * spec->height >= (uint64_t)height * spec->width;
    window->full_width = wide ? spec->width : scaled(width, spec->height, height);
    window->full_height = wide ? scaled(height, spec->width, width) : spec->height;
    if (window->full_width > spec->width) window->full_width = spec->width;
    if (window->full_height > spec->height) window->full_height = spec->height;
}

/* The part of the resized upright picture that the raster shows. */
static kin_resize_window window_of(uint32_t width, uint32_t height, const kin_raster_spec *spec)
{
    kin_resize_window window = {.full_width = spec->width,
                                .full_height = spec->height,
                                .interpolation = spec->interpolation};
    switch (spec->mode) {
    case KIN_RASTER_STRETCH:
        break;
    case KIN_RASTER_FIT:
        if (width <= spec->width && height <= spec->height) {
            window.full_width = width;
            window.full_height = height;
            break;
        }
        fit_box(width, height, spec, &window);
        break;
    case KIN_RASTER_PAD:
        fit_box(width, height, spec, &window);
        break;
    case KIN_RASTER_CROP: {
        uint32_t side = spec->shorter_side, shorter = width < height ? width : height;
        KIN_CHECK(side >= spec->width && side >= spec->height);
        window.full_width = (uint32_t)((uint64_t)width * side / shorter);
        window.full_height = (uint32_t)((uint64_t)height * side / shorter);
        window.width = spec->width;
        window.height = spec->height;
        window.x = half(window.full_width - window.width);
        window.y = half(window.full_height - window.height);
        return window;
    }
    default:
        KIN_CHECK(!"a raster has a mode");
    }
    window.width = window.full_width;
    window.height = window.full_height;
    return window;
}

/* Where the window of the upright picture lies in the stored one: the inverse of orienting. */
static kin_resize_window stored_window(const kin_resize_window *upright, int orientation)
{
    kin_resize_window w = *upright;
    w.lies_on_side = kin_orientation_swaps_sides(orientation);
    bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool from_below = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    if (from_right) w.x = w.full_width - w.width - w.x;
    if (from_below) w.y = w.full_height - w.height - w.y;
    if (!w.lies_on_side) return w;
    return (kin_resize_window){.full_width = w.full_height,
                               .full_height = w.full_width,
                               .x = w.y,
                               .y = w.x,
                               .width = w.height,
                               .height = w.width,
                               .interpolation = w.interpolation,
                               .lies_on_side = true};
}

/* Puts *image in the middle of a white one. */
static void pad(kin_image *image, uint32_t width, uint32_t height)
{
    kin_image padded;
    kin_image_init(&padded, width, height);
    memset(padded.pixels, 255, (size_t)width * height * 3);
    size_t x = half(width - image->width), y = half(height - image->height);
    for (uint32_t row = 0; row < image->height; row++)
        memcpy(padded.pixels + ((y + row) * width + x) * 3,
               image->pixels + (size_t)row * image->width * 3, (size_t)image->width * 3);
    kin_image_fini(image);
    *image = padded;
}

void kin_raster_make_upright(const kin_raster_source *source, const kin_raster_spec *spec,
                             kin_image *raster)
{
    KIN_CHECK(spec->width >= 1 && spec->width <= KIN_RASTER_SIDE_MAX);
    KIN_CHECK(spec->height >= 1 && spec->height <= KIN_RASTER_SIDE_MAX);
    bool swaps = kin_orientation_swaps_sides(source->orientation);
    kin_resize_window upright = window_of(swaps ? source->height : source->width,
                                          swaps ? source->width : source->height, spec);
    kin_resize_window stored = stored_window(&upright, source->orientation);
    kin_image_resize_window(source->pixels, &stored, raster);
    kin_image_orient(raster, source->orientation);
    if (spec->mode == KIN_RASTER_PAD) pad(raster, spec->width, spec->height);
}

void kin_raster_make(const kin_image *picture, const kin_raster_spec *spec, kin_image *raster)
{
    kin_raster_make_upright(&(kin_raster_source){.pixels = picture,
                                                 .width = picture->width,
                                                 .height = picture->height,
                                                 .orientation = KIN_ORIENTATION_UPRIGHT},
                            spec, raster);
}

void kin_raster_full_size(uint32_t width, uint32_t height, const kin_raster_spec *spec,
                          uint32_t *full_width, uint32_t *full_height)
{
    kin_resize_window window = window_of(width, height, spec);
    *full_width = window.full_width;
    *full_height = window.full_height;
}
