/* A compressed sorted copy of codes, as a shard file of version 2 holds it (proto/SHARD.md): each
 * code rotated, sorted, bucketed by its top bits; an entry is only the bits that its bucket does
 * not say. Entries lie in groups of 16, value by value, so that one instruction looks at 16 of
 * them. */
#ifndef COMMON_CODE_CODE_TABLE_H
#define COMMON_CODE_CODE_TABLE_H

#include <stdint.h>
#include <string.h>

#include "common/code/code.h"

/* Entries of a group: 32-bit lanes of the widest registers. */
#define KIN_TABLE_GROUP 16
/* Tables of a shard: sixteen parts of 256 bits are 16 bits each, fewer than buckets want. */
#define KIN_TABLES_MAX 16
/* Bucket bits: 2^24 starts are 64 MB, which is 1 % of a billion codes; and a code's top 32 bits
 * always hold its bucket. */
#define KIN_TABLE_BUCKET_BITS_MAX 24

/* Borrows what it points to; plain data. A group is bits / 32 - 1 planes of 16 numbers of 32 bits,
 * the lowest bits of the codes first, and then 16 numbers of tail_bytes: the top 32 bits of each
 * rotated code without those of the bucket. */
typedef struct kin_code_table {
    const uint8_t *groups;
    const void *starts; /* [2^bucket_bits + 1] of start_bytes: the first entry of each bucket */
    uint64_t count;     /* entries */
    uint32_t bits;
    uint32_t rotation; /* bits to the left */
    uint32_t bucket_bits;
    uint32_t start_bytes; /* 4 or 8 */
    uint32_t tail_bytes;  /* 1, 2 or 4 */
    uint32_t group_bytes;
} kin_code_table;

/* Bytes of an entry's top part: 32 - bucket_bits bits. */
static inline uint32_t kin_table_tail_bytes(uint32_t bucket_bits)
{
    return bucket_bits >= 24 ? 1 : bucket_bits >= 16 ? 2 : 4;
}

static inline uint32_t kin_table_group_bytes(uint32_t bits, uint32_t bucket_bits)
{
    return KIN_TABLE_GROUP * (4 * (bits / 32 - 1) + kin_table_tail_bytes(bucket_bits));
}

static inline uint64_t kin_table_groups(uint64_t count)
{
    return count / KIN_TABLE_GROUP + (count % KIN_TABLE_GROUP != 0);
}

/* The bits of the top 32 that are an entry's and not its bucket's. */
static inline uint32_t kin_table_tail_mask(uint32_t bucket_bits)
{
    return UINT32_MAX >> bucket_bits;
}

static inline uint32_t kin_table_bucket_of(const kin_code *rotated, uint32_t bucket_bits)
{
    return (uint32_t)(rotated->word[0] >> 32 >> (32 - bucket_bits));
}

/* The entries [*first, *last) of buckets [bucket, bucket + buckets); never outside of the table,
 * whatever the file says. */
static inline void kin_table_range(const kin_code_table *table, uint64_t bucket, uint64_t buckets,
                                   uint64_t *first, uint64_t *last)
{
    uint64_t from, to;
    if (table->start_bytes == 4) {
        from = ((const uint32_t *)table->starts)[bucket];
        to = ((const uint32_t *)table->starts)[bucket + buckets];
    } else {
        from = ((const uint64_t *)table->starts)[bucket];
        to = ((const uint64_t *)table->starts)[bucket + buckets];
    }
    *last = to < table->count ? to : table->count;
    *first = from < *last ? from : *last;
}

/* The top 32 bits of the entry, without the bucket's. */
static inline uint32_t kin_table_tail(const kin_code_table *table, uint64_t entry)
{
    const uint8_t *tails = table->groups + entry / KIN_TABLE_GROUP * table->group_bytes +
                           (size_t)4 * KIN_TABLE_GROUP * (table->bits / 32 - 1);
    uint32_t lane = (uint32_t)(entry % KIN_TABLE_GROUP), tail;
    if (table->tail_bytes == 1) return tails[lane];
    if (table->tail_bytes == 2) {
        uint16_t half;
        memcpy(&half, tails + (size_t)2 * lane, 2);
        return half;
    }
    memcpy(&tail, tails + (size_t)4 * lane, 4);
    return tail;
}

/* The rotated code of an entry of a bucket. */
static inline void kin_table_entry(const kin_code_table *table, uint64_t entry, uint32_t bucket,
                                   kin_code *rotated)
{
    const uint8_t *group = table->groups + entry / KIN_TABLE_GROUP * table->group_bytes;
    uint32_t lane = (uint32_t)(entry % KIN_TABLE_GROUP), words = table->bits / 64, plane;
    memset(rotated, 0, sizeof *rotated);
    for (uint32_t i = 0; i + 1 < table->bits / 32; i++) {
        memcpy(&plane, group + (size_t)4 * (i * KIN_TABLE_GROUP + lane), 4);
        rotated->word[words - 1 - i / 2] |= (uint64_t)plane << 32 * (i % 2);
    }
    uint64_t top = (uint64_t)bucket << (32 - table->bucket_bits) | kin_table_tail(table, entry);
    rotated->word[0] |= top << 32;
}

/* Writes 16 rotated codes, [16][bits / 64], as a group. */
void kin_table_pack(const uint64_t *codes, uint32_t bits, uint32_t bucket_bits, uint8_t *group);

/* The bucket of an entry. hint: where to look first; 0 to begin with, receives the bucket: entries
 * asked for in order cost nothing. */
uint32_t kin_table_bucket(const kin_code_table *table, uint64_t entry, uint32_t *hint);

/* The first entry that is not before the rotated code in its bucket, which ends at *end. */
uint64_t kin_table_first(const kin_code_table *table, const kin_code *rotated, uint64_t *end);

/* The entries [*first, *last) that are the rotated code. */
void kin_table_find(const kin_code_table *table, const kin_code *rotated, uint64_t *first,
                    uint64_t *last);

/* The code turned by `rotation` bits to the left (0 to bits), and back. */
void kin_code_rotate(kin_code *code, uint32_t bits, uint32_t rotation);
static inline void kin_code_rotate_back(kin_code *code, uint32_t bits, uint32_t rotation)
{
    kin_code_rotate(code, bits, bits - rotation);
}

#endif
