#include "proto/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/message_lists.h"
#include "proto/ranked.h"
#include "proto/scored.h"
#include "proto/walk.h"

typedef enum field_kind {
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_WITHIN, /* int32, -1 for none */
    FIELD_BOOL,
    FIELD_BYTES,
    FIELD_TEXT,
    FIELD_LIST
} field_kind;

typedef struct message_field {
    const char *key;
    field_kind kind;
    size_t offset;             /* in kin_message; of a list: which */
    uint64_t maximum;          /* of a number; bytes of a text */
    uint32_t needed, optional; /* types, as bits */
} message_field;

#define T(type) (1u << KIN_MESSAGE_##type)
#define AT(member) offsetof(kin_message, member)
#define REPLIES                                                                                 \
    (T(ERROR) | T(HITS) | T(IMAGES) | T(REPORT) | T(FOUND) | T(CODE) | T(RANKED) | T(CLASSES) | \
     T(SCORED))
#define QUESTIONS                                                                           \
    (T(SEARCH) | T(THUMBNAILS) | T(STATUS) | T(SCAN) | T(ENCODE) | T(BATCH) | T(CLASSIFY) | \
     T(SCORE))

/* PROTOCOL.md, "Fields". The largest deadline is what a person could mean; the words are ours. */
static const message_field fields[] = {
    {"request", FIELD_U64, AT(request), UINT64_MAX, (REPLIES | QUESTIONS) & ~T(ERROR), T(ERROR)},
    {"k", FIELD_U32, AT(k), KIN_K_MAX, T(SCAN) | T(BATCH), T(SEARCH) | T(CLASSIFY) | T(ENCODE)},
    {"within", FIELD_WITHIN, AT(within), KIN_CODE_BITS_MAX, 0, T(SEARCH) | T(SCAN) | T(BATCH)},
    {"bound", FIELD_WITHIN, AT(bound), KIN_CODE_BITS_MAX, 0, T(SCAN)},
    {"any-ties", FIELD_BOOL, AT(any_ties), 1, 0, T(SEARCH) | T(SCAN) | T(BATCH) | T(HITS)},
    {"exhaustive", FIELD_BOOL, AT(exhaustive), 1, 0, T(SEARCH) | T(SCAN) | T(BATCH)},
    {"histogram", FIELD_BOOL, AT(histogram), 1, 0, T(SEARCH) | T(SCAN)},
    {"radius", FIELD_WITHIN, AT(radius), KIN_CODE_BITS_MAX, 0, T(HITS)},
    {"pruned", FIELD_U32, AT(pruned), KIN_SHARDS_MAX, 0, T(HITS)},
    {"bits", FIELD_U32, AT(bits), KIN_CODE_BITS_MAX, T(HITS) | T(REPORT), 0},
    {"deadline", FIELD_I64, AT(deadline_ms), KIN_DEADLINE_MS_MAX, T(SCAN) | T(ENCODE) | T(SCORE),
     T(SEARCH) | T(THUMBNAILS) | T(BATCH) | T(CLASSIFY)},
    {"partial", FIELD_BOOL, AT(partial), 1, 0, T(SEARCH)},
    {"rgb", FIELD_BOOL, AT(rgb), 1, 0, T(THUMBNAILS)},
    {"encodes", FIELD_BOOL, AT(encodes), 1, 0, T(HELLO)},
    {"thumbnail", FIELD_U32, AT(thumbnail), KIN_THUMBNAIL_SIDE_MAX, 0, T(SEARCH) | T(ENCODE)},
    {"rerank", FIELD_U32, AT(rerank), KIN_K_MAX, 0, T(SEARCH) | T(ENCODE) | T(HITS)},
    {"shard-total", FIELD_U32, AT(shard_total), KIN_SHARDS_MAX, T(HITS) | T(REPORT), 0},
    {"threads", FIELD_U32, AT(threads), UINT32_MAX, T(HELLO), 0},
    {"beat", FIELD_U32, AT(beat_ms), KIN_DEADLINE_MS_MAX, T(ASSIGN), 0},
    {"patience", FIELD_U32, AT(patience_ms), KIN_DEADLINE_MS_MAX, T(ASSIGN), 0},
    {"pid", FIELD_I64, AT(pid), INT64_MAX, T(HELLO), 0},
    {"total", FIELD_U64, AT(total), UINT64_MAX, 0, T(HITS) | T(CLASSES) | T(CODE)},
    {"code", FIELD_BYTES, AT(code), KIN_CODE_BYTES_MAX, T(SCAN) | T(CODE) | T(HITS), T(SEARCH)},
    {"picture", FIELD_BYTES, AT(picture), KIN_PICTURE_BYTES_MAX, T(ENCODE) | T(CLASSIFY),
     T(SEARCH)},
    {"manifest", FIELD_BYTES, AT(manifest), 16, T(HELLO), 0},
    {"fingerprint", FIELD_BYTES, AT(fingerprint), 16, 0, T(HITS) | T(CLASSES)},
    {"codes", FIELD_BYTES, AT(codes), KIN_BATCH_CODES_MAX *KIN_CODE_BYTES_MAX, T(BATCH), 0},
    {"ranked", FIELD_BYTES, AT(ranked), KIN_BATCH_HITS_MAX *KIN_RANKED_BYTES, T(RANKED), 0},
    {"values", FIELD_BYTES, AT(values), KIN_CODE_BITS_MAX *KIN_SCORED_VALUE_BYTES, T(SCORE),
     T(CODE)},
    {"places", FIELD_BYTES, AT(places), KIN_K_MAX *KIN_SCORED_PLACE_BYTES, T(SCORE), 0},
    {"scores", FIELD_BYTES, AT(scores), KIN_K_MAX *KIN_SCORED_SCORE_BYTES, T(SCORED), T(HITS)},
    {"status", FIELD_TEXT, AT(status), 64, T(ERROR), 0},
    {"text", FIELD_TEXT, AT(text), 1024, T(ERROR), T(HELLO)},
    {"name", FIELD_TEXT, AT(name), 256, T(HELLO), 0},
    {"host", FIELD_TEXT, AT(host), 256, T(HELLO), 0},
    {"generation", FIELD_TEXT, AT(generation), 64, T(HELLO) | T(HITS) | T(REPORT) | T(CLASSES),
     T(THUMBNAILS)},
    {"report", FIELD_TEXT, AT(report), KIN_MESSAGE_BYTES_MAX, T(REPORT), 0},
    {"shards", FIELD_LIST, KIN_LIST_SHARDS, 0, T(SCAN) | T(ASSIGN), T(BATCH)},
    {"missing", FIELD_LIST, KIN_LIST_SHARDS, 0, T(HITS), 0},
    {"totals", FIELD_LIST, KIN_LIST_TOTALS, 0, T(FOUND), 0},
    {"opened", FIELD_LIST, KIN_LIST_OPENED, 0, T(READY), 0},
    {"hits", FIELD_LIST, KIN_LIST_HITS, 0, T(HITS) | T(FOUND), 0},
    {"rows", FIELD_LIST, KIN_LIST_ROWS, 0, T(THUMBNAILS), 0},
    {"counts", FIELD_LIST, KIN_LIST_COUNTS, 0, 0, T(HITS) | T(FOUND) | T(BEAT)},
    {"classes", FIELD_LIST, KIN_LIST_CLASSES, 0, T(CLASSES), T(CODE)},
    {"images", FIELD_LIST, KIN_LIST_IMAGES, 0, T(IMAGES) | T(HITS) | T(CODE), 0},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static const char *const type_words[KIN_MESSAGE_TYPES] = {
    [KIN_MESSAGE_ERROR] = "error",     [KIN_MESSAGE_SEARCH] = "search",
    [KIN_MESSAGE_HITS] = "hits",       [KIN_MESSAGE_THUMBNAILS] = "thumbnails",
    [KIN_MESSAGE_IMAGES] = "images",   [KIN_MESSAGE_STATUS] = "status",
    [KIN_MESSAGE_BATCH] = "batch",     [KIN_MESSAGE_RANKED] = "ranked",
    [KIN_MESSAGE_REPORT] = "report",   [KIN_MESSAGE_SCAN] = "scan",
    [KIN_MESSAGE_FOUND] = "found",     [KIN_MESSAGE_ENCODE] = "encode",
    [KIN_MESSAGE_CODE] = "code",       [KIN_MESSAGE_HELLO] = "hello",
    [KIN_MESSAGE_ASSIGN] = "assign",   [KIN_MESSAGE_READY] = "ready",
    [KIN_MESSAGE_BEAT] = "beat",       [KIN_MESSAGE_REGISTER] = "register",
    [KIN_MESSAGE_BYE] = "bye",         [KIN_MESSAGE_CLASSIFY] = "classify",
    [KIN_MESSAGE_CLASSES] = "classes", [KIN_MESSAGE_SCORE] = "score",
    [KIN_MESSAGE_SCORED] = "scored",
};

kin_message kin_message_of(kin_message_type type)
{
    return (kin_message){.type = type, .within = -1, .bound = -1, .radius = -1};
}

const char *kin_message_type_word(kin_message_type type)
{
    return type_words[type];
}

kin_bytes kin_bytes_of(const char *text)
{
    return (kin_bytes){text, strlen(text)};
}

char *kin_bytes_text(kin_bytes bytes)
{
    char *text = kin_malloc(bytes.bytes + 1);
    if (bytes.bytes > 0) memcpy(text, bytes.data, bytes.bytes);
    text[bytes.bytes] = 0;
    return text;
}

/* --- Building ------------------------------------------------------------------------------- */

/* Takes what fits into a message. */
typedef struct bounded_sink {
    kin_buffer *out;
    bool full;
} bounded_sink;

static int write_bounded(void *user, const char *data, size_t bytes)
{
    bounded_sink *into = user;
    into->full = into->full || bytes > KIN_MESSAGE_BYTES_MAX - into->out->bytes;
    if (into->full) return -1;
    kin_buffer_append(into->out, data, bytes);
    return 0;
}

static void pack_text(msgpack_packer *packer, const void *data, size_t bytes)
{
    msgpack_pack_str(packer, bytes);
    if (bytes > 0) msgpack_pack_str_body(packer, data, bytes);
}

/* The value of a number field; a within of -1 is all ones. */
static uint64_t number_of(const kin_message *message, const message_field *field)
{
    const char *at = (const char *)message + field->offset;
    switch (field->kind) {
    case FIELD_BOOL:
        return *(const bool *)at;
    case FIELD_U32:
        return *(const uint32_t *)at;
    case FIELD_WITHIN:
        return (uint64_t)(int64_t) * (const int32_t *)at;
    case FIELD_U64:
        return *(const uint64_t *)at;
    default:
        return (uint64_t) * (const int64_t *)at;
    }
}

static bool is_text(const message_field *field)
{
    return field->kind == FIELD_BYTES || field->kind == FIELD_TEXT;
}

static const kin_bytes *bytes_of(const kin_message *message, const message_field *field)
{
    return (const kin_bytes *)((const char *)message + field->offset);
}

/* Optional fields that say nothing stay away. */
static bool is_present(const kin_message *message, const message_field *field)
{
    uint32_t type = 1u << message->type;
    if (field->needed & type) return true;
    if (!(field->optional & type)) return false;
    if (field->kind == FIELD_WITHIN) return (int64_t)number_of(message, field) >= 0;
    if (is_text(field)) return bytes_of(message, field)->data != NULL;
    if (field->kind == FIELD_LIST)
        return kin_message_list_there((kin_message_list)field->offset, message);
    return number_of(message, field) != 0;
}

static void pack_field(msgpack_packer *packer, const kin_message *message,
                       const message_field *field)
{
    pack_text(packer, field->key, strlen(field->key));
    if (field->kind == FIELD_LIST) {
        kin_message_list_pack(packer, (kin_message_list)field->offset, message);
    } else if (field->kind == FIELD_TEXT) {
        pack_text(packer, bytes_of(message, field)->data, bytes_of(message, field)->bytes);
    } else if (field->kind == FIELD_BYTES) {
        msgpack_pack_bin(packer, bytes_of(message, field)->bytes);
        if (bytes_of(message, field)->bytes > 0)
            msgpack_pack_bin_body(packer, bytes_of(message, field)->data,
                                  bytes_of(message, field)->bytes);
    } else if (field->kind == FIELD_BOOL) {
        if (number_of(message, field) != 0)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
    } else {
        msgpack_pack_uint64(packer, number_of(message, field));
    }
}

kin_status kin_message_build(const kin_message *message, kin_buffer *out, kin_error *error)
{
    KIN_CHECK(message->type < KIN_MESSAGE_TYPES);
    kin_buffer_clear(out);
    bounded_sink into = {.out = out};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &into, write_bounded);
    size_t count = 2;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (is_present(message, &fields[i])) count++;
    msgpack_pack_map(&packer, count);
    pack_text(&packer, "type", 4);
    pack_text(&packer, type_words[message->type], strlen(type_words[message->type]));
    pack_text(&packer, "version", 7);
    msgpack_pack_uint8(&packer, KIN_PROTOCOL_VERSION);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!is_present(message, &fields[i])) continue;
        pack_field(&packer, message, &fields[i]);
        if (!into.full) continue;
        kin_buffer_clear(out);
        return kin_fail(error, KIN_LIMIT,
                        "the '%s' of a message would make it larger than %u bytes; ask for fewer "
                        "at once",
                        fields[i].key, KIN_MESSAGE_BYTES_MAX);
    }
    return KIN_OK;
}

void kin_message_build_error(uint64_t request, const kin_error *error, kin_buffer *out)
{
    kin_message message = kin_message_of(KIN_MESSAGE_ERROR);
    message.request = request;
    message.status = kin_bytes_of(kin_status_word(error->status));
    message.text = kin_bytes_of(error->text);
    kin_status status = kin_message_build(&message, out, NULL);
    KIN_CHECK(status == KIN_OK);
}

/* --- Reading -------------------------------------------------------------------------------- */

static bool is_key(const msgpack_object *object, const char *key)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(key) &&
           memcmp(object->via.str.ptr, key, object->via.str.size) == 0;
}

/* The value of a key, its first where it is there twice; NULL for none. */
static const msgpack_object *value_of(const msgpack_object_map *map, const char *key)
{
    for (uint32_t i = 0; i < map->size; i++)
        if (is_key(&map->ptr[i].key, key)) return &map->ptr[i].val;
    return NULL;
}

static void set_number(kin_message *message, const message_field *field, uint64_t value)
{
    char *at = (char *)message + field->offset;
    switch (field->kind) {
    case FIELD_U32:
        *(uint32_t *)at = (uint32_t)value;
        break;
    case FIELD_WITHIN:
        *(int32_t *)at = (int32_t)value;
        break;
    case FIELD_U64:
        *(uint64_t *)at = value;
        break;
    default:
        *(int64_t *)at = (int64_t)value;
        break;
    }
}

static kin_status unpack_field(kin_message *message, const message_field *field,
                               const msgpack_object *value, kin_error *error)
{
    uint64_t number;
    if (field->kind == FIELD_LIST)
        return kin_message_list_unpack(value, (kin_message_list)field->offset, field->key, message,
                                       error);
    if (field->kind == FIELD_BOOL && value->type == MSGPACK_OBJECT_BOOLEAN) {
        *(bool *)((char *)message + field->offset) = value->via.boolean;
        return KIN_OK;
    }
    if (is_text(field)) {
        kin_bytes *bytes = (kin_bytes *)((char *)message + field->offset);
        if (kin_message_bytes(value, field->maximum, bytes)) return KIN_OK;
        *bytes = (kin_bytes){0};
    } else if (field->kind != FIELD_BOOL && kin_message_number(value, field->maximum, &number)) {
        set_number(message, field, number);
        return KIN_OK;
    }
    return kin_fail(error, KIN_BAD_INPUT,
                    "the message's '%s' has another kind than PROTOCOL.md says, or is above %llu",
                    field->key, (unsigned long long)field->maximum);
}

/* Type and version decide what the other fields mean. */
static kin_status unpack_envelope(kin_message *message, const msgpack_object_map *map,
                                  kin_error *error)
{
    const msgpack_object *request = value_of(map, "request");
    if (request != NULL) (void)kin_message_number(request, UINT64_MAX, &message->request);
    const msgpack_object *version = value_of(map, "version"), *type = value_of(map, "type");
    uint64_t number;
    if (version == NULL || !kin_message_number(version, UINT64_MAX, &number))
        return kin_fail(error, KIN_BAD_INPUT, "the message has no 'version'");
    if (number != KIN_PROTOCOL_VERSION)
        return kin_fail(error, KIN_MISMATCH,
                        "the message speaks version %llu of the protocol; this program speaks %d",
                        (unsigned long long)number, KIN_PROTOCOL_VERSION);
    for (unsigned i = 0; type != NULL && i < KIN_MESSAGE_TYPES; i++) {
        message->type = (kin_message_type)i;
        if (is_key(type, type_words[i])) return KIN_OK;
    }
    message->type = KIN_MESSAGE_ERROR;
    return kin_fail(error, KIN_BAD_INPUT, "the message's 'type' is none that this program knows");
}

static kin_status unpack(kin_message *message, const msgpack_object_map *map, kin_error *error)
{
    kin_status status = unpack_envelope(message, map, error);
    uint32_t type = 1u << message->type;
    for (size_t i = 0; status == KIN_OK && i < FIELD_COUNT; i++) {
        if (!((fields[i].needed | fields[i].optional) & type)) continue;
        const msgpack_object *value = value_of(map, fields[i].key);
        if (value != NULL && value->type != MSGPACK_OBJECT_NIL)
            status = unpack_field(message, &fields[i], value, error);
        else if (fields[i].needed & type)
            status = kin_fail(error, KIN_BAD_INPUT, "the message of type '%s' has no '%s'",
                              type_words[message->type], fields[i].key);
    }
    return status;
}

kin_status kin_message_parse(kin_message *message, const void *data, size_t bytes, kin_error *error)
{
    *message = kin_message_of(KIN_MESSAGE_ERROR);
    kin_status status = kin_walk(data, bytes, error);
    if (status != KIN_OK) return status;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    if (msgpack_unpack_next(&unpacked, data, bytes, &offset) != MSGPACK_UNPACK_SUCCESS ||
        unpacked.data.type != MSGPACK_OBJECT_MAP)
        status = kin_fail(error, KIN_CORRUPT, "the message is not msgpack");
    else
        status = unpack(message, &unpacked.data.via.map, error);
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

void kin_message_fini(kin_message *message)
{
    free(message->shards);
    free(message->hits);
    free(message->keys);
    free(message->rows);
    free(message->images);
    free(message->counts);
    free(message->classes);
    memset(message, 0, sizeof *message);
}

kin_status kin_message_error(const kin_message *message, kin_error *error)
{
    char *word = kin_bytes_text(message->status);
    kin_status status = kin_status_of_word(word);
    free(word);
    return kin_fail(error, status == KIN_OK ? KIN_CORRUPT : status, "%.*s",
                    (int)message->text.bytes, (const char *)message->text.data);
}
