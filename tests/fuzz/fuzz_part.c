/* Any bytes as a part: refused, or every row lies inside of it. So that the numbers are reached
 * behind their checksums, the bytes are also taken as the sections of a part. */
#include <string.h>

#include "common/base/check.h"
#include "proto/part_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const uint8_t *data, size_t size)
{
    kin_part part;
    if (kin_part_parse(&part, data, size, "fuzz", NULL) != KIN_OK) return;
    uint32_t indexed = 0, sum = 0;
    for (uint32_t i = 0; i < part.head.count; i++) {
        kin_part_row row = kin_part_get(&part, i);
        for (uint32_t b = 0; b < row.detail_bytes; b++)
            sum += (uint8_t)row.detail[b];
        for (uint32_t b = 0; b < row.thumbnail_bytes; b++)
            sum += row.thumbnail[b];
        if (row.reason != KIN_REASON_NONE) continue;
        KIN_CHECK(row.value == indexed++);
        static float vector[KIN_FEATURE_DIMENSIONS_MAX];
        kin_code code;
        if (part.head.kind == KIN_PART_VECTORS)
            kin_part_vector(&part, row.value, vector);
        else
            kin_part_code(&part, row.value, &code);
    }
    KIN_CHECK(indexed == part.indexed && sum < UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"head", "rows", "text", "values", "thumbs"};
    static const size_t sizes[] = {64, 80, 16, 32, 32}; /* of the corpus's part: two inputs */
    kin_section_source sections[5];
    size_t at = 0;
    read_all(data, size);
    for (int i = 0; i < 5; i++) {
        size_t bytes = size - at < sizes[i] ? size - at : sizes[i];
        sections[i] = (kin_section_source){names[i], data + at, bytes};
        at += bytes;
    }
    kin_buffer file = {0};
    kin_container_build(&file, KIN_FILE_PART, 1, sections, 5);
    read_all(file.data, file.bytes);
    kin_buffer_fini(&file);
    return 0;
}
