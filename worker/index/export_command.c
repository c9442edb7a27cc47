#include "worker/index/export_command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "proto/generation.h"
#include "proto/ledger.h"
#include "proto/npy_format.h"
#include "worker/index/import_options.h"
#include "worker/shard/shard_reader.h"

static const char help[] =
    "usage: kindred-index export INDEX -o CODES.npy [OPTION]...\n"
    "\n"
    "Writes the codes of an index in the order of their ids, as kindred-index import reads them:\n"
    "uint8 [n][bits / 8], bits in the order of numpy.packbits.\n"
    "\n"
    "  -o, --output CODES.npy  where the codes go\n"
    "      --ids IDS.npy       also the id of each row: uint64 [n]\n"
    "      --keys KEYS.txt     also the keys, one a line\n"
    "      --values VALUES.npy  also the numbers behind the bits, where the index keeps them\n"
    "                          (build --rerank): int8 [n][learned bits]\n"
    "      --memory SIZE       what may be used; the index is gone through as often as that asks\n"
    "                          for (1G)\n"
    "\n"
    "example: kindred-index export my-index -o codes.npy --keys keys.txt\n"
    "\n"
    "exit codes: 0 done, 1 failed, 2 usage\n";

/* A key as it waits for its turn. */
typedef struct waiting_key {
    uint64_t at; /* in the text of the pass */
    uint32_t bytes;
} waiting_key;

typedef struct export
{
    const char *index_path, *codes_path, *ids_path, *keys_path, *values_path;
    kin_manifest manifest;
    char *folder;
    kin_mapping ledger_mapping;
    kin_ledger ledger;         /* whose ids are in no shard */
    kin_shard_reader **shards; /* [shard_count] */
    uint64_t pass_rows;        /* rows of a pass */
    uint64_t *codes, *ids;     /* [pass_rows][words], [pass_rows] */
    int8_t *values;            /* [pass_rows][value_dimensions]; NULL: not wanted */
    waiting_key *keys;         /* [pass_rows]; NULL: not wanted */
    kin_buffer text;           /* of the pass's keys */
    kin_file_writer codes_file, ids_file, keys_file, values_file;
}
export;

static kin_status open_index(export *e, kin_error *error)
{
    kin_status status =
        kin_generation_manifest(e->index_path, NULL, &e->manifest, &e->folder, error);
    if (status == KIN_OK && e->values_path != NULL && e->manifest.value_dimensions == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s keeps no values; leave out --values, or build it with --rerank",
                          e->index_path);
    if (status != KIN_OK) return status;
    char *path = kin_path_join(e->folder, KIN_LEDGER_FILE);
    status = kin_mapping_open(&e->ledger_mapping, path, error);
    if (status == KIN_OK)
        status = kin_ledger_parse(&e->ledger, e->ledger_mapping.data, e->ledger_mapping.bytes, path,
                                  error);
    free(path);
    e->shards = kin_calloc(e->manifest.shard_count, sizeof *e->shards);
    for (uint32_t s = 0; s < e->manifest.shard_count && status == KIN_OK; s++) {
        path = kin_path_join(e->folder, e->manifest.shards[s].file);
        status = kin_shard_reader_open(&e->shards[s], path, error);
        if (status == KIN_OK) {
            kin_digest digest = kin_shard_reader_digest(e->shards[s]);
            if (!kin_digest_equal(&digest, &e->manifest.shards[s].digest))
                status = kin_fail(error, KIN_MISMATCH,
                                  "%s is not the shard that the manifest names", path);
        }
        free(path);
    }
    return status;
}

static void close_all(export *e)
{
    for (uint32_t s = 0; e->shards != NULL && s < e->manifest.shard_count; s++)
        kin_shard_reader_close(&e->shards[s]);
    free(e->shards);
    kin_mapping_close(&e->ledger_mapping);
    kin_manifest_fini(&e->manifest);
    free(e->folder);
    free(e->codes);
    free(e->ids);
    free(e->keys);
    free(e->values);
    kin_buffer_fini(&e->text);
    kin_file_writer_discard(&e->codes_file);
    kin_file_writer_discard(&e->ids_file);
    kin_file_writer_discard(&e->keys_file);
    kin_file_writer_discard(&e->values_file);
}

/* How many indexed rows come before an id: all but the rejected ones. */
static uint64_t row_of(const export *e, uint64_t id)
{
    uint64_t low = 0, high = e->ledger.count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (kin_ledger_get(&e->ledger, middle).id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return id - low;
}

/* A .npy of so many rows; width 0: of plain numbers. */
static kin_status begin_npy(kin_file_writer *file, const char *path, const char *type,
                            uint64_t rows, uint64_t width, kin_error *error)
{
    kin_buffer header = {0};
    const uint64_t dims[] = {rows, width};
    kin_npy_build_header(&header, type, dims, width > 0 ? 2 : 1);
    kin_status status = kin_file_writer_open(file, path, error);
    if (status == KIN_OK) status = kin_file_writer_append(file, header.data, header.bytes, error);
    kin_buffer_fini(&header);
    return status;
}

static kin_status begin(export *e, uint64_t memory_bytes, kin_error *error)
{
    uint64_t count = e->manifest.indexed, row_bytes = e->manifest.bits / 8 + 8;
    if (e->keys_path != NULL) {
        uint64_t key_bytes = 0; /* keys are no larger than all of the shard files */
        for (uint32_t s = 0; s < e->manifest.shard_count; s++)
            key_bytes += e->manifest.shards[s].bytes;
        row_bytes += sizeof *e->keys + (count > 0 ? key_bytes / count : 0);
    }
    uint32_t dimensions = e->manifest.value_dimensions;
    if (e->values_path != NULL) row_bytes += dimensions;
    e->pass_rows = memory_bytes / row_bytes + 1;
    if (e->pass_rows > count) e->pass_rows = count;
    e->codes = kin_malloc((size_t)e->pass_rows * (e->manifest.bits / 8));
    e->ids = kin_malloc((size_t)e->pass_rows * sizeof *e->ids);
    if (e->keys_path != NULL) e->keys = kin_malloc((size_t)e->pass_rows * sizeof *e->keys);
    kin_status status =
        begin_npy(&e->codes_file, e->codes_path, "|u1", count, e->manifest.bits / 8, error);
    if (status == KIN_OK && e->ids_path != NULL)
        status = begin_npy(&e->ids_file, e->ids_path, "<u8", count, 0, error);
    if (status == KIN_OK && e->keys_path != NULL)
        status = kin_file_writer_open(&e->keys_file, e->keys_path, error);
    if (e->values_path == NULL) return status;
    e->values = kin_malloc((size_t)e->pass_rows * dimensions);
    if (status == KIN_OK)
        status = begin_npy(&e->values_file, e->values_path, "|i1", count, dimensions, error);
    return status;
}

static kin_status take_key(export *e, const kin_shard_reader *shard, uint64_t row, uint64_t place,
                           kin_error *error)
{
    uint32_t bytes;
    const char *key = kin_shard_reader_key(shard, row, &bytes);
    if (bytes > 0 && memchr(key, '\n', bytes) != NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the key of id %llu has a line end in it, so that keys cannot be lines; "
                        "leave --keys out",
                        (unsigned long long)kin_shard_reader_id(shard, row));
    e->keys[place] = (waiting_key){.at = e->text.bytes, .bytes = bytes};
    kin_buffer_append(&e->text, key, bytes);
    return KIN_OK;
}

/* The rows [first, first + count) of the order of ids, from wherever they are. */
static kin_status gather(export *e, uint64_t first, uint64_t count, kin_error *error)
{
    unsigned bits = e->manifest.bits;
    uint32_t dimensions = e->manifest.value_dimensions;
    kin_status status = KIN_OK;
    kin_buffer_clear(&e->text);
    memset(e->ids, 0xff, (size_t)count * sizeof *e->ids); /* an id that nothing has */
    for (uint32_t s = 0; s < e->manifest.shard_count; s++) {
        const kin_shard_reader *shard = e->shards[s];
        uint32_t hint = 0;
        uint64_t rows = kin_shard_reader_count(shard);
        for (uint64_t row = 0; row < rows && status == KIN_OK; row++) {
            uint64_t id = kin_shard_reader_id(shard, row), place = row_of(e, id) - first;
            kin_code code;
            if (place >= count) continue; /* or it wraps around */
            kin_shard_reader_code(shard, row, &hint, &code);
            kin_code_to_bytes(&code, (uint8_t *)e->codes + place * (bits / 8), bits);
            e->ids[place] = id;
            if (e->values != NULL)
                memcpy(e->values + place * dimensions, kin_shard_reader_values(shard, row),
                       dimensions);
            if (e->keys != NULL) status = take_key(e, shard, row, place, error);
        }
    }
    for (uint64_t i = 0; status == KIN_OK && i < count; i++)
        if (e->ids[i] == UINT64_MAX)
            status = kin_fail(error, KIN_CORRUPT,
                              "the shards of %s do not have all ids that its ledger leaves: row "
                              "%llu is missing; kindred verify says more",
                              e->index_path, (unsigned long long)(first + i));
    return status;
}

static kin_status write_pass(export *e, uint64_t count, kin_error *error)
{
    kin_status status = kin_file_writer_append(&e->codes_file, e->codes,
                                               (size_t)count * (e->manifest.bits / 8), error);
    for (uint64_t i = 0; e->ids_path != NULL && i < count; i++)
        kin_store_le64(&e->ids[i], e->ids[i]);
    if (status == KIN_OK && e->ids_path != NULL)
        status = kin_file_writer_append(&e->ids_file, e->ids, (size_t)count * 8, error);
    if (status == KIN_OK && e->values != NULL)
        status = kin_file_writer_append(&e->values_file, e->values,
                                        (size_t)count * e->manifest.value_dimensions, error);
    for (uint64_t i = 0; e->keys != NULL && i < count && status == KIN_OK; i++) {
        status = kin_file_writer_append(&e->keys_file, e->text.data + e->keys[i].at,
                                        e->keys[i].bytes, error);
        if (status == KIN_OK) status = kin_file_writer_append(&e->keys_file, "\n", 1, error);
    }
    return status;
}

static kin_status run(export *e, uint64_t memory_bytes, kin_error *error)
{
    char text[32];
    kin_status status = open_index(e, error);
    if (status == KIN_OK) status = begin(e, memory_bytes, error);
    uint64_t all = e->manifest.indexed;
    for (uint64_t first = 0; status == KIN_OK && first < all; first += e->pass_rows) {
        uint64_t count = all - first < e->pass_rows ? all - first : e->pass_rows;
        status = gather(e, first, count, error);
        if (status == KIN_OK) status = write_pass(e, count, error);
    }
    if (status == KIN_OK) status = kin_file_writer_publish(&e->codes_file, error);
    if (status == KIN_OK && e->ids_path != NULL)
        status = kin_file_writer_publish(&e->ids_file, error);
    if (status == KIN_OK && e->keys_path != NULL)
        status = kin_file_writer_publish(&e->keys_file, error);
    if (status == KIN_OK && e->values_path != NULL)
        status = kin_file_writer_publish(&e->values_file, error);
    if (status == KIN_OK)
        kin_log(KIN_LOG_INFO, "%s codes of %u bits written", kin_text_count(all, text),
                e->manifest.bits);
    return status;
}

static int usage(const char *sentence)
{
    kin_log(KIN_LOG_ERROR, "%s", sentence);
    return 2;
}

int kin_export_command(int argc, char **argv)
{
    export e = {0};
    const char *memory = "1G";
    bool wants_help = false;
    int argument_count;
    uint64_t memory_bytes;
    kin_error error;
    const kin_option table[] = {
        {"output", 'o', KIN_OPTION_TEXT, &e.codes_path, 0, 0, NULL},
        {"ids", 0, KIN_OPTION_TEXT, &e.ids_path, 0, 0, NULL},
        {"keys", 0, KIN_OPTION_TEXT, &e.keys_path, 0, 0, NULL},
        {"values", 0, KIN_OPTION_TEXT, &e.values_path, 0, 0, NULL},
        {"memory", 0, KIN_OPTION_TEXT, &memory, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &wants_help, 0, 0, NULL},
        {0},
    };
    if (kin_options_parse(table, argc, argv, &argument_count, &error) != KIN_OK)
        return usage(error.text);
    if (wants_help) {
        fputs(help, stdout);
        return 0;
    }
    if (argument_count != 1) return usage("export takes one INDEX; export --help says more");
    if (e.codes_path == NULL) return usage("there is no -o CODES.npy; say where the codes go");
    if (!kin_text_parse_bytes(memory, &memory_bytes)) {
        (void)kin_fail(&error, KIN_BAD_INPUT,
                       "--memory is %s; it takes bytes, with K, M, G or T behind the number, such "
                       "as 1G",
                       memory);
        return usage(error.text);
    }
    e.index_path = argv[1];
    kin_status status = run(&e, memory_bytes, &error);
    close_all(&e);
    if (status != KIN_OK) kin_log(KIN_LOG_ERROR, "%s", error.text);
    return status == KIN_OK ? 0 : 1;
}
