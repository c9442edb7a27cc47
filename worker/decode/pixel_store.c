#include "worker/decode/pixel_store.h"

#include <malloc.h>
#include <stdlib.h>

uint8_t *kin_pixel_store_get(kin_pixel_store *store, size_t bytes)
{
    if (bytes <= store->capacity) return store->data;
    free(store->data);
    store->data = malloc(bytes);
    store->capacity = store->data != NULL ? bytes : 0;
    return store->data;
}

void kin_pixel_store_release(kin_pixel_store *store)
{
    free(store->data);
    store->data = NULL;
    store->capacity = 0;
    malloc_trim(0);
}
