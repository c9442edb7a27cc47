/* Any bytes as a message: read or refused with a sentence; what is read is built again, and that
 * reads as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_message message, again;
    kin_error error = {0};
    kin_buffer bytes = {0}, second = {0};
    if (kin_message_parse(&message, data, size, &error) != KIN_OK) {
        if (error.text[0] == 0) abort();
        kin_message_fini(&message);
        return 0;
    }
    if (kin_message_build(&message, &bytes, &error) != KIN_OK) abort();
    if (kin_message_parse(&again, bytes.data, bytes.bytes, &error) != KIN_OK) abort();
    if (kin_message_build(&again, &second, &error) != KIN_OK) abort();
    if (bytes.bytes != second.bytes || memcmp(bytes.data, second.data, bytes.bytes) != 0) abort();
    kin_message_fini(&message);
    kin_message_fini(&again);
    kin_buffer_fini(&bytes);
    kin_buffer_fini(&second);
    return 0;
}
