#include "worker/verify/verify.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/encoder_file.h"
#include "proto/generation.h"
#include "proto/network_file.h"
#include "worker/verify/verify_codes.h"
#include "worker/verify/verify_features.h"

void kin_verify_note(kin_verify_report *report, const char *what, const kin_error *error)
{
    bool holds = error == NULL || error->status == KIN_OK;
    *(holds ? &report->passed : &report->failed) += 1;
    if (holds && report->quiet) return;
    if (!report->json) {
        if (holds)
            printf("ok      %s\n", what);
        else
            printf("FAILED  %s: %s\n", what, error->text);
        return;
    }
    kin_buffer line = {0};
    kin_buffer_append_string(&line, "{\"check\": ");
    kin_text_append_json(&line, what, strlen(what));
    kin_buffer_printf(&line, ", \"ok\": %s", holds ? "true" : "false");
    if (!holds) {
        kin_buffer_append_string(&line, ", \"error\": ");
        kin_text_append_json(&line, error->text, strlen(error->text));
    }
    kin_buffer_append_string(&line, "}\n");
    fwrite(line.data, 1, line.bytes, stdout);
    kin_buffer_fini(&line);
}

/* A generation that is being verified. */
typedef struct generation {
    char *folder;
    kin_manifest manifest;
    kin_shard_reader **shards; /* [shard_count]; NULL where one is refused */
    bool whole;                /* every shard is there */
} generation;

static kin_status verify_encoder(const generation *of, kin_error *error)
{
    char *path = kin_path_join(of->folder, KIN_ENCODER_FILE);
    kin_buffer file = {0};
    kin_encoder_file encoder = {0};
    kin_status status = kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, &file, error);
    if (status == KIN_OK)
        status = kin_encoder_file_parse(&encoder, file.data, file.bytes, path, error);
    kin_digest digest = kin_digest_of(file.data, file.bytes);
    if (status == KIN_OK && !kin_digest_equal(&digest, &of->manifest.fingerprint))
        status =
            kin_fail(error, KIN_MISMATCH, "%s is not the encoder that the manifest names", path);
    if (status == KIN_OK && of->manifest.value_dimensions > 0 &&
        of->manifest.value_dimensions != encoder.card.bits)
        status = kin_fail(error, KIN_MISMATCH,
                          "%s has %u bits; the manifest says that %u values are kept of them", path,
                          encoder.card.bits, of->manifest.value_dimensions);
    kin_buffer_fini(&file);
    free(path);
    return status;
}

/* Whether the features that the manifest names are those of network.kin. */
static kin_status verify_network(const generation *of, kin_error *error)
{
    char *path = kin_path_join(of->folder, KIN_NETWORK_FILE);
    kin_mapping mapping = {0};
    kin_network_file file;
    kin_status status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK)
        status = kin_network_file_parse(&file, mapping.data, mapping.bytes, path, error);
    if (status == KIN_OK) {
        char name[KIN_NETWORK_FEATURES_BYTES];
        kin_network_features_name(mapping.data, "", name);
        if (strncmp(name, of->manifest.features, strlen(name)) != 0)
            status = kin_fail(error, KIN_MISMATCH, "%s is not the networks that the manifest names",
                              path);
    }
    kin_mapping_close(&mapping);
    free(path);
    return status;
}

static kin_status verify_shard(generation *of, uint32_t s, kin_error *error)
{
    const kin_manifest_shard *row = &of->manifest.shards[s];
    char *path = kin_path_join(of->folder, row->file);
    kin_code first, last;
    struct stat file;
    kin_status status = kin_shard_reader_open(&of->shards[s], path, error);
    if (status == KIN_OK) status = kin_shard_reader_verify(of->shards[s], error);
    if (status == KIN_OK) {
        kin_shard_reader_range(of->shards[s], &first, &last);
        kin_digest digest = kin_shard_reader_digest(of->shards[s]);
        if (kin_shard_reader_number(of->shards[s]) != s ||
            kin_shard_reader_bits(of->shards[s]) != of->manifest.bits ||
            kin_shard_reader_count(of->shards[s]) != row->count ||
            kin_shard_reader_value_dimensions(of->shards[s]) != of->manifest.value_dimensions ||
            kin_code_compare(&first, &row->first) != 0 ||
            kin_code_compare(&last, &row->last) != 0 || stat(path, &file) != 0 ||
            (uint64_t)file.st_size != row->bytes || !kin_digest_equal(&digest, &row->digest))
            status = kin_fail(error, KIN_MISMATCH,
                              "%s is not the shard that the manifest names (number, width, count, "
                              "values, range, size or digest)",
                              path);
    }
    if (status != KIN_OK) kin_shard_reader_close(&of->shards[s]);
    free(path);
    return status;
}

static kin_status verify_ledger_sums(const kin_manifest *manifest, const kin_ledger *ledger,
                                     kin_error *error)
{
    uint64_t rejected[KIN_REASON_COUNT] = {0};
    for (uint64_t i = 0; i < ledger->count; i++)
        rejected[kin_ledger_get(ledger, i).reason]++;
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++)
        if (rejected[reason] != manifest->rejected[reason])
            return kin_fail(error, KIN_CORRUPT,
                            "the ledger has %llu inputs with reason %s; the manifest says %llu",
                            (unsigned long long)rejected[reason],
                            kin_reason_word((kin_reason)reason),
                            (unsigned long long)manifest->rejected[reason]);
    return KIN_OK;
}

/* The ledger, and what needs ledger and all shards. */
static void verify_sums(const generation *of, uint32_t searches, kin_verify_report *report)
{
    char *path = kin_path_join(of->folder, KIN_LEDGER_FILE);
    kin_mapping mapping = {0};
    kin_ledger ledger = {0};
    kin_error error = {0};
    kin_status status = kin_mapping_open(&mapping, path, &error);
    if (status == KIN_OK)
        status = kin_ledger_parse(&ledger, mapping.data, mapping.bytes, path, &error);
    if (status == KIN_OK) {
        kin_digest digest = kin_container_digest(mapping.data);
        if (!kin_digest_equal(&digest, &of->manifest.ledger))
            status = kin_fail(&error, KIN_MISMATCH, "%s is not the ledger that the manifest names",
                              path);
    }
    if (status == KIN_OK) status = verify_ledger_sums(&of->manifest, &ledger, &error);
    kin_verify_note(report, KIN_LEDGER_FILE, &error);
    if (status == KIN_OK && of->whole) {
        status = kin_verify_ids(&of->manifest, of->shards, &ledger, &error);
        kin_verify_note(report, "every input is in one shard or in the ledger", &error);
    }
    if (of->whole) {
        kin_error health = {0}, search = {0};
        status = kin_verify_health(&of->manifest, of->shards, &health);
        kin_verify_note(report, "health of the code", &health);
        status = kin_verify_searches(&of->manifest, of->shards, searches, &search);
        char what[64];
        snprintf(what, sizeof what, "%u searches equal a brute force", searches);
        kin_verify_note(report, what, &search);
    }
    (void)status; /* it is in the notes */
    kin_mapping_close(&mapping);
    free(path);
}

kin_status kin_verify_index(const char *index_path, uint32_t searches, kin_verify_report *report,
                            kin_error *error)
{
    generation of = {.whole = true};
    kin_status status = kin_generation_manifest(index_path, NULL, &of.manifest, &of.folder, error);
    if (status != KIN_OK) return status;
    kin_verify_note(report, KIN_MANIFEST_FILE, NULL);
    kin_error found = {0};
    status = verify_encoder(&of, &found);
    kin_verify_note(report, KIN_ENCODER_FILE, &found);
    if (kin_network_is_features(of.manifest.features)) {
        found = (kin_error){0};
        (void)verify_network(&of, &found);
        kin_verify_note(report, KIN_NETWORK_FILE, &found);
    }
    of.shards = kin_calloc(of.manifest.shard_count, sizeof(kin_shard_reader *));
    for (uint32_t s = 0; s < of.manifest.shard_count; s++) {
        found = (kin_error){0};
        if (verify_shard(&of, s, &found) != KIN_OK) of.whole = false;
        kin_verify_note(report, of.manifest.shards[s].file, &found);
    }
    kin_verify_features(of.folder, &of.manifest, of.shards, report);
    verify_sums(&of, searches, report);
    for (uint32_t s = 0; s < of.manifest.shard_count; s++)
        kin_shard_reader_close(&of.shards[s]);
    free(of.shards);
    free(of.folder);
    kin_manifest_fini(&of.manifest);
    return KIN_OK;
}
