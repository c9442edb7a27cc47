/* kindred-decode: launcher of the decode sandbox; by hand, a way to see what it makes of files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/decoder.h"
#include "worker/decode/launcher.h"

static const char help[] =
    "usage: kindred-decode --try [--side N] [--raster-out FOLDER] FILE...\n"
    "\n"
    "The sandboxed picture decoder of Kindred. Other programs start it themselves;\n"
    "by hand it says what it makes of files, a line each: FILE, reason (none:\n"
    "decoded), WIDTHxHEIGHT, detail.\n"
    "\n"
    "  --try                decode the files\n"
    "  --side N             reduce to fit within N x N (default 1024)\n"
    "  --raster WxH         make W x H of it instead, by\n"
    "  --resize WAY         stretch (default), crop or pad\n"
    "  --shorter-side N     of crop: to this, then its middle (the larger of W and H)\n"
    "  --interpolation WAY  bilinear (default) or bicubic\n"
    "  --thumbnail N        make a thumbnail of N x N as well (default 0, none)\n"
    "  --raster-out FOLDER  write rasters there by position: 0.ppm, 1.ppm, ..., and\n"
    "                       thumbnails: 0.jpg, 1.jpg, ...\n"
    "  --version            print what decodes here\n"
    "  --no-sandbox         decode without it; only where the kernel lacks seccomp\n"
    "\n"
    "Example: kindred-decode --try holiday/*.jpg\n";

/* Writes the raster as NUMBER.ppm and the thumbnail, where there is one, as NUMBER.jpg. */
static kin_status write_pixels(const kin_decoded *decoded, const char *folder, int number,
                               kin_error *error)
{
    const kin_image *raster = &decoded->raster;
    char *base = kin_sprintf("%s/%d", folder, number);
    char *path = kin_sprintf("%s.ppm", base), *thumbnail_path = kin_sprintf("%s.jpg", base);
    kin_buffer file = {0};
    kin_buffer_printf(&file, "P6\n%u %u\n255\n", raster->width, raster->height);
    kin_buffer_append(&file, raster->pixels, (size_t)raster->width * raster->height * 3);
    kin_status status = kin_file_write_atomic(path, file.data, file.bytes, error);
    if (status == KIN_OK && decoded->thumbnail.bytes > 0)
        status = kin_file_write_atomic(thumbnail_path, decoded->thumbnail.data,
                                       decoded->thumbnail.bytes, error);
    kin_buffer_fini(&file);
    free(base);
    free(path);
    free(thumbnail_path);
    return status;
}

/* Reads path into the decoder's input; a reason where that cannot be. */
static void read_input(kin_decoder *decoder, const char *path, size_t *bytes, kin_decoded *decoded)
{
    uint8_t *input = kin_decoder_input(decoder);
    decoded->reason = KIN_REASON_NONE;
    decoded->width = decoded->height = 0;
    decoded->detail[0] = *bytes = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 ||
        kin_read_full(descriptor, input, KIN_PICTURE_BYTES_MAX, bytes) != KIN_OK) {
        decoded->reason = KIN_REASON_UNREADABLE;
        snprintf(decoded->detail, sizeof decoded->detail, "%s", strerror(errno));
    } else if (*bytes == KIN_PICTURE_BYTES_MAX) {
        decoded->reason = KIN_REASON_TOO_LARGE;
        snprintf(decoded->detail, sizeof decoded->detail, "the file has %u bytes or more",
                 KIN_PICTURE_BYTES_MAX);
    }
    if (descriptor >= 0) close(descriptor);
}

static void print_line(const char *path, const kin_decoded *decoded)
{
    kin_buffer line = {0};
    kin_text_append_escaped(&line, path, strlen(path));
    kin_buffer_printf(&line, "\t%s\t%ux%u\t%s\n", kin_reason_word(decoded->reason), decoded->width,
                      decoded->height, decoded->detail);
    fwrite(line.data, 1, line.bytes, stdout);
    fflush(stdout);
    kin_buffer_fini(&line);
}

typedef struct try_options {
    int64_t side, thumbnail_side;
    const char *raster; /* "WxH"; NULL for side */
    const char *resize, *interpolation;
    int64_t shorter_side;      /* 0: as large as the raster */
    const char *raster_folder; /* NULL for none */
    bool no_sandbox;
} try_options;

/* "WxH" into sides and way of the raster. */
static kin_status read_raster(const try_options *wanted, kin_raster_spec *spec, kin_error *error)
{
    if (sscanf(wanted->raster, "%4ux%4u", &spec->width, &spec->height) != 2 || spec->width < 1 ||
        spec->height < 1 || spec->width > KIN_RASTER_SIDE_MAX || spec->height > KIN_RASTER_SIDE_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "--raster is '%s'; it takes WxH up to %dx%d",
                        wanted->raster, KIN_RASTER_SIDE_MAX, KIN_RASTER_SIDE_MAX);
    uint32_t longer = spec->width > spec->height ? spec->width : spec->height;
    spec->mode = strcmp(wanted->resize, "crop") == 0  ? KIN_RASTER_CROP
                 : strcmp(wanted->resize, "pad") == 0 ? KIN_RASTER_PAD
                                                      : KIN_RASTER_STRETCH;
    if (spec->mode == KIN_RASTER_CROP)
        spec->shorter_side = wanted->shorter_side == 0 ? longer : (uint32_t)wanted->shorter_side;
    if (spec->mode == KIN_RASTER_CROP && spec->shorter_side < longer)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--shorter-side is %u; it is at least the sides of --raster, %u",
                        (unsigned)spec->shorter_side, (unsigned)longer);
    return KIN_OK;
}

/* What to make of each file. */
static kin_status read_request(const try_options *wanted, kin_decode_request *request,
                               kin_error *error)
{
    bool cubic = strcmp(wanted->interpolation, "bicubic") == 0;
    *request = (kin_decode_request){.raster = {.mode = KIN_RASTER_FIT,
                                               .width = (uint32_t)wanted->side,
                                               .height = (uint32_t)wanted->side,
                                               .interpolation = cubic ? KIN_BICUBIC : KIN_BILINEAR},
                                    .thumbnail_side = (uint32_t)wanted->thumbnail_side};
    return wanted->raster == NULL ? KIN_OK : read_raster(wanted, &request->raster, error);
}

static kin_status try_files(char **files, int count, const try_options *wanted, kin_error *error)
{
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    options.no_sandbox = wanted->no_sandbox;
    kin_decode_request request;
    kin_decoder *decoder = NULL;
    kin_decoded decoded = {0};
    kin_status status = read_request(wanted, &request, error);
    if (status == KIN_OK) status = kin_decoder_open(&decoder, &options, error);
    for (int i = 0; i < count && status == KIN_OK; i++) {
        size_t bytes;
        read_input(decoder, files[i], &bytes, &decoded);
        if (decoded.reason == KIN_REASON_NONE)
            status = kin_decoder_run(decoder, bytes, &request, &decoded, error);
        if (status == KIN_OK && decoded.reason == KIN_REASON_NONE && wanted->raster_folder != NULL)
            status = write_pixels(&decoded, wanted->raster_folder, i, error);
        if (status == KIN_OK) print_line(files[i], &decoded);
    }
    kin_decoded_fini(&decoded);
    kin_decoder_close(&decoder);
    return status;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-decode", KIN_LOG_INFO);
    if (argc == 6 && strcmp(argv[1], KIN_WIRE_LAUNCHER_ARGUMENT) == 0)
        return kin_launcher_run(&(kin_launcher_options){.control = atoi(argv[2]),
                                                        .work = atoi(argv[3]),
                                                        .memory = atoi(argv[4]),
                                                        .sandboxed = argv[5][0] != '0'});
    bool wants_help = false, wants_try = false, wants_version = false;
    try_options wanted = {
        .side = KIN_RASTER_SIDE_MAX, .resize = "stretch", .interpolation = "bilinear"};
    const kin_option options[] = {
        {"try", 0, KIN_OPTION_FLAG, &wants_try, 0, 0, NULL},
        {"side", 0, KIN_OPTION_NUMBER, &wanted.side, 1, KIN_RASTER_SIDE_MAX, NULL},
        {"raster", 0, KIN_OPTION_TEXT, &wanted.raster, 0, 0, NULL},
        {"resize", 0, KIN_OPTION_TEXT, &wanted.resize, 0, 0, "stretch|crop|pad"},
        {"shorter-side", 0, KIN_OPTION_NUMBER, &wanted.shorter_side, 1, 4 * KIN_RASTER_SIDE_MAX,
         NULL},
        {"interpolation", 0, KIN_OPTION_TEXT, &wanted.interpolation, 0, 0, "bilinear|bicubic"},
        {"thumbnail", 0, KIN_OPTION_NUMBER, &wanted.thumbnail_side, 0, KIN_THUMBNAIL_SIDE_MAX,
         NULL},
        {"raster-out", 0, KIN_OPTION_TEXT, &wanted.raster_folder, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &wanted.no_sandbox, 0, 0, NULL},
        {"version", 0, KIN_OPTION_FLAG, &wants_version, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &wants_help, 0, 0, NULL},
        {0},
    };
    kin_error error = {0};
    int count;
    if (kin_options_parse(options, argc, argv, &count, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (wants_help) {
        fputs(help, stdout);
        return 0;
    }
    if (wants_version) {
        printf("%s\n", kin_decoder_name());
        return 0;
    }
    if (!wants_try || count == 0) {
        kin_log(KIN_LOG_ERROR, "other programs start this one; by hand: --try FILE... (--help)");
        return 2;
    }
    if (try_files(argv + 1, count, &wanted, &error) == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return 1;
}
