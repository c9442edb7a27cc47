#include "worker/decode/png_walk.h"

#include <stdbool.h>
#include <string.h>

#include <zlib.h>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/image/orientation.h"
#include "worker/decode/exif.h"

#define SIGNATURE_BYTES 8
/* Length, type and CRC. */
#define CHUNK_OVERHEAD 12
#define IHDR_BYTES 13

typedef struct chunk {
    const uint8_t *type; /* [4], then the contents */
    const uint8_t *data;
    uint32_t bytes;
    size_t offset; /* of its length, in the file */
} chunk;

/* What has been seen so far. */
typedef struct progress {
    uint8_t depth, colour;
    bool palette, pixels, pixels_ended, transparency;
    size_t pixel_bytes; /* of all IDAT */
} progress;

static bool is(const chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

static kin_reason misplaced(const chunk *c, kin_verdict *verdict)
{
    return kin_reject(verdict, KIN_REASON_CORRUPT, "PNG: chunk %.4s at byte %zu is out of order",
                      (const char *)c->type, c->offset);
}

static kin_reason bad_length(const chunk *c, kin_verdict *verdict)
{
    return kin_reject(verdict, KIN_REASON_CORRUPT, "PNG: chunk %.4s at byte %zu has %u bytes",
                      (const char *)c->type, c->offset, c->bytes);
}

/* Table 11.1 of the specification. */
static bool is_depth_of_colour(uint8_t depth, uint8_t colour)
{
    switch (colour) {
    case 0:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case 3:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case 2:
    case 4:
    case 6:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static kin_reason read_header(const chunk *c, progress *seen, kin_png_facts *facts,
                              kin_verdict *verdict)
{
    if (is(c, "CgBI"))
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "PNG: Apple's variety for telephones (CgBI) is not read");
    if (!is(c, "IHDR")) return misplaced(c, verdict);
    if (c->bytes != IHDR_BYTES) return bad_length(c, verdict);
    facts->width = kin_load_be32(c->data);
    facts->height = kin_load_be32(c->data + 4);
    seen->depth = c->data[8];
    seen->colour = c->data[9];
    if (!is_depth_of_colour(seen->depth, seen->colour))
        return kin_reject(verdict, KIN_REASON_CORRUPT, "PNG: colour type %u with %u bits",
                          seen->colour, seen->depth);
    if (c->data[10] != 0 || c->data[11] != 0 || c->data[12] > 1)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "PNG: compression %u, filter %u, interlace %u", c->data[10], c->data[11],
                          c->data[12]);
    return kin_check_sides(verdict, "PNG", facts->width, facts->height, KIN_PICTURE_PIXELS_MAX);
}

static kin_reason read_palette(const chunk *c, progress *seen, kin_verdict *verdict)
{
    if (seen->palette || seen->pixels || seen->transparency) return misplaced(c, verdict);
    if (c->bytes == 0 || c->bytes > 256 * 3 || c->bytes % 3 != 0) return bad_length(c, verdict);
    if (seen->colour == 0 || seen->colour == 4) return misplaced(c, verdict);
    seen->palette = true;
    return KIN_REASON_NONE;
}

/* Transparency of colour type 0 is 2 bytes, of 2 is 6, of a palette at most one for each entry. */
static kin_reason read_transparency(const chunk *c, progress *seen, kin_verdict *verdict)
{
    if (seen->pixels || seen->transparency) return misplaced(c, verdict);
    if (seen->colour == 3 && !seen->palette) return misplaced(c, verdict);
    bool fits = seen->colour == 0   ? c->bytes == 2
                : seen->colour == 2 ? c->bytes == 6
                                    : seen->colour == 3 && c->bytes <= 256;
    if (!fits) return bad_length(c, verdict);
    seen->transparency = true;
    return KIN_REASON_NONE;
}

/* A chunk between IHDR and IEND. */
static kin_reason read_chunk(const chunk *c, progress *seen, kin_png_facts *facts,
                             kin_verdict *verdict)
{
    bool is_pixels = is(c, "IDAT");
    if (seen->pixels && !is_pixels) seen->pixels_ended = true;
    if (is_pixels) {
        if (seen->pixels_ended || (seen->colour == 3 && !seen->palette))
            return misplaced(c, verdict);
        seen->pixels = true;
        seen->pixel_bytes += c->bytes;
        return KIN_REASON_NONE;
    }
    if (is(c, "PLTE")) return read_palette(c, seen, verdict);
    if (is(c, "tRNS")) return read_transparency(c, seen, verdict);
    if (is(c, "eXIf")) facts->orientation = kin_exif_orientation(c->data, c->bytes);
    if (is(c, "IHDR")) return misplaced(c, verdict);
    if ((c->type[0] & 0x20) == 0)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "PNG: unknown critical chunk %.4s at byte %zu", (const char *)c->type,
                          c->offset);
    return KIN_REASON_NONE;
}

static bool is_letters(const uint8_t *type)
{
    for (int i = 0; i < 4; i++)
        if ((type[i] | 0x20) < 'a' || (type[i] | 0x20) > 'z') return false;
    return true;
}

/* The chunk at *offset, its CRC checked; *offset moves behind it. */
static kin_reason next_chunk(const uint8_t *data, size_t bytes, size_t *offset, chunk *c,
                             kin_verdict *verdict)
{
    c->offset = *offset;
    if (bytes - *offset < CHUNK_OVERHEAD)
        return kin_reject(verdict, KIN_REASON_TRUNCATED, "PNG: ends at byte %zu without IEND",
                          bytes);
    c->bytes = kin_load_be32(data + *offset);
    c->type = data + *offset + 4;
    c->data = c->type + 4;
    if (!is_letters(c->type))
        return kin_reject(verdict, KIN_REASON_CORRUPT, "PNG: no chunk at byte %zu", c->offset);
    if (c->bytes > INT32_MAX) return bad_length(c, verdict);
    if (c->bytes > bytes - *offset - CHUNK_OVERHEAD)
        return kin_reject(verdict, KIN_REASON_TRUNCATED,
                          "PNG: chunk %.4s at byte %zu has %u bytes, %zu are there",
                          (const char *)c->type, c->offset, c->bytes,
                          bytes - *offset - CHUNK_OVERHEAD);
    if (crc32(0, c->type, c->bytes + 4) != kin_load_be32(c->data + c->bytes))
        return kin_reject(verdict, KIN_REASON_CORRUPT,
                          "PNG: CRC of chunk %.4s at byte %zu is wrong", (const char *)c->type,
                          c->offset);
    *offset += CHUNK_OVERHEAD + c->bytes;
    return KIN_REASON_NONE;
}

kin_reason kin_png_walk(const uint8_t *data, size_t bytes, kin_png_facts *facts,
                        kin_verdict *verdict)
{
    progress seen = {0};
    size_t offset = SIGNATURE_BYTES;
    chunk c;
    *facts = (kin_png_facts){.orientation = KIN_ORIENTATION_UPRIGHT};
    if (bytes < SIGNATURE_BYTES || memcmp(data, KIN_PNG_SIGNATURE, SIGNATURE_BYTES) != 0)
        return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE, "PNG: no signature");
    kin_reason reason = next_chunk(data, bytes, &offset, &c, verdict);
    if (reason == KIN_REASON_NONE) reason = read_header(&c, &seen, facts, verdict);
    while (reason == KIN_REASON_NONE) {
        reason = next_chunk(data, bytes, &offset, &c, verdict);
        if (reason != KIN_REASON_NONE) break;
        if (is(&c, "IEND")) {
            if (seen.pixel_bytes > 0) return KIN_REASON_NONE;
            return kin_reject(verdict, KIN_REASON_CORRUPT, "PNG: has no pixels (IDAT)");
        }
        reason = read_chunk(&c, &seen, facts, verdict);
    }
    return reason;
}
