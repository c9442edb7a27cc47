#include "worker/decode/picture_jpeg.h"

#ifndef KIN_DECODER_TURBO

#include "worker/decode/picture_stb.h"

kin_reason kin_picture_jpeg(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                            kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict)
{
    (void)wish; /* stb_image knows one scale */
    return kin_picture_stb(data, bytes, "JPEG", false, store, picture, verdict);
}

#else

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

#include "common/base/limits.h"
#include "common/image/orientation.h"

/* Rasters below this side are made from as many pixels as one of it, so that a thumbnail made
 * besides is a good one. Part of the pixels' name (kin_decoder_name). */
#define SIDE_MIN 128

/* The library's state; one for the life of the child. */
typedef struct jpeg_state {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    kin_verdict *verdict;
    uint8_t *cmyk; /* one row */
    size_t cmyk_bytes;
    bool created;
} jpeg_state;

static jpeg_state state;

/* The reason that an error or warning of the library stands for. */
static kin_reason reason_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return KIN_REASON_TOO_LARGE;
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
        return KIN_REASON_UNSUPPORTED;
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF:
        return KIN_REASON_TRUNCATED;
    default:
        return KIN_REASON_CORRUPT;
    }
}

static void give_up(j_common_ptr common)
{
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    kin_reject(state.verdict, reason_of(common->err->msg_code), "JPEG: %s", text);
    longjmp(state.escape, 1);
}

/* Warnings that say that pixels are guessed end the decoding; others (bytes between segments, an
 * odd version number) are harmless. Levels >= 0 are traces. */
static void on_message(j_common_ptr common, int level)
{
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
        give_up(common);
    }
}

static void ignore_output(j_common_ptr common)
{
    (void)common;
}

/* The smallest of 1, 2, 4, 8 eighths at which both sides of the stored picture keep at least twice
 * what they are resized to. It depends on the raster alone where there is one. */
static unsigned eighths_of(const kin_picture *picture, const kin_picture_wish *wish)
{
    kin_raster_spec spec = wish->raster;
    if (spec.mode == KIN_RASTER_NONE)
        spec = (kin_raster_spec){
            .mode = KIN_RASTER_FIT, .width = wish->thumbnail_side, .height = wish->thumbnail_side};
    if (spec.width < SIDE_MIN) spec.width = SIDE_MIN;
    if (spec.height < SIDE_MIN) spec.height = SIDE_MIN;
    uint32_t longer = spec.width > spec.height ? spec.width : spec.height;
    if (spec.shorter_side < longer) spec.shorter_side = longer;
    bool swaps = kin_orientation_swaps_sides(picture->orientation);
    uint32_t width, height;
    kin_raster_full_size(swaps ? picture->height : picture->width,
                         swaps ? picture->width : picture->height, &spec, &width, &height);
    uint64_t needed_width = 2 * (uint64_t)(swaps ? height : width);
    uint64_t needed_height = 2 * (uint64_t)(swaps ? width : height);
    for (unsigned eighths = 1; eighths < 8; eighths *= 2)
        if ((uint64_t)picture->width * eighths / 8 >= needed_width &&
            (uint64_t)picture->height * eighths / 8 >= needed_height)
            return eighths;
    return 8;
}

/* Inks as Adobe writes them: 255 is none. */
static void row_of_cmyk(const uint8_t *from, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++, from += 4, to += 3)
        for (int i = 0; i < 3; i++)
            to[i] = (uint8_t)((from[i] * from[3] + 127) / 255);
}

static void create(void)
{
    state.decoder.err = jpeg_std_error(&state.errors);
    state.errors.error_exit = give_up;
    state.errors.emit_message = on_message;
    state.errors.output_message = ignore_output;
    jpeg_create_decompress(&state.decoder);
    state.created = true;
}

static void read_rows(uint8_t *pixels)
{
    struct jpeg_decompress_struct *decoder = &state.decoder;
    while (decoder->output_scanline < decoder->output_height) {
        uint8_t *to = pixels + (size_t)decoder->output_scanline * decoder->output_width * 3;
        uint8_t *row = decoder->out_color_space == JCS_CMYK ? state.cmyk : to;
        jpeg_read_scanlines(decoder, &row, 1);
        if (row == state.cmyk) row_of_cmyk(row, decoder->output_width, to);
    }
}

/* Sets everything up and returns where the pixels go, or NULL with the verdict set. */
static uint8_t *start(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                      kin_pixel_store *store, const kin_picture *picture, kin_verdict *verdict)
{
    struct jpeg_decompress_struct *decoder = &state.decoder;
    jpeg_mem_src(decoder, data, bytes);
    jpeg_read_header(decoder, TRUE);
    decoder->scale_num = eighths_of(picture, wish);
    decoder->scale_denom = 8;
    decoder->dct_method = JDCT_ISLOW;
    bool inks = decoder->num_components == 4;
    decoder->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(decoder);
    size_t count = (size_t)decoder->output_width * decoder->output_height;
    if (count > KIN_PICTURE_PIXELS_MAX) {
        kin_reject(verdict, KIN_REASON_TOO_LARGE,
                   "JPEG: %u x %u, decoded as %u x %u, is more than %u million pixels",
                   picture->width, picture->height, decoder->output_width, decoder->output_height,
                   KIN_PICTURE_PIXELS_MAX / 1000000);
        return NULL;
    }
    jpeg_start_decompress(decoder);
    uint8_t *pixels = kin_pixel_store_get(store, count * 3);
    size_t row_bytes = inks ? (size_t)decoder->output_width * 4 : 0;
    if (row_bytes > state.cmyk_bytes) {
        free(state.cmyk);
        state.cmyk = malloc(row_bytes);
        state.cmyk_bytes = state.cmyk != NULL ? row_bytes : 0;
    }
    if (pixels == NULL || state.cmyk_bytes < row_bytes) {
        kin_reject(verdict, KIN_REASON_TOO_LARGE,
                   "JPEG: %u x %u pixels need more memory than the decoder may use", picture->width,
                   picture->height);
        return NULL;
    }
    return pixels;
}

kin_reason kin_picture_jpeg(const uint8_t *data, size_t bytes, const kin_picture_wish *wish,
                            kin_pixel_store *store, kin_picture *picture, kin_verdict *verdict)
{
    state.verdict = verdict;
    if (setjmp(state.escape) != 0) {
        if (state.created) jpeg_abort_decompress(&state.decoder);
        return verdict->reason;
    }
    if (!state.created) create();
    uint8_t *pixels = start(data, bytes, wish, store, picture, verdict);
    if (pixels != NULL) {
        read_rows(pixels);
        picture->pixels = (kin_image){.pixels = pixels,
                                      .width = state.decoder.output_width,
                                      .height = state.decoder.output_height};
        jpeg_finish_decompress(&state.decoder);
    }
    jpeg_abort_decompress(&state.decoder);
    return verdict->reason;
}

#endif
