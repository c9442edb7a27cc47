#include "tests/support/parse_any.h"

#include "common/base/check.h"
#include "proto/encoder_file.h"
#include "proto/ledger.h"
#include "proto/list_format.h"
#include "proto/manifest.h"
#include "proto/network_file.h"
#include "proto/part_format.h"
#include "proto/shard_format.h"
#include "proto/task_format.h"

static volatile uint64_t sink; /* what is read must really be read */

static void touch(const void *data, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        sink += ((const uint8_t *)data)[i];
}

/* All that a shard's functions give, also where only its headers were checked. */
static void touch_shard(const kin_shard_view *view)
{
    const kin_codes_view *codes = &view->codes;
    uint32_t hint = 0;
    for (uint64_t row = 0; row < codes->count; row++) {
        kin_code code;
        uint64_t start, id = kin_codes_id(codes, row);
        kin_codes_code(codes, row, &hint, &code);
        sink += id + code.word[0];
        for (uint32_t j = 0; j < codes->table_count; j++) {
            uint64_t first, last;
            kin_table_find(&codes->table[j], &code, &first, &last);
            if (last > first) kin_table_entry(&codes->table[j], last - 1, 0, &code);
        }
        if (view->key_ends != NULL) {
            uint32_t bytes = kin_shard_piece(view->key_ends, row, view->key_bytes, &start);
            touch(view->keys + start, bytes);
        }
        if (view->values != NULL)
            touch(view->values + row * view->meta.value_dimensions, view->meta.value_dimensions);
        if (view->thumbnail_ends != NULL) {
            uint32_t bytes =
                kin_shard_piece(view->thumbnail_ends, row, view->thumbnail_bytes, &start);
            touch(view->thumbnails + start, bytes);
        }
    }
}

static kin_status parse_shard(const void *data, size_t bytes)
{
    kin_shard_view view;
    kin_status lazy = kin_shard_view_parse(&view, data, bytes, KIN_SHARD_CHECK_LAZY, "fuzz", NULL);
    if (lazy == KIN_OK) touch_shard(&view);
    kin_status status =
        kin_shard_view_parse(&view, data, bytes, KIN_SHARD_CHECK_ROWS, "fuzz", NULL);
    KIN_CHECK(lazy == KIN_OK || status != KIN_OK);
    if (status == KIN_OK && view.meta.count > 0 && view.key_ends != NULL)
        touch(view.keys, view.key_ends[view.meta.count - 1]);
    return status;
}

static kin_status parse_ledger(const void *data, size_t bytes)
{
    kin_ledger ledger;
    kin_status status = kin_ledger_parse(&ledger, data, bytes, "fuzz", NULL);
    for (uint64_t i = 0; status == KIN_OK && i < ledger.count; i++) {
        kin_ledger_row row = kin_ledger_get(&ledger, i);
        touch(row.key, row.key_bytes);
        touch(row.detail, row.detail_bytes);
        KIN_CHECK(kin_reason_word(row.reason) != NULL);
    }
    return status;
}

static kin_status parse_list(const void *data, size_t bytes)
{
    kin_list list;
    kin_status status = kin_list_parse(&list, data, bytes, "fuzz", NULL);
    for (uint64_t i = 0; status == KIN_OK && i < list.count; i++) {
        kin_list_row row = kin_list_get(&list, i);
        touch(row.key, row.key_bytes + 1);
        touch(row.path, row.path_bytes > 0 ? row.path_bytes + 1 : 0);
    }
    return status;
}

kin_status parse_any(kin_file_kind kind, const void *data, size_t bytes)
{
    switch (kind) {
    case KIN_FILE_SHARD:
        return parse_shard(data, bytes);
    case KIN_FILE_LEDGER:
        return parse_ledger(data, bytes);
    case KIN_FILE_LIST:
        return parse_list(data, bytes);
    case KIN_FILE_MANIFEST: {
        kin_manifest manifest = {0};
        kin_status status = kin_manifest_parse(&manifest, data, bytes, "fuzz", NULL);
        kin_manifest_fini(&manifest);
        return status;
    }
    case KIN_FILE_ENCODER: {
        kin_encoder_file encoder = {0};
        return kin_encoder_file_parse(&encoder, data, bytes, "fuzz", NULL);
    }
    case KIN_FILE_PART: {
        kin_part part;
        return kin_part_parse(&part, data, bytes, "fuzz", NULL);
    }
    case KIN_FILE_NETWORK: {
        kin_network_file network;
        kin_status status = kin_network_file_parse(&network, data, bytes, "fuzz", NULL);
        for (uint32_t i = 0; status == KIN_OK && i < network.model_count; i++)
            touch(network.models[i].onnx, network.models[i].bytes);
        return status;
    }
    case KIN_FILE_TASK: {
        kin_task task;
        kin_status status = kin_task_parse(&task, data, bytes, "fuzz", NULL);
        uint64_t blocks = 0;
        for (uint64_t i = 0; status == KIN_OK && i < task.run_count; i++)
            blocks += kin_task_run_get(&task, i).count;
        if (status == KIN_OK) touch(task.checksums, blocks * 8);
        return status;
    }
    }
    return KIN_MISMATCH;
}
