#include "common/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/memory.h"

/* Appends are gathered to this size: one system call for many small records. */
#define PENDING_BYTES_MAX (1u << 20)

kin_status kin_read_full(int descriptor, void *data, size_t bytes, size_t *done)
{
    *done = 0;
    while (*done < bytes) {
        ssize_t part = read(descriptor, (char *)data + *done, bytes - *done);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return KIN_IO;
        if (part == 0) break;
        *done += (size_t)part;
    }
    return KIN_OK;
}

kin_status kin_file_read(const char *path, size_t bytes_max, kin_buffer *buffer, kin_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO, "cannot open %s: %s", path,
                        strerror(errno));
    kin_status status = KIN_OK;
    size_t total = 0, done;
    do {
        uint8_t *end = kin_buffer_reserve(buffer, 65536);
        if (kin_read_full(descriptor, end, 65536, &done) != KIN_OK) {
            status = kin_fail(error, KIN_IO, "cannot read %s: %s", path, strerror(errno));
            break;
        }
        buffer->bytes += done;
        total += done;
        if (total > bytes_max) {
            status = kin_fail(error, KIN_LIMIT, "%s has more than %zu bytes, the limit", path,
                              bytes_max);
            break;
        }
    } while (done == 65536);
    close(descriptor);
    return status;
}

kin_status kin_mapping_open(kin_mapping *mapping, const char *path, kin_error *error)
{
    memset(mapping, 0, sizeof *mapping);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO, "cannot open %s: %s", path,
                        strerror(errno));
    kin_status status = KIN_OK;
    struct stat information;
    if (fstat(descriptor, &information) != 0 || !S_ISREG(information.st_mode)) {
        status = kin_fail(error, KIN_IO, "%s is not a regular file", path);
    } else if (information.st_size > 0) {
        void *data = mmap(NULL, (size_t)information.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
        if (data == MAP_FAILED) {
            status = kin_fail(error, KIN_IO, "cannot map %s: %s", path, strerror(errno));
        } else {
            mapping->data = data;
            mapping->bytes = (size_t)information.st_size;
        }
    }
    close(descriptor);
    return status;
}

void kin_mapping_close(kin_mapping *mapping)
{
    if (mapping->data != NULL) munmap((void *)mapping->data, mapping->bytes);
    memset(mapping, 0, sizeof *mapping);
}

static kin_status write_full(kin_file_writer *writer, const void *data, size_t bytes,
                             kin_error *error)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t part = write(writer->descriptor, (const char *)data + done, bytes - done);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return kin_fail(error, KIN_IO, "cannot write %s: %s", writer->temporary_path,
                            strerror(errno));
        done += (size_t)part;
    }
    return KIN_OK;
}

static kin_status flush(kin_file_writer *writer, kin_error *error)
{
    kin_status status = write_full(writer, writer->pending.data, writer->pending.bytes, error);
    kin_buffer_clear(&writer->pending);
    return status;
}

kin_status kin_file_writer_open(kin_file_writer *writer, const char *path, kin_error *error)
{
    memset(writer, 0, sizeof *writer);
    char *temporary_path = kin_sprintf("%s.tmp", path);
    int descriptor = open(temporary_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        kin_status status =
            kin_fail(error, KIN_IO, "cannot create %s: %s", temporary_path, strerror(errno));
        free(temporary_path);
        return status;
    }
    writer->descriptor = descriptor;
    writer->temporary_path = temporary_path;
    writer->path = kin_strdup(path);
    return KIN_OK;
}

kin_status kin_file_writer_append(kin_file_writer *writer, const void *data, size_t bytes,
                                  kin_error *error)
{
    KIN_CHECK(writer->path != NULL);
    writer->bytes += bytes;
    if (writer->pending.bytes + bytes > PENDING_BYTES_MAX && writer->pending.bytes > 0) {
        kin_status status = flush(writer, error);
        if (status != KIN_OK) return status;
    }
    if (bytes > PENDING_BYTES_MAX) return write_full(writer, data, bytes, error);
    kin_buffer_append(&writer->pending, data, bytes);
    return KIN_OK;
}

kin_status kin_file_writer_rewrite(kin_file_writer *writer, uint64_t offset, const void *data,
                                   size_t bytes, kin_error *error)
{
    KIN_CHECK(writer->path != NULL && offset + bytes <= writer->bytes);
    kin_status status = flush(writer, error);
    if (status != KIN_OK) return status;
    ssize_t done = pwrite(writer->descriptor, data, bytes, (off_t)offset);
    if (done != (ssize_t)bytes)
        return kin_fail(error, KIN_IO, "cannot write %s: %s", writer->temporary_path,
                        done < 0 ? strerror(errno) : "short write");
    return KIN_OK;
}

kin_status kin_file_writer_extend(kin_file_writer *writer, uint64_t bytes, kin_error *error)
{
    KIN_CHECK(writer->path != NULL && bytes >= writer->bytes);
    kin_status status = flush(writer, error);
    if (status != KIN_OK) return status;
    bool failed = fallocate(writer->descriptor, 0, 0, (off_t)bytes) != 0;
    if (failed && errno == EOPNOTSUPP) failed = ftruncate(writer->descriptor, (off_t)bytes) != 0;
    if (failed || lseek(writer->descriptor, (off_t)bytes, SEEK_SET) < 0)
        return kin_fail(error, KIN_IO, "cannot give %s %llu bytes: %s", writer->temporary_path,
                        (unsigned long long)bytes, strerror(errno));
    writer->bytes = bytes;
    return KIN_OK;
}

kin_status kin_file_writer_read(const kin_file_writer *writer, uint64_t offset, void *data,
                                size_t bytes, kin_error *error)
{
    ssize_t done = pread(writer->descriptor, data, bytes, (off_t)offset);
    if (done == (ssize_t)bytes) return KIN_OK;
    return kin_fail(error, KIN_IO, "cannot read back %s: %s", writer->temporary_path,
                    done < 0 ? strerror(errno) : "short read");
}

kin_status kin_file_writer_publish(kin_file_writer *writer, kin_error *error)
{
    KIN_CHECK(writer->path != NULL);
    kin_status status = flush(writer, error);
    if (status == KIN_OK && fsync(writer->descriptor) != 0)
        status =
            kin_fail(error, KIN_IO, "cannot sync %s: %s", writer->temporary_path, strerror(errno));
    if (status == KIN_OK && rename(writer->temporary_path, writer->path) != 0)
        status = kin_fail(error, KIN_IO, "cannot rename %s to %s: %s", writer->temporary_path,
                          writer->path, strerror(errno));
    if (status == KIN_OK) {
        char *folder = kin_strdup(writer->path);
        status = kin_directory_sync(dirname(folder), error);
        free(folder);
        free(writer->temporary_path); /* it is published: nothing to remove */
        writer->temporary_path = NULL;
    }
    kin_file_writer_discard(writer);
    return status;
}

void kin_file_writer_discard(kin_file_writer *writer)
{
    if (writer->path == NULL) return;
    if (writer->temporary_path != NULL) unlink(writer->temporary_path);
    close(writer->descriptor);
    kin_buffer_fini(&writer->pending);
    free(writer->path);
    free(writer->temporary_path);
    memset(writer, 0, sizeof *writer);
}

kin_status kin_file_write_atomic(const char *path, const void *data, size_t bytes, kin_error *error)
{
    kin_file_writer writer = {0};
    kin_status status = kin_file_writer_open(&writer, path, error);
    if (status == KIN_OK) status = kin_file_writer_append(&writer, data, bytes, error);
    if (status == KIN_OK) return kin_file_writer_publish(&writer, error);
    kin_file_writer_discard(&writer);
    return status;
}

kin_status kin_directory_make(const char *path, kin_error *error)
{
    char *partial = kin_strdup(path);
    kin_status status = KIN_OK;
    for (char *slash = partial + 1; status == KIN_OK; slash++) {
        slash += strcspn(slash, "/");
        char kept = *slash;
        *slash = 0;
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            status =
                kin_fail(error, KIN_IO, "cannot make the folder %s: %s", partial, strerror(errno));
        *slash = kept;
        if (kept == 0) break;
    }
    if (status == KIN_OK && !kin_path_is_directory(path))
        status = kin_fail(error, KIN_IO, "%s is there but is not a folder", path);
    free(partial);
    return status;
}

kin_status kin_directory_remove(const char *path, kin_error *error)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        if (errno == ENOENT) return KIN_OK;
        return kin_fail(error, KIN_IO, "cannot open the folder %s: %s", path, strerror(errno));
    }
    kin_status status = KIN_OK;
    struct dirent *entry;
    while (status == KIN_OK && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *child = kin_path_join(path, entry->d_name);
        struct stat information;
        if (lstat(child, &information) == 0 && S_ISDIR(information.st_mode))
            status = kin_directory_remove(child, error);
        else if (unlink(child) != 0 && errno != ENOENT)
            status = kin_fail(error, KIN_IO, "cannot remove %s: %s", child, strerror(errno));
        free(child);
    }
    closedir(folder);
    if (status == KIN_OK && rmdir(path) != 0 && errno != ENOENT)
        status = kin_fail(error, KIN_IO, "cannot remove %s: %s", path, strerror(errno));
    return status;
}

kin_status kin_directory_sync(const char *path, kin_error *error)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || fsync(descriptor) != 0) {
        kin_status status =
            kin_fail(error, KIN_IO, "cannot sync the folder %s: %s", path, strerror(errno));
        if (descriptor >= 0) close(descriptor);
        return status;
    }
    close(descriptor);
    return KIN_OK;
}

bool kin_path_exists(const char *path)
{
    struct stat information;
    return stat(path, &information) == 0;
}

bool kin_path_is_directory(const char *path)
{
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

char *kin_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *separator = length > 0 && folder[length - 1] == '/' ? "" : "/";
    return kin_sprintf("%s%s%s", folder, separator, name);
}

char *kin_program_folder(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0) return kin_strdup(".");
    path[length] = 0;
    return kin_strdup(dirname(path));
}

kin_status kin_program_path(const char *name, char **path, kin_error *error)
{
    char *folder = kin_program_folder();
    *path = kin_path_join(folder, name);
    free(folder);
    if (access(*path, X_OK) == 0) return KIN_OK;
    free(*path);
    *path = NULL;
    const char *search = getenv("PATH");
    while (search != NULL && *search != 0) {
        size_t length = strcspn(search, ":");
        char *candidate = kin_sprintf("%.*s/%s", (int)length, search, name);
        if (length > 0 && access(candidate, X_OK) == 0) {
            *path = candidate;
            return KIN_OK;
        }
        free(candidate);
        search += length + (search[length] == ':');
    }
    return kin_fail(error, KIN_NOT_FOUND,
                    "the program %s is neither beside this one nor in PATH; install all of Kindred",
                    name);
}
