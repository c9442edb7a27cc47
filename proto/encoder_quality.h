/* What an encoder file says was measured of it: its section "quality", lines of a name, a tab and a
 * value (proto/ENCODER.md). */
#ifndef PROTO_ENCODER_QUALITY_H
#define PROTO_ENCODER_QUALITY_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "proto/encoder_file.h"

/* The next line from *at on, which moves behind it: name and value, not NUL-terminated. False at
 * the end; lines without a tab are passed over. */
bool kin_encoder_quality_next(const kin_encoder_text *quality, size_t *at, kin_encoder_text *name,
                              kin_encoder_text *value);

/* Appends a sentence or two for a person, without a line feed; nothing where the lines that they
 * need are not there. */
void kin_encoder_quality_sentence(kin_buffer *out, const kin_encoder_text *quality);

/* Appends a JSON object of all lines: values that are numbers as such, others as strings. */
void kin_encoder_quality_json(kin_buffer *out, const kin_encoder_text *quality);

#endif
