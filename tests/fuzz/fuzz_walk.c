/* Any bytes: walked without a crash; and what the walk lets through, msgpack-c takes, too. */
#include <msgpack.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_error error = {0};
    if (kin_walk(data, size, &error) != KIN_OK) {
        if (error.text[0] == 0) abort();
        return 0;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    msgpack_unpack_return result =
        msgpack_unpack_next(&unpacked, (const char *)data, size, &offset);
    if (result != MSGPACK_UNPACK_SUCCESS || offset != size) abort();
    msgpack_unpacked_destroy(&unpacked);
    return 0;
}
