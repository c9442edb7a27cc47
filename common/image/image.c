#include "common/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"

void kin_image_init(kin_image *image, uint32_t width, uint32_t height)
{
    KIN_CHECK(width >= 1 && height >= 1);
    image->pixels = kin_calloc((size_t)width * height, 3);
    image->width = width;
    image->height = height;
}

void kin_image_fini(kin_image *image)
{
    free(image->pixels);
    memset(image, 0, sizeof *image);
}
