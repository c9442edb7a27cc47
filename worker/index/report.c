#include "worker/index/report.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "worker/index/summary.h"
#include "worker/plan/rates.h"

uint32_t kin_report_local_ranks(void)
{
    const char *text = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    long ranks = text != NULL ? strtol(text, NULL, 10) : 1;
    return ranks >= 1 && ranks <= KIN_RANKS_MAX ? (uint32_t)ranks : 1;
}

uint32_t kin_report_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores >= 1 ? (uint32_t)cores : 1;
}

uint64_t kin_report_folder_bytes(const char *folder)
{
    uint64_t bytes = 0;
    struct dirent *entry;
    struct stat facts;
    DIR *directory = opendir(folder);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *path = kin_path_join(folder, entry->d_name);
        if (lstat(path, &facts) == 0 && S_ISREG(facts.st_mode)) bytes += (uint64_t)facts.st_size;
        if (lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
            bytes += kin_report_folder_bytes(path);
        free(path);
    }
    if (directory != NULL) closedir(directory);
    return bytes;
}

void kin_report_compare(const kin_plan *plan, const kin_plan *fact)
{
    kin_buffer lines = {0};
    kin_plan_compare(plan, fact, &lines);
    const char *line = (const char *)lines.data, *end = line + lines.bytes, *stop;
    for (; line < end && (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1)
        kin_log(KIN_LOG_INFO, "%.*s", (int)(stop - line), line);
    kin_buffer_fini(&lines);
}

void kin_report_learned(const char *path, uint64_t count, double seconds)
{
    kin_plan fact = {.timed = true, .memory_bytes = kin_summary_memory_used()};
    kin_figures figures = {0};
    if (path == NULL) return;
    kin_rates_machine(figures.machine);
    kin_plan_add(&fact, "learn", seconds);
    kin_figures_set_in(&figures, "job", "count", (double)count);
    kin_plan_figures(&fact, "fact", &figures);
    kin_report_write(&figures, path);
    kin_figures_fini(&figures);
}

void kin_report_write(const kin_figures *figures, const char *path)
{
    kin_error error;
    kin_buffer bytes = {0};
    kin_figures_build(figures, &bytes);
    if (kin_file_write_atomic(path, bytes.data, bytes.bytes, &error) != KIN_OK)
        kin_log(KIN_LOG_WARNING, "there is no report: %s", error.text);
    kin_buffer_fini(&bytes);
}
