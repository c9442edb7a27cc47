/* The sandboxed child's loop: a request, a picture, a reply. */
#ifndef WORKER_DECODE_DECODE_CHILD_H
#define WORKER_DECODE_DECODE_CHILD_H

#include <stdint.h>

/* Serves requests of `work` until the other end is closed. memory is KIN_WIRE_MEMORY_BYTES, mapped
 * shared; its input part may be read-only. */
void kin_decode_child_serve(int work, uint8_t *memory);

#endif
