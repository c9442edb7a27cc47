/* Allocation that aborts when memory is out. Sizes that come from outside have met limits.h before
 * they come here. Freed with free(). */
#ifndef COMMON_BASE_MEMORY_H
#define COMMON_BASE_MEMORY_H

#include <stddef.h>

/* count objects of size bytes, zeroed; never NULL (count or size 0 gives a pointer to free). */
void *kin_calloc(size_t count, size_t size) __attribute__((returns_nonnull));

/* Not zeroed. */
void *kin_malloc(size_t bytes) __attribute__((returns_nonnull));

/* pointer grown or shrunk to count objects of size bytes. */
void *kin_realloc(void *pointer, size_t count, size_t size) __attribute__((returns_nonnull));

char *kin_strdup(const char *text) __attribute__((returns_nonnull));

/* A new string from a printf format. */
char *kin_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
