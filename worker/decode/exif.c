#include "worker/decode/exif.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/image/orientation.h"

/* A TIFF file: header (order of bytes, 42, offset of the first directory); a directory: a count,
 * then entries of 12 bytes: tag, type, count, value or its offset. */
#define HEADER_BYTES 8
#define ENTRY_BYTES 12
#define TAG_ORIENTATION 274
#define TYPE_SHORT 3
#define TYPE_LONG 4

static uint32_t load16(const uint8_t *bytes, bool big)
{
    return big ? kin_load_be16(bytes) : kin_load_le16(bytes);
}

static uint32_t load32(const uint8_t *bytes, bool big)
{
    return big ? kin_load_be32(bytes) : kin_load_le32(bytes);
}

int kin_exif_orientation(const uint8_t *data, size_t bytes)
{
    if (bytes < HEADER_BYTES) return KIN_ORIENTATION_UPRIGHT;
    bool big = memcmp(data, "MM\0*", 4) == 0;
    if (!big && memcmp(data, "II*\0", 4) != 0) return KIN_ORIENTATION_UPRIGHT;
    size_t directory = load32(data + 4, big);
    if (directory > bytes - 2) return KIN_ORIENTATION_UPRIGHT;
    size_t entries = load16(data + directory, big);
    size_t room = (bytes - directory - 2) / ENTRY_BYTES;
    if (entries > room) entries = room;
    const uint8_t *entry = data + directory + 2;
    for (size_t i = 0; i < entries; i++, entry += ENTRY_BYTES) {
        if (load16(entry, big) != TAG_ORIENTATION) continue;
        uint32_t type = load16(entry + 2, big), value = 0;
        if (load32(entry + 4, big) != 1) break;
        if (type == TYPE_SHORT) value = load16(entry + 8, big);
        if (type == TYPE_LONG) value = load32(entry + 8, big);
        if (value >= KIN_ORIENTATION_UPRIGHT && value <= KIN_ORIENTATION_MAX) return (int)value;
        break;
    }
    return KIN_ORIENTATION_UPRIGHT;
}
