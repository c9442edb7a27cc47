#include "worker/index/folder_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"

#define NO_PARENT UINT64_MAX

/* A folder that was entered, for finding loops; the root has no parent. */
typedef struct entered {
    dev_t device;
    ino_t node;
    uint64_t parent;
} entered;

/* A folder that is still to be read. */
typedef struct pending {
    char *path;
    uint64_t folder; /* its place among those entered */
} pending;

typedef struct walk {
    kin_inputs *inputs;
    const kin_sources_options *options;
    struct stat index; /* of the index that is built; zero where there is none yet */
    entered *entered;
    uint64_t entered_count, entered_capacity;
    pending *pending;
    uint64_t pending_count, pending_capacity;
} walk;

static bool same_file(const struct stat *a, dev_t device, ino_t node)
{
    return a->st_dev == device && a->st_ino == node;
}

/* Whether a folder is `from` or one above it: entering it would never end. */
static bool is_loop(const walk *w, const struct stat *folder, uint64_t from)
{
    for (uint64_t i = from; i != NO_PARENT; i = w->entered[i].parent)
        if (same_file(folder, w->entered[i].device, w->entered[i].node)) return true;
    return false;
}

static void push(walk *w, char *path, const struct stat *information, uint64_t parent)
{
    if (w->entered_count == w->entered_capacity) {
        w->entered_capacity = 2 * w->entered_capacity + 64;
        w->entered = kin_realloc(w->entered, w->entered_capacity, sizeof *w->entered);
    }
    if (w->pending_count == w->pending_capacity) {
        w->pending_capacity = 2 * w->pending_capacity + 64;
        w->pending = kin_realloc(w->pending, w->pending_capacity, sizeof *w->pending);
    }
    w->entered[w->entered_count] =
        (entered){.device = information->st_dev, .node = information->st_ino, .parent = parent};
    w->pending[w->pending_count++] = (pending){.path = path, .folder = w->entered_count++};
}

/* What stat says of an entry; its reason where it says nothing. `link` is set where the entry is a
 * symbolic link, which information then looks through. */
static kin_reason look_at(int folder, const char *name, struct stat *information, bool *link)
{
    *link = false;
    if (fstatat(folder, name, information, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? KIN_REASON_VANISHED : KIN_REASON_UNREADABLE;
    *link = S_ISLNK(information->st_mode);
    if (!*link || fstatat(folder, name, information, 0) == 0) return KIN_REASON_NONE;
    return errno == EACCES ? KIN_REASON_UNREADABLE : KIN_REASON_NOT_A_FILE; /* dangling, loop */
}

static void visit(walk *w, int descriptor, const char *name, const pending *in)
{
    struct stat information;
    bool link;
    char *path = kin_path_join(in->path, name);
    kin_reason reason = look_at(descriptor, name, &information, &link);
    if (reason != KIN_REASON_NONE) {
        kin_inputs_add_path(w->inputs, path, 0, reason);
    } else if (link && !w->options->follow_links) {
        kin_inputs_count_links(w->inputs, 1);
    } else if (S_ISDIR(information.st_mode)) {
        bool index = same_file(&w->index, information.st_dev, information.st_ino);
        if (link && is_loop(w, &information, in->folder)) {
            kin_inputs_count_links(w->inputs, 1);
        } else if (!index) {
            push(w, path, &information, in->folder);
            return; /* the path is its own now */
        }
    } else if (S_ISREG(information.st_mode)) {
        kin_inputs_add_path(w->inputs, path, (uint64_t)information.st_size, KIN_REASON_NONE);
    } else {
        kin_inputs_add_path(w->inputs, path, 0, KIN_REASON_NOT_A_FILE);
    }
    free(path);
}

static void read_folder(walk *w, const pending *folder)
{
    DIR *directory = opendir(folder->path);
    if (directory == NULL) {
        kin_inputs_add_path(w->inputs, folder->path, 0,
                            errno == ENOENT ? KIN_REASON_VANISHED : KIN_REASON_UNREADABLE);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        w->options->tick(w->options->user);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            visit(w, dirfd(directory), entry->d_name, folder);
    }
    closedir(directory);
}

void kin_folder_walk(kin_inputs *inputs, const kin_sources_options *options, const char *path)
{
    walk w = {.inputs = inputs, .options = options};
    struct stat root;
    if (stat(options->index_path, &w.index) != 0) memset(&w.index, 0, sizeof w.index);
    if (stat(path, &root) != 0) memset(&root, 0, sizeof root);
    push(&w, kin_strdup(path), &root, NO_PARENT);
    while (w.pending_count > 0) { /* in no order: the inputs are sorted in the end */
        pending folder = w.pending[--w.pending_count];
        read_folder(&w, &folder);
        free(folder.path);
    }
    free(w.pending);
    free(w.entered);
}
