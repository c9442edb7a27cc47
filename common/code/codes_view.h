/* The codes and ids of one shard as they lie in its file. */
#ifndef COMMON_CODE_CODES_VIEW_H
#define COMMON_CODE_CODES_VIEW_H

#include <stdint.h>
#include <string.h>

#include "common/code/code.h"
#include "common/code/code_table.h"

/* Plain data; borrows what it points to. Rows ascend by (code, id). Codes are either words
 * (version 1 of shards) or tables, of which the first has its entries in the order of rows. */
typedef struct kin_codes_view {
    const uint64_t *words; /* [count][bits / 64], or NULL */
    kin_code_table table[KIN_TABLES_MAX];
    uint32_t table_count; /* 0 where there are words */
    uint32_t id_bytes;    /* 4, 5 or 8 */
    const uint8_t *ids;   /* [count][id_bytes] */
    uint64_t count;
    unsigned bits;
    uint32_t shard; /* number, copied into hits */
} kin_codes_view;

/* A row's id; row < count. */
static inline uint64_t kin_codes_id(const kin_codes_view *codes, uint64_t row)
{
    const uint8_t *at = codes->ids + row * codes->id_bytes;
    uint32_t low;
    if (codes->id_bytes == 8) {
        uint64_t id;
        memcpy(&id, at, 8);
        return id;
    }
    memcpy(&low, at, 4);
    return codes->id_bytes == 4 ? low : low | (uint64_t)at[4] << 32;
}

/* A row's code. hint is 0 to begin with and is kept by who asks: rows asked for in order cost
 * little. */
static inline void kin_codes_code(const kin_codes_view *codes, uint64_t row, uint32_t *hint,
                                  kin_code *code)
{
    if (codes->words != NULL)
        kin_code_from_words(code, codes->words + row * (codes->bits / 64), codes->bits);
    else
        kin_table_entry(&codes->table[0], row, kin_table_bucket(&codes->table[0], row, hint), code);
}

#endif
