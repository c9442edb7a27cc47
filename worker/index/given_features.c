#include "worker/index/given_features.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/memory.h"

/* One line: the generation's name, and the digest of its manifest. */
#define ORIGIN_FILE "origin"
#define ORIGIN_BYTES_MAX 128
/* Whoever made the vectors of a file has not said of what pixels. */
#define NO_DECODER "none"

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
static kin_status take_kept(kin_build_state *build, kin_error *error)
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

kin_status kin_given_name(kin_build_state *build, kin_error *error)
{
    if (build->options->source != KIN_FEATURES_TABLE) return KIN_OK;
    char name[KIN_FEATURES_NAME_BYTES];
    kin_digest digest;
    kin_progress_begin(build->progress, "reading the features", 0, 0);
    kin_status status = kin_feature_table_open(&build->table, build->options->features, error);
    if (status == KIN_OK)
        status = kin_feature_table_examine(&build->table, &digest, tick, build, error);
    if (status != KIN_OK) return status;
    kin_features_file_name(&digest, name);
    return kin_features_open_given(&build->features, name, build->table.file.dimensions, error);
}

static kin_status list_table(kin_build_state *build, kin_inputs *inputs, kin_error *error)
{
    const kin_build_options *options = build->options;
    kin_sources_options sources = {.user = build, .tick = tick};
    return kin_feature_table_list(&build->table, inputs, &sources, options->list_path,
                                  options->null_separated ? 0 : '\n', build->thumbnail_side > 0,
                                  error);
}

kin_status kin_given_list(kin_build_state *build, kin_inputs *inputs, kin_error *error)
{
    if (build->options->source == KIN_FEATURES_TABLE) return list_table(build, inputs, error);
    kin_status status = kin_kept_index_open(&build->kept, build->options->features, NULL, error);
    if (status == KIN_OK) status = take_kept(build, error);
    if (status == KIN_OK) status = kin_kept_index_list(build->kept, inputs, tick, build, error);
    return status == KIN_OK ? write_origin(build, error) : status;
}

/* What rank 0 knows of a file of vectors. */
typedef struct table_facts {
    uint64_t count, dimensions;
    char name[KIN_FEATURES_NAME_BYTES];
} table_facts;

/* Rank 0 has looked at all of it; the others must see a file of the same shape. */
static kin_status open_table(kin_build_state *build, kin_error *error)
{
    table_facts facts = {0};
    const kin_feature_file *file = &build->table.file;
    bool root = kin_comm_rank(build->comm) == 0;
    if (root) {
        facts = (table_facts){.count = file->count, .dimensions = file->dimensions};
        const char *name = kin_features_name(build->features);
        memcpy(facts.name, name, strlen(name));
    }
    kin_comm_broadcast(build->comm, &facts, sizeof facts);
    if (root && facts.count > build->building.list.count)
        kin_log(KIN_LOG_WARNING,
                "%llu rows of %s are not used: their lines name what an earlier line names",
                (unsigned long long)(facts.count - build->building.list.count), build->table.path);
    if (root) return KIN_OK;
    kin_status status = kin_feature_table_open(&build->table, build->options->features, error);
    if (status == KIN_OK && (file->count != facts.count || file->dimensions != facts.dimensions))
        status = kin_fail(error, KIN_MISMATCH, "%s is another file here than on rank 0",
                          build->options->features);
    if (status != KIN_OK) return status;
    return kin_features_open_given(&build->features, facts.name, file->dimensions, error);
}

kin_status kin_given_open(kin_build_state *build, kin_error *error)
{
    kin_status status = KIN_OK;
    switch (build->options->source) {
    case KIN_FEATURES_COMPUTED:
        break;
    case KIN_FEATURES_KEPT:
        if (build->kept == NULL) status = open_origin(build, error);
        if (status == KIN_OK && build->features == NULL) status = take_kept(build, error);
        break;
    case KIN_FEATURES_TABLE:
        build->decoder_name = NO_DECODER;
        status = open_table(build, error);
        break;
    }
    return status;
}
