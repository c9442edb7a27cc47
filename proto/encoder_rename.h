/* An encoder file with another word on it: for vectors of another name, or with what was measured.
 */
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

/* Appends the encoder file `data` [bytes] of version 2 or 3 with text (printable ASCII, tabs and
 * line feeds) as its quality, instead of what it says there, and nothing else changed. */
KIN_MUST_USE kin_status kin_encoder_file_measured(kin_buffer *out, const void *data, size_t bytes,
                                                  const char *name, const kin_buffer *text,
                                                  kin_error *error);

#endif
