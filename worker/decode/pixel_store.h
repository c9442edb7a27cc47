/* Memory for pixels that is kept from one picture to the next: fresh pages cost as much as decoding
 * into them. */
#ifndef WORKER_DECODE_PIXEL_STORE_H
#define WORKER_DECODE_PIXEL_STORE_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
typedef struct kin_pixel_store {
    uint8_t *data;
    size_t capacity;
} kin_pixel_store;

/* Room for bytes; what was there is lost. NULL when the address space is used up. */
uint8_t *kin_pixel_store_get(kin_pixel_store *store, size_t bytes);

/* Gives all memory back to the system: before a large picture, so that what came earlier does not
 * decide whether it fits. */
void kin_pixel_store_release(kin_pixel_store *store);

#endif
