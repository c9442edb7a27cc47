/* The inputs of a build while they are gathered on rank 0: sorted, numbered and frozen in the end.
 */
#ifndef WORKER_INDEX_INPUTS_H
#define WORKER_INDEX_INPUTS_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/checksum.h"
#include "proto/list_format.h"

typedef struct kin_inputs kin_inputs;

kin_inputs *kin_inputs_new(void);
void kin_inputs_destroy(kin_inputs **inputs);

/* Copies row. A key beyond KIN_KEY_BYTES_MAX is cut there, and the input rejected as too-large. */
void kin_inputs_add(kin_inputs *inputs, const kin_list_row *row);
/* A file of its own, whose key is its path. */
void kin_inputs_add_path(kin_inputs *inputs, const char *path, uint64_t bytes, kin_reason reason);
/* Symbolic links that were not followed. */
void kin_inputs_count_links(kin_inputs *inputs, uint64_t links);

uint64_t kin_inputs_count(const kin_inputs *inputs);

/* What a list holds. */
typedef struct kin_inputs_totals {
    uint64_t inputs, file_bytes;
    uint64_t key_bytes, text_bytes; /* of all keys; of keys and paths, each with its NUL */
} kin_inputs_totals;

/* Sorts by key, keeps the first of inputs with the same key; *totals of these. Then only `keep` of
 * them stay, evenly spread, where there are more; 0: all. */
void kin_inputs_sort(kin_inputs *inputs, uint64_t keep, kin_inputs_totals *totals);

/* Sorted ones: appends the list's file to out. Ends the inputs: only kin_inputs_destroy follows. */
void kin_inputs_freeze(kin_inputs *inputs, const kin_digest *options, kin_buffer *out);

#endif
