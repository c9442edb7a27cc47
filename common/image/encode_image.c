#include "common/image/encode_image.h"

#include "common/base/check.h"

/* The writer of PNG and JPEG; only its functions with a callback, so that it opens no file. */
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
/* Its JPEG bits are shifted through the sign of an int: defined for gcc, excused from clang's
 * sanitizer. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC optimize("wrapv")
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb_image_write.h>
#pragma GCC diagnostic pop
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static void append(void *context, void *data, int bytes)
{
    kin_buffer_append(context, data, (size_t)bytes);
}

void kin_image_append_png(const kin_image *image, kin_buffer *out)
{
    int stride = (int)image->width * 3;
    KIN_CHECK(stbi_write_png_to_func(append, out, (int)image->width, (int)image->height, 3,
                                     image->pixels, stride));
}

void kin_image_append_jpeg(const kin_image *image, int quality, kin_buffer *out)
{
    KIN_CHECK(quality >= 1 && quality <= 100);
    KIN_CHECK(stbi_write_jpg_to_func(append, out, (int)image->width, (int)image->height, 3,
                                     image->pixels, quality));
}
