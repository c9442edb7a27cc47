#include "coordinator/client/picture_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/limits.h"

#define READ_BYTES 65536

static kin_status read_all(int descriptor, const char *name, kin_buffer *picture, kin_error *error)
{
    size_t done;
    do {
        uint8_t *end = kin_buffer_reserve(picture, READ_BYTES);
        if (kin_read_full(descriptor, end, READ_BYTES, &done) != KIN_OK)
            return kin_fail(error, KIN_IO, "cannot read %s: %s", name, strerror(errno));
        picture->bytes += done;
        if (picture->bytes > KIN_PICTURE_BYTES_MAX)
            return kin_fail(error, KIN_LIMIT, "%s is larger than %u MB, the limit of a picture",
                            name, KIN_PICTURE_BYTES_MAX >> 20);
    } while (done == READ_BYTES);
    if (picture->bytes == 0) return kin_fail(error, KIN_BAD_INPUT, "%s is empty", name);
    return KIN_OK;
}

static kin_status check_kind(int descriptor, const char *name, kin_error *error)
{
    struct stat information;
    if (fstat(descriptor, &information) != 0)
        return kin_fail(error, KIN_IO, "cannot look at %s: %s", name, strerror(errno));
    if (S_ISDIR(information.st_mode))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is a folder, not a picture; name the pictures in it, or build an index "
                        "of it with kindred index build",
                        name);
    if (!S_ISREG(information.st_mode))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is neither a regular file nor -, which reads standard input", name);
    return KIN_OK;
}

kin_status kin_picture_source_read(const char *name, kin_buffer *picture, kin_error *error)
{
    if (strcmp(name, "-") == 0) {
        if (isatty(STDIN_FILENO))
            return kin_fail(error, KIN_BAD_INPUT,
                            "standard input is a terminal; send a picture: kindred search INDEX - "
                            "< picture.jpg");
        return read_all(STDIN_FILENO, "standard input", picture, error);
    }
    /* Not to wait for the writer of a FIFO; regular files do not care. */
    int descriptor = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO,
                        "cannot open the picture %s: %s", name, strerror(errno));
    kin_status status = check_kind(descriptor, name, error);
    if (status == KIN_OK) status = read_all(descriptor, name, picture, error);
    close(descriptor);
    return status;
}
