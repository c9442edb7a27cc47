#include "worker/train/neighbour_graph.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/encode/blas.h"

/* Columns of one product: 256 x 1,024 similarities are 1 MiB and stay in the second cache. */
#define BLOCK_COLUMNS 1024

/* The nearest of one row that are known so far, nearest first. */
typedef struct nearest {
    float *similarities; /* [neighbours] */
    uint32_t *ids;       /* [neighbours] */
    size_t known, neighbours;
} nearest;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static kin_span owned_by(const kin_train_context *context, size_t count, size_t rank)
{
    size_t ranks = (size_t)context->ranks;
    size_t blocks = (count + KIN_NEIGHBOUR_BLOCK_ROWS - 1) / KIN_NEIGHBOUR_BLOCK_ROWS;
    size_t first = smaller(blocks * rank / ranks * KIN_NEIGHBOUR_BLOCK_ROWS, count);
    size_t end = smaller(blocks * (rank + 1) / ranks * KIN_NEIGHBOUR_BLOCK_ROWS, count);
    return (kin_span){first, end - first};
}

kin_span kin_neighbour_owned(const kin_train_context *context, size_t count)
{
    return owned_by(context, count, (size_t)context->rank);
}

kin_status kin_neighbour_gather(const kin_train_context *context, size_t count, size_t width,
                                float *rows, kin_error *error)
{
    size_t ranks = (size_t)context->ranks;
    if (ranks == 1) return KIN_OK;
    kin_span *sent = kin_calloc(ranks, sizeof *sent), *received = kin_calloc(ranks, sizeof *sent);
    for (size_t r = 0; r < ranks; r++) {
        kin_span owned = owned_by(context, count, r);
        received[r] = (kin_span){owned.at * width, owned.count * width};
    }
    for (size_t r = 0; r < ranks; r++)
        sent[r] = received[context->rank];
    kin_status status = context->exchange(context->user, rows, sent, rows, received, error);
    free(sent);
    free(received);
    return status;
}

/* Puts one in its place; ids come in ascending order, so that equals stay behind. */
static void insert(nearest *list, float similarity, uint32_t id)
{
    size_t place = list->known < list->neighbours ? list->known++ : list->neighbours - 1;
    for (; place > 0 && similarity > list->similarities[place - 1]; place--) {
        list->similarities[place] = list->similarities[place - 1];
        list->ids[place] = list->ids[place - 1];
    }
    list->similarities[place] = similarity;
    list->ids[place] = id;
}

/* row [columns] has the similarities of `self` to [first, first + columns). */
static void offer(nearest *list, const float *row, size_t columns, size_t first, size_t self)
{
    for (size_t j = 0; j < columns; j++) {
        if (list->known == list->neighbours && row[j] <= list->similarities[list->neighbours - 1])
            continue;
        if (first + j != self) insert(list, row[j], (uint32_t)(first + j));
    }
}

/* The neighbours of rows [first, first + rows). */
static void find_block(const float *vectors, size_t count, size_t dimensions, size_t first,
                       size_t rows, float *products, nearest *lists)
{
    for (size_t at = 0; at < count; at += BLOCK_COLUMNS) {
        size_t columns = smaller(BLOCK_COLUMNS, count - at);
        kin_blas_multiply_floats(false, true, rows, columns, dimensions,
                                 vectors + first * dimensions, vectors + at * dimensions, 0,
                                 products);
        for (size_t i = 0; i < rows; i++)
            offer(&lists[i], products + i * columns, columns, at, first + i);
    }
}

size_t kin_neighbour_graph_numbers(size_t neighbours)
{
    return KIN_NEIGHBOUR_BLOCK_ROWS * (BLOCK_COLUMNS + neighbours);
}

kin_status kin_neighbour_graph(const kin_train_context *context, const float *vectors, size_t count,
                               size_t dimensions, size_t neighbours, uint32_t *ids, double start,
                               double end, kin_error *error)
{
    KIN_CHECK(neighbours >= 1 && neighbours < count && count <= UINT32_MAX);
    kin_span owned = kin_neighbour_owned(context, count);
    float *products = kin_malloc(kin_neighbour_graph_numbers(neighbours) * sizeof *products);
    float *similarities = products + KIN_NEIGHBOUR_BLOCK_ROWS * BLOCK_COLUMNS;
    for (size_t done = 0; done < owned.count; done += KIN_NEIGHBOUR_BLOCK_ROWS) {
        size_t first = owned.at + done,
               rows = smaller(KIN_NEIGHBOUR_BLOCK_ROWS, owned.count - done);
        nearest lists[KIN_NEIGHBOUR_BLOCK_ROWS];
        for (size_t i = 0; i < rows; i++)
            lists[i] = (nearest){.similarities = similarities + i * neighbours,
                                 .ids = ids + (first + i) * neighbours,
                                 .neighbours = neighbours};
        find_block(vectors, count, dimensions, first, rows, products, lists);
        context->tick(context->user, start + (end - start) * (double)done / (double)owned.count);
    }
    free(products);
    /* Ids are as wide as floats, and are only moved. */
    return kin_neighbour_gather(context, count, neighbours, (float *)(void *)ids, error);
}

uint32_t kin_neighbour_walk(const uint32_t *ids, size_t neighbours, uint32_t from, unsigned steps,
                            kin_random *random)
{
    for (unsigned i = 0; i < steps && neighbours > 0; i++)
        from = ids[from * neighbours + kin_random_below(random, neighbours)];
    return from;
}
