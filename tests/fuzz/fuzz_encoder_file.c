/* Any bytes as an encoder file; what is accepted must open or be refused, and hash to finite codes.
 * A checksum stops a mutation at the door, so the input is also taken as three sections that are
 * put into a container first: their lengths, then their bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"
#include "proto/container.h"
#include "proto/encoder_file.h"
#include "worker/encode/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const uint8_t *data, size_t size)
{
    kin_encoder_file file;
    kin_error error = {0};
    kin_status status = kin_encoder_file_parse(&file, data, size, "input", &error);
    if (status != KIN_OK) {
        KIN_CHECK(error.status == status && error.text[0] != '\0');
        return;
    }
    size_t count = (size_t)file.card.bits * file.card.dimensions;
    float *planes = kin_malloc(count * sizeof *planes);
    float *thresholds = kin_malloc(file.card.bits * sizeof *thresholds);
    kin_encoder_file_floats(file.planes, count, planes);
    kin_encoder_file_floats(file.thresholds, file.card.bits, thresholds);
    kin_buffer again = {0};
    KIN_CHECK(kin_encoder_file_build(&again, &file.card, planes, thresholds, &error) == KIN_OK);
    kin_buffer_fini(&again);
    free(planes);
    free(thresholds);
    kin_encoder *encoder;
    if (kin_encoder_open(&encoder, data, size, "input", NULL, &error) != KIN_OK) return;
    uint32_t dimensions = kin_features_dimensions(kin_encoder_features(encoder));
    float *vector = kin_calloc(dimensions, sizeof *vector);
    kin_code code;
    kin_encoder_hash(encoder, vector, 1, &code);
    free(vector);
    kin_encoder_close(&encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    use(data, size);
    if (size < 4) return 0;
    size_t left = size - 4, first = kin_load_le16(data), second = kin_load_le16(data + 2);
    if (first > left) first = left;
    if (second > left - first) second = left - first;
    const kin_section_source sections[] = {
        {"card", data + 4, first},
        {"planes", data + 4 + first, second},
        {"thresh", data + 4 + first + second, left - first - second}};
    kin_buffer file = {0};
    kin_container_build(&file, KIN_FILE_ENCODER, KIN_ENCODER_FILE_VERSION, sections, 3);
    use(file.data, file.bytes);
    kin_buffer_fini(&file);
    return 0;
}
