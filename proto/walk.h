/* Looks at a msgpack message before anything is allocated for it: msgpack-c allocates what a
 * message declares, and five bytes can declare eight gigabytes. */
#ifndef PROTO_WALK_H
#define PROTO_WALK_H

#include <stddef.h>

#include "common/base/status.h"

/* Exactly one object that fills all bytes; every declared count fits the bytes that are left;
 * depth up to KIN_MESSAGE_DEPTH_MAX, objects up to KIN_MESSAGE_OBJECTS_MAX; texts are UTF-8; no
 * extension types. KIN_CORRUPT or KIN_LIMIT, with a sentence. Reads each byte at most once. */
KIN_MUST_USE kin_status kin_walk(const void *data, size_t bytes, kin_error *error);

#endif
