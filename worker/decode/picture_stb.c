#include "worker/decode/picture_stb.h"

#include <stdlib.h>
#include <string.h>

/* The walks admit only what these decode. An assertion that fails ends the sandboxed child. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#ifndef KIN_DECODER_TURBO
#define STBI_ONLY_JPEG
#endif
#define STBI_MAX_DIMENSIONS 65535
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb_image.h>
#pragma GCC diagnostic pop

/* stb keeps palettes on the stack and does not clear them, and an index beyond a short palette
 * reads what lay there. With zeros below us such a picture has the same pixels every time. */
static __attribute__((noinline)) void clear_stack(void)
{
    volatile uint8_t area[32768];
    for (size_t i = 0; i < sizeof area; i++)
        area[i] = 0;
}

static inline uint8_t on_white(uint8_t colour, uint8_t alpha)
{
    unsigned sum = colour * alpha + 255u * (255u - alpha);
    return (uint8_t)((sum + 127) / 255);
}

/* [pixels][channels] to [pixels][3]; `to` may be `from` where channels >= 3. */
static void to_rgb(const uint8_t *from, size_t pixels, int channels, bool ignore_alpha, uint8_t *to)
{
    for (size_t i = 0; i < pixels; i++, from += channels, to += 3) {
        uint8_t red = from[0], green = red, blue = red, alpha = 255;
        if (channels >= 3) {
            green = from[1];
            blue = from[2];
        }
        if (channels % 2 == 0 && !ignore_alpha) alpha = from[channels - 1];
        to[0] = alpha == 255 ? red : on_white(red, alpha);
        to[1] = alpha == 255 ? green : on_white(green, alpha);
        to[2] = alpha == 255 ? blue : on_white(blue, alpha);
    }
}

kin_reason kin_picture_stb(const uint8_t *data, size_t bytes, const char *format, bool ignore_alpha,
                           kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict)
{
    clear_stack();
    int width, height, channels;
    uint8_t *pixels = stbi_load_from_memory(data, (int)bytes, &width, &height, &channels, 0);
    if (pixels == NULL) {
        const char *why = stbi_failure_reason();
        if (why != NULL && (strcmp(why, "outofmem") == 0 || strcmp(why, "too large") == 0))
            return kin_reject(verdict, KIN_REASON_TOO_LARGE,
                              "%s: %u x %u pixels need more memory than the decoder may use",
                              format, picture->width, picture->height);
        return kin_reject(verdict, KIN_REASON_CORRUPT, "%s: %s", format, why != NULL ? why : "?");
    }
    if ((uint32_t)width != picture->width || (uint32_t)height != picture->height) {
        free(pixels);
        return kin_reject(verdict, KIN_REASON_CORRUPT, "%s: contradicting sizes", format);
    }
    picture->pixels =
        (kin_image){.pixels = pixels, .width = picture->width, .height = picture->height};
    picture->owned = pixels;
    size_t count = (size_t)width * (size_t)height;
    if (channels == 3) return KIN_REASON_NONE;
    if (channels < 3) {
        picture->pixels.pixels = kin_pixel_store_get(store, count * 3);
        if (picture->pixels.pixels == NULL)
            return kin_reject(verdict, KIN_REASON_TOO_LARGE,
                              "%s: %u x %u pixels need more memory than the decoder may use",
                              format, picture->width, picture->height);
    }
    to_rgb(pixels, count, channels, ignore_alpha, picture->pixels.pixels);
    return KIN_REASON_NONE;
}
