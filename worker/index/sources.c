#include "worker/index/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "worker/index/archive_file.h"
#include "worker/index/folder_walk.h"

/* The members of one archive on their way into the inputs. */
typedef struct archive_source {
    kin_inputs *inputs;
    const kin_sources_options *options;
    const char *path, *unpack_path;
} archive_source;

static void add_member(void *user, const kin_archive_member *member)
{
    archive_source *source = user;
    if (member->link) {
        kin_inputs_count_links(source->inputs, 1);
        return;
    }
    char *key = kin_path_join(source->path, member->name);
    const char *path = member->unpacked ? source->unpack_path : source->path;
    kin_list_row row = {.key = key,
                        .key_bytes = (uint32_t)strlen(key),
                        .path = path,
                        .path_bytes = (uint32_t)strlen(path),
                        .member = member->ordinal,
                        .offset = member->offset,
                        .bytes = member->bytes,
                        .reason = member->reason};
    kin_inputs_add(source->inputs, &row);
    free(key);
}

static void tick_archive(void *user)
{
    const archive_source *source = user;
    source->options->tick(source->options->user);
}

static kin_status add_archive(kin_inputs *inputs, const kin_sources_options *options,
                              const char *path, uint64_t bytes, kin_error *error)
{
    kin_status status = kin_directory_make(options->unpack_folder, error);
    if (status != KIN_OK) return status;
    /* The number of inputs before it makes the name different from that of every other archive. */
    char *unpack_path = kin_sprintf("%s/%012llu", options->unpack_folder,
                                    (unsigned long long)kin_inputs_count(inputs));
    archive_source source = {
        .inputs = inputs, .options = options, .path = path, .unpack_path = unpack_path};
    kin_archive_options listing = {
        .unpack_path = unpack_path, .user = &source, .member = add_member, .tick = tick_archive};
    kin_reason damage;
    status = kin_archive_list(path, &listing, &damage, error);
    if (status == KIN_OK && damage != KIN_REASON_NONE)
        kin_inputs_add_path(inputs, path, bytes, bytes == 0 ? KIN_REASON_EMPTY : damage);
    free(unpack_path);
    return status;
}

/* The reason of a path that stat or open refuses. */
static kin_reason reason_of_errno(int number)
{
    return number == ENOENT || number == ENOTDIR ? KIN_REASON_VANISHED : KIN_REASON_UNREADABLE;
}

kin_status kin_sources_add(kin_inputs *inputs, const kin_sources_options *options,
                           const char *given, bool must_exist, kin_error *error)
{
    char *path = kin_strdup(given);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = 0;
    struct stat information;
    kin_status status = KIN_OK;
    options->tick(options->user);
    if (stat(path, &information) != 0) {
        int number = errno;
        struct stat link;
        bool dangling = lstat(path, &link) == 0;
        if (must_exist)
            status = kin_fail(error, KIN_NOT_FOUND,
                              "cannot read %s: %s; name a folder, a picture "
                              "or a tar archive that is there",
                              path, strerror(number));
        else
            kin_inputs_add_path(inputs, path, 0,
                                dangling ? KIN_REASON_NOT_A_FILE : reason_of_errno(number));
    } else if (S_ISDIR(information.st_mode)) {
        kin_folder_walk(inputs, options, path);
    } else if (!S_ISREG(information.st_mode)) {
        kin_inputs_add_path(inputs, path, 0, KIN_REASON_NOT_A_FILE);
    } else if (kin_archive_is_named(path)) {
        status = add_archive(inputs, options, path, (uint64_t)information.st_size, error);
    } else {
        kin_inputs_add_path(inputs, path, (uint64_t)information.st_size, KIN_REASON_NONE);
    }
    free(path);
    return status;
}

/* Waits for bytes with signs of life: a pipe may be slow. */
static ssize_t read_patiently(int descriptor, void *data, size_t bytes,
                              const kin_sources_options *options)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};
    for (;;) {
        options->tick(options->user);
        if (poll(&ready, 1, 500) == 0) continue;
        ssize_t done = read(descriptor, data, bytes);
        if (done >= 0 || errno != EINTR) return done;
    }
}

kin_status kin_sources_read_list(const kin_sources_options *options, const char *list_path,
                                 char separator, kin_list_file_sink sink, void *user,
                                 kin_error *error)
{
    bool standard = strcmp(list_path, "-") == 0;
    kin_list_file list = {.separator = separator, .name = standard ? "standard input" : list_path};
    int descriptor = standard ? STDIN_FILENO : open(list_path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return kin_fail(error, KIN_NOT_FOUND, "cannot read the list %s: %s", list_path,
                        strerror(errno));
    kin_status status = KIN_OK;
    char *piece = kin_malloc(65536);
    ssize_t done;
    do {
        done = read_patiently(descriptor, piece, 65536, options);
        if (done < 0)
            status = kin_fail(error, KIN_IO, "cannot read %s: %s", list.name, strerror(errno));
        else
            status = kin_list_file_feed(&list, piece, (size_t)done, sink, user, error);
    } while (status == KIN_OK && done > 0);
    if (status == KIN_OK) status = kin_list_file_end(&list, sink, user, error);
    kin_buffer_fini(&list.path);
    free(piece);
    if (!standard) close(descriptor);
    return status;
}

/* A list on its way into the inputs. */
typedef struct list_source {
    kin_inputs *inputs;
    const kin_sources_options *options;
} list_source;

static kin_status add_listed(void *user, const char *path, kin_error *error)
{
    const list_source *source = user;
    return kin_sources_add(source->inputs, source->options, path, false, error);
}

kin_status kin_sources_add_list(kin_inputs *inputs, const kin_sources_options *options,
                                const char *list_path, char separator, kin_error *error)
{
    list_source source = {.inputs = inputs, .options = options};
    return kin_sources_read_list(options, list_path, separator, add_listed, &source, error);
}
