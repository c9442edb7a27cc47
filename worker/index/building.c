#include "worker/index/building.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/plan/plan_build.h"

#define LOCK_FILE "lock"
#define RANKS_FILE "ranks"
#define NUMBER_FILE "number"
#define LIST_FILE "list.kin"
/* The ranks of a job whose mpirun was killed are gone within a second or two. */
#define LOCK_WAIT_MS 10000

char *kin_building_path(const kin_building *building, const char *name)
{
    return kin_path_join(building->folder, name);
}

char *kin_building_part_path(const kin_building *building, uint64_t chunk)
{
    return kin_sprintf("%s/parts/part-%08llu.kin", building->folder, (unsigned long long)chunk);
}

uint64_t kin_building_chunk_first(const kin_building *building, uint64_t chunk)
{
    return chunk * building->chunk_pictures;
}

uint32_t kin_building_chunk_inputs(const kin_building *building, uint64_t chunk)
{
    uint64_t left = building->list.count - kin_building_chunk_first(building, chunk);
    return left < building->chunk_pictures ? (uint32_t)left : building->chunk_pictures;
}

/* One attempt; *held says whether it succeeded. A lock file that was removed by its owner in the
 * meantime guards nothing: it is opened anew. */
static kin_status try_lock(const char *path, int mode, int *descriptor, bool *held,
                           kin_error *error)
{
    *held = false;
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*descriptor < 0)
        return kin_fail(error, KIN_IO, "cannot open %s: %s", path, strerror(errno));
    struct stat information;
    if (flock(*descriptor, mode | LOCK_NB) == 0 && fstat(*descriptor, &information) == 0 &&
        information.st_nlink > 0) {
        *held = true;
        return KIN_OK;
    }
    close(*descriptor);
    *descriptor = -1;
    return KIN_OK;
}

static kin_status lock_patiently(const kin_building *building, const char *name, int mode,
                                 int *descriptor, void (*tick)(void *user), void *user,
                                 kin_error *error)
{
    char *path = kin_building_path(building, name);
    int64_t end_ms = kin_clock_ms() + LOCK_WAIT_MS;
    bool held = false;
    kin_status status;
    for (;;) {
        status = try_lock(path, mode, descriptor, &held, error);
        if (status != KIN_OK || held || kin_clock_ms() > end_ms) break;
        tick(user);
        kin_sleep_ms(100);
    }
    free(path);
    if (status == KIN_OK && !held)
        status = kin_fail(error, KIN_BUSY,
                          "another kindred-index is building %s (it holds %s/%s); wait for it, or "
                          "end all its ranks",
                          building->index_path, building->folder, name);
    return status;
}

static void init(kin_building *building, const char *index_path)
{
    *building = (kin_building){.index_path = index_path, .lock = -1, .ranks_lock = -1};
    building->folder = kin_path_join(index_path, KIN_BUILDING_FOLDER);
}

kin_status kin_building_lock(kin_building *building, const char *index_path,
                             void (*tick)(void *user), void *user, kin_error *error)
{
    init(building, index_path);
    kin_status status = kin_directory_make(building->folder, error);
    if (status == KIN_OK)
        status = lock_patiently(building, LOCK_FILE, LOCK_EX, &building->lock, tick, user, error);
    /* Ranks of an earlier job that outlive its rank 0 might still write parts. */
    int ranks = -1;
    if (status == KIN_OK)
        status = lock_patiently(building, RANKS_FILE, LOCK_EX, &ranks, tick, user, error);
    if (ranks >= 0) close(ranks);
    return status;
}

kin_status kin_building_find(const kin_building *building, const kin_digest *options, bool *found,
                             kin_error *error)
{
    char *path = kin_building_path(building, LIST_FILE);
    kin_mapping mapping = {0};
    kin_list list;
    kin_status status = KIN_OK;
    *found = kin_path_exists(path);
    if (*found) {
        status = kin_mapping_open(&mapping, path, error);
        if (status == KIN_OK)
            status = kin_list_parse(&list, mapping.data, mapping.bytes, path, error);
        if (status != KIN_OK)
            kin_error_prefix(error, "the unfinished build cannot go on; add --restart to forget "
                                    "it");
        else if (!kin_digest_equal(&list.options, options))
            status = kin_fail(error, KIN_BAD_INPUT,
                              "%s holds an unfinished build of another command; finish it with "
                              "the same command from the same folder, or add --restart to forget "
                              "it",
                              building->folder);
        kin_mapping_close(&mapping);
    }
    free(path);
    return status;
}

/* Whether remove_others leaves it. */
static bool stays(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, LOCK_FILE) == 0 ||
           strcmp(name, RANKS_FILE) == 0 || strcmp(name, LIST_FILE) == 0 ||
           strcmp(name, NUMBER_FILE) == 0;
}

static kin_status remove_entry(const kin_building *building, const char *name, kin_error *error)
{
    char *path = kin_building_path(building, name);
    kin_status status = KIN_OK;
    if (kin_path_is_directory(path))
        status = kin_directory_remove(path, error);
    else if (unlink(path) != 0 && errno != ENOENT)
        status = kin_fail(error, KIN_IO, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    return status;
}

static kin_status remove_others(const kin_building *building, kin_error *error)
{
    DIR *folder = opendir(building->folder);
    if (folder == NULL)
        return kin_fail(error, KIN_IO, "cannot read the folder %s: %s", building->folder,
                        strerror(errno));
    kin_status status = KIN_OK;
    struct dirent *entry;
    while (status == KIN_OK && (entry = readdir(folder)) != NULL)
        if (!stays(entry->d_name)) status = remove_entry(building, entry->d_name, error);
    closedir(folder);
    return status;
}

/* The list goes first: without it, what is left is no build. */
kin_status kin_building_wipe(const kin_building *building, kin_error *error)
{
    kin_status status = remove_entry(building, LIST_FILE, error);
    if (status == KIN_OK) status = remove_entry(building, NUMBER_FILE, error);
    if (status == KIN_OK) status = remove_others(building, error);
    return status;
}

/* One more than the largest number of a generation that is there. */
static unsigned next_number(const char *index_path)
{
    unsigned largest = 0;
    DIR *folder = opendir(index_path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        unsigned number = kin_generation_number(entry->d_name);
        if (number > largest) largest = number;
    }
    if (folder != NULL) closedir(folder);
    return largest + 1;
}

kin_status kin_building_begin(const kin_building *building, const void *list, size_t bytes,
                              kin_error *error)
{
    char name[KIN_GENERATION_NAME_BYTES];
    kin_generation_name(next_number(building->index_path), name);
    char *number_path = kin_building_path(building, NUMBER_FILE);
    char *list_path = kin_building_path(building, LIST_FILE);
    char *parts = kin_building_path(building, "parts");
    kin_status status = kin_directory_make(parts, error);
    if (status == KIN_OK) status = kin_file_write_atomic(number_path, name, strlen(name), error);
    if (status == KIN_OK) status = kin_file_write_atomic(list_path, list, bytes, error);
    free(parts);
    free(list_path);
    free(number_path);
    return status;
}

static kin_status read_number(kin_building *building, kin_error *error)
{
    char *path = kin_building_path(building, NUMBER_FILE);
    kin_buffer name = {0};
    kin_status status = kin_file_read(path, sizeof building->generation - 1, &name, error);
    if (status == KIN_OK) {
        memcpy(building->generation, name.data, name.bytes);
        building->generation[name.bytes] = 0;
        if (kin_generation_number(building->generation) == 0)
            status = kin_fail(error, KIN_CORRUPT,
                              "%s does not name a generation; add --restart to build anew", path);
    }
    kin_buffer_fini(&name);
    free(path);
    return status;
}

kin_status kin_building_open(kin_building *building, const char *index_path, int rank,
                             kin_error *error)
{
    if (rank != 0) {
        init(building, index_path);
        bool held;
        char *path = kin_building_path(building, RANKS_FILE);
        kin_status locked = try_lock(path, LOCK_SH, &building->ranks_lock, &held, error);
        free(path);
        if (locked != KIN_OK) return locked;
    }
    char *path = kin_building_path(building, LIST_FILE);
    kin_status status = kin_mapping_open(&building->mapping, path, error);
    if (status == KIN_OK)
        status = kin_list_parse(&building->list, building->mapping.data, building->mapping.bytes,
                                path, error);
    free(path);
    if (status == KIN_OK) status = read_number(building, error);
    if (status != KIN_OK) return status;
    /* The header holds the checksum of the checksums of all blocks. */
    building->job = kin_digest_of(building->mapping.data, KIN_CONTAINER_HEADER_BYTES);
    building->chunk_pictures = kin_plan_chunk_pictures(building->list.count);
    building->chunk_count = kin_plan_chunks(building->list.count);
    return KIN_OK;
}

bool kin_building_is_published(const kin_building *building)
{
    char *path = kin_path_join(building->index_path, building->generation);
    bool there = kin_path_is_directory(path);
    free(path);
    return there;
}

kin_status kin_building_remove(kin_building *building, kin_error *error)
{
    /* The list and the number go last: until then they say that the build is published. */
    kin_status status = remove_others(building, error);
    if (status == KIN_OK) status = remove_entry(building, LIST_FILE, error);
    if (status == KIN_OK) status = remove_entry(building, NUMBER_FILE, error);
    if (status == KIN_OK) status = remove_entry(building, RANKS_FILE, error);
    if (status == KIN_OK) status = remove_entry(building, LOCK_FILE, error);
    if (status == KIN_OK && rmdir(building->folder) != 0 && errno != ENOENT)
        status = kin_fail(error, KIN_IO, "cannot remove the folder %s: %s", building->folder,
                          strerror(errno));
    return status;
}

void kin_building_close(kin_building *building)
{
    kin_mapping_close(&building->mapping);
    if (building->lock >= 0) close(building->lock);
    if (building->ranks_lock >= 0) close(building->ranks_lock);
    building->lock = building->ranks_lock = -1;
    free(building->folder);
    building->folder = NULL;
}
