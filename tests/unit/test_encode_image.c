/* PNG and JPEG writing: a PNG gives its pixels back to a reader of its own, equal pixels give equal
 * bytes. That a JPEG shows the right picture is tested with Pillow (e2e/decode_oracle.py). */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/bytes.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/image/encode_image.h"
#include "tests/support/test.h"

static kin_image ramps(uint32_t width, uint32_t height)
{
    kin_image image;
    kin_random random = {.state = width};
    kin_image_init(&image, width, height);
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        image.pixels[i] = (uint8_t)(i / 5 + kin_random_below(&random, i % 7 + 1));
    return image;
}

static int paeth(int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* Takes the filters off: raw [height][1 + stride] to pixels [height][stride]. */
static void unfilter(const uint8_t *raw, uint32_t height, size_t stride, uint8_t *pixels)
{
    for (uint32_t y = 0; y < height; y++, raw += 1 + stride, pixels += stride)
        for (size_t i = 0; i < stride; i++) {
            int left = i >= 3 ? pixels[i - 3] : 0, above = y > 0 ? (pixels - stride)[i] : 0;
            int corner = i >= 3 && y > 0 ? (pixels - stride)[i - 3] : 0;
            int guesses[] = {0, left, above, (left + above) / 2, paeth(left, above, corner)};
            assert_in_range(raw[0], 0, 4);
            pixels[i] = (uint8_t)(raw[1 + i] + guesses[raw[0]]);
        }
}

/* Reads a PNG of one IDAT chunk, as the writer makes them. */
static void read_png(const kin_buffer *png, kin_image *image)
{
    assert_memory_equal(png->data, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    kin_image_init(image, kin_load_be32(png->data + 16), kin_load_be32(png->data + 20));
    assert_memory_equal(png->data + 24, "\x08\x02\0\0\0", 5);
    size_t at = 33, stride = (size_t)image->width * 3;
    uint32_t length = kin_load_be32(png->data + at);
    assert_memory_equal(png->data + at + 4, "IDAT", 4);
    assert_int_equal(at + 12 + length + 12, png->bytes);
    assert_int_equal(kin_load_be32(png->data + at + 8 + length),
                     crc32(0, png->data + at + 4, length + 4));
    assert_memory_equal(png->data + png->bytes - 12, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
    uLongf bytes = image->height * (1 + stride);
    uint8_t *raw = kin_malloc(bytes);
    assert_int_equal(uncompress(raw, &bytes, png->data + at + 8, length), Z_OK);
    assert_int_equal(bytes, image->height * (1 + stride));
    unfilter(raw, image->height, stride, image->pixels);
    free(raw);
}

static void test_png_gives_its_pixels_back(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {3, 500}, {500, 3}, {257, 129}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        kin_image image = ramps(sizes[i][0], sizes[i][1]), again;
        kin_buffer png = {0};
        kin_image_append_png(&image, &png);
        read_png(&png, &again);
        assert_int_equal(again.width, image.width);
        assert_int_equal(again.height, image.height);
        assert_memory_equal(again.pixels, image.pixels, (size_t)image.width * image.height * 3);
        kin_buffer_fini(&png);
        kin_image_fini(&image);
        kin_image_fini(&again);
    }
}

static void test_jpeg_is_whole(void **state)
{
    (void)state;
    kin_image image = ramps(96, 64);
    kin_buffer jpeg = {0}, coarse = {0};
    kin_image_append_jpeg(&image, 85, &jpeg);
    kin_image_append_jpeg(&image, 20, &coarse);
    assert_memory_equal(jpeg.data, "\xff\xd8\xff", 3);
    assert_memory_equal(jpeg.data + jpeg.bytes - 2, "\xff\xd9", 2);
    assert_true(coarse.bytes < jpeg.bytes);
    kin_buffer_fini(&jpeg);
    kin_buffer_fini(&coarse);
    kin_image_fini(&image);
}

static void test_equal_pixels_equal_bytes_appended(void **state)
{
    (void)state;
    kin_image image = ramps(80, 70), other = ramps(11, 13);
    for (int kind = 0; kind < 2; kind++) {
        kin_buffer once = {0}, twice = {0};
        kin_buffer_append_string(&twice, "before");
        for (int i = 0; i < 2; i++) {
            kin_buffer *out = i == 0 ? &once : &twice;
            if (kind == 0)
                kin_image_append_png(&image, out);
            else
                kin_image_append_jpeg(&image, 85, out);
            kin_buffer between = {0}; /* what was written before changes nothing */
            kin_image_append_jpeg(&other, 30, &between);
            kin_buffer_fini(&between);
        }
        assert_int_equal(twice.bytes, once.bytes + 6);
        assert_memory_equal(twice.data, "before", 6);
        assert_memory_equal(twice.data + 6, once.data, once.bytes);
        kin_buffer_fini(&once);
        kin_buffer_fini(&twice);
    }
    kin_image_fini(&image);
    kin_image_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_gives_its_pixels_back),
        cmocka_unit_test(test_jpeg_is_whole),
        cmocka_unit_test(test_equal_pixels_equal_bytes_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
