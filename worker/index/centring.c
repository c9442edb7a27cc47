#include "worker/index/centring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "proto/network_file.h"

/* Sums are made of as many parts, whatever the number of ranks. */
#define SLICES 16

static void check(kin_build_state *build, kin_status status, const kin_error *error)
{
    if (status != KIN_OK) kin_comm_fail(build->comm, error);
}

/* Adds the vectors of pictures [from, until) of `pictures` to sums [dimensions + 1]; the last is
 * their number. */
static void add_slice(kin_build_state *build, kin_chunk_worker *worker, uint64_t pictures,
                      uint64_t from, uint64_t until, double *sums)
{
    uint32_t dimensions = kin_features_dimensions(build->features);
    uint32_t most = build->building.chunk_pictures;
    uint64_t inputs = build->building.list.count;
    uint64_t *ids = kin_calloc(most, sizeof *ids);
    while (from < until) {
        uint32_t count = 0, indexed;
        const float *vectors;
        kin_error error;
        for (; count < most && from < until; from++) /* both factors are below 2^32 */
            ids[count++] = from * inputs / pictures;
        check(build, kin_chunk_worker_describe(worker, ids, count, &vectors, &indexed, &error),
              &error);
        for (uint32_t i = 0; i < indexed; i++)
            for (uint32_t d = 0; d < dimensions; d++)
                sums[d] += (double)vectors[(size_t)i * dimensions + d];
        sums[dimensions] += indexed;
    }
    free(ids);
}

/* means [dimensions] of `pictures` inputs; false where none of them is a picture. */
static bool learn_of(kin_build_state *build, kin_chunk_worker *worker, uint64_t pictures,
                     float *means)
{
    uint64_t rank = (uint64_t)kin_comm_rank(build->comm);
    uint64_t ranks = (uint64_t)kin_comm_ranks(build->comm), owned = 0;
    size_t columns = (size_t)kin_features_dimensions(build->features) + 1;
    double *sums = kin_calloc(SLICES * columns, sizeof *sums);
    double *total = kin_calloc(columns, sizeof *total);
    for (uint64_t s = rank; s < SLICES; s += ranks)
        add_slice(build, worker, pictures, pictures * s / SLICES, pictures * (s + 1) / SLICES,
                  sums + owned++ * columns);
    kin_comm_sum_slices(build->comm, SLICES, sums, columns, total);
    bool found = total[columns - 1] > 0;
    for (size_t d = 0; d + 1 < columns; d++)
        means[d] = found ? (float)(total[d] / total[columns - 1]) : 0;
    free(sums);
    free(total);
    return found;
}

/* Of twice as many inputs, as long as none of them is a picture. */
static void learn(kin_build_state *build, float *means)
{
    uint64_t inputs = build->building.list.count;
    uint64_t pictures = inputs < KIN_CENTRING_PICTURES ? inputs : KIN_CENTRING_PICTURES;
    if (build->progress != NULL)
        kin_progress_begin(build->progress, "the mean of the features", 0, 0);
    kin_chunk_worker *worker =
        kin_chunk_worker_new(&(kin_chunk_sources){.building = &build->building,
                                                  .decoder = build->decoder,
                                                  .features = build->features,
                                                  .comm = build->comm});
    while (!learn_of(build, worker, pictures, means) && pictures < inputs)
        pictures = 2 * pictures < inputs ? 2 * pictures : inputs;
    kin_chunk_worker_destroy(&worker);
    for (uint32_t d = 0; d < kin_features_dimensions(build->features); d++) {
        kin_error error;
        if (isfinite(means[d])) continue;
        (void)kin_fail(&error, KIN_BAD_INPUT,
                       "the tensors that are tapped give pictures numbers that are not finite: "
                       "their mean is %g; tap others",
                       (double)means[d]);
        kin_comm_fail_together(build->comm, &error);
    }
}

/* Rank 0: whether a run before this one has learned them. */
static bool read_learned(kin_build_state *build, const char *path, float *means)
{
    kin_buffer bytes = {0};
    kin_network_file file;
    uint32_t done = 0, dimensions = kin_features_dimensions(build->features);
    bool good = kin_file_read(path, SIZE_MAX, &bytes, NULL) == KIN_OK &&
                kin_network_file_parse(&file, bytes.data, bytes.bytes, path, NULL) == KIN_OK;
    for (uint32_t m = 0; good && m < file.model_count; m++) {
        uint32_t own = kin_features_model_dimensions(build->features, m);
        good = own <= dimensions - done &&
               (!file.models[m].spec.centre || file.models[m].mean_count == own);
        for (uint32_t d = 0; good && d < own; d++)
            means[done + d] = file.models[m].spec.centre ? kin_network_mean(&file.models[m], d) : 0;
        done += own;
    }
    kin_buffer_fini(&bytes);
    return good && done == dimensions;
}

/* build->network with the means. */
static void put_means(kin_build_state *build, const float *means)
{
    kin_network_file file;
    kin_buffer whole = {0};
    kin_error error;
    check(build,
          kin_network_file_parse(&file, build->network.data, build->network.bytes, "the models",
                                 &error),
          &error);
    for (uint32_t m = 0; m < file.model_count; m++) {
        uint32_t own = kin_features_model_dimensions(build->features, m);
        if (file.models[m].spec.centre) {
            file.models[m].means = means; /* little-endian machines only, as networks are */
            file.models[m].mean_count = own;
        }
        means += own;
    }
    kin_network_file_build(&whole, &file);
    kin_buffer_fini(&build->network);
    build->network = whole;
}

void kin_centring_learn(kin_build_state *build)
{
    kin_error error;
    bool root = kin_comm_rank(build->comm) == 0;
    char *path = kin_building_path(&build->building, KIN_NETWORK_FILE);
    uint32_t dimensions = kin_features_dimensions(build->features);
    float *means = kin_calloc(dimensions, sizeof *means);
    uint64_t found = root && read_learned(build, path, means);
    kin_comm_broadcast(build->comm, &found, sizeof found);
    if (found)
        kin_comm_broadcast(build->comm, means, dimensions * sizeof *means);
    else
        learn(build, means);
    put_means(build, means);
    kin_features_close(&build->features);
    check(build,
          kin_features_open_networks(&build->features, build->network.data, build->network.bytes,
                                     "the models", &error),
          &error);
    if (root && !found)
        check(build, kin_file_write_atomic(path, build->network.data, build->network.bytes, &error),
              &error);
    if (!root) kin_buffer_fini(&build->network);
    free(means);
    free(path);
}
