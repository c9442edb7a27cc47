#include "proto/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

#define NUMBER_MAX 999999
#define CURRENT_BYTES_MAX 256
/* A manifest grows with the shards only: 4,096 rows are under a megabyte. */
#define MANIFEST_BYTES_MAX (16u << 20)

void kin_generation_name(unsigned number, char name[KIN_GENERATION_NAME_BYTES])
{
    snprintf(name, KIN_GENERATION_NAME_BYTES, "generation-%06u", number);
}

unsigned kin_generation_number(const char *name)
{
    char back[KIN_GENERATION_NAME_BYTES];
    unsigned number = 0;
    if (sscanf(name, "generation-%6u", &number) != 1 || number > NUMBER_MAX) return 0;
    kin_generation_name(number, back);
    return strcmp(back, name) == 0 ? number : 0;
}

static kin_status read_current(const char *index_path, char *name, kin_error *error)
{
    char *path = kin_path_join(index_path, KIN_CURRENT_FILE);
    kin_buffer contents = {0};
    kin_status status = kin_file_read(path, CURRENT_BYTES_MAX, &contents, error);
    if (status == KIN_NOT_FOUND) {
        status = kin_fail(error, KIN_NOT_FOUND,
                          "%s is not a Kindred index: it has no file %s; make one with: "
                          "kindred-index build -o %s PICTURES...",
                          index_path, KIN_CURRENT_FILE, index_path);
    } else if (status == KIN_OK) {
        kin_buffer_append_byte(&contents, 0);
        char *line = (char *)contents.data;
        size_t length = strlen(line);
        if (length > 0 && line[length - 1] == '\n') line[length - 1] = 0;
        if (length + 1 != contents.bytes || kin_generation_number(line) == 0)
            status = kin_fail(error, KIN_CORRUPT,
                              "%s does not name a generation; write the name of the newest folder "
                              "%s/generation-... into it",
                              path, index_path);
        else
            snprintf(name, KIN_GENERATION_NAME_BYTES, "%s", line);
    }
    kin_buffer_fini(&contents);
    free(path);
    return status;
}

kin_status kin_generation_current(const char *index_path, char *name, kin_error *error)
{
    if (!kin_path_exists(index_path))
        return kin_fail(
            error, KIN_NOT_FOUND,
            "there is no index %s; make one with: kindred-index build -o %s PICTURES...",
            index_path, index_path);
    if (!kin_path_is_directory(index_path))
        return kin_fail(error, KIN_BAD_INPUT, "%s is not a folder; an index is one", index_path);
    kin_status status = read_current(index_path, name, error);
    if (status != KIN_OK) return status;
    char *folder = kin_path_join(index_path, name);
    if (!kin_path_is_directory(folder))
        status = kin_fail(error, KIN_NOT_FOUND,
                          "%s/%s names %s, which is not there; restore that folder, or write the "
                          "name of one that is",
                          index_path, KIN_CURRENT_FILE, name);
    free(folder);
    return status;
}

kin_status kin_generation_manifest(const char *index_path, const char *name, kin_manifest *manifest,
                                   char **folder, kin_error *error)
{
    char current[KIN_GENERATION_NAME_BYTES];
    if (name == NULL) {
        kin_status status = kin_generation_current(index_path, current, error);
        if (status != KIN_OK) return status;
        name = current;
    }
    char *generation = kin_path_join(index_path, name);
    char *path = kin_path_join(generation, KIN_MANIFEST_FILE);
    kin_buffer bytes = {0};
    kin_status status = kin_file_read(path, MANIFEST_BYTES_MAX, &bytes, error);
    if (status == KIN_OK)
        status = kin_manifest_parse(manifest, bytes.data, bytes.bytes, path, error);
    kin_buffer_fini(&bytes);
    free(path);
    if (status == KIN_OK && folder != NULL)
        *folder = generation;
    else
        free(generation);
    return status;
}
