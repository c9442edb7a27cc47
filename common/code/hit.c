#include "common/code/hit.h"

#include <stdlib.h>

static int compare_hits(const void *a, const void *b)
{
    if (kin_hit_before(a, b)) return -1;
    return kin_hit_before(b, a);
}

void kin_hits_sort(kin_hit *hits, uint64_t count)
{
    if (count > 1) qsort(hits, count, sizeof *hits, compare_hits);
}
