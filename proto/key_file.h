/* CURVE keys in text files: `public-key = "..."` and `secret-key = "..."`, 40 characters of Z85
 * each (ZeroMQ RFC 32); lines that start with # are notes. */
#ifndef PROTO_KEY_FILE_H
#define PROTO_KEY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define KIN_KEY_TEXT_BYTES 41 /* with the NUL */

typedef struct kin_key_pair {
    char public_key[KIN_KEY_TEXT_BYTES];
    char secret_key[KIN_KEY_TEXT_BYTES]; /* empty in a file that is given away */
} kin_key_pair;

/* Public keys that may connect. Zeroed lets nobody in. */
typedef struct kin_key_list {
    char (*keys)[KIN_KEY_TEXT_BYTES];
    uint32_t count;
} kin_key_list;

/* A new pair from the system's random numbers. KIN_UNAVAILABLE where libzmq lacks CURVE. */
KIN_MUST_USE kin_status kin_key_pair_new(kin_key_pair *pair, kin_error *error);

/* Writes path (mode 0600, with both keys) and path.pub (the public one). A path that is there is
 * not overwritten: KIN_BAD_INPUT. */
KIN_MUST_USE kin_status kin_key_pair_write(const char *path, const kin_key_pair *pair,
                                           kin_error *error);

/* Reads a pair; both keys must be there, and the file must not be open to others. */
KIN_MUST_USE kin_status kin_key_pair_read(const char *path, kin_key_pair *pair, kin_error *error);

/* Reads public keys: one a line, either bare or as `public-key = "..."`, so that files written by
 * kin_key_pair_write can be appended to each other. */
KIN_MUST_USE kin_status kin_key_list_read(const char *path, kin_key_list *list, kin_error *error);
void kin_key_list_fini(kin_key_list *list);

/* Pure functions behind them: data need not end with a NUL; name is for sentences. */
KIN_MUST_USE kin_status kin_key_pair_parse(const char *data, size_t bytes, const char *name,
                                           kin_key_pair *pair, kin_error *error);
KIN_MUST_USE kin_status kin_key_list_parse(const char *data, size_t bytes, const char *name,
                                           kin_key_list *list, kin_error *error);

#endif
