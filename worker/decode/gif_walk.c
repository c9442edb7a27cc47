#include "worker/decode/gif_walk.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/limits.h"

#define HEADER_BYTES 13
#define DESCRIPTOR_BYTES 9
#define TABLE_FLAG 0x80

/* Bytes of the colour table that flags announce. */
static size_t table_bytes(uint8_t flags)
{
    return (flags & TABLE_FLAG) != 0 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

static kin_reason ends_early(size_t bytes, kin_verdict *verdict)
{
    return kin_reject(verdict, KIN_REASON_TRUNCATED,
                      "GIF: ends at byte %zu within its first picture", bytes);
}

/* Moves *at behind sub-blocks and their terminator; their bytes are added to *sum. */
static bool skip_blocks(const uint8_t *data, size_t bytes, size_t *at, size_t *sum)
{
    while (*at < bytes) {
        size_t length = data[(*at)++];
        if (length == 0) return true;
        if (length > bytes - *at) return false;
        *at += length;
        *sum += length;
    }
    return false;
}

/* The picture whose descriptor starts at `at`: within the screen, colours there, data there. */
static kin_reason walk_picture(const uint8_t *data, size_t bytes, size_t at, uint32_t width,
                               uint32_t height, bool has_table, kin_verdict *verdict)
{
    if (bytes - at < DESCRIPTOR_BYTES) return ends_early(bytes, verdict);
    const uint8_t *descriptor = data + at;
    uint32_t left = kin_load_le16(descriptor), top = kin_load_le16(descriptor + 2);
    uint32_t own_width = kin_load_le16(descriptor + 4), own_height = kin_load_le16(descriptor + 6);
    if (own_width == 0 || own_height == 0 || left + own_width > width || top + own_height > height)
        return kin_reject(verdict, KIN_REASON_CORRUPT,
                          "GIF: the first picture is %u x %u at (%u, %u) of %u x %u", own_width,
                          own_height, left, top, width, height);
    size_t table = table_bytes(descriptor[8]);
    if (table == 0 && !has_table)
        return kin_reject(verdict, KIN_REASON_CORRUPT,
                          "GIF: the first picture has no colour table");
    at += DESCRIPTOR_BYTES;
    if (bytes - at < table + 1) return ends_early(bytes, verdict);
    at += table;
    unsigned code_bits = data[at++];
    if (code_bits < 1 || code_bits > 8)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "GIF: codes of %u bits", code_bits);
    size_t coded = 0;
    if (!skip_blocks(data, bytes, &at, &coded)) return ends_early(bytes, verdict);
    /* A code has 12 bits at most and stands for 4,096 pixels at most. */
    if ((uint64_t)coded * 8 / 2 * 4096 < (uint64_t)own_width * own_height)
        return kin_reject(verdict, KIN_REASON_CORRUPT,
                          "GIF: %zu bytes of data cannot hold %u x %u pixels", coded, own_width,
                          own_height);
    return KIN_REASON_NONE;
}

kin_reason kin_gif_walk(const uint8_t *data, size_t bytes, uint32_t *width, uint32_t *height,
                        kin_verdict *verdict)
{
    *width = *height = 0;
    if (bytes < HEADER_BYTES) return ends_early(bytes, verdict);
    *width = kin_load_le16(data + 6);
    *height = kin_load_le16(data + 8);
    kin_reason reason = kin_check_sides(verdict, "GIF", *width, *height, KIN_PICTURE_PIXELS_MAX);
    if (reason != KIN_REASON_NONE) return reason;
    size_t table = table_bytes(data[10]), at = HEADER_BYTES + table, ignored = 0;
    while (at < bytes) {
        uint8_t kind = data[at++];
        if (kind == ',') return walk_picture(data, bytes, at, *width, *height, table != 0, verdict);
        if (kind == ';') return kin_reject(verdict, KIN_REASON_CORRUPT, "GIF: has no picture");
        if (kind != '!')
            return kin_reject(verdict, KIN_REASON_CORRUPT, "GIF: block %02X at byte %zu", kind,
                              at - 1);
        at++; /* the extension's label */
        if (at > bytes || !skip_blocks(data, bytes, &at, &ignored))
            return ends_early(bytes, verdict);
    }
    return ends_early(bytes, verdict);
}
