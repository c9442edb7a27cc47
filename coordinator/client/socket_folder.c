#include "coordinator/client/socket_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"

#define PLACE "/tmp"
#define PREFIX "kindred-"
#define LOCK "lock"
/* The lock has this name until it is locked, so that nobody takes its folder for left behind. */
#define LOCK_UNTIL_LOCKED "lock.new"

/* Removes a folder whose lock nobody holds. */
static void sweep_one(const char *path)
{
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != geteuid()) return;
    char *lock_path = kin_path_join(path, LOCK);
    int lock = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock >= 0) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0 && kin_directory_remove(path, NULL) != KIN_OK)
            kin_log(KIN_LOG_DEBUG, "cannot remove %s", path);
        close(lock);
    }
    free(lock_path);
}

static void sweep(void)
{
    DIR *place = opendir(PLACE);
    const struct dirent *entry;
    if (place == NULL) return;
    while ((entry = readdir(place)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0) continue;
        char *path = kin_path_join(PLACE, entry->d_name);
        sweep_one(path);
        free(path);
    }
    closedir(place);
}

static kin_status lock_folder(kin_socket_folder *folder, kin_error *error)
{
    char *first = kin_path_join(folder->path, LOCK_UNTIL_LOCKED);
    char *last = kin_path_join(folder->path, LOCK);
    kin_status status = KIN_OK;
    folder->lock = open(first, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (folder->lock < 0 || flock(folder->lock, LOCK_EX | LOCK_NB) != 0 || rename(first, last) != 0)
        status = kin_fail(error, KIN_IO, "cannot lock %s: %s", folder->path, strerror(errno));
    free(first);
    free(last);
    return status;
}

kin_status kin_socket_folder_make(kin_socket_folder *folder, kin_error *error)
{
    sweep();
    folder->lock = -1;
    folder->path = kin_strdup(PLACE "/" PREFIX "XXXXXX");
    if (mkdtemp(folder->path) == NULL) {
        free(folder->path);
        folder->path = NULL;
        return kin_fail(error, KIN_IO, "cannot make a folder in " PLACE ": %s", strerror(errno));
    }
    kin_status status = lock_folder(folder, error);
    if (status != KIN_OK) kin_socket_folder_remove(folder);
    return status;
}

void kin_socket_folder_remove(kin_socket_folder *folder)
{
    kin_error error;
    if (folder->path == NULL) return;
    if (kin_directory_remove(folder->path, &error) != KIN_OK)
        kin_log(KIN_LOG_WARNING, "%s", error.text);
    if (folder->lock >= 0) close(folder->lock);
    free(folder->path);
    *folder = (kin_socket_folder){0};
}
