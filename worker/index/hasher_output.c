#include "worker/index/hasher_output.h"

#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/encoder_file.h"
#include "worker/index/training_plot.h"

static kin_status write_beside(const char *path, const char *ending, const void *data, size_t bytes,
                               kin_error *error)
{
    char *beside = kin_sprintf("%s%s", path, ending);
    kin_status status = kin_file_write_atomic(beside, data, bytes, error);
    free(beside);
    return status;
}

kin_status kin_hasher_output_write(const char *path, const kin_buffer *file, double seconds,
                                   kin_error *error)
{
    char text[32];
    kin_encoder_file parsed;
    kin_status status = kin_encoder_file_parse(&parsed, file->data, file->bytes, path, error);
    if (status != KIN_OK) return status;
    unsigned bits = parsed.card.bits;
    if (parsed.curve.text != NULL) {
        kin_buffer png = {0};
        char *title = kin_sprintf("%s, %u bits", parsed.card.method, bits);
        kin_training_plot(parsed.curve.text, parsed.curve.bytes, title, &png);
        status = write_beside(path, ".tsv", parsed.curve.text, parsed.curve.bytes, error);
        if (status == KIN_OK && png.bytes > 0)
            status = write_beside(path, ".png", png.data, png.bytes, error);
        free(title);
        kin_buffer_fini(&png);
    }
    if (status == KIN_OK) status = kin_file_write_atomic(path, file->data, file->bytes, error);
    if (status == KIN_OK)
        kin_log(KIN_LOG_INFO, "%s: %u bits, stored as %u, learned in %s", path, bits,
                kin_stored_bits(bits), kin_text_duration(seconds, text));
    return status;
}
