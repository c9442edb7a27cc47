/* What it costs to make a raster of a JPEG, beside stb_image and stb_image_resize in the same run.
 *
 *   bench_decode [ROUNDS]
 *
 * Made photos, quality 90, to 224 x 224; medians of thread time over rounds in which both take
 * turns. Ours is what kindred-decode's child does, checks of the bytes included. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/image/encode_image.h"
#include "common/image/resize.h"
#include "worker/decode/picture.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
/* Functions that are declared and left out are only seen at the end of the file. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb_image.h>
#include <stb_image_resize.h>
#pragma GCC diagnostic pop

#define SIDE 224
#define ROUNDS 40
#define ROUNDS_MAX 10000
#define LIMIT 0.35 /* of 1920 x 1080 */

static _Noreturn void die(const char *text)
{
    fprintf(stderr, "bench_decode: %s\n", text);
    exit(1);
}

/* Smooth noise with grain, as index_ranks.py makes it. */
static void make_photo(uint32_t width, uint32_t height, kin_buffer *jpeg)
{
    enum { GRAIN = 12 };
    kin_random random = {.state = 1};
    kin_image coarse, photo = {0};
    kin_image_init(&coarse, 16, 9);
    for (int i = 0; i < 16 * 9 * 3; i++)
        coarse.pixels[i] = (uint8_t)kin_random_u64(&random);
    kin_image_resize(&coarse, width, height, &photo);
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        int value = photo.pixels[i] + (int)kin_random_below(&random, 2 * GRAIN + 1) - GRAIN;
        photo.pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    kin_image_append_jpeg(&photo, 90, jpeg);
    kin_image_fini(&photo);
    kin_image_fini(&coarse);
}

static double thread_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void ours(const kin_buffer *jpeg, kin_pixel_store *store)
{
    kin_picture_wish wish = {.raster = {.mode = KIN_RASTER_STRETCH, .width = SIDE, .height = SIDE}};
    kin_picture picture = {0};
    kin_verdict verdict = {0};
    kin_image raster = {0};
    if (kin_picture_decode(jpeg->data, jpeg->bytes, &wish, store, &picture, &verdict) !=
        KIN_REASON_NONE)
        die(verdict.detail);
    kin_raster_source source = {&picture.pixels, picture.width, picture.height,
                                picture.orientation};
    kin_raster_make_upright(&source, &wish.raster, &raster);
    kin_image_fini(&raster);
    kin_picture_fini(&picture);
}

static void theirs(const kin_buffer *jpeg)
{
    static uint8_t raster[SIDE * SIDE * 3];
    int width, height, channels;
    uint8_t *pixels =
        stbi_load_from_memory(jpeg->data, (int)jpeg->bytes, &width, &height, &channels, 3);
    if (pixels == NULL) die(stbi_failure_reason());
    if (!stbir_resize_uint8(pixels, width, height, 0, raster, SIDE, SIDE, 0, 3))
        die("stb_image_resize has no memory");
    stbi_image_free(pixels);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void measure(uint32_t width, uint32_t height, size_t rounds, double limit)
{
    static double our_ms[ROUNDS_MAX], their_ms[ROUNDS_MAX], ratio[ROUNDS_MAX];
    kin_buffer jpeg = {0};
    kin_pixel_store store = {0};
    make_photo(width, height, &jpeg);
    ours(&jpeg, &store); /* its buffers are there from the second picture on */
    for (size_t i = 0; i < rounds; i++) {
        double start = thread_ms();
        ours(&jpeg, &store);
        double between = thread_ms();
        theirs(&jpeg);
        our_ms[i] = between - start;
        their_ms[i] = thread_ms() - between;
        ratio[i] = our_ms[i] / their_ms[i];
    }
    printf("%4u x %-4u  ours %7.3f ms  stb %7.3f ms  ratio %.2f", width, height,
           median(our_ms, rounds), median(their_ms, rounds), median(ratio, rounds));
    if (limit > 0) printf(" (limit %.2f)", limit);
    printf("\n");
    kin_pixel_store_release(&store);
    kin_buffer_fini(&jpeg);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : ROUNDS;
    if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) die("usage: [ROUNDS, up to 10000]");
    measure(500, 375, (size_t)rounds, 0);
    measure(1920, 1080, (size_t)rounds, LIMIT);
    return 0;
}
