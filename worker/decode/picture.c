#include "worker/decode/picture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/image/orientation.h"
#include "worker/decode/bmp_walk.h"
#include "worker/decode/gif_walk.h"
#include "worker/decode/jpeg_walk.h"
#include "worker/decode/picture_jpeg.h"
#include "worker/decode/picture_stb.h"
#include "worker/decode/png_walk.h"

#ifdef KIN_DECODER_TURBO
#define JPEG_PIXELS_MAX KIN_JPEG_PIXELS_MAX
#else
#define JPEG_PIXELS_MAX KIN_PICTURE_PIXELS_MAX
#endif

/* Pictures above this start with all memory given back; below it, kept pages make them faster. */
#define LARGE_PIXELS 10000000u

typedef enum format { PNG, JPEG, GIF87, GIF89, BMP, FORMATS } format;

static const struct {
    const char *name, *magic;
    size_t bytes;
} formats[FORMATS] = {
    [PNG] = {"PNG", KIN_PNG_SIGNATURE, 8},
    [JPEG] = {"JPEG", "\xff\xd8\xff", 3},
    [GIF87] = {"GIF", "GIF87a", 6},
    [GIF89] = {"GIF", "GIF89a", 6},
    [BMP] = {"BMP", "BM", 2},
};

void kin_picture_fini(kin_picture *picture)
{
    free(picture->owned);
    memset(picture, 0, sizeof *picture);
}

/* Formats that people have but that we do not read get their name said. */
static kin_reason reject_unknown(const uint8_t *data, size_t bytes, kin_verdict *verdict)
{
    const char *name = NULL;
    if (bytes >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        name = "WebP";
    else if (bytes >= 12 && memcmp(data + 4, "ftyp", 4) == 0)
        name = "HEIF, AVIF or film";
    else if (bytes >= 4 && (memcmp(data, "II*\0", 4) == 0 || memcmp(data, "MM\0*", 4) == 0))
        name = "TIFF";
    if (name != NULL)
        return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE,
                          "a %s file; JPEG, PNG, GIF and BMP are read", name);
    return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE, "neither JPEG, PNG, GIF nor BMP");
}

/* The format by the first bytes; FORMATS with the verdict set where there is none. */
static format format_of(const uint8_t *data, size_t bytes, kin_verdict *verdict)
{
    for (format f = 0; f < FORMATS; f++) {
        size_t length = bytes < formats[f].bytes ? bytes : formats[f].bytes;
        if (memcmp(data, formats[f].magic, length) != 0) continue;
        if (length == formats[f].bytes) return f;
        kin_reject(verdict, KIN_REASON_TRUNCATED, "%s: ends at byte %zu", formats[f].name, bytes);
        return FORMATS;
    }
    reject_unknown(data, bytes, verdict);
    return FORMATS;
}

static kin_reason walk(format f, const uint8_t *data, size_t bytes, kin_picture *picture,
                       bool *has_alpha, kin_verdict *verdict)
{
    kin_jpeg_facts jpeg;
    kin_png_facts png;
    kin_reason reason;
    switch (f) {
    case PNG:
        reason = kin_png_walk(data, bytes, &png, verdict);
        picture->width = png.width;
        picture->height = png.height;
        picture->orientation = png.orientation;
        return reason;
    case JPEG:
        reason = kin_jpeg_walk(data, bytes, JPEG_PIXELS_MAX, &jpeg, verdict);
        picture->width = jpeg.width;
        picture->height = jpeg.height;
        picture->orientation = jpeg.orientation;
        return reason;
    case BMP:
        return kin_bmp_walk(data, bytes, &picture->width, &picture->height, has_alpha, verdict);
    default:
        return kin_gif_walk(data, bytes, &picture->width, &picture->height, verdict);
    }
}

kin_reason kin_picture_decode(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                              kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict)
{
    if (bytes == 0) return kin_reject(verdict, KIN_REASON_EMPTY, "no bytes");
    bool has_alpha = true;
    format f = format_of(data, bytes, verdict);
    if (f == FORMATS) return verdict->reason;
    picture->orientation = KIN_ORIENTATION_UPRIGHT;
    kin_reason reason = walk(f, data, bytes, picture, &has_alpha, verdict);
    if (reason != KIN_REASON_NONE) return reason;
    bool large = (uint64_t)picture->width * picture->height > LARGE_PIXELS;
    if (large) kin_pixel_store_release(store);
    if (f == JPEG) return kin_picture_jpeg(data, bytes, wish, store, picture, verdict);
    return kin_picture_stb(data, bytes, formats[f].name, !has_alpha, store, picture, verdict);
}
