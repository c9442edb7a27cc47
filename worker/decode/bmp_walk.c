#include "worker/decode/bmp_walk.h"

#include "common/base/bytes.h"
#include "common/base/limits.h"

#define FILE_HEADER_BYTES 14
#define CORE_HEADER_BYTES 12
#define INFO_HEADER_BYTES 40
#define ADOBE_HEADER_BYTES 56 /* with masks that only Adobe's programs wrote */

enum { RGB = 0, BITFIELDS = 3 };

typedef struct header {
    uint32_t bytes; /* of the info header */
    int32_t width, height;
    uint32_t bits, compression, planes;
    uint32_t pixels_offset;
} header;

static bool is_header_size(uint32_t bytes)
{
    return bytes == 12 || bytes == 40 || bytes == 56 || bytes == 108 || bytes == 124;
}

static header read_header(const uint8_t *data)
{
    const uint8_t *info = data + FILE_HEADER_BYTES;
    header h = {.bytes = kin_load_le32(info), .pixels_offset = kin_load_le32(data + 10)};
    if (h.bytes == CORE_HEADER_BYTES) {
        h.width = kin_load_le16(info + 4);
        h.height = kin_load_le16(info + 6);
        h.planes = kin_load_le16(info + 8);
        h.bits = kin_load_le16(info + 10);
        return h;
    }
    h.width = (int32_t)kin_load_le32(info + 4);
    h.height = (int32_t)kin_load_le32(info + 8);
    h.planes = kin_load_le16(info + 12);
    h.bits = kin_load_le16(info + 14);
    h.compression = kin_load_le32(info + 16);
    return h;
}

/* Besides what it says, stb_image misreads palettes of the core header and masks of 56 bytes. */
static kin_reason check_variety(const header *h, kin_verdict *verdict)
{
    bool masks = h->compression == BITFIELDS && (h->bits == 16 || h->bits == 32) &&
                 h->bytes != ADOBE_HEADER_BYTES;
    if (h->compression != RGB && !masks)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "BMP: compression %u of %u bits is not read", h->compression, h->bits);
    bool palette = h->bits == 1 || h->bits == 4 || h->bits == 8;
    bool plain = h->bits == 16 || h->bits == 24 || h->bits == 32;
    if (h->bytes == CORE_HEADER_BYTES ? h->bits != 24 : !palette && !plain)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "BMP: %u bits a pixel with a header of %u bytes are not read", h->bits,
                          h->bytes);
    return KIN_REASON_NONE;
}

/* Masks are runs of at most 8 bits that do not overlap; the fourth, of alpha, may be zero. */
static kin_reason check_masks(const header *h, const uint8_t *masks, unsigned count,
                              kin_verdict *verdict)
{
    uint32_t all = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t mask = kin_load_le32(masks + 4 * i);
        uint32_t low = mask & -mask;
        if ((mask == 0 && i < 3) || ((mask + low) & mask) != 0 || (all & mask) != 0 ||
            (h->bits == 16 && mask > 0xffff))
            return kin_reject(verdict, KIN_REASON_CORRUPT, "BMP: colour mask %08x", mask);
        if (__builtin_popcount(mask) > 8)
            return kin_reject(verdict, KIN_REASON_UNSUPPORTED, "BMP: colour mask %08x is not read",
                              mask);
        all |= mask;
    }
    return KIN_REASON_NONE;
}

/* Masks where there are any, and where the pixels start: behind headers and palette. */
static kin_reason check_layout(const header *h, const uint8_t *data, size_t bytes, bool *has_alpha,
                               kin_verdict *verdict)
{
    size_t headers = FILE_HEADER_BYTES + (size_t)h->bytes;
    if (h->compression == BITFIELDS) {
        bool follow = h->bytes == INFO_HEADER_BYTES; /* three masks follow the header */
        if (follow) headers += 12;
        if (bytes < headers)
            return kin_reject(verdict, KIN_REASON_TRUNCATED, "BMP: ends at byte %zu in its header",
                              bytes);
        const uint8_t *masks = data + FILE_HEADER_BYTES + INFO_HEADER_BYTES;
        if (check_masks(h, masks, follow ? 3 : 4, verdict) != KIN_REASON_NONE)
            return verdict->reason;
        *has_alpha = !follow && kin_load_le32(masks + 12) != 0;
    }
    size_t palette_max = h->bits <= 8 ? 256 * 4 : 0, palette_min = h->bits <= 8 ? 4 : 0;
    if (h->pixels_offset < headers + palette_min || h->pixels_offset - headers > palette_max)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "BMP: pixels at byte %u, headers end at %zu",
                          h->pixels_offset, headers);
    uint64_t height = (uint64_t)(h->height < 0 ? -(int64_t)h->height : h->height);
    uint64_t needed = ((uint64_t)h->width * h->bits + 31) / 32 * 4 * height;
    size_t there = h->pixels_offset > bytes ? 0 : bytes - h->pixels_offset;
    if (needed > there)
        return kin_reject(verdict, KIN_REASON_TRUNCATED, "BMP: %llu bytes of pixels, %zu are there",
                          (unsigned long long)needed, there);
    return KIN_REASON_NONE;
}

kin_reason kin_bmp_walk(const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height,
                        bool *has_alpha, kin_verdict *verdict)
{
    *width = *height = 0;
    *has_alpha = false;
    if (bytes < FILE_HEADER_BYTES + 4)
        return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE, "BMP: %zu bytes", bytes);
    uint32_t header_bytes = kin_load_le32(data + FILE_HEADER_BYTES);
    if (!is_header_size(header_bytes)) /* "BM" starts many texts */
        return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE, "BMP: a header of %u bytes is not read",
                          header_bytes);
    if (bytes < FILE_HEADER_BYTES + (size_t)header_bytes)
        return kin_reject(verdict, KIN_REASON_TRUNCATED, "BMP: ends at byte %zu in its header",
                          bytes);
    header h = read_header(data);
    if (check_variety(&h, verdict) != KIN_REASON_NONE) return verdict->reason;
    if (h.planes != 1 || h.width < 0 || h.height == INT32_MIN)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "BMP: %u planes of %d x %d", h.planes,
                          h.width, h.height);
    *width = (uint32_t)h.width;
    *height = (uint32_t)(h.height < 0 ? -h.height : h.height);
    if (kin_check_sides(verdict, "BMP", *width, *height, KIN_PICTURE_PIXELS_MAX) != KIN_REASON_NONE)
        return verdict->reason;
    return check_layout(&h, data, bytes, has_alpha, verdict);
}
