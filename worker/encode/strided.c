#include "worker/encode/strided.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/inline.h"

/* Elements of a line of cache, at 4 bytes each. */
#define BLOCK 16

void kin_strided_add(kin_strided *walk, int64_t dim, int64_t from, int64_t to)
{
    if (dim == 1) return;
    uint32_t last = walk->rank - 1;
    if (walk->rank > 0 && walk->from[last] == from * dim && walk->to[last] == to * dim) {
        walk->dims[last] *= dim;
    } else {
        KIN_CHECK(walk->rank < KIN_STRIDED_RANK_MAX);
        last = walk->rank++;
        walk->dims[last] = dim;
    }
    walk->from[last] = from;
    walk->to[last] = to;
}

/* The two innermost loops; in blocks of rows, as where columns are far apart on the one side rows
 * are neighbours there. */
KIN_INLINE void copy_elements(const int64_t *dims, const int64_t *from_strides,
                              const int64_t *to_strides, const char *from, char *to, size_t bytes)
{
    int64_t size = (int64_t)bytes;
    for (int64_t start = 0; start < dims[0]; start += BLOCK) {
        int64_t end = dims[0] - start < BLOCK ? dims[0] : start + BLOCK;
        for (int64_t j = 0; j < dims[1]; j++)
            for (int64_t i = start; i < end; i++)
                memcpy(to + (i * to_strides[0] + j * to_strides[1]) * size,
                       from + (i * from_strides[0] + j * from_strides[1]) * size, bytes);
    }
}

static void copy_plane(const int64_t *dims, const int64_t *from_strides, const int64_t *to_strides,
                       const char *from, char *to, size_t bytes)
{
    int64_t size = (int64_t)bytes;
    if (from_strides[1] == 1 && to_strides[1] == 1) {
        for (int64_t i = 0; i < dims[0]; i++)
            memcpy(to + i * to_strides[0] * size, from + i * from_strides[0] * size,
                   (size_t)dims[1] * bytes);
        return;
    }
    switch (bytes) {
    case 1:
        copy_elements(dims, from_strides, to_strides, from, to, 1);
        break;
    case 2:
        copy_elements(dims, from_strides, to_strides, from, to, 2);
        break;
    case 4:
        copy_elements(dims, from_strides, to_strides, from, to, 4);
        break;
    default:
        KIN_CHECK(bytes == 8);
        copy_elements(dims, from_strides, to_strides, from, to, 8);
    }
}

static void swap_loops(kin_strided *walk, uint32_t i, uint32_t j)
{
    int64_t *const lists[] = {walk->dims, walk->from, walk->to};
    for (uint32_t k = 0; k < 3; k++) {
        int64_t kept = lists[k][i];
        lists[k][i] = lists[k][j];
        lists[k][j] = kept;
    }
}

/* A walk of two loops at least, in the order that is best for the cache. */
static kin_strided arranged(const kin_strided *walk)
{
    kin_strided result = {0};
    for (uint32_t i = walk->rank; i < 2; i++) {
        result.dims[i - walk->rank] = 1;
        result.rank++;
    }
    for (uint32_t i = 0; i < walk->rank; i++) {
        result.dims[result.rank] = walk->dims[i];
        result.from[result.rank] = walk->from[i];
        result.to[result.rank++] = walk->to[i];
    }
    if (walk->rank == 0) result.from[1] = result.to[1] = 1;
    for (uint32_t i = 0; i + 2 < result.rank; i++)
        if (result.from[i] == 1) swap_loops(&result, i, result.rank - 2);
    return result;
}

void kin_strided_copy(const kin_strided *walk, const void *from, void *to, size_t element_bytes)
{
    for (uint32_t i = 0; i < walk->rank; i++)
        if (walk->dims[i] == 0) return;
    kin_strided w = arranged(walk);
    uint32_t outer = w.rank - 2;
    int64_t at[KIN_STRIDED_RANK_MAX] = {0}, from_at = 0, to_at = 0;
    for (;;) {
        copy_plane(w.dims + outer, w.from + outer, w.to + outer,
                   (const char *)from + from_at * (int64_t)element_bytes,
                   (char *)to + to_at * (int64_t)element_bytes, element_bytes);
        uint32_t i = outer;
        while (i > 0 && ++at[i - 1] == w.dims[i - 1]) { /* this loop is at its end: start anew */
            i--;
            from_at -= w.from[i] * (w.dims[i] - 1);
            to_at -= w.to[i] * (w.dims[i] - 1);
            at[i] = 0;
        }
        if (i == 0) return;
        from_at += w.from[i - 1];
        to_at += w.to[i - 1];
    }
}

void kin_fill(void *to, const void *value, int64_t count, size_t bytes)
{
    if (count == 0) return;
    memcpy(to, value, bytes);
    size_t total = (size_t)count * bytes;
    for (size_t done = bytes; done < total; done *= 2)
        memcpy((char *)to + done, to, total - done < done ? total - done : done);
}

void kin_unravel(int64_t index, const int64_t *dims, uint32_t rank, int64_t *at)
{
    for (uint32_t i = rank; i-- > 0;) {
        at[i] = index % dims[i];
        index /= dims[i];
    }
}
