#include "common/base/memory.h"

#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/check.h"

static void *or_abort(void *pointer, size_t bytes)
{
    if (pointer == NULL) {
        fprintf(stderr, "kindred: out of memory (%zu bytes wanted)\n", bytes);
        abort();
    }
    return pointer;
}

void *kin_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0) count = size = 1;
    return or_abort(calloc(count, size), count * size);
}

void *kin_malloc(size_t bytes)
{
    if (bytes == 0) bytes = 1;
    return or_abort(malloc(bytes), bytes);
}

void *kin_realloc(void *pointer, size_t count, size_t size)
{
    KIN_CHECK(size == 0 || count <= SIZE_MAX / size);
    size_t bytes = count * size;
    if (bytes == 0) bytes = 1;
    return or_abort(realloc(pointer, bytes), bytes);
}

char *kin_strdup(const char *text)
{
    return or_abort(strdup(text), strlen(text) + 1);
}

char *kin_sprintf(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    KIN_CHECK(length >= 0);
    char *text = kin_malloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

bool kin_memory_reserve(size_t bytes)
{
#ifdef __GLIBC__
    /* One heap that never shrinks: what is freed here is what malloc gives out next. */
    (void)mallopt(M_MMAP_MAX, 0);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
    void *memory = malloc(bytes);
    if (memory == NULL) return false;
    memset(memory, 1, bytes);
    /* The compiler may not drop what is written only to be freed. */
    __asm__ volatile("" : : "r"(memory) : "memory");
    free(memory);
    return true;
}

#define CACHE_LINE ((size_t)64)
#define LARGE_PAGE ((size_t)2 << 20)

void *kin_memory_large(size_t bytes)
{
    size_t alignment = bytes >= LARGE_PAGE ? LARGE_PAGE : CACHE_LINE;
    void *memory = NULL;
    if (posix_memalign(&memory, alignment, bytes != 0 ? bytes : 1) != 0) return NULL;
    /* A hint: without large pages everything works, a little slower. */
    if (bytes >= LARGE_PAGE) (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

uint64_t kin_memory_resident(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
