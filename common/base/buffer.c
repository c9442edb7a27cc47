#include "common/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"

void kin_buffer_fini(kin_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

void kin_buffer_clear(kin_buffer *buffer)
{
    buffer->bytes = 0;
}

uint8_t *kin_buffer_reserve(kin_buffer *buffer, size_t bytes)
{
    KIN_CHECK(bytes <= SIZE_MAX / 2 - buffer->bytes);
    if (buffer->bytes + bytes > buffer->capacity) {
        size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
        while (capacity < buffer->bytes + bytes)
            capacity *= 2;
        buffer->data = kin_realloc(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->bytes;
}

void kin_buffer_append(kin_buffer *buffer, const void *data, size_t bytes)
{
    uint8_t *end = kin_buffer_reserve(buffer, bytes);
    if (bytes != 0) memcpy(end, data, bytes);
    buffer->bytes += bytes;
}

void kin_buffer_append_byte(kin_buffer *buffer, uint8_t byte)
{
    kin_buffer_append(buffer, &byte, 1);
}

void kin_buffer_append_le32(kin_buffer *buffer, uint32_t value)
{
    kin_store_le32(kin_buffer_reserve(buffer, sizeof value), value);
    buffer->bytes += sizeof value;
}

void kin_buffer_append_le64(kin_buffer *buffer, uint64_t value)
{
    kin_store_le64(kin_buffer_reserve(buffer, sizeof value), value);
    buffer->bytes += sizeof value;
}

void kin_buffer_append_string(kin_buffer *buffer, const char *text)
{
    kin_buffer_append(buffer, text, strlen(text));
}

void kin_buffer_printf(kin_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    KIN_CHECK(length >= 0);
    uint8_t *end = kin_buffer_reserve(buffer, (size_t)length + 1); /* vsnprintf ends with a NUL */
    vsnprintf((char *)end, (size_t)length + 1, format, again);
    va_end(again);
    buffer->bytes += (size_t)length;
}

void kin_buffer_align(kin_buffer *buffer, size_t alignment)
{
    KIN_CHECK(alignment != 0 && (alignment & (alignment - 1)) == 0);
    size_t padding = (alignment - buffer->bytes % alignment) % alignment;
    if (padding != 0) memset(kin_buffer_reserve(buffer, padding), 0, padding);
    buffer->bytes += padding;
}
