/* Any bytes as an encoder file; what is accepted must open or be refused, and hash, whatever its
 * layers are. A checksum stops a mutation at the door, so the input is also taken as the sections
 * of all versions, which are put into a container first: their lengths (the last one takes the
 * rest), then their bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/memory.h"
#include "proto/container.h"
#include "proto/encoder_file.h"
#include "proto/encoder_quality.h"
#include "proto/encoder_rename.h"
#include "worker/encode/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With other words on its card it is the same hasher, or the words are refused. */
static void rename_it(const kin_encoder_file *file, const uint8_t *data, size_t size)
{
    kin_buffer out = {0};
    kin_encoder_file renamed;
    kin_error error = {0};
    kin_status status =
        kin_encoder_file_renamed(&out, data, size, "input", "file/other", "none", &error);
    KIN_CHECK(status == KIN_OK);
    status = kin_encoder_file_parse(&renamed, out.data, out.bytes, "renamed", &error);
    KIN_CHECK(status == KIN_OK && strcmp(renamed.card.features, "file/other") == 0 &&
              renamed.card.bits == file->card.bits && renamed.back_count == file->back_count);
    kin_buffer_fini(&out);
}

/* Whatever a file says of its quality, it becomes a sentence, or none, and one JSON object. */
static void tell(const uint8_t *data, size_t size)
{
    kin_buffer out = {0};
    const kin_encoder_text quality = {(const char *)data, size};
    kin_encoder_quality_sentence(&out, &quality);
    kin_buffer_clear(&out);
    kin_encoder_quality_json(&out, &quality);
    KIN_CHECK(out.bytes >= 2 && out.data[0] == '{' && out.data[out.bytes - 1] == '}');
    kin_buffer_fini(&out);
}

static void use(const uint8_t *data, size_t size)
{
    kin_encoder_file file;
    kin_error error = {0};
    kin_status status = kin_encoder_file_parse(&file, data, size, "input", &error);
    if (status != KIN_OK) {
        KIN_CHECK(error.status == status && error.text[0] != '\0');
        return;
    }
    rename_it(&file, data, size);
    kin_hasher *hasher = kin_hasher_new(&file);
    float *zeros = kin_calloc(file.card.dimensions, sizeof *zeros);
    float *shares = kin_calloc(file.card.class_count, sizeof *shares);
    kin_code code, again;
    kin_hasher_hash(hasher, zeros, 1, &code);
    kin_hasher_hash(hasher, zeros, 1, &again);
    KIN_CHECK(kin_code_compare(&code, &again) == 0);
    for (unsigned i = file.card.bits; i < KIN_CODE_BITS_MAX; i++)
        KIN_CHECK(kin_code_bit(&code, i) == 0);
    kin_hasher_classify(hasher, zeros, 1, shares);
    free(shares);
    free(zeros);
    kin_hasher_destroy(&hasher);
    kin_hasher *back = kin_hasher_new_back(&file);
    KIN_CHECK((back != NULL) == (file.back_count > 0));
    if (back != NULL) {
        float *bits = kin_calloc(file.card.bits, sizeof *bits);
        float *made = kin_calloc(file.card.dimensions, sizeof *made);
        kin_hasher_values(back, bits, 1, made);
        free(bits);
        free(made);
    }
    kin_hasher_destroy(&back);
    kin_encoder *encoder;
    if (kin_encoder_open(&encoder, data, size, "input", NULL, &error) != KIN_OK) return;
    uint32_t dimensions = kin_features_dimensions(kin_encoder_features(encoder));
    float *vector = kin_calloc(dimensions, sizeof *vector);
    kin_encoder_hash(encoder, vector, 1, &code);
    free(vector);
    kin_encoder_close(&encoder);
}

static void use_sections(uint32_t version, const char *const *names, size_t count,
                         const uint8_t *data, size_t size)
{
    kin_section_source sections[8];
    if (size < 2 * (count - 1)) return;
    size_t left = size - 2 * (count - 1);
    const uint8_t *at = data + 2 * (count - 1);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = i == count - 1 ? left : kin_load_le16(data + 2 * i);
        if (bytes > left) bytes = left;
        sections[i] = (kin_section_source){names[i], at, bytes};
        at += bytes;
        left -= bytes;
    }
    kin_buffer file = {0};
    kin_container_build(&file, KIN_FILE_ENCODER, version, sections, (uint32_t)count);
    use(file.data, file.bytes);
    kin_buffer_fini(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const plain[] = {"card", "planes", "thresh"};
    static const char *const layers[] = {"card", "layers", "thresh",  "weights",
                                         "head", "curve",  "classes", "options"};
    static const char *const back[] = {"card", "layers", "thresh", "weights", "back", "backw"};
    use(data, size);
    tell(data, size);
    use_sections(1, plain, 3, data, size);
    use_sections(2, layers, 4, data, size);
    use_sections(2, layers, 8, data, size);
    use_sections(3, back, 6, data, size);
    return 0;
}
