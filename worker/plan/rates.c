#include "worker/plan/rates.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/memory.h"

static void processor_name(char *name, size_t bytes)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(name, bytes, "processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL || colon[1] != ' ') continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(name, bytes, "%s", colon + 2);
        break;
    }
    if (file != NULL) fclose(file);
}

void kin_rates_machine(char text[KIN_FIGURES_MACHINE_BYTES])
{
    char name[64];
    processor_name(name, sizeof name);
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    double gib = pages > 0 ? (double)pages * (double)page_bytes / (1 << 30) : 0;
    snprintf(text, KIN_FIGURES_MACHINE_BYTES, "%s, %ld processors, %.1f GiB, %s", name,
             sysconf(_SC_NPROCESSORS_ONLN), gib, kin_cpu_level_name(kin_cpu_level_get()));
    for (char *c = text; *c != 0; c++)
        if (*c < ' ' || *c > '~') *c = '?';
}

char *kin_rates_path(void)
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == 0) snprintf(host, sizeof host, "x");
    for (char *c = host; *c != 0; c++)
        if (*c == '/') *c = '-';
    if (cache != NULL && cache[0] == '/') return kin_sprintf("%s/kindred/rates-%s", cache, host);
    if (home == NULL || home[0] == 0) return NULL;
    return kin_sprintf("%s/.cache/kindred/rates-%s", home, host);
}

static kin_status read_file(kin_figures *rates, const char *path, kin_error *error)
{
    kin_buffer bytes = {0};
    kin_status status = kin_file_read(path, KIN_FIGURES_FILE_BYTES_MAX, &bytes, error);
    if (status == KIN_OK) status = kin_figures_parse(rates, bytes.data, bytes.bytes, path, error);
    kin_buffer_fini(&bytes);
    return status;
}

kin_status kin_rates_load(kin_figures *rates, kin_error *error)
{
    char machine[KIN_FIGURES_MACHINE_BYTES];
    kin_status status;
    char *path = kin_rates_path();
    kin_rates_machine(machine);
    *rates = (kin_figures){0};
    if (path == NULL)
        status = kin_fail(error, KIN_NOT_FOUND,
                          "there is no folder for rates: neither XDG_CACHE_HOME nor HOME is set");
    else
        status = read_file(rates, path, error);
    if (status == KIN_OK && strcmp(rates->machine, machine) != 0)
        status = kin_fail(error, KIN_MISMATCH, "%s has the rates of another machine, %s", path,
                          rates->machine);
    if (status != KIN_OK) kin_figures_fini(rates);
    memcpy(rates->machine, machine, sizeof machine);
    free(path);
    return status;
}

kin_status kin_rates_save(const kin_figures *rates, kin_error *error)
{
    char *path = kin_rates_path();
    if (path == NULL)
        return kin_fail(error, KIN_NOT_FOUND, "neither XDG_CACHE_HOME nor HOME is set");
    char *end = strrchr(path, '/');
    *end = 0;
    kin_status status = kin_directory_make(path, error);
    *end = '/';
    kin_buffer bytes = {0};
    kin_figures_build(rates, &bytes);
    if (status == KIN_OK) status = kin_file_write_atomic(path, bytes.data, bytes.bytes, error);
    kin_buffer_fini(&bytes);
    free(path);
    return status;
}

bool kin_rates_choose(const kin_figures *rates, const char *name, uint32_t local_ranks,
                      char prefix[KIN_FIGURE_NAME_BYTES])
{
    size_t bytes = strlen(name);
    long nearest = -1, wanted = local_ranks;
    for (uint32_t i = 0; i < rates->count; i++) {
        const char *own = rates->items[i].name;
        char *end;
        if (strncmp(own, name, bytes) != 0 || strncmp(own + bytes, ".r", 2) != 0) continue;
        long ranks = strtol(own + bytes + 2, &end, 10);
        if (strcmp(end, ".made") != 0 || ranks < 1) continue;
        if (nearest < 0 || labs(ranks - wanted) < labs(nearest - wanted)) nearest = ranks;
    }
    if (nearest < 0) return false;
    return snprintf(prefix, KIN_FIGURE_NAME_BYTES, "%s.r%ld", name, nearest) <
           KIN_FIGURE_NAME_BYTES;
}

int64_t kin_rates_made(const kin_figures *rates, const char *prefix)
{
    return (int64_t)kin_figures_get_in(rates, prefix, "made", 0);
}
