/* The decoder through a real launcher and child. This program is its own kindred-decode (a link to
 * it in PATH), so that the test runs in every build and needs no other program. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/image/encode_image.h"
#include "common/image/orientation.h"
#include "common/image/resize.h"
#include "tests/support/test.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/decoder.h"
#include "worker/decode/launcher.h"
#include "worker/decode/sandbox.h"

static kin_decoder *decoder;

/* Smooth colours with a little noise: like a photo, and no two corners are alike. */
static void make_photo(kin_image *image, uint32_t width, uint32_t height)
{
    kin_random random = {.state = width * 65537u + height};
    kin_image_init(image, width, height);
    uint8_t *at = image->pixels;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++, at += 3) {
            at[0] = (uint8_t)(x * 240 / width + kin_random_below(&random, 8));
            at[1] = (uint8_t)(y * 240 / height + kin_random_below(&random, 8));
            at[2] = (uint8_t)((x + y) * 240 / (width + height) + kin_random_below(&random, 8));
        }
}

static void run(const void *bytes, size_t count, const kin_decode_request *request,
                kin_decoded *decoded)
{
    kin_error error = {0};
    if (count > 0) memcpy(kin_decoder_input(decoder), bytes, count);
    if (kin_decoder_run(decoder, count, request, decoded, &error) != KIN_OK)
        fail_msg("%s", error.text);
}

static kin_decode_request fit(uint32_t side)
{
    return (kin_decode_request){.raster = {.mode = KIN_RASTER_FIT, .width = side, .height = side}};
}

static int largest_difference(const kin_image *a, const kin_image *b)
{
    int largest = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (size_t i = 0; i < (size_t)a->width * a->height * 3; i++) {
        int difference = abs(a->pixels[i] - b->pixels[i]);
        if (difference > largest) largest = difference;
    }
    return largest;
}

static void test_png_is_exact(void **unused)
{
    (void)unused;
    kin_image photo;
    kin_buffer png = {0};
    kin_decoded decoded = {0};
    kin_decode_request request = fit(200);
    make_photo(&photo, 200, 117);
    kin_image_append_png(&photo, &png);
    run(png.data, png.bytes, &request, &decoded);
    assert_int_equal(decoded.reason, KIN_REASON_NONE);
    assert_int_equal(decoded.width, 200);
    assert_int_equal(decoded.height, 117);
    assert_true(decoded.decode_ns > 0);
    assert_int_equal(largest_difference(&decoded.raster, &photo), 0);
    kin_decoded_fini(&decoded);
    kin_buffer_fini(&png);
    kin_image_fini(&photo);
}

static void test_bmp_by_hand(void **unused)
{
    (void)unused;
    uint8_t bmp[54 + 2 * 8] = "BM";
    static const uint8_t rows[2][8] = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}; /* from below */
    kin_store_le32(bmp + 10, 54);
    kin_store_le32(bmp + 14, 40);
    kin_store_le32(bmp + 18, 2);
    kin_store_le32(bmp + 22, 2);
    kin_store_le16(bmp + 26, 1);
    kin_store_le16(bmp + 28, 24);
    memcpy(bmp + 54, rows, sizeof rows);
    static const uint8_t expected[] = {9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4};
    kin_decoded decoded = {0};
    kin_decode_request request = fit(16);
    run(bmp, sizeof bmp, &request, &decoded);
    assert_int_equal(decoded.reason, KIN_REASON_NONE);
    assert_int_equal(decoded.raster.width, 2);
    assert_memory_equal(decoded.raster.pixels, expected, sizeof expected);
    kin_decoded_fini(&decoded);
}

/* An APP1 segment with the orientation, behind the start marker of a JPEG. */
static void append_turned(const kin_buffer *jpeg, uint8_t orientation, kin_buffer *turned)
{
    static const uint8_t app1[] = "\xff\xe1\0\x24"
                                  "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0"; /* + value */
    kin_buffer_clear(turned);
    kin_buffer_append(turned, jpeg->data, 2);
    kin_buffer_append(turned, app1, sizeof app1 - 1);
    kin_buffer_append_byte(turned, orientation);
    kin_buffer_append(turned, "\0\0\0\0\0\0", 6);
    kin_buffer_append(turned, jpeg->data + 2, jpeg->bytes - 2);
}

static void test_orientations(void **unused)
{
    (void)unused;
    kin_image photo;
    kin_buffer jpeg = {0}, turned = {0};
    kin_decode_request request = fit(128);
    make_photo(&photo, 120, 80);
    kin_image_append_jpeg(&photo, 95, &jpeg);
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        kin_image expected = {.width = photo.width, .height = photo.height};
        expected.pixels = kin_malloc(120 * 80 * 3);
        memcpy(expected.pixels, photo.pixels, 120 * 80 * 3);
        kin_image_orient(&expected, orientation);
        kin_decoded decoded = {0};
        append_turned(&jpeg, orientation, &turned);
        run(turned.data, turned.bytes, &request, &decoded);
        assert_int_equal(decoded.reason, KIN_REASON_NONE);
        assert_int_equal(decoded.width, orientation >= 5 ? 80 : 120);
        assert_true(largest_difference(&decoded.raster, &expected) < 24); /* a JPEG's */
        kin_decoded_fini(&decoded);
        kin_image_fini(&expected);
    }
    kin_buffer_fini(&turned);
    kin_buffer_fini(&jpeg);
    kin_image_fini(&photo);
}

/* A query is encoded with another thumbnail than its index was built with. */
static void test_thumbnail_does_not_change_raster(void **unused)
{
    (void)unused;
    static const uint32_t sides[] = {0, 96, KIN_THUMBNAIL_SIDE_MAX};
    kin_image photo;
    kin_buffer jpeg = {0}, first = {0};
    make_photo(&photo, 1500, 1100);
    kin_image_append_jpeg(&photo, 90, &jpeg);
    for (int i = 0; i < 3; i++) {
        kin_decode_request request = {.raster = {.mode = KIN_RASTER_STRETCH, 64, 64, 0},
                                      .thumbnail_side = sides[i]};
        kin_decoded decoded = {0}, again = {0};
        run(jpeg.data, jpeg.bytes, &request, &decoded);
        assert_int_equal(decoded.reason, KIN_REASON_NONE);
        if (i == 0) kin_buffer_append(&first, decoded.raster.pixels, 64 * 64 * 3);
        assert_memory_equal(decoded.raster.pixels, first.data, first.bytes);
        assert_true((decoded.thumbnail.bytes > 0) == (sides[i] > 0));
        if (sides[i] > 0) { /* a JPEG of that side */
            kin_decode_request whole = fit(KIN_RASTER_SIDE_MAX);
            run(decoded.thumbnail.data, decoded.thumbnail.bytes, &whole, &again);
            assert_int_equal(again.width, sides[i]);
            assert_int_equal(again.height, (sides[i] * 1100 + 750) / 1500);
        }
        kin_decoded_fini(&again);
        kin_decoded_fini(&decoded);
    }
    kin_buffer_fini(&first);
    kin_buffer_fini(&jpeg);
    kin_image_fini(&photo);
}

/* At whatever scale libjpeg-turbo decodes, the raster is that of the whole picture. */
static void test_scaled_decoding(void **unused)
{
    (void)unused;
    kin_image photo, expected;
    kin_buffer jpeg = {0};
    make_photo(&photo, 2101, 1603);
    kin_image_append_jpeg(&photo, 95, &jpeg);
    for (uint32_t side = 32; side <= 1024; side *= 2) {
        kin_decode_request request = {.raster = {.mode = KIN_RASTER_STRETCH, side, side, 0}};
        kin_decoded decoded = {0};
        run(jpeg.data, jpeg.bytes, &request, &decoded);
        assert_int_equal(decoded.reason, KIN_REASON_NONE);
        assert_int_equal(decoded.width, 2101);
        kin_image_resize(&photo, side, side, &expected);
        assert_true(largest_difference(&decoded.raster, &expected) < 12);
        kin_image_fini(&expected);
        kin_decoded_fini(&decoded);
    }
    kin_buffer_fini(&jpeg);
    kin_image_fini(&photo);
}

static void test_rejections(void **unused)
{
    (void)unused;
    kin_image photo;
    kin_buffer png = {0};
    kin_decode_request request = fit(64);
    make_photo(&photo, 50, 40);
    kin_image_append_png(&photo, &png);
    kin_buffer damaged = {0};
    kin_buffer_append(&damaged, png.data, png.bytes);
    damaged.data[png.bytes / 2] ^= 1;
    const struct {
        const void *bytes;
        size_t count;
        kin_reason reason;
    } cases[] = {
        {"", 0, KIN_REASON_EMPTY},
        {"It was a dark and stormy night", 30, KIN_REASON_NOT_AN_IMAGE},
        {"RIFF\4\0\0\0WEBPVP8 ", 16, KIN_REASON_NOT_AN_IMAGE},
        {"\xff\xd8\xff", 3, KIN_REASON_TRUNCATED},
        {png.data, png.bytes - 5, KIN_REASON_TRUNCATED},
        {damaged.data, damaged.bytes, KIN_REASON_CORRUPT},
        {"GIF89a\xff\xff\xff\xff\0\0\0", 13, KIN_REASON_TOO_LARGE},
        {png.data, png.bytes, KIN_REASON_NONE}, /* and the child is well */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_decoded decoded = {0};
        run(cases[i].bytes, cases[i].count, &request, &decoded);
        if (decoded.reason != cases[i].reason)
            fail_msg("case %zu: %s (%s)", i, kin_reason_word(decoded.reason), decoded.detail);
        assert_true((decoded.detail[0] == 0) == (decoded.reason == KIN_REASON_NONE));
        kin_decoded_fini(&decoded);
    }
    kin_buffer_fini(&damaged);
    kin_buffer_fini(&png);
    kin_image_fini(&photo);
}

/* No raster and no thumbnail: sides alone. The other modes have the sides that were asked for. */
static void test_modes(void **unused)
{
    (void)unused;
    static const kin_raster_spec specs[] = {{KIN_RASTER_NONE, 0, 0, 0, KIN_BILINEAR},
                                            {KIN_RASTER_CROP, 224, 224, 256, KIN_BILINEAR},
                                            {KIN_RASTER_PAD, 100, 300, 0, KIN_BICUBIC},
                                            {KIN_RASTER_STRETCH, 7, 3, 0, KIN_BILINEAR}};
    kin_image photo;
    kin_buffer jpeg = {0};
    make_photo(&photo, 640, 360);
    kin_image_append_jpeg(&photo, 90, &jpeg);
    for (int i = 0; i < 4; i++) {
        kin_decode_request request = {.raster = specs[i]};
        kin_decoded decoded = {0};
        run(jpeg.data, jpeg.bytes, &request, &decoded);
        assert_int_equal(decoded.reason, KIN_REASON_NONE);
        assert_int_equal(decoded.width, 640);
        assert_int_equal(decoded.raster.width, specs[i].width);
        assert_int_equal(decoded.raster.height, specs[i].height);
        kin_decoded_fini(&decoded);
    }
    kin_buffer_fini(&jpeg);
    kin_image_fini(&photo);
}

static void test_name(void **unused)
{
    (void)unused;
    const char *name = kin_decoder_name();
    assert_true(strlen(name) > 0 && strlen(name) < 64); /* its place in an encoder file */
#ifdef KIN_DECODER_TURBO
    assert_non_null(strstr(name, "turbo"));
#else
    assert_null(strstr(name, "turbo"));
#endif
}

static void test_sandbox_holds(void **unused)
{
    (void)unused;
    kin_sandbox *sandbox;
    kin_error error = {0};
    assert_int_equal(kin_sandbox_new(&sandbox, &error), KIN_OK);
    if (kin_sandbox_test(sandbox, &error) != KIN_OK) fail_msg("%s", error.text);
    kin_sandbox_destroy(&sandbox);
    assert_null(sandbox);
}

static int open_decoder(void **unused)
{
    (void)unused;
    kin_error error = {0};
    kin_decoder_options options = KIN_DECODER_OPTIONS_DEFAULT;
    options.timeout_ms = 60000; /* what is tested here is not the time */
    if (kin_decoder_open(&decoder, &options, &error) == KIN_OK) return 0;
    print_error("%s\n", error.text);
    return -1;
}

static int close_decoder(void **unused)
{
    (void)unused;
    kin_decoder_close(&decoder);
    return decoder != NULL;
}

/* PATH leads to this program under the decoder's name. */
static char *become_decoder(void)
{
    char template[] = "/tmp/kindred-decoder-XXXXXX", self[4096];
    char *folder = mkdtemp(template);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (folder == NULL || length < 0) abort();
    self[length] = 0;
    char *link = kin_path_join(folder, "kindred-decode");
    if (symlink(self, link) != 0 || setenv("PATH", folder, 1) != 0) abort();
    free(link);
    return kin_strdup(folder);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], KIN_WIRE_LAUNCHER_ARGUMENT) == 0)
        return kin_launcher_run(&(kin_launcher_options){.control = atoi(argv[2]),
                                                        .work = atoi(argv[3]),
                                                        .memory = atoi(argv[4]),
                                                        .sandboxed = argv[5][0] == '1'});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_is_exact),
        cmocka_unit_test(test_bmp_by_hand),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_thumbnail_does_not_change_raster),
        cmocka_unit_test(test_scaled_decoding),
        cmocka_unit_test(test_rejections),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_sandbox_holds),
    };
    char *folder = become_decoder();
    int failed = cmocka_run_group_tests(tests, open_decoder, close_decoder);
    kin_error error;
    if (kin_directory_remove(folder, &error) != KIN_OK) failed++;
    free(folder);
    return failed;
}
