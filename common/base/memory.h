/* Allocation that aborts when memory is out. Sizes that come from outside have met limits.h before
 * they come here. Freed with free(). */
#ifndef COMMON_BASE_MEMORY_H
#define COMMON_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count objects of size bytes, zeroed; never NULL (count or size 0 gives a pointer to free). */
void *kin_calloc(size_t count, size_t size) __attribute__((returns_nonnull));

/* Not zeroed. */
void *kin_malloc(size_t bytes) __attribute__((returns_nonnull));

/* pointer grown or shrunk to count objects of size bytes. */
void *kin_realloc(void *pointer, size_t count, size_t size) __attribute__((returns_nonnull));

char *kin_strdup(const char *text) __attribute__((returns_nonnull));

/* A new string from a printf format. */
char *kin_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Aligned to a line of the cache and, from 2 MiB up, on large pages where the system has them: for
 * what is read from end to end, where a page every 4 KiB costs. Not zeroed; NULL: no memory. */
void *kin_memory_large(size_t bytes);

/* Takes bytes from the system now and keeps them for what this process will allocate later: a job
 * that does not fit fails when it starts, not after hours. False if they are not to be had. Works
 * with glibc; elsewhere the memory may be taken anew. */
bool kin_memory_reserve(size_t bytes);

/* Bytes of the process that are in memory now, mapped files included; 0 where the system does not
 * say. */
uint64_t kin_memory_resident(void);

#endif
