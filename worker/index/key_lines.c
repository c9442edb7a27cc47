#include "worker/index/key_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

#define READ_BYTES (4u << 20)

kin_status kin_key_lines_open(kin_key_lines *lines, const char *path, kin_error *error)
{
    struct stat facts;
    *lines = (kin_key_lines){.path = path};
    lines->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (lines->descriptor < 0) {
        lines->path = NULL;
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO, "cannot open %s: %s", path,
                        strerror(errno));
    }
    if (fstat(lines->descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        kin_key_lines_close(lines);
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is not a regular file; keys are read several times, so save them to "
                        "one",
                        path);
    }
    lines->file_bytes = (uint64_t)facts.st_size;
    lines->changed_ns = (int64_t)facts.st_mtim.tv_sec * 1000000000 + (int64_t)facts.st_mtim.tv_nsec;
    return KIN_OK;
}

void kin_key_lines_close(kin_key_lines *lines)
{
    if (lines->path == NULL) return;
    close(lines->descriptor);
    free(lines->marks);
    memset(lines, 0, sizeof *lines);
}

/* The bytes [offset, offset + bytes) of the file. */
static kin_status read_bytes(const kin_key_lines *lines, uint64_t offset, void *data, size_t bytes,
                             kin_error *error)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t part =
            pread(lines->descriptor, (uint8_t *)data + done, bytes - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0)
            return kin_fail(error, KIN_IO, "cannot read %s: %s", lines->path,
                            part < 0 ? strerror(errno) : "the file has become shorter");
        done += (size_t)part;
    }
    return KIN_OK;
}

/* A line of so many bytes ends at `end`. */
static kin_status add_line(kin_key_lines *lines, uint64_t bytes, uint64_t end, uint64_t expected,
                           kin_error *error)
{
    lines->count++;
    if (bytes == 0 || bytes > KIN_KEY_BYTES_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "%s: line %llu has %llu bytes; a key has 1 to %u",
                        lines->path, (unsigned long long)lines->count, (unsigned long long)bytes,
                        (unsigned)KIN_KEY_BYTES_MAX);
    if (lines->count > expected)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: there are more lines than the %llu codes; a line is the key of a code",
                        lines->path, (unsigned long long)expected);
    lines->key_bytes += bytes;
    if (bytes > lines->longest) lines->longest = (uint32_t)bytes;
    if (lines->count % KIN_KEY_LINES_MARK == 0)
        lines->marks[lines->count / KIN_KEY_LINES_MARK] = end;
    return KIN_OK;
}

kin_status kin_key_lines_examine(kin_key_lines *lines, uint64_t count, void (*tick)(void *user),
                                 void *user, kin_error *error)
{
    uint8_t *block = kin_malloc(READ_BYTES);
    uint64_t start = 0; /* of the line */
    kin_status status = KIN_OK;
    lines->mark_count = count / KIN_KEY_LINES_MARK + 2;
    lines->marks = kin_calloc(lines->mark_count, sizeof *lines->marks);
    for (uint64_t at = 0; at < lines->file_bytes && status == KIN_OK; at += READ_BYTES) {
        uint64_t left = lines->file_bytes - at;
        size_t bytes = left < READ_BYTES ? (size_t)left : READ_BYTES;
        status = read_bytes(lines, at, block, bytes, error);
        if (status == KIN_OK && memchr(block, 0, bytes) != NULL)
            status = kin_fail(error, KIN_BAD_INPUT, "%s: there is a NUL byte near line %llu",
                              lines->path, (unsigned long long)lines->count + 1);
        const uint8_t *from = block, *end = block + bytes, *found;
        while (status == KIN_OK && (found = memchr(from, '\n', (size_t)(end - from))) != NULL) {
            uint64_t next = at + (uint64_t)(found - block) + 1;
            status = add_line(lines, next - 1 - start, next, count, error);
            start = next;
            from = found + 1;
        }
        tick(user);
    }
    if (status == KIN_OK && start < lines->file_bytes) /* the last one may have no end */
        status = add_line(lines, lines->file_bytes - start, lines->file_bytes, count, error);
    if (status == KIN_OK && lines->count < count)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: %llu lines for %llu codes; a line is the key of a code", lines->path,
                          (unsigned long long)lines->count, (unsigned long long)count);
    lines->marks[lines->mark_count - 1] = lines->file_bytes;
    if (count % KIN_KEY_LINES_MARK != 0)
        lines->marks[count / KIN_KEY_LINES_MARK + 1] = lines->file_bytes;
    free(block);
    return status;
}

kin_status kin_key_lines_read(const kin_key_lines *lines, uint64_t first, uint64_t count,
                              kin_buffer *text, uint16_t *bytes, kin_error *error)
{
    KIN_CHECK(first % KIN_KEY_LINES_MARK == 0 && first + count <= lines->count);
    uint64_t mark = first / KIN_KEY_LINES_MARK;
    uint64_t behind = (first + count + KIN_KEY_LINES_MARK - 1) / KIN_KEY_LINES_MARK;
    size_t size = (size_t)(lines->marks[behind] - lines->marks[mark]), kept = 0;
    kin_buffer_clear(text);
    uint8_t *data = kin_buffer_reserve(text, size + 1);
    kin_status status = read_bytes(lines, lines->marks[mark], data, size, error);
    if (status != KIN_OK) return status;
    data[size] = '\n';
    const uint8_t *from = data;
    for (uint64_t i = 0; i < count; i++) {
        size_t left = size + 1 - (size_t)(from - data);
        const uint8_t *end = memchr(from, '\n', left);
        size_t length = end == NULL ? 0 : (size_t)(end - from);
        if (length == 0 || length > KIN_KEY_BYTES_MAX)
            return kin_fail(error, KIN_IO, "%s was changed while it is imported", lines->path);
        memmove(data + kept, from, length);
        bytes[i] = (uint16_t)length;
        kept += length;
        from = end + 1;
    }
    text->bytes = kept;
    return KIN_OK;
}
