#include <stdio.h>

#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "proto/container.h"
#include "proto/encoder_file.h"
#include "proto/ledger.h"
#include "proto/list_format.h"
#include "proto/manifest.h"
#include "proto/network_file.h"
#include "proto/part_format.h"
#include "proto/shard_format.h"
#include "proto/task_format.h"
#include "worker/verify/verify.h"

static const struct {
    kin_file_kind kind;
    const char *what;
} kinds[] = {
    {KIN_FILE_SHARD, "a shard: codes, ids, keys and thumbnails of one range of the code space"},
    {KIN_FILE_MANIFEST, "the manifest of a generation"},
    {KIN_FILE_ENCODER, "an encoder: features and hasher"},
    {KIN_FILE_LEDGER, "a ledger: inputs that are not indexed, and why"},
    {KIN_FILE_LIST, "the frozen list of a build's inputs"},
    {KIN_FILE_PART, "a part: one chunk of a build that is not finished"},
    {KIN_FILE_NETWORK, "networks: models, and how pictures go through them"},
    {KIN_FILE_TASK, "a task: what one step of an import that is not finished has written"},
};

static void print_sections(const kin_container *container, const char *what)
{
    char text[32], offset[32];
    printf("%s, version %u, %s bytes, %s blocks of %d kB with a checksum each\n", what,
           container->version, kin_text_count(container->bytes, text),
           kin_text_count(container->block_count, offset), KIN_CONTAINER_BLOCK_BYTES / 1024);
    for (uint32_t i = 0; i < container->section_count; i++)
        printf("  %-8s %16s bytes at %s\n", container->section[i].name,
               kin_text_count(container->section[i].bytes, text),
               kin_text_count(container->section[i].offset, offset));
}

/* Holds the file to the rules of its own format. */
static kin_status check_contents(kin_file_kind kind, const kin_mapping *file, const char *path,
                                 kin_error *error)
{
    kin_status status = KIN_OK;
    switch (kind) {
    case KIN_FILE_SHARD: {
        kin_shard_view view;
        return kin_shard_view_parse(&view, file->data, file->bytes, KIN_SHARD_CHECK_ROWS, path,
                                    error);
    }
    case KIN_FILE_MANIFEST: {
        kin_manifest manifest = {0};
        status = kin_manifest_parse(&manifest, file->data, file->bytes, path, error);
        kin_manifest_fini(&manifest);
        return status;
    }
    case KIN_FILE_ENCODER: {
        kin_encoder_file encoder = {0};
        return kin_encoder_file_parse(&encoder, file->data, file->bytes, path, error);
    }
    case KIN_FILE_LEDGER: {
        kin_ledger ledger;
        return kin_ledger_parse(&ledger, file->data, file->bytes, path, error);
    }
    case KIN_FILE_LIST: {
        kin_list list;
        return kin_list_parse(&list, file->data, file->bytes, path, error);
    }
    case KIN_FILE_PART: {
        kin_part part;
        return kin_part_parse(&part, file->data, file->bytes, path, error);
    }
    case KIN_FILE_NETWORK: {
        kin_network_file network;
        return kin_network_file_parse(&network, file->data, file->bytes, path, error);
    }
    case KIN_FILE_TASK: {
        kin_task task;
        return kin_task_parse(&task, file->data, file->bytes, path, error);
    }
    }
    return status;
}

kin_status kin_verify_file(const char *path, kin_error *error)
{
    kin_mapping file = {0};
    kin_container container;
    kin_status status = kin_mapping_open(&file, path, error);
    size_t i = 0, count = sizeof kinds / sizeof *kinds;
    if (status == KIN_OK) {
        uint32_t kind = file.bytes >= 12 ? kin_load_le32(file.data + 8) : 0;
        while (i < count && (uint32_t)kinds[i].kind != kind)
            i++;
        status = kin_container_parse(&container, file.data, file.bytes,
                                     i < count ? kinds[i].kind : KIN_FILE_SHARD, UINT32_MAX, path,
                                     error);
    }
    if (status == KIN_OK) {
        print_sections(&container, kinds[i].what);
        status = kin_container_check_all(&container, path, error);
    }
    if (status == KIN_OK) status = check_contents(kinds[i].kind, &file, path, error);
    if (status == KIN_OK) printf("ok: every checksum holds, and the contents are what they say\n");
    kin_mapping_close(&file);
    return status;
}
