#include "worker/shard/shard_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/inline.h"
#include "common/base/limits.h"
#include "common/base/memory.h"

enum { SPAN_GROUPS, SPAN_STARTS, SPAN_IDS, SPAN_KEY_ENDS, SPAN_KEYS };

struct kin_shard_share {
    const char *path;
    const kin_shard_outline *outline;
    kin_shard_range range;
    int descriptor;
    uint64_t codes, ids, keys, key_end; /* so far */
    uint64_t next_start;                /* the next bucket whose start is this share's */
    uint64_t starts_end;
    kin_code before;
    uint64_t group[KIN_TABLE_GROUP * KIN_CODE_WORDS_MAX];
    uint32_t group_from, group_to; /* the lanes of `group` that are this share's */
    kin_container_span *spans[KIN_SHARD_SHARE_RUNS];
};

void kin_shard_outline_make(kin_shard_outline *outline, const kin_shard_facts *facts)
{
    kin_placed_section sections[KIN_SHARD_SECTIONS_MAX];
    *outline = (kin_shard_outline){.facts = *facts,
                                   .meta = {.count = facts->count,
                                            .bits = facts->bits,
                                            .number = facts->number,
                                            .first = facts->first,
                                            .last = facts->last,
                                            .value_dimensions = facts->value_dimensions}};
    kin_shard_plan(&outline->meta, facts->tables, facts->id_max);
    uint32_t count = kin_shard_sections(&outline->meta, facts->keys, facts->thumbnails, sections);
    kin_container_joint_plan(&outline->file, KIN_FILE_SHARD, kin_shard_version(&outline->meta),
                             sections, count);
}

/* The first bucket that starts at or behind a code. */
static uint64_t bucket_from(const kin_code *code, unsigned bits, uint32_t bucket_bits)
{
    uint64_t bucket = kin_table_bucket_of(code, bucket_bits);
    kin_code rest = *code;
    if (bucket_bits > 0) rest.word[0] = rest.word[0] << bucket_bits >> bucket_bits;
    for (unsigned w = 0; w < bits / 64; w++)
        if (rest.word[w] != 0) return bucket + 1;
    return bucket;
}

static kin_container_span *span_of(const kin_shard_share *share, uint32_t section, uint64_t from,
                                   uint64_t to)
{
    uint64_t offset = share->outline->file.section[section].offset;
    return kin_container_span_new(share->descriptor, share->path, offset + from, offset + to,
                                  share->outline->file.window_bytes);
}

/* Whole groups are a span; a group that is shared with the neighbours is written lane by lane. */
static void open_spans(kin_shard_share *share)
{
    const kin_shard_meta *meta = &share->outline->meta;
    const kin_shard_range *range = &share->range;
    uint32_t t = range->table, bucket_bits = meta->table[t].bucket_bits;
    uint64_t group_bytes = kin_table_group_bytes(meta->bits, bucket_bits);
    uint64_t end = range->first_row + range->rows;
    uint64_t from = kin_table_groups(range->first_row);
    uint64_t to = end == meta->count ? kin_table_groups(end) : end / KIN_TABLE_GROUP;
    if (to < from) to = from; /* all of it is within one group */
    share->spans[SPAN_GROUPS] =
        span_of(share, KIN_SHARD_AT_TABLE(t), from * group_bytes, to * group_bytes);
    share->next_start = range->first ? 0 : bucket_from(&range->start, meta->bits, bucket_bits);
    share->starts_end = range->last ? ((uint64_t)1 << bucket_bits) + 1
                                    : bucket_from(&range->end, meta->bits, bucket_bits);
    share->spans[SPAN_STARTS] =
        span_of(share, KIN_SHARD_AT_STARTS(t), share->next_start * meta->start_bytes,
                share->starts_end * meta->start_bytes);
    if (t > 0) return;
    share->spans[SPAN_IDS] =
        span_of(share, KIN_SHARD_AT_IDS, range->first_row * meta->id_bytes, end * meta->id_bytes);
    if (!share->outline->facts.keys.there) return;
    uint32_t keys = KIN_SHARD_AT_PIECES(meta->table_count);
    share->spans[SPAN_KEY_ENDS] = span_of(share, keys, range->first_row * 8, end * 8);
    share->spans[SPAN_KEYS] =
        span_of(share, keys + 1, range->first_key_byte, range->first_key_byte + range->key_bytes);
}

kin_status kin_shard_share_open(kin_shard_share **share, const char *path,
                                const kin_shard_outline *outline, const kin_shard_range *range,
                                kin_error *error)
{
    KIN_CHECK(outline->facts.value_dimensions == 0 && !outline->facts.thumbnails.there);
    kin_shard_share *made = kin_calloc(1, sizeof *made);
    *made = (kin_shard_share){.path = path,
                              .outline = outline,
                              .range = *range,
                              .descriptor = open(path, O_WRONLY | O_CLOEXEC),
                              .key_end = range->first_key_byte};
    made->group_from = made->group_to = (uint32_t)(range->first_row % KIN_TABLE_GROUP);
    *share = NULL;
    if (made->descriptor < 0) {
        free(made);
        return kin_fail(error, KIN_IO, "cannot open %s: %s", path, strerror(errno));
    }
    open_spans(made);
    *share = made;
    return KIN_OK;
}

/* The starts of all buckets up to `bucket`, which begins with row `row` of the share. */
static kin_status add_starts(kin_shard_share *share, uint64_t bucket, uint64_t row,
                             kin_error *error)
{
    kin_status status = KIN_OK;
    for (; share->next_start <= bucket && share->next_start < share->starts_end && status == KIN_OK;
         share->next_start++) {
        uint8_t number[8];
        kin_store_le64(number, share->range.first_row + row);
        status = kin_container_span_append(share->spans[SPAN_STARTS], number,
                                           share->outline->meta.start_bytes, error);
    }
    return status;
}

/* The lanes of a group that are this share's, plane by plane. */
static kin_status write_lanes(kin_shard_share *share, const uint8_t *group, uint64_t offset,
                              kin_error *error)
{
    const kin_shard_meta *meta = &share->outline->meta;
    uint32_t planes = meta->bits / 32 - 1;
    uint32_t tail_bytes = kin_table_tail_bytes(meta->table[share->range.table].bucket_bits);
    kin_status status = KIN_OK;
    for (uint32_t plane = 0; plane <= planes && status == KIN_OK; plane++) {
        size_t lane = plane < planes ? 4 : tail_bytes;
        size_t at = (size_t)plane * KIN_TABLE_GROUP * 4 + share->group_from * lane;
        status = kin_container_joint_write(share->descriptor, share->path, offset + at, group + at,
                                           (share->group_to - share->group_from) * lane, error);
    }
    return status;
}

/* The group that holds the row before the next one. */
static kin_status flush_group(kin_shard_share *share, bool at_end, kin_error *error)
{
    const kin_shard_meta *meta = &share->outline->meta;
    uint32_t t = share->range.table, bucket_bits = meta->table[t].bucket_bits;
    uint8_t group[KIN_TABLE_GROUP * KIN_CODE_BYTES_MAX];
    size_t bytes = kin_table_group_bytes(meta->bits, bucket_bits);
    kin_table_pack(share->group, meta->bits, bucket_bits, group);
    kin_status status;
    if (share->group_from == 0 && (share->group_to == KIN_TABLE_GROUP || at_end)) {
        status = kin_container_span_append(share->spans[SPAN_GROUPS], group, bytes, error);
    } else {
        uint64_t number = (share->range.first_row + share->codes - 1) / KIN_TABLE_GROUP;
        uint64_t offset =
            share->outline->file.section[KIN_SHARD_AT_TABLE(t)].offset + number * bytes;
        status = write_lanes(share, group, offset, error);
    }
    memset(share->group, 0, sizeof share->group);
    share->group_from = share->group_to = 0;
    return status;
}

/* Looks at the order of codes and starts their buckets. words is a constant where it is inlined. */
KIN_INLINE kin_status look_at(kin_shard_share *share, const uint64_t *codes, unsigned words,
                              unsigned stride, uint64_t count, kin_error *error)
{
    uint32_t bucket_bits = share->outline->meta.table[share->range.table].bucket_bits;
    kin_status status = KIN_OK;
    uint64_t before[KIN_CODE_WORDS_MAX];
    memcpy(before, share->before.word, words * sizeof *before);
    for (uint64_t i = 0; i < count && status == KIN_OK; i++) {
        const uint64_t *code = codes + i * stride;
        unsigned w = 0;
        while (w + 1 < words && code[w] == before[w])
            w++;
        KIN_CHECK(code[w] >= before[w]);
        for (w = 0; w < words; w++)
            before[w] = code[w];
        uint64_t bucket = bucket_bits == 0 ? 0 : code[0] >> (64 - bucket_bits);
        if (bucket >= share->next_start)
            status = add_starts(share, bucket, share->codes + i, error);
    }
    memcpy(share->before.word, before, words * sizeof *before);
    return status;
}

/* Puts a code behind those of the group that is not full yet. */
static kin_status add_code(kin_shard_share *share, const uint64_t *code, kin_error *error)
{
    unsigned words = share->outline->meta.bits / 64;
    memcpy(share->group + (size_t)share->group_to++ * words, code, words * sizeof *code);
    share->codes++;
    return share->group_to == KIN_TABLE_GROUP ? flush_group(share, false, error) : KIN_OK;
}

/* Whole groups of 16 codes. */
static kin_status add_groups(kin_shard_share *share, const uint64_t *codes, unsigned stride,
                             uint64_t groups, kin_error *error)
{
    const kin_shard_meta *meta = &share->outline->meta;
    unsigned words = meta->bits / 64;
    uint32_t bucket_bits = meta->table[share->range.table].bucket_bits;
    uint8_t group[KIN_TABLE_GROUP * KIN_CODE_BYTES_MAX];
    uint64_t together[KIN_TABLE_GROUP * KIN_CODE_WORDS_MAX];
    size_t bytes = kin_table_group_bytes(meta->bits, bucket_bits);
    kin_status status = KIN_OK;
    for (uint64_t g = 0; g < groups && status == KIN_OK; g++) {
        for (unsigned lane = 0; lane < KIN_TABLE_GROUP; lane++, codes += stride)
            for (unsigned w = 0; w < words; w++)
                together[lane * words + w] = codes[w];
        kin_table_pack(together, meta->bits, bucket_bits, group);
        status = kin_container_span_append(share->spans[SPAN_GROUPS], group, bytes, error);
        share->codes += KIN_TABLE_GROUP;
    }
    return status;
}

kin_status kin_shard_share_codes(kin_shard_share *share, const uint64_t *codes, unsigned stride,
                                 uint64_t count, kin_error *error)
{
    unsigned words = share->outline->meta.bits / 64;
    uint64_t done = 0, groups;
    KIN_CHECK(count <= share->range.rows - share->codes && stride >= words);
    kin_status status = words == 1   ? look_at(share, codes, 1, stride, count, error)
                        : words == 2 ? look_at(share, codes, 2, stride, count, error)
                                     : look_at(share, codes, 4, stride, count, error);
    for (; done < count && share->group_to > 0 && status == KIN_OK; done++)
        status = add_code(share, codes + done * stride, error);
    groups = (count - done) / KIN_TABLE_GROUP;
    if (status == KIN_OK) status = add_groups(share, codes + done * stride, stride, groups, error);
    for (done += groups * KIN_TABLE_GROUP; done < count && status == KIN_OK; done++)
        status = add_code(share, codes + done * stride, error);
    return status;
}

/* Ids that go to the file at a time. */
#define IDS_TOGETHER 512

kin_status kin_shard_share_ids(kin_shard_share *share, const uint64_t *ids, unsigned stride,
                               uint64_t count, kin_error *error)
{
    uint8_t bytes[IDS_TOGETHER * 8 + 8];
    uint32_t id_bytes = share->outline->meta.id_bytes;
    uint64_t most = 0, together;
    kin_status status = KIN_OK;
    KIN_CHECK(count <= share->range.rows - share->ids);
    for (uint64_t i = 0; i < count && status == KIN_OK; i += together) {
        together = count - i < IDS_TOGETHER ? count - i : IDS_TOGETHER;
        uint8_t *at = bytes;
        for (uint64_t j = i; j < i + together; j++, at += id_bytes) {
            kin_store_le64(at, ids[j * stride]); /* what is too long is written over */
            most |= ids[j * stride] > share->outline->facts.id_max;
        }
        KIN_CHECK(most == 0);
        status =
            kin_container_span_append(share->spans[SPAN_IDS], bytes, together * id_bytes, error);
    }
    share->ids += count;
    return status;
}

kin_status kin_shard_share_key(kin_shard_share *share, const void *key, uint32_t bytes,
                               kin_error *error)
{
    uint8_t end[8];
    KIN_CHECK(bytes <= KIN_KEY_BYTES_MAX);
    share->keys++;
    share->key_end += bytes;
    kin_store_le64(end, share->key_end);
    kin_status status =
        kin_container_span_append(share->spans[SPAN_KEY_ENDS], end, sizeof end, error);
    if (status == KIN_OK)
        status = kin_container_span_append(share->spans[SPAN_KEYS], key, bytes, error);
    return status;
}

kin_status kin_shard_share_finish(kin_shard_share **share, kin_block_run runs[KIN_SHARD_SHARE_RUNS],
                                  kin_error *error)
{
    kin_shard_share *done = *share;
    const kin_shard_meta *meta = &done->outline->meta;
    bool at_end = done->range.first_row + done->range.rows == meta->count;
    KIN_CHECK(done->codes == done->range.rows);
    KIN_CHECK(done->range.table > 0 || done->ids == done->range.rows);
    KIN_CHECK(done->spans[SPAN_KEYS] == NULL || done->keys == done->range.rows);
    memset(runs, 0, KIN_SHARD_SHARE_RUNS * sizeof *runs);
    kin_status status = KIN_OK;
    if (done->group_to > done->group_from) status = flush_group(done, at_end, error);
    if (status == KIN_OK && done->starts_end > 0)
        status = add_starts(done, done->starts_end - 1, done->codes, error);
    for (uint32_t i = 0; i < KIN_SHARD_SHARE_RUNS && status == KIN_OK; i++)
        if (done->spans[i] != NULL)
            status = kin_container_span_finish(&done->spans[i], &runs[i], error);
    kin_shard_share_destroy(share);
    if (status != KIN_OK)
        for (uint32_t i = 0; i < KIN_SHARD_SHARE_RUNS; i++)
            kin_block_run_fini(&runs[i]);
    return status;
}

void kin_shard_share_destroy(kin_shard_share **share)
{
    if (*share == NULL) return;
    for (uint32_t i = 0; i < KIN_SHARD_SHARE_RUNS; i++)
        kin_container_span_destroy(&(*share)->spans[i]);
    close((*share)->descriptor);
    free(*share);
    *share = NULL;
}

kin_status kin_shard_outline_complete(const kin_shard_outline *outline, const char *path,
                                      uint64_t *checksums, const uint8_t *known,
                                      void (*tick)(void *user), void *user,
                                      kin_shard_written *written, kin_error *error)
{
    uint8_t meta[KIN_SHARD_META_BYTES_MAX];
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return kin_fail(error, KIN_IO, "cannot open %s: %s", path, strerror(errno));
    kin_shard_meta_build(&outline->meta, meta);
    kin_status status =
        kin_container_joint_write(descriptor, path, outline->file.section[KIN_SHARD_AT_META].offset,
                                  meta, kin_shard_meta_bytes(&outline->meta), error);
    close(descriptor);
    if (status == KIN_OK)
        status =
            kin_container_joint_finish(&outline->file, path, checksums, known, tick, user, error);
    return status == KIN_OK ? kin_shard_written_read(written, path, error) : status;
}
