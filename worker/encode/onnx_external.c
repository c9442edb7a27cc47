#include "worker/encode/onnx_external.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/memory.h"

/* No terminal becomes ours and no pipe holds us up, whatever the name stands for. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Where the file of a tensor is, as its message says it. */
typedef struct place_in_file {
    char *location;
    uint64_t offset, length;
    bool has_length;
} place_in_file;

/* Neither absolute nor with a component "..". */
static bool is_plain(const char *location)
{
    if (location[0] == '/' || location[0] == 0) return false;
    for (const char *at = location; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == 0)) return false;
    }
    return true;
}

/* A component after the other, none of which may be a symbolic link. */
static int open_walking(int folder, const char *location)
{
    char *path = kin_strdup(location), *rest = path, *part;
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    while (at >= 0 && (part = strsep(&rest, "/")) != NULL) {
        if (part[0] == 0 && rest != NULL) continue;
        int flags = rest != NULL ? O_PATH | O_DIRECTORY | O_CLOEXEC : OPEN_FLAGS;
        int next = openat(at, part, flags | O_NOFOLLOW);
        int failure = errno;
        close(at);
        at = next;
        errno = failure;
    }
    free(path);
    return at;
}

int kin_onnx_open_beneath(const char *folder, const char *location, bool walk)
{
    if (!is_plain(location)) {
        errno = EXDEV; /* what the kernel says of links that lead out */
        return -1;
    }
    int base = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), file = -1;
    if (base < 0) return -1;
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    if (!walk) {
        file = (int)syscall(SYS_openat2, base, location, &how, sizeof how);
        walk = file < 0 && (errno == ENOSYS || errno == EPERM); /* EPERM: a filter of old */
    }
    if (walk) file = open_walking(base, location);
    int failure = errno;
    close(base);
    struct stat information;
    if (file >= 0 && (fstat(file, &information) != 0 || !S_ISREG(information.st_mode))) {
        close(file);
        file = -1;
        failure = EINVAL;
    }
    errno = failure;
    return file;
}

/* Decimal digits and nothing else. */
static bool parse_number(const ProtobufCBinaryData *text, uint64_t *number)
{
    *number = 0;
    if (text->len == 0 || text->len > 18) return false;
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') return false;
        *number = *number * 10 + (text->data[i] - '0');
    }
    return true;
}

static kin_status find_place(place_in_file *place, const KinOnnx__Tensor *message, kin_error *error)
{
    char label[KIN_ONNX_LABEL_BYTES];
    for (size_t i = 0; i < message->n_external_data; i++) {
        const ProtobufCBinaryData *key = &message->external_data[i]->key;
        const ProtobufCBinaryData *value = &message->external_data[i]->value;
        bool good = true;
        if (kin_onnx_is(key, "offset")) {
            good = parse_number(value, &place->offset);
        } else if (kin_onnx_is(key, "length")) {
            good = place->has_length = parse_number(value, &place->length);
        } else if (kin_onnx_is(key, "location")) {
            good = place->location == NULL && value->len > 0 && value->len < 4096 &&
                   memchr(value->data, 0, value->len) == NULL;
            if (good) place->location = kin_sprintf("%.*s", (int)value->len, value->data);
        }
        if (!good)
            return kin_fail(error, KIN_CORRUPT, "its external data have the bad %.*s '%s'",
                            (int)key->len, key->data, kin_onnx_label(value, label));
    }
    if (place->location == NULL)
        return kin_fail(error, KIN_CORRUPT, "its external data have no location");
    return KIN_OK;
}

static kin_status read_at(int file, uint64_t offset, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t part = pread(file, (char *)data + done, bytes - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part == 0) errno = EIO; /* shortened since its size was asked for */
        if (part <= 0) return KIN_IO;
        done += (size_t)part;
    }
    return KIN_OK;
}

/* The bytes of an open file; label is what sentences call it. */
static kin_status read_place(void **data, size_t bytes, int file, const place_in_file *place,
                             const char *label, kin_error *error)
{
    struct stat information;
    if (fstat(file, &information) != 0)
        return kin_fail(error, KIN_IO, "cannot read '%s': %s", label, strerror(errno));
    uint64_t size = (uint64_t)information.st_size;
    uint64_t length = place->has_length      ? place->length
                      : place->offset < size ? size - place->offset
                                             : 0;
    if (length != bytes)
        return kin_fail(error, KIN_CORRUPT, "'%s' has %llu bytes for it, but it takes %zu", label,
                        (unsigned long long)length, bytes);
    if (place->offset > size || length > size - place->offset)
        return kin_fail(error, KIN_CORRUPT, "'%s' has %llu bytes; offset %llu is too far for %zu",
                        label, (unsigned long long)size, (unsigned long long)place->offset, bytes);
    *data = kin_malloc(bytes);
    if (read_at(file, place->offset, *data, bytes) == KIN_OK) return KIN_OK;
    int failure = errno;
    free(*data);
    *data = NULL;
    return kin_fail(error, KIN_IO, "cannot read '%s': %s", label, strerror(failure));
}

static kin_status read_location(void **data, size_t bytes, const place_in_file *place,
                                kin_onnx_source *source, kin_error *error)
{
    char label[KIN_ONNX_LABEL_BYTES];
    ProtobufCBinaryData location = {strlen(place->location), (uint8_t *)place->location};
    kin_onnx_label(&location, label);
    if (source->folder == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "its data are in '%s', which may not be read here",
                        label);
    if (bytes > KIN_ONNX_EXTERNAL_BYTES_MAX - source->external_bytes)
        return kin_fail(error, KIN_LIMIT, "external data are more than %llu bytes, the limit",
                        (unsigned long long)KIN_ONNX_EXTERNAL_BYTES_MAX);
    int file = kin_onnx_open_beneath(source->folder, place->location, false);
    if (file < 0 && errno == EXDEV)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its data are in '%s', which leads out of the model's folder", label);
    if (file < 0)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO,
                        "its data are in '%s', which cannot be opened: %s", label,
                        errno == EINVAL ? "no regular file" : strerror(errno));
    kin_status status = read_place(data, bytes, file, place, label, error);
    close(file);
    if (status == KIN_OK) source->external_bytes += bytes;
    return status;
}

kin_status kin_onnx_external_read(void **data, size_t bytes, const KinOnnx__Tensor *message,
                                  kin_onnx_source *source, kin_error *error)
{
    place_in_file place = {0};
    kin_status status = find_place(&place, message, error);
    if (status == KIN_OK) status = read_location(data, bytes, &place, source, error);
    free(place.location);
    return status;
}
