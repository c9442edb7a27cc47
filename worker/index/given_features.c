#include "worker/index/given_features.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* One line: the generation's name, and the digest of its manifest. */
#define ORIGIN_FILE "origin"
#define ORIGIN_BYTES_MAX 128

static void tick(void *user)
{
    kin_build_state *build = user;
    kin_comm_tick(build->comm);
}

static char *origin_line(const kin_kept_index *kept)
{
    char digits[33];
    kin_digest digest = kin_kept_index_digest(kept);
    kin_digest_text(&digest, digits);
    return kin_sprintf("%s %s\n", kin_kept_index_generation(kept), digits);
}

static kin_status write_origin(const kin_build_state *build, kin_error *error)
{
    char *path = kin_building_path(&build->building, ORIGIN_FILE);
    char *line = origin_line(build->kept);
    kin_status status = kin_file_write_atomic(path, line, strlen(line), error);
    free(line);
    free(path);
    return status;
}

/* Opens the generation that the build began with, and no other one of that name. */
static kin_status open_origin(kin_build_state *build, kin_error *error)
{
    char *path = kin_building_path(&build->building, ORIGIN_FILE);
    kin_buffer line = {0};
    kin_status status = kin_file_read(path, ORIGIN_BYTES_MAX, &line, error);
    kin_buffer_append_byte(&line, 0);
    char *text = (char *)line.data, *space = strchr(text, ' ');
    char *name = kin_sprintf("%.*s", (int)(space == NULL ? 0 : space - text), text);
    if (status == KIN_OK && kin_generation_number(name) == 0)
        status = kin_fail(error, KIN_CORRUPT,
                          "%s does not name a generation; add --restart to build anew", path);
    if (status == KIN_OK)
        status = kin_kept_index_open(&build->kept, build->options->features, name, error);
    if (status == KIN_OK) {
        char *wanted = origin_line(build->kept);
        if (strcmp(wanted, text) != 0)
            status = kin_fail(error, KIN_MISMATCH,
                              "%s/%s is no longer what the unfinished build began with; add "
                              "--restart to build anew",
                              build->options->features, name);
        free(wanted);
    }
    free(name);
    kin_buffer_fini(&line);
    free(path);
    return status;
}

/* What the build takes from the index as a whole. */
static kin_status take_features(kin_build_state *build, kin_error *error)
{
    const kin_manifest *manifest = kin_kept_index_manifest(build->kept);
    build->thumbnail_side = manifest->thumbnail_side;
    build->decoder_name = manifest->decoder;
    kin_status status =
        kin_features_open_given(&build->features, manifest->features, manifest->dimensions, error);
    if (status == KIN_OK && kin_comm_rank(build->comm) == 0)
        status = kin_kept_index_network(build->kept, &build->network, error);
    return status;
}

kin_status kin_given_list(kin_build_state *build, kin_inputs *inputs, kin_error *error)
{
    kin_status status = kin_kept_index_open(&build->kept, build->options->features, NULL, error);
    if (status == KIN_OK) status = take_features(build, error);
    if (status == KIN_OK) status = kin_kept_index_list(build->kept, inputs, tick, build, error);
    return status == KIN_OK ? write_origin(build, error) : status;
}

kin_status kin_given_open(kin_build_state *build, kin_error *error)
{
    if (build->features != NULL) return KIN_OK;
    kin_status status = open_origin(build, error);
    return status == KIN_OK ? take_features(build, error) : status;
}
