/* An encoder file for vectors of another name. */
#ifndef PROTO_ENCODER_RENAME_H
#define PROTO_ENCODER_RENAME_H

#include "proto/encoder_file.h"

/* Appends the encoder file `data` [bytes] with other names of features and decoder on its card,
 * and nothing else changed: what was learned from the vectors of one file serves those of another.
 * name is for sentences. Errors as kin_encoder_file_parse; KIN_BAD_INPUT for names that do not
 * fit. */
KIN_MUST_USE kin_status kin_encoder_file_renamed(kin_buffer *out, const void *data, size_t bytes,
                                                 const char *name, const char *features,
                                                 const char *decoder, kin_error *error);

#endif
