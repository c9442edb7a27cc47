/* .npy files: every element that a parsed one promises can be read, and every vector of it. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "proto/feature_file.h"
#include "proto/npy_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_npy npy;
    if (kin_npy_parse(&npy, data, size, "fuzz", NULL) != KIN_OK) return 0;
    KIN_CHECK(npy.rank <= KIN_NPY_RANK_MAX);
    for (uint64_t i = 0; i < npy.count * npy.item_bytes; i++)
        sink += npy.data[i];
    kin_feature_file file;
    if (kin_feature_file_parse(&file, data, size, "fuzz", NULL) != KIN_OK) return 0;
    float *vector = kin_malloc(file.dimensions * sizeof *vector);
    for (uint64_t row = 0; row < file.count; row++)
        sink += kin_feature_file_get(&file, row, vector);
    free(vector);
    return 0;
}
