#include "worker/train/neighbour_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour_graph.h"
#include "worker/train/pca.h"

/* A component whose variance is below this part of the largest is rounding: it counts as constant.
 */
#define VARIANCE_FLOOR 1e-8

/* Shares of the work. */
#define DIRECTIONS_SHARE 0.3

#define BLOCK KIN_NEIGHBOUR_BLOCK_ROWS
_Static_assert(KIN_NEIGHBOUR_BLOCK_ROWS == KIN_TRAIN_BLOCK_ROWS, "centred blocks are projected");

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t sample_count(size_t count)
{
    return smaller(count, KIN_NEIGHBOUR_SAMPLE_MAX);
}

/* Divides components by their variance to the power of evening, and all by what makes the mean of
 * all squares 1: rows, and the layer that makes them. Every rank computes the same. */
static void even_components(kin_neighbour_sample *sample, size_t dimensions, double evening,
                            const double *directions, const double *mean)
{
    size_t components = sample->components;
    double *factors = kin_calloc(components, sizeof *factors), sum = 0, largest = 0;
    for (size_t i = 0; i < sample->count * components; i++)
        factors[i % components] += (double)sample->rows[i] * (double)sample->rows[i];
    for (size_t c = 0; c < components; c++)
        largest = fmax(largest, factors[c]);
    for (size_t c = 0; c < components; c++) {
        double variance = factors[c] / (double)sample->count;
        factors[c] = factors[c] > VARIANCE_FLOOR * largest ? pow(variance, -evening) : 0;
        sum += variance * factors[c] * factors[c];
    }
    double scale = sum > 0 ? sqrt((double)components / sum) : 0;
    for (size_t c = 0; c < components; c++) {
        double bias = 0;
        factors[c] *= scale;
        for (size_t d = 0; d < dimensions; d++) {
            float weight = (float)(directions[c * dimensions + d] * factors[c]);
            sample->weights[c * dimensions + d] = weight;
            bias -= (double)weight * mean[d];
        }
        sample->biases[c] = (float)bias;
    }
    for (size_t i = 0; i < sample->count * components; i++)
        sample->rows[i] = (float)((double)sample->rows[i] * factors[i % components]);
    free(factors);
}

/* Rows of this rank: centred vectors times directions [components][dimensions]. */
static void project_owned(const kin_train_context *context, const kin_train_source *source,
                          const double *mean, const double *directions,
                          kin_neighbour_sample *sample)
{
    size_t dimensions = source->dimensions, components = sample->components;
    kin_span owned = kin_neighbour_owned(context, sample->count);
    float *vectors = kin_malloc(BLOCK * dimensions * sizeof *vectors);
    double *block = kin_malloc(BLOCK * dimensions * sizeof *block);
    double *products = kin_malloc(BLOCK * components * sizeof *products);
    double *transposed = kin_malloc(dimensions * components * sizeof *transposed);
    for (size_t c = 0; c < components; c++)
        for (size_t d = 0; d < dimensions; d++)
            transposed[d * components + c] = directions[c * dimensions + d];
    for (size_t done = 0; done < owned.count; done += BLOCK) {
        uint64_t ids[BLOCK];
        size_t first = owned.at + done, rows = smaller(BLOCK, owned.count - done);
        for (size_t i = 0; i < rows; i++)
            ids[i] = (uint64_t)(first + i) * source->count / sample->count;
        kin_source_rows(source, ids, rows, vectors);
        kin_train_centre_block(vectors, rows, dimensions, mean, block);
        kin_blas_multiply(BLOCK, components, dimensions, block, transposed, products);
        for (size_t i = 0; i < rows * components; i++)
            sample->rows[first * components + i] = (float)products[i];
    }
    free(transposed);
    free(products);
    free(block);
    free(vectors);
}

/* The graph by cosines of rows. */
static kin_status make_graph(const kin_train_context *context, kin_neighbour_sample *sample,
                             double start, double end, kin_error *error)
{
    size_t components = sample->components;
    float *units = kin_malloc(sample->count * components * sizeof *units);
    for (size_t i = 0; i < sample->count; i++) {
        const float *row = sample->rows + i * components;
        float *unit = units + i * components, sum = 0;
        for (size_t c = 0; c < components; c++)
            sum += row[c] * row[c];
        sample->lengths[i] = sqrtf(sum);
        float inverse = sum > 0 ? 1 / sample->lengths[i] : 0;
        for (size_t c = 0; c < components; c++)
            unit[c] = row[c] * inverse;
    }
    sample->ids = kin_malloc(sample->count * sample->neighbours * sizeof *sample->ids);
    kin_status status = kin_neighbour_graph(context, units, sample->count, components,
                                            sample->neighbours, sample->ids, start, end, error);
    free(units);
    return status;
}

kin_status kin_neighbour_sample_make(const kin_train_context *context,
                                     const kin_neighbour_options *options,
                                     const kin_train_source *source, const double *mean,
                                     kin_neighbour_sample *sample, double end, kin_error *error)
{
    size_t dimensions = source->dimensions, components = smaller(options->components, dimensions);
    double middle = DIRECTIONS_SHARE * end;
    double *directions = kin_malloc(components * dimensions * sizeof *directions);
    *sample =
        (kin_neighbour_sample){.count = sample_count(source->count), .components = components};
    sample->neighbours = smaller(options->neighbours, sample->count - 1);
    kin_status status =
        kin_pca_learn(context, source, mean, components, directions, 0, middle, error);
    if (status != KIN_OK) goto done;
    sample->rows = kin_malloc(sample->count * components * sizeof *sample->rows);
    sample->lengths = kin_calloc(sample->count, sizeof *sample->lengths);
    sample->weights = kin_malloc(components * dimensions * sizeof *sample->weights);
    sample->biases = kin_malloc(components * sizeof *sample->biases);
    project_owned(context, source, mean, directions, sample);
    status = kin_neighbour_gather(context, sample->count, components, sample->rows, error);
    if (status != KIN_OK) goto done;
    even_components(sample, dimensions, options->evening, directions, mean);
    if (sample->neighbours > 0) status = make_graph(context, sample, middle, end, error);
done:
    free(directions);
    return status;
}

void kin_neighbour_directions(const kin_neighbour_sample *s, const uint32_t *ids, size_t count,
                              float *directions)
{
    size_t width = s->components;
    for (size_t i = 0; i < count; i++) {
        float length = s->lengths[ids[i]], inverse = length > 0 ? 1 / length : 0;
        for (size_t c = 0; c < width; c++)
            directions[i * width + c] = s->rows[ids[i] * width + c] * inverse;
    }
}

void kin_neighbour_sample_fini(kin_neighbour_sample *sample)
{
    free(sample->rows);
    free(sample->lengths);
    free(sample->ids);
    free(sample->weights);
    free(sample->biases);
    *sample = (kin_neighbour_sample){0};
}

size_t kin_neighbour_sample_bytes(const kin_neighbour_options *options, size_t count,
                                  size_t dimensions, int rank, size_t slices)
{
    size_t components = smaller(options->components, dimensions), taken = sample_count(count);
    size_t covariance =
        kin_train_covariance_numbers(dimensions, slices) + components * dimensions * 2;
    if (rank == 0) covariance += kin_blas_eigenvectors_numbers(dimensions, components);
    size_t projection = 2 * components * dimensions + BLOCK * (2 * dimensions + components);
    size_t doubles = covariance > projection ? covariance : projection;
    size_t floats = taken * (2 * components + 1 + options->neighbours) +
                    components * (dimensions + 1) +
                    kin_neighbour_graph_numbers(options->neighbours);
    return doubles * sizeof(double) + floats * sizeof(float);
}
