#include "common/image/orientation.h"

#include <string.h>

#include "common/base/check.h"

/* Walks the stored picture in the order of the upright one: where that starts, and how far apart
 * its columns and rows are, in pixels. */
typedef struct walk {
    int64_t start, column, row;
} walk;

static walk walk_of(const kin_image *image, int orientation)
{
    int64_t w = image->width, h = image->height, end = w * h - 1;
    switch (orientation) {
    case 2:
        return (walk){w - 1, -1, w};
    case 3:
        return (walk){end, -1, -w};
    case 4:
        return (walk){end - (w - 1), 1, -w};
    case 5:
        return (walk){0, w, 1};
    case 6:
        return (walk){end - (w - 1), -w, 1};
    case 7:
        return (walk){end, -w, -1};
    case 8:
        return (walk){w - 1, w, -1};
    default:
        return (walk){0, 1, w};
    }
}

void kin_image_orient(kin_image *image, int orientation)
{
    KIN_CHECK(orientation >= KIN_ORIENTATION_UPRIGHT && orientation <= KIN_ORIENTATION_MAX);
    if (orientation == KIN_ORIENTATION_UPRIGHT) return;
    walk step = walk_of(image, orientation);
    bool swaps = kin_orientation_swaps_sides(orientation);
    kin_image upright;
    kin_image_init(&upright, swaps ? image->height : image->width,
                   swaps ? image->width : image->height);
    uint8_t *to = upright.pixels;
    for (uint32_t y = 0; y < upright.height; y++) {
        int64_t from = step.start + y * step.row;
        for (uint32_t x = 0; x < upright.width; x++, from += step.column, to += 3)
            memcpy(to, image->pixels + 3 * from, 3);
    }
    kin_image_fini(image);
    *image = upright;
}
