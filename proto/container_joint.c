#include "proto/container_joint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"

/* What a span holds: whole blocks, so that each is in one piece when it is full. */
#define HELD_BLOCKS 16
#define HELD_BYTES ((size_t)HELD_BLOCKS * KIN_CONTAINER_BLOCK_BYTES)

/* A span of so many windows or more sends them to the disk by itself. */
#define LONG_WINDOWS 4

struct kin_container_span {
    int descriptor;
    const char *path;
    uint64_t start, end, at; /* at: of the next byte; what is held ends there */
    uint64_t held_from;
    uint64_t window; /* bytes */
    uint64_t sent;   /* where what is on its way to the disk ends; 0: the kernel sees to it */
    uint8_t *held;   /* [HELD_BYTES] */
    kin_block_run run;
};

static uint64_t align_up(uint64_t offset)
{
    return (offset + KIN_SECTION_ALIGNMENT - 1) / KIN_SECTION_ALIGNMENT * KIN_SECTION_ALIGNMENT;
}

void kin_container_joint_plan(kin_container_joint *joint, kin_file_kind kind, uint32_t version,
                              const kin_placed_section *sections, uint32_t section_count)
{
    KIN_CHECK(section_count <= KIN_CONTAINER_SECTIONS_MAX);
    *joint = (kin_container_joint){.kind = kind,
                                   .version = version,
                                   .section_count = section_count,
                                   .window_bytes = KIN_CONTAINER_WINDOW_BYTES};
    uint64_t offset = KIN_CONTAINER_HEADER_BYTES;
    for (uint32_t i = 0; i < section_count; i++) {
        offset = align_up(offset);
        memcpy(joint->section[i].name, sections[i].name, sizeof sections[i].name);
        joint->section[i].offset = offset;
        joint->section[i].bytes = sections[i].bytes;
        offset += sections[i].bytes;
    }
    joint->block_table_offset = align_up(offset);
    uint64_t bytes = joint->block_table_offset - KIN_CONTAINER_HEADER_BYTES;
    joint->block_count =
        bytes / KIN_CONTAINER_BLOCK_BYTES + (bytes % KIN_CONTAINER_BLOCK_BYTES > 0);
    joint->bytes = joint->block_table_offset + joint->block_count * sizeof(uint64_t);
}

kin_status kin_container_joint_create(const kin_container_joint *joint, const char *path,
                                      kin_error *error)
{
    struct stat facts;
    kin_status status = KIN_OK;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return kin_fail(error, KIN_IO, "cannot create %s: %s", path, strerror(errno));
    bool kept = fstat(descriptor, &facts) == 0 && (uint64_t)facts.st_size == joint->bytes;
    if (!kept && (ftruncate(descriptor, 0) != 0 || ftruncate(descriptor, (off_t)joint->bytes) != 0))
        status = kin_fail(error, KIN_IO, "cannot make %s of %llu bytes: %s", path,
                          (unsigned long long)joint->bytes, strerror(errno));
    /* Where a file system cannot take space ahead, it is taken as it is written. */
    if (status == KIN_OK && fallocate(descriptor, 0, 0, (off_t)joint->bytes) != 0 &&
        errno != EOPNOTSUPP && errno != EINTR)
        status = kin_fail(error, KIN_IO, "cannot take the %llu bytes of %s: %s",
                          (unsigned long long)joint->bytes, path, strerror(errno));
    close(descriptor);
    if (status != KIN_OK && !kept) unlink(path);
    return status;
}

void kin_block_run_fini(kin_block_run *run)
{
    free(run->checksums);
    memset(run, 0, sizeof *run);
}

static uint64_t block_of(uint64_t offset)
{
    return (offset - KIN_CONTAINER_HEADER_BYTES) / KIN_CONTAINER_BLOCK_BYTES;
}

static uint64_t block_start(uint64_t block)
{
    return KIN_CONTAINER_HEADER_BYTES + block * KIN_CONTAINER_BLOCK_BYTES;
}

kin_container_span *kin_container_span_new(int descriptor, const char *path, uint64_t start,
                                           uint64_t end, uint64_t window_bytes)
{
    KIN_CHECK(start >= KIN_CONTAINER_HEADER_BYTES && start <= end);
    kin_container_span *span = kin_calloc(1, sizeof *span);
    *span = (kin_container_span){.descriptor = descriptor,
                                 .path = path,
                                 .start = start,
                                 .end = end,
                                 .at = start,
                                 .held_from = start,
                                 .window = window_bytes,
                                 .sent = end - start >= LONG_WINDOWS * window_bytes ? start : 0};
    span->held = kin_malloc(HELD_BYTES);
    /* The first block that starts within, and the blocks that end within. */
    uint64_t first = block_of(start + KIN_CONTAINER_BLOCK_BYTES - 1), behind = block_of(end);
    span->run.first = first;
    span->run.checksums =
        kin_malloc((behind > first ? behind - first : 0) * sizeof *span->run.checksums);
    return span;
}

kin_status kin_container_joint_write(int descriptor, const char *path, uint64_t offset,
                                     const void *data, size_t bytes, kin_error *error)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t part =
            pwrite(descriptor, (const uint8_t *)data + done, bytes - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return kin_fail(error, KIN_IO, "cannot write %s: %s", path, strerror(errno));
        done += (size_t)part;
    }
    return KIN_OK;
}

/* Sends full windows to the disk, and lets go of the one that was sent two windows ago. */
static kin_status send_windows(kin_container_span *span, kin_error *error)
{
    const unsigned wait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    while (span->sent > 0 && span->at - span->sent >= span->window) {
        int failed = sync_file_range(span->descriptor, (off_t)span->sent, (off_t)span->window,
                                     SYNC_FILE_RANGE_WRITE);
        if (failed == 0 && span->sent - span->start >= 2 * span->window) {
            off_t behind = (off_t)(span->sent - 2 * span->window);
            failed = sync_file_range(span->descriptor, behind, (off_t)span->window, wait);
            (void)posix_fadvise(span->descriptor, behind, (off_t)span->window, POSIX_FADV_DONTNEED);
        }
        span->sent += span->window;
        if (failed == 0) continue;
        if (errno == EIO || errno == ENOSPC || errno == EDQUOT) /* which nobody is told again */
            return kin_fail(error, KIN_IO, "cannot write %s: %s", span->path, strerror(errno));
        span->sent = 0; /* not every file system can */
    }
    return KIN_OK;
}

/* Writes what is held. It starts where a block does, but for the first time, and ends where one
 * does, but for the last time. */
static kin_status flush(kin_container_span *span, kin_error *error)
{
    uint64_t block = block_of(span->held_from + KIN_CONTAINER_BLOCK_BYTES - 1);
    for (; block_start(block + 1) <= span->at; block++) {
        KIN_CHECK(block == span->run.first + span->run.count);
        span->run.checksums[span->run.count++] = kin_checksum(
            span->held + (block_start(block) - span->held_from), KIN_CONTAINER_BLOCK_BYTES);
    }
    kin_status status =
        kin_container_joint_write(span->descriptor, span->path, span->held_from, span->held,
                                  (size_t)(span->at - span->held_from), error);
    span->held_from = span->at;
    return status == KIN_OK ? send_windows(span, error) : status;
}

kin_status kin_container_span_append(kin_container_span *span, const void *data, size_t bytes,
                                     kin_error *error)
{
    const uint8_t *from = data;
    kin_status status = KIN_OK;
    KIN_CHECK(bytes <= span->end - span->at);
    while (bytes > 0 && status == KIN_OK) {
        uint64_t full = block_start(block_of(span->held_from) + HELD_BLOCKS);
        size_t part = full - span->at < bytes ? (size_t)(full - span->at) : bytes;
        memcpy(span->held + (span->at - span->held_from), from, part);
        span->at += part;
        from += part;
        bytes -= part;
        if (span->at == full) status = flush(span, error);
    }
    return status;
}

kin_status kin_container_span_finish(kin_container_span **span, kin_block_run *run,
                                     kin_error *error)
{
    kin_container_span *done = *span;
    KIN_CHECK(done->at == done->end);
    kin_status status = done->at > done->held_from ? flush(done, error) : KIN_OK;
    *run = done->run;
    memset(&done->run, 0, sizeof done->run);
    kin_container_span_destroy(span);
    return status;
}

void kin_container_span_destroy(kin_container_span **span)
{
    if (*span == NULL) return;
    kin_block_run_fini(&(*span)->run);
    free((*span)->held);
    free(*span);
    *span = NULL;
}

/* The checksum of a block that nobody wrote alone. */
static kin_status read_back(const kin_container_joint *joint, int descriptor, const char *path,
                            uint64_t block, uint64_t *checksum, kin_error *error)
{
    uint8_t data[KIN_CONTAINER_BLOCK_BYTES];
    uint64_t start = block_start(block), bytes = joint->block_table_offset - start;
    if (bytes > KIN_CONTAINER_BLOCK_BYTES) bytes = KIN_CONTAINER_BLOCK_BYTES;
    for (uint64_t done = 0; done < bytes;) {
        ssize_t part = pread(descriptor, data + done, bytes - done, (off_t)(start + done));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0)
            return kin_fail(error, KIN_IO, "cannot read %s: %s", path,
                            part < 0 ? strerror(errno) : "it has become shorter");
        done += (uint64_t)part;
    }
    *checksum = kin_checksum(data, (size_t)bytes);
    return KIN_OK;
}

kin_status kin_container_joint_finish(const kin_container_joint *joint, const char *path,
                                      uint64_t *checksums, const uint8_t *known,
                                      void (*tick)(void *user), void *user, kin_error *error)
{
    uint8_t header[KIN_CONTAINER_HEADER_BYTES];
    kin_status status = KIN_OK;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return kin_fail(error, KIN_IO, "cannot open %s: %s", path, strerror(errno));
    for (uint64_t block = 0; block < joint->block_count && status == KIN_OK; block++) {
        if (!known[block])
            status = read_back(joint, descriptor, path, block, &checksums[block], error);
        if (tick != NULL && block % 1024 == 0) tick(user);
    }
    size_t table_bytes = (size_t)joint->block_count * sizeof *checksums;
    for (uint64_t block = 0; block < joint->block_count; block++)
        kin_store_le64(&checksums[block], checksums[block]);
    kin_container_header(header, joint->kind, joint->version, joint->section, joint->section_count,
                         joint->block_table_offset, checksums, table_bytes);
    if (status == KIN_OK)
        status = kin_container_joint_write(descriptor, path, joint->block_table_offset, checksums,
                                           table_bytes, error);
    if (status == KIN_OK)
        status = kin_container_joint_write(descriptor, path, 0, header, sizeof header, error);
    if (status == KIN_OK && fsync(descriptor) != 0)
        status = kin_fail(error, KIN_IO, "cannot sync %s: %s", path, strerror(errno));
    close(descriptor);
    return status;
}
