/* A shard file, mapped and checked. */
#ifndef WORKER_SHARD_SHARD_READER_H
#define WORKER_SHARD_SHARD_READER_H

#include <stdint.h>

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "common/code/codes_view.h"

/* Immutable after opening; any thread. */
typedef struct kin_shard_reader kin_shard_reader;

/* Maps path and checks header, tables, and every block except those of thumbnails, which are
 * checked when read. KIN_CORRUPT and KIN_MISMATCH name the file and what is wrong. */
KIN_MUST_USE kin_status kin_shard_reader_open(kin_shard_reader **reader, const char *path,
                                              kin_error *error);
/* The same, but reads no more than headers (of version 2): a damaged block is found by verify
 * alone. Whatever its bytes are, no access is outside of the mapping. */
KIN_MUST_USE kin_status kin_shard_reader_open_lazy(kin_shard_reader **reader, const char *path,
                                                   kin_error *error);
/* Keeps the whole file in memory until it is closed (mlock). KIN_IO where the system forbids it
 * (RLIMIT_MEMLOCK) or has no room: the shard serves all the same. */
KIN_MUST_USE kin_status kin_shard_reader_lock(const kin_shard_reader *reader, kin_error *error);
void kin_shard_reader_close(kin_shard_reader **reader);

/* kin_container_digest of the file. */
kin_digest kin_shard_reader_digest(const kin_shard_reader *reader);
uint64_t kin_shard_reader_count(const kin_shard_reader *reader);
unsigned kin_shard_reader_bits(const kin_shard_reader *reader);
uint32_t kin_shard_reader_number(const kin_shard_reader *reader);
/* The range of the code space that it covers, both ends included. */
void kin_shard_reader_range(const kin_shard_reader *reader, kin_code *first, kin_code *last);
/* Codes and ids, for search; borrowed from the reader. */
const kin_codes_view *kin_shard_reader_codes(const kin_shard_reader *reader);
/* The code of a row; rows ascend by (code, id). hint is 0 to begin with and is kept by who asks:
 * rows asked for in order cost little. */
void kin_shard_reader_code(const kin_shard_reader *reader, uint64_t row, uint32_t *hint,
                           kin_code *code);
uint64_t kin_shard_reader_id(const kin_shard_reader *reader, uint64_t row);
/* row < count; not NUL-terminated; borrowed. No bytes where the shard has no keys. */
const char *kin_shard_reader_key(const kin_shard_reader *reader, uint64_t row, uint32_t *bytes);
/* Dimensions of the values that are stored for re-ranking (common/code/values.h); 0: none are. */
uint32_t kin_shard_reader_value_dimensions(const kin_shard_reader *reader);
/* row < count, of a shard that has some: [value_dimensions]; borrowed. */
const int8_t *kin_shard_reader_values(const kin_shard_reader *reader, uint64_t row);
/* The JPEG bytes of row's thumbnail, blocks checked now; *bytes is 0 where none is stored. */
KIN_MUST_USE kin_status kin_shard_reader_thumbnail(const kin_shard_reader *reader, uint64_t row,
                                                   const uint8_t **data, uint32_t *bytes,
                                                   kin_error *error);
/* Checks every block, thumbnails too, the order of rows, and the ends of the range. */
KIN_MUST_USE kin_status kin_shard_reader_verify(const kin_shard_reader *reader, kin_error *error);

#endif
