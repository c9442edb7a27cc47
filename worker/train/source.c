#include "worker/train/source.h"

#include <string.h>

#include "common/base/random.h"

const float *kin_source_run(const kin_train_source *source, uint64_t first, uint64_t count,
                            float *scratch)
{
    if (source->vectors != NULL) return source->vectors + first * source->dimensions;
    source->read(source->user, first, count, scratch);
    return scratch;
}

void kin_source_rows(const kin_train_source *source, const uint64_t *ids, size_t count,
                     float *vectors)
{
    size_t dimensions = source->dimensions;
    for (size_t i = 0; i < count; i++)
        if (source->vectors != NULL)
            memcpy(vectors + i * dimensions, source->vectors + ids[i] * dimensions,
                   dimensions * sizeof *vectors);
        else
            source->read(source->user, ids[i], 1, vectors + i * dimensions);
}

uint64_t kin_train_seed(uint64_t seed, uint64_t a, uint64_t b)
{
    kin_random random = {.state = seed};
    random.state = kin_random_u64(&random) + a;
    random.state = kin_random_u64(&random) + b;
    return kin_random_u64(&random);
}

void kin_train_shuffle(uint64_t *ids, uint64_t count, uint64_t seed)
{
    kin_random random = {.state = seed};
    for (uint64_t i = count; i > 1; i--) {
        uint64_t j = kin_random_below(&random, i), swap = ids[i - 1];
        ids[i - 1] = ids[j];
        ids[j] = swap;
    }
}
