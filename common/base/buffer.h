/* A growing run of bytes: messages, file sections and text are built in it. */
#ifndef COMMON_BASE_BUFFER_H
#define COMMON_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. Owns data. */
typedef struct kin_buffer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
} kin_buffer;

void kin_buffer_fini(kin_buffer *buffer);

/* Forgets the contents and keeps the memory. */
void kin_buffer_clear(kin_buffer *buffer);

/* Makes room for bytes more and returns where they start; they count only once written by
 * adding to buffer->bytes. */
uint8_t *kin_buffer_reserve(kin_buffer *buffer, size_t bytes);

void kin_buffer_append(kin_buffer *buffer, const void *data, size_t bytes);
void kin_buffer_append_byte(kin_buffer *buffer, uint8_t byte);
void kin_buffer_append_le32(kin_buffer *buffer, uint32_t value);
void kin_buffer_append_le64(kin_buffer *buffer, uint64_t value);
void kin_buffer_append_string(kin_buffer *buffer, const char *text);
void kin_buffer_printf(kin_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Zero bytes up to the next multiple of alignment (a power of two). */
void kin_buffer_align(kin_buffer *buffer, size_t alignment);

#endif
