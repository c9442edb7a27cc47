#include "worker/index/picture_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

static void reject(kin_picture_bytes *result, kin_reason reason, const char *detail)
{
    result->reason = reason;
    result->detail = detail;
}

/* What the list says of an input that was rejected when it was listed. */
static const char *listed_detail(const kin_list_row *row)
{
    bool member = row->member != KIN_LIST_NO_MEMBER;
    switch (row->reason) {
    case KIN_REASON_NOT_A_FILE:
        return "a FIFO, socket, device or dangling link";
    case KIN_REASON_TRUNCATED:
        return member ? "its data in the archive end early"
                      : "the archive ends early; its members before that are listed";
    case KIN_REASON_CORRUPT:
        return member ? "its data in the archive are damaged"
                      : "the archive is damaged; its members before that are listed";
    case KIN_REASON_TOO_LARGE:
        return "its name is longer than a key may be, and was cut";
    case KIN_REASON_UNSUPPORTED:
        return "a sparse member of an archive";
    case KIN_REASON_EMPTY:
        return "no bytes";
    case KIN_REASON_VANISHED:
        return "it was named but not there";
    case KIN_REASON_UNREADABLE:
        return "it could not be looked at";
    default:
        return "";
    }
}

static void reject_by_errno(kin_picture_bytes *result, int number)
{
    bool gone = number == ENOENT || number == ENOTDIR;
    reject(result, gone ? KIN_REASON_VANISHED : KIN_REASON_UNREADABLE, strerror(number));
}

/* Opens without waiting for the other end of a FIFO; a FIFO or device is then rejected unread. */
static int open_regular(const char *path, struct stat *information, kin_picture_bytes *result)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, information) != 0) {
        reject_by_errno(result, errno);
    } else if (S_ISREG(information->st_mode)) {
        return descriptor;
    } else {
        reject(result, KIN_REASON_NOT_A_FILE, "it is no longer a file");
    }
    if (descriptor >= 0) close(descriptor);
    return -1;
}

static void read_file(const kin_list_row *row, uint8_t *data, kin_picture_bytes *result)
{
    struct stat information;
    int descriptor = open_regular(row->path, &information, result);
    if (descriptor < 0) return;
    uint64_t bytes = (uint64_t)information.st_size;
    if (bytes != row->bytes) {
        reject(result, KIN_REASON_CHANGED, "its size is not the one it was listed with");
    } else if (bytes == 0) {
        reject(result, KIN_REASON_EMPTY, "no bytes");
    } else if (bytes > KIN_PICTURE_BYTES_MAX) {
        reject(result, KIN_REASON_TOO_LARGE, "more bytes than a picture file may have");
    } else if (kin_read_full(descriptor, data, bytes, &result->bytes) != KIN_OK) {
        reject(result, KIN_REASON_UNREADABLE, strerror(errno));
    } else if (result->bytes != bytes) {
        reject(result, KIN_REASON_CHANGED, "it became shorter while it was read");
    }
    close(descriptor);
}

/* Neighbours in the list are mostly members of one archive: it stays open. */
static bool open_archive(kin_picture_reader *reader, const char *path, kin_picture_bytes *result)
{
    if (reader->archive != NULL && strcmp(reader->archive, path) == 0) return true;
    kin_picture_reader_fini(reader);
    struct stat information;
    int descriptor = open_regular(path, &information, result);
    if (descriptor < 0) return false;
    reader->descriptor = descriptor;
    reader->archive = kin_strdup(path);
    return true;
}

static void read_member(kin_picture_reader *reader, const kin_list_row *row, uint8_t *data,
                        kin_picture_bytes *result)
{
    if (row->bytes == 0) {
        reject(result, KIN_REASON_EMPTY, "no bytes");
        return;
    }
    if (row->bytes > KIN_PICTURE_BYTES_MAX) {
        reject(result, KIN_REASON_TOO_LARGE, "more bytes than a picture file may have");
        return;
    }
    if (!open_archive(reader, row->path, result)) return;
    while (result->bytes < row->bytes) {
        ssize_t done = pread(reader->descriptor, data + result->bytes, row->bytes - result->bytes,
                             (off_t)(row->offset + result->bytes));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) reject(result, KIN_REASON_UNREADABLE, strerror(errno));
        if (done == 0) reject(result, KIN_REASON_TRUNCATED, "the archive ends within it");
        if (done <= 0) return;
        result->bytes += (size_t)done;
    }
}

void kin_picture_read(kin_picture_reader *reader, const kin_list_row *row, uint8_t *data,
                      kin_picture_bytes *result)
{
    *result = (kin_picture_bytes){.detail = ""};
    if (row->reason != KIN_REASON_NONE)
        reject(result, row->reason, listed_detail(row));
    else if (row->member == KIN_LIST_NO_MEMBER)
        read_file(row, data, result);
    else
        read_member(reader, row, data, result);
}

void kin_picture_reader_fini(kin_picture_reader *reader)
{
    if (reader->archive == NULL) return;
    close(reader->descriptor);
    free(reader->archive);
    reader->archive = NULL;
}
