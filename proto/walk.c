#include "proto/walk.h"

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/base/text.h"

/* What the first byte of an object says (msgpack's specification, "Formats"). */
typedef struct head {
    size_t bytes;   /* of the head: type and size */
    size_t payload; /* bytes behind it */
    size_t objects; /* objects behind it */
    bool text;
    bool container;
} head;

/* A size of 1, 2 or 4 bytes, big-endian; false where the message ends before it. */
static bool read_size(const uint8_t *at, size_t left, size_t width, size_t *size)
{
    if (left < 1 + width) return false;
    *size = width == 1 ? at[1] : width == 2 ? kin_load_be16(at + 1) : kin_load_be32(at + 1);
    return true;
}

static bool sized_head(const uint8_t *at, size_t left, size_t width, head *out)
{
    out->bytes = 1 + width;
    return read_size(at, left, width, &out->payload);
}

static bool container_head(const uint8_t *at, size_t left, size_t width, size_t each, head *out)
{
    out->bytes = 1 + width;
    out->container = true;
    if (!read_size(at, left, width, &out->objects)) return false;
    out->objects *= each;
    return true;
}

static bool read_head(const uint8_t *at, size_t left, head *out)
{
    uint8_t type = at[0];
    *out = (head){.bytes = 1};
    if (type <= 0x7f || type >= 0xe0) return true; /* fixint */
    if (type <= 0x9f) {                            /* fixmap, fixarray */
        out->container = true;
        out->objects = type <= 0x8f ? 2 * (size_t)(type & 0x0f) : (size_t)(type & 0x0f);
        return true;
    }
    out->text = type <= 0xbf || (type >= 0xd9 && type <= 0xdb);
    if (type <= 0xbf) { /* fixstr */
        out->payload = type & 0x1f;
        return true;
    }
    static const uint8_t number_bytes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    switch (type) {
    case 0xc0: /* nil, false, true */
    case 0xc2:
    case 0xc3:
        return true;
    case 0xc4: /* bin */
    case 0xc5:
    case 0xc6:
        return sized_head(at, left, (size_t)1 << (type - 0xc4), out);
    case 0xd9: /* str */
    case 0xda:
    case 0xdb:
        return sized_head(at, left, (size_t)1 << (type - 0xd9), out);
    case 0xdc: /* array */
    case 0xdd:
        return container_head(at, left, (size_t)2 << (type - 0xdc), 1, out);
    case 0xde: /* map */
    case 0xdf:
        return container_head(at, left, (size_t)2 << (type - 0xde), 2, out);
    default:
        if (type < 0xca || type > 0xd3) return false; /* extensions and 0xc1 */
        out->payload = number_bytes[type - 0xca];
        return true;
    }
}

kin_status kin_walk(const void *data, size_t bytes, kin_error *error)
{
    const uint8_t *at = data;
    size_t left = bytes, objects = 0, depth = 0;
    size_t open[KIN_MESSAGE_DEPTH_MAX]; /* objects still to come at each depth */
    bool done = false;
    while (!done) {
        head next;
        if (left == 0) return kin_fail(error, KIN_CORRUPT, "the message ends before its end");
        if (!read_head(at, left, &next))
            return kin_fail(error, KIN_CORRUPT,
                            "the message has the byte 0x%02x at %zu, where no "
                            "object of msgpack may start or is cut off",
                            at[0], bytes - left);
        left -= next.bytes;
        at += next.bytes;
        if (next.payload > left || next.objects > left)
            return kin_fail(error, KIN_CORRUPT, "the message declares more than it has");
        if (next.text && !kin_text_is_utf8((const char *)at, next.payload))
            return kin_fail(error, KIN_CORRUPT, "a text of the message is not UTF-8");
        left -= next.payload;
        at += next.payload;
        if (++objects > KIN_MESSAGE_OBJECTS_MAX)
            return kin_fail(error, KIN_LIMIT, "the message has more than %u objects",
                            KIN_MESSAGE_OBJECTS_MAX);
        if (next.container && depth == KIN_MESSAGE_DEPTH_MAX)
            return kin_fail(error, KIN_LIMIT, "the message nests deeper than %d",
                            KIN_MESSAGE_DEPTH_MAX);
        if (next.objects > 0)
            open[depth++] = next.objects;
        else
            while (depth > 0 && --open[depth - 1] == 0)
                depth--;
        done = depth == 0;
    }
    if (left > 0) return kin_fail(error, KIN_CORRUPT, "bytes follow the end of the message");
    return KIN_OK;
}
