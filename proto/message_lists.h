/* The lists that messages carry: arrays of numbers, or of small arrays. Used by message.c alone. */
#ifndef PROTO_MESSAGE_LISTS_H
#define PROTO_MESSAGE_LISTS_H

#include <msgpack.h>

#include "common/base/status.h"
#include "proto/message.h"

typedef enum kin_message_list {
    KIN_LIST_SHARDS, /* [shard, ...] */
    KIN_LIST_TOTALS, /* [[shard, total], ...] */
    KIN_LIST_OPENED, /* [[shard, error], ...] */
    KIN_LIST_HITS,   /* [[id, distance, shard, row, key], ...] */
    KIN_LIST_ROWS,   /* [[shard, row], ...] */
    KIN_LIST_IMAGES, /* [[width, height, data], ...] */
    KIN_LIST_COUNTS, /* [number, ...] */
    KIN_LIST_CLASSES /* [[name, billionths], ...] */
} kin_message_list;

/* Whether an optional list says something: all do, but counts, classes and shards that are
 * none. */
bool kin_message_list_there(kin_message_list list, const kin_message *message);

void kin_message_list_pack(msgpack_packer *packer, kin_message_list list,
                           const kin_message *message);

/* Checks kind, length and every element of array, and fills message's list. */
KIN_MUST_USE kin_status kin_message_list_unpack(const msgpack_object *array, kin_message_list list,
                                                const char *name, kin_message *message,
                                                kin_error *error);

/* A number up to maximum. */
bool kin_message_number(const msgpack_object *object, uint64_t maximum, uint64_t *value);

/* A string or a run of bytes, up to maximum bytes. */
bool kin_message_bytes(const msgpack_object *object, size_t maximum, kin_bytes *value);

#endif
