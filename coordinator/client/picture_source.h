/* A picture that a person names on the command line: a file, or `-` for standard input. */
#ifndef COORDINATOR_CLIENT_PICTURE_SOURCE_H
#define COORDINATOR_CLIENT_PICTURE_SOURCE_H

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Appends the bytes of the picture, up to KIN_PICTURE_BYTES_MAX; whether they are a picture, a
 * worker will say. Never waits for a FIFO or a device: anything but a regular file is refused. */
KIN_MUST_USE kin_status kin_picture_source_read(const char *name, kin_buffer *picture,
                                                kin_error *error);

#endif
