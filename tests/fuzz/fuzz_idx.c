/* IDX headers: sizes that were accepted multiply without overflow and stay below the limit. */
#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/idx_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_idx idx;
    if (kin_idx_parse(&idx, data, size, "fuzz", NULL) != KIN_OK) return 0;
    KIN_CHECK(idx.rank >= 1 && idx.rank <= KIN_IDX_RANK_MAX && idx.header_bytes <= size);
    uint64_t left = idx.data_bytes;
    KIN_CHECK(left <= KIN_IDX_BYTES_MAX);
    for (uint32_t i = 0; i < idx.rank; i++) {
        KIN_CHECK(idx.dims[i] > 0 && left % idx.dims[i] == 0);
        left /= idx.dims[i];
    }
    KIN_CHECK(left == 1 && idx.data_bytes == idx.dims[0] * idx.row_bytes);
    return 0;
}
