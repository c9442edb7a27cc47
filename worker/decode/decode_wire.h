/* What parent, launcher and child of the decode sandbox say to each other on one machine: packets
 * of these structs on two SOCK_SEQPACKET pairs, pictures and pixels in one memfd.
 *
 *   work     parent <-> child      request, reply
 *   control  parent <-> launcher   kill; started, died, failed
 *   memory   [KIN_WIRE_INPUT_BYTES] picture, then raster, thumbnail, and the sequence number of
 *            the request that the child has taken last
 *
 * The parent sends a request only when the launcher has reported a child as started, and the
 * launcher throws away unread requests before it starts the next one. A reply with an old sequence
 * number is dropped. When a child dies, its picture is to blame if it had taken the request; else
 * the request is sent once more. */
#ifndef WORKER_DECODE_DECODE_WIRE_H
#define WORKER_DECODE_DECODE_WIRE_H

#include <assert.h>
#include <stdint.h>

#include "common/base/limits.h"

#define KIN_WIRE_INPUT_BYTES ((size_t)KIN_PICTURE_BYTES_MAX)
#define KIN_WIRE_RASTER_BYTES ((size_t)KIN_RASTER_SIDE_MAX * KIN_RASTER_SIDE_MAX * 3)
#define KIN_WIRE_THUMBNAIL_BYTES ((size_t)KIN_THUMBNAIL_BYTES_MAX)
#define KIN_WIRE_OUTPUT_BYTES (KIN_WIRE_RASTER_BYTES + KIN_WIRE_THUMBNAIL_BYTES)
#define KIN_WIRE_TAKEN_OFFSET (KIN_WIRE_INPUT_BYTES + KIN_WIRE_OUTPUT_BYTES)
#define KIN_WIRE_MEMORY_BYTES (KIN_WIRE_TAKEN_OFFSET + sizeof(uint64_t))
static_assert(KIN_WIRE_INPUT_BYTES % 65536 == 0, "the output area starts a page");
static_assert(KIN_WIRE_TAKEN_OFFSET % sizeof(uint64_t) == 0, "a number lies where it may");

/* The first argument of kindred-decode when a decoder starts it; then control, work and memory
 * descriptors, then 1 for a sandbox or 0. */
#define KIN_WIRE_LAUNCHER_ARGUMENT "--launcher"

typedef struct kin_wire_request {
    uint64_t sequence;
    uint64_t bytes; /* of the picture */
    uint32_t raster_mode, raster_width, raster_height, raster_shorter_side, raster_interpolation;
    uint32_t thumbnail_side;
} kin_wire_request;

typedef struct kin_wire_reply {
    uint64_t sequence;
    int64_t decode_ns;
    uint32_t reason;
    uint32_t width, height; /* of the upright picture */
    uint32_t raster_width, raster_height;
    uint32_t thumbnail_bytes;
    char detail[160];
} kin_wire_reply;

typedef enum kin_wire_control_kind {
    KIN_WIRE_KILL = 1, /* to the launcher: end child `child`, start another */
    KIN_WIRE_STARTED,  /* from the launcher */
    KIN_WIRE_DIED,     /* child `child` ended with wait status `status` */
    KIN_WIRE_FAILED    /* there will be no child; text says why */
} kin_wire_control_kind;

typedef struct kin_wire_control {
    uint32_t kind;
    uint32_t child; /* children are numbered from 1 */
    int32_t status;
    char text[244];
} kin_wire_control;

/* Exit status of a child that could not put itself into the sandbox. */
#define KIN_WIRE_EXIT_NO_SANDBOX 70

#endif
