/* A shard's codes in memory, as version 2 of its file has them, from rows. */
#ifndef TESTS_SUPPORT_CODE_TABLES_H
#define TESTS_SUPPORT_CODE_TABLES_H

#include <stdint.h>

#include "common/code/codes_view.h"

/* view of words [count][bits / 64] and ids [count], in order of (code, id), as `tables` tables.
 * With bucket_bits below KIN_TABLE_BUCKET_BITS_MAX + 1, all tables have that many, else what the
 * writer would choose. The view owns its memory: free it with code_tables_free. */
kin_codes_view code_tables_make(const uint64_t *words, const uint64_t *ids, uint64_t count,
                                unsigned bits, uint32_t tables, uint32_t bucket_bits);
void code_tables_free(kin_codes_view *view);

#endif
