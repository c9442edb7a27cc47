#include "proto/idx_format.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/limits.h"

#define UNSIGNED_BYTES 8
/* The specification's other types: signed bytes, 16 and 32 bits, floats, doubles. */
#define TYPES_MAX 14

kin_status kin_idx_parse(kin_idx *idx, const void *data, size_t bytes, const char *name,
                         kin_error *error)
{
    const uint8_t *file = data;
    memset(idx, 0, sizeof *idx);
    if (bytes < 4 || file[0] != 0 || file[1] != 0 || file[2] < UNSIGNED_BYTES ||
        file[2] > TYPES_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is no IDX file", name);
    if (file[2] != UNSIGNED_BYTES)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: an IDX file of type %u; only unsigned bytes (8) are read", name,
                        file[2]);
    if (file[3] < 1 || file[3] > KIN_IDX_RANK_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "%s: an IDX file of %u dimensions; it has 1 to %d",
                        name, file[3], KIN_IDX_RANK_MAX);
    idx->rank = file[3];
    idx->header_bytes = 4 + 4 * idx->rank;
    if (bytes < idx->header_bytes)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is truncated within its IDX header", name);
    uint64_t row = 1;
    for (uint32_t i = 0; i < idx->rank; i++) {
        idx->dims[i] = kin_load_be32(file + 4 + 4 * i);
        if (idx->dims[i] == 0)
            return kin_fail(error, KIN_BAD_INPUT, "%s: has nothing in it: dimension %u is 0", name,
                            i);
        if (i > 0) row *= idx->dims[i];
        if (row > KIN_IDX_BYTES_MAX || idx->dims[0] > KIN_IDX_BYTES_MAX / row)
            return kin_fail(error, KIN_LIMIT,
                            "%s: its dimensions ask for more than %llu bytes, the limit", name,
                            (unsigned long long)KIN_IDX_BYTES_MAX);
    }
    idx->row_bytes = row;
    idx->data_bytes = idx->dims[0] * row;
    return KIN_OK;
}
