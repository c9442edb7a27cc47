/* What the sandbox costs: milliseconds from request to answer, less those that the child spends on
 * the picture, for a picture so small that nothing else is to be seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/image/encode_image.h"
#include "worker/decode/decoder.h"

#define ROUNDS 3000
#define LIMIT_MS 0.25

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Decodes the picture ROUNDS times; what each took in all and in the child, sorted. */
static kin_status measure(kin_decoder *decoder, const kin_buffer *png, double *all_ms,
                          double *child_ms, kin_error *error)
{
    const kin_decode_request request = {.raster = {KIN_RASTER_STRETCH, 64, 64, 0}};
    kin_decoded decoded = {0};
    kin_status status = KIN_OK;
    for (int i = 0; i < ROUNDS && status == KIN_OK; i++) {
        int64_t start = kin_clock_ns();
        memcpy(kin_decoder_input(decoder), png->data, png->bytes);
        status = kin_decoder_run(decoder, png->bytes, &request, &decoded, error);
        child_ms[i] = (double)decoded.decode_ns / 1e6;
        all_ms[i] = (double)(kin_clock_ns() - start) / 1e6 - child_ms[i];
    }
    kin_decoded_fini(&decoded);
    qsort(all_ms, ROUNDS, sizeof *all_ms, by_size);
    qsort(child_ms, ROUNDS, sizeof *child_ms, by_size);
    return status;
}

/* kindred-decode is in the folder bin beside that of this program. */
static void find_programs(void)
{
    char *folder = kin_program_folder();
    char *path = kin_sprintf("%s/../bin", folder);
    setenv("PATH", path, 1);
    free(path);
    free(folder);
}

int main(void)
{
    static double overhead_ms[ROUNDS], child_ms[ROUNDS];
    kin_decoder *decoder = NULL;
    kin_error error = {0};
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    kin_image image;
    kin_buffer png = {0};
    find_programs();
    kin_image_init(&image, 64, 64);
    kin_image_append_png(&image, &png);
    int64_t start = kin_clock_ns();
    kin_status status = kin_decoder_open(&decoder, &options, &error);
    double open_ms = (double)(kin_clock_ns() - start) / 1e6;
    if (status == KIN_OK) status = measure(decoder, &png, overhead_ms, child_ms, &error);
    if (status == KIN_OK) {
        printf("start with the sandbox's self-test  %7.3f ms\n", open_ms);
        printf("a 64 x 64 PNG in the child          %7.3f ms (median)\n", child_ms[ROUNDS / 2]);
        printf("sandbox around it, a picture        %7.3f ms (median), %.3f ms (99 %%)\n",
               overhead_ms[ROUNDS / 2], overhead_ms[ROUNDS * 99 / 100]);
        printf("  ratio to the limit of %.2f ms      %7.3f\n", LIMIT_MS,
               overhead_ms[ROUNDS / 2] / LIMIT_MS);
    } else {
        fprintf(stderr, "%s\n", error.text);
    }
    kin_decoder_close(&decoder);
    kin_buffer_fini(&png);
    kin_image_fini(&image);
    return status != KIN_OK;
}
