#include "proto/message_lists.h"

#include "common/base/limits.h"
#include "common/base/memory.h"

static void pack_bytes(msgpack_packer *packer, kin_bytes bytes)
{
    msgpack_pack_bin(packer, bytes.bytes);
    if (bytes.bytes > 0) msgpack_pack_bin_body(packer, bytes.data, bytes.bytes);
}

static void pack_shards(msgpack_packer *packer, kin_message_list list, const kin_message *message)
{
    msgpack_pack_array(packer, message->shard_count);
    for (uint32_t i = 0; i < message->shard_count; i++) {
        const kin_message_shard *shard = &message->shards[i];
        if (list != KIN_LIST_SHARDS) msgpack_pack_array(packer, 2);
        msgpack_pack_uint32(packer, shard->shard);
        if (list == KIN_LIST_TOTALS) msgpack_pack_uint64(packer, shard->total);
        if (list == KIN_LIST_OPENED) pack_bytes(packer, shard->error);
    }
}

static void pack_hits(msgpack_packer *packer, const kin_message *message)
{
    msgpack_pack_array(packer, message->hit_count);
    for (uint32_t i = 0; i < message->hit_count; i++) {
        const kin_hit *hit = &message->hits[i];
        msgpack_pack_array(packer, 5);
        msgpack_pack_uint64(packer, hit->id);
        msgpack_pack_uint32(packer, hit->distance);
        msgpack_pack_uint32(packer, hit->shard);
        msgpack_pack_uint64(packer, hit->row);
        pack_bytes(packer, message->keys[i]);
    }
}

bool kin_message_list_there(kin_message_list list, const kin_message *message)
{
    if (list == KIN_LIST_COUNTS) return message->count_count > 0;
    if (list == KIN_LIST_CLASSES) return message->class_count > 0;
    return list != KIN_LIST_SHARDS || message->shard_count > 0;
}

void kin_message_list_pack(msgpack_packer *packer, kin_message_list list,
                           const kin_message *message)
{
    if (list == KIN_LIST_HITS) {
        pack_hits(packer, message);
    } else if (list == KIN_LIST_ROWS) {
        msgpack_pack_array(packer, message->row_count);
        for (uint32_t i = 0; i < message->row_count; i++) {
            msgpack_pack_array(packer, 2);
            msgpack_pack_uint32(packer, message->rows[i].shard);
            msgpack_pack_uint64(packer, message->rows[i].row);
        }
    } else if (list == KIN_LIST_IMAGES) {
        msgpack_pack_array(packer, message->image_count);
        for (uint32_t i = 0; i < message->image_count; i++) {
            msgpack_pack_array(packer, 3);
            msgpack_pack_uint32(packer, message->images[i].width);
            msgpack_pack_uint32(packer, message->images[i].height);
            pack_bytes(packer, message->images[i].data);
        }
    } else if (list == KIN_LIST_COUNTS) {
        msgpack_pack_array(packer, message->count_count);
        for (uint32_t i = 0; i < message->count_count; i++)
            msgpack_pack_uint64(packer, message->counts[i]);
    } else if (list == KIN_LIST_CLASSES) {
        msgpack_pack_array(packer, message->class_count);
        for (uint32_t i = 0; i < message->class_count; i++) {
            msgpack_pack_array(packer, 2);
            pack_bytes(packer, message->classes[i].name);
            msgpack_pack_uint32(packer, message->classes[i].billionths);
        }
    } else {
        pack_shards(packer, list, message);
    }
}

bool kin_message_number(const msgpack_object *object, uint64_t maximum, uint64_t *value)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > maximum) return false;
    *value = object->via.u64;
    return true;
}

bool kin_message_bytes(const msgpack_object *object, size_t maximum, kin_bytes *value)
{
    if (object->type == MSGPACK_OBJECT_BIN)
        *value = (kin_bytes){object->via.bin.ptr, object->via.bin.size};
    else if (object->type == MSGPACK_OBJECT_STR)
        *value = (kin_bytes){object->via.str.ptr, object->via.str.size};
    else
        return false;
    return value->bytes <= maximum;
}

/* The elements of a small array of exactly count; NULL where it is none. */
static const msgpack_object *elements(const msgpack_object *object, uint32_t count)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != count) return NULL;
    return object->via.array.ptr;
}

static bool unpack_shard(const msgpack_object *object, kin_message_list list,
                         kin_message_shard *shard)
{
    const msgpack_object *part = list == KIN_LIST_SHARDS ? object : elements(object, 2);
    uint64_t number;
    if (part == NULL || !kin_message_number(part, KIN_SHARDS_MAX - 1, &number)) return false;
    shard->shard = (uint32_t)number;
    if (list == KIN_LIST_TOTALS) return kin_message_number(part + 1, UINT64_MAX, &shard->total);
    if (list == KIN_LIST_OPENED)
        return kin_message_bytes(part + 1, sizeof((kin_error *)0)->text, &shard->error);
    return true;
}

static bool unpack_hit(const msgpack_object *object, kin_hit *hit, kin_bytes *key)
{
    const msgpack_object *part = elements(object, 5);
    uint64_t distance, shard;
    if (part == NULL || !kin_message_number(part, UINT64_MAX, &hit->id) ||
        !kin_message_number(part + 1, KIN_CODE_BITS_MAX, &distance) ||
        !kin_message_number(part + 2, KIN_SHARDS_MAX - 1, &shard) ||
        !kin_message_number(part + 3, UINT64_MAX, &hit->row))
        return false;
    hit->distance = (uint32_t)distance;
    hit->shard = (uint32_t)shard;
    return kin_message_bytes(part + 4, KIN_KEY_BYTES_MAX, key);
}

static bool unpack_row(const msgpack_object *object, kin_row *row)
{
    const msgpack_object *part = elements(object, 2);
    uint64_t shard;
    if (part == NULL || !kin_message_number(part, KIN_SHARDS_MAX - 1, &shard)) return false;
    row->shard = (uint32_t)shard;
    return kin_message_number(part + 1, UINT64_MAX, &row->row);
}

static bool unpack_image(const msgpack_object *object, kin_message_image *image)
{
    const msgpack_object *part = elements(object, 3);
    uint64_t width, height;
    if (part == NULL || !kin_message_number(part, KIN_RASTER_SIDE_MAX, &width) ||
        !kin_message_number(part + 1, KIN_RASTER_SIDE_MAX, &height))
        return false;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    if (width == 0 && height == 0)
        return kin_message_bytes(part + 2, KIN_THUMBNAIL_BYTES_MAX, &image->data);
    return kin_message_bytes(part + 2, 3 * width * height, &image->data) &&
           image->data.bytes == 3 * width * height;
}

static bool unpack_class(const msgpack_object *object, kin_message_class *class)
{
    const msgpack_object *part = elements(object, 2);
    uint64_t billionths;
    if (part == NULL || !kin_message_bytes(part, KIN_CLASS_NAME_BYTES_MAX, &class->name) ||
        !kin_message_number(part + 1, KIN_BILLION, &billionths))
        return false;
    class->billionths = (uint32_t)billionths;
    return true;
}

static bool unpack_element(const msgpack_object *object, kin_message_list list, uint32_t i,
                           kin_message *message)
{
    switch (list) {
    case KIN_LIST_HITS:
        return unpack_hit(object, &message->hits[i], &message->keys[i]);
    case KIN_LIST_ROWS:
        return unpack_row(object, &message->rows[i]);
    case KIN_LIST_IMAGES:
        return unpack_image(object, &message->images[i]);
    case KIN_LIST_COUNTS:
        return kin_message_number(object, UINT64_MAX, &message->counts[i]);
    case KIN_LIST_CLASSES:
        return unpack_class(object, &message->classes[i]);
    default:
        return unpack_shard(object, list, &message->shards[i]);
    }
}

static void list_new(kin_message *message, kin_message_list list, uint32_t count)
{
    if (list == KIN_LIST_HITS) {
        message->hits = kin_calloc(count, sizeof *message->hits);
        message->keys = kin_calloc(count, sizeof *message->keys);
        message->hit_count = count;
    } else if (list == KIN_LIST_ROWS) {
        message->rows = kin_calloc(count, sizeof *message->rows);
        message->row_count = count;
    } else if (list == KIN_LIST_IMAGES) {
        message->images = kin_calloc(count, sizeof *message->images);
        message->image_count = count;
    } else if (list == KIN_LIST_COUNTS) {
        message->counts = kin_calloc(count, sizeof *message->counts);
        message->count_count = count;
    } else if (list == KIN_LIST_CLASSES) {
        message->classes = kin_calloc(count, sizeof *message->classes);
        message->class_count = count;
    } else {
        message->shards = kin_calloc(count, sizeof *message->shards);
        message->shard_count = count;
    }
}

static uint32_t list_max(kin_message_list list)
{
    switch (list) {
    case KIN_LIST_HITS:
        return KIN_K_MAX;
    case KIN_LIST_ROWS:
    case KIN_LIST_IMAGES:
        return KIN_THUMBNAILS_PER_REQUEST_MAX;
    case KIN_LIST_COUNTS: /* one a distance and shard */
        return KIN_SHARDS_MAX * (KIN_CODE_BITS_MAX + 1);
    case KIN_LIST_CLASSES:
        return KIN_HEAD_CLASSES_MAX;
    default:
        return KIN_SHARDS_MAX;
    }
}

kin_status kin_message_list_unpack(const msgpack_object *array, kin_message_list list,
                                   const char *name, kin_message *message, kin_error *error)
{
    uint32_t maximum = list_max(list);
    if (array->type != MSGPACK_OBJECT_ARRAY)
        return kin_fail(error, KIN_BAD_INPUT, "the message's '%s' is not an array", name);
    uint32_t count = array->via.array.size;
    if (count > maximum)
        return kin_fail(error, KIN_LIMIT, "the message's '%s' has %u elements; at most %u", name,
                        count, maximum);
    list_new(message, list, count);
    for (uint32_t i = 0; i < count; i++)
        if (!unpack_element(&array->via.array.ptr[i], list, i, message))
            return kin_fail(error, KIN_BAD_INPUT,
                            "element %u of the message's '%s' has another kind or range than "
                            "PROTOCOL.md says",
                            i, name);
    return KIN_OK;
}
