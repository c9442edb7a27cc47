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
#include "common/base/options.h"
#include "common/base/text.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/decoder.h"
#include "worker/decode/launcher.h"

static const char help[] =
    "usage: kindred-decode --try [--side N] [--raster-out FOLDER] FILE...\n"
    "\n"
    "The sandboxed picture decoder of Kindred. Other programs start it themselves; by hand it "
    "says\n"
    "what it makes of files, a line each: FILE, reason (none: decoded), WIDTHxHEIGHT, detail.\n"
    "\n"
    "  --try                decode the files\n"
    "  --side N             reduce to fit within N x N (default 1024)\n"
    "  --raster-out FOLDER  write decoded pictures there: 0.ppm, 1.ppm, ... by position\n"
    "  --no-sandbox         decode without the sandbox; only where the kernel lacks seccomp\n"
    "\n"
    "Example: kindred-decode --try holiday/*.jpg\n";

static kin_status write_raster(const kin_image *raster, const char *folder, int number,
                               kin_error *error)
{
    char name[32];
    snprintf(name, sizeof name, "%d.ppm", number);
    char *path = kin_path_join(folder, name);
    kin_buffer file = {0};
    kin_buffer_printf(&file, "P6\n%u %u\n255\n", raster->width, raster->height);
    kin_buffer_append(&file, raster->pixels, (size_t)raster->width * raster->height * 3);
    kin_status status = kin_file_write_atomic(path, file.data, file.bytes, error);
    kin_buffer_fini(&file);
    free(path);
    return status;
}

/* Reads path into the decoder's input; a reason where that cannot be. */
static void read_input(kin_decoder *decoder, const char *path, size_t *bytes, kin_decoded *decoded)
{
    uint8_t *input = kin_decoder_input(decoder);
    decoded->reason = KIN_REASON_NONE;
    decoded->width = decoded->height = 0;
    decoded->detail[0] = *bytes = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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

static kin_status try_files(char **files, int count, int64_t side, const char *raster_folder,
                            bool no_sandbox, kin_error *error)
{
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    options.no_sandbox = no_sandbox;
    kin_decode_request request = {
        .raster = {.mode = KIN_RASTER_FIT, .width = (uint32_t)side, .height = (uint32_t)side}};
    kin_decoder *decoder = NULL;
    kin_decoded decoded = {0};
    kin_status status = kin_decoder_open(&decoder, &options, error);
    for (int i = 0; i < count && status == KIN_OK; i++) {
        size_t bytes;
        read_input(decoder, files[i], &bytes, &decoded);
        if (decoded.reason == KIN_REASON_NONE)
            status = kin_decoder_run(decoder, bytes, &request, &decoded, error);
        if (status == KIN_OK && decoded.reason == KIN_REASON_NONE && raster_folder != NULL)
            status = write_raster(&decoded.raster, raster_folder, i, error);
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
        return kin_launcher_run(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argv[5][0] != '0');
    bool wants_help = false, wants_try = false, no_sandbox = false;
    int64_t side = KIN_RASTER_SIDE_MAX;
    const char *raster_folder = NULL;
    const kin_option options[] = {
        {"try", 0, KIN_OPTION_FLAG, &wants_try, 0, 0, NULL},
        {"side", 0, KIN_OPTION_NUMBER, &side, 1, KIN_RASTER_SIDE_MAX, NULL},
        {"raster-out", 0, KIN_OPTION_TEXT, &raster_folder, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &no_sandbox, 0, 0, NULL},
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
    if (!wants_try || count == 0) {
        kin_log(KIN_LOG_ERROR, "other programs start this one; by hand: --try FILE... (--help)");
        return 2;
    }
    if (try_files(argv + 1, count, side, raster_folder, no_sandbox, &error) == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return 1;
}
