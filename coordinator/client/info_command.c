#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/client/code_survey.h"
#include "coordinator/client/commands.h"
#include "coordinator/client/index_report.h"
#include "proto/encoder_file.h"
#include "proto/generation.h"
#include "proto/ledger.h"

static const char help[] =
    "usage: kindred info INDEX [options]\n"
    "\n"
    "Says what an index is made of: pictures indexed and rejected, encoder, shards,\n"
    "size, and the health of its codes: bits that are balanced, independent, alive, and\n"
    "how far apart pictures are that have nothing to do with each other.\n"
    "\n"
    "  --json         one JSON object\n"
    "  --rejected     lists the inputs that are not indexed: reason, key, detail\n"
    "                 (with --json one object a line)\n"
    "  --buckets N    lists the N codes that most pictures share: pictures, code, and the\n"
    "                 first of them\n"
    "  --generations  lists the generations that are kept, the current one marked\n"
    "\n"
    "kindred status asks a running cluster; kindred verify checks every byte.\n"
    "\n"
    "example: kindred info my-index --rejected\n";

/* Shards may be elsewhere, or damaged: the rest of the report stands without them. */
static void survey_codes(const char *folder, const kin_manifest *manifest, kin_code_survey *survey)
{
    kin_error error = {0};
    if (kin_code_survey_distances(folder, manifest, survey, &error) == KIN_OK) return;
    kin_log(KIN_LOG_WARNING, "distances are not shown: %s", error.text);
    survey->pairs = 0;
}

/* A generation whose encoder cannot be read is reported as its manifest describes it; kindred
 * verify says more. The card borrows bytes. */
static void read_card(const char *folder, kin_buffer *bytes, kin_index_card *card)
{
    char *path = kin_path_join(folder, KIN_ENCODER_FILE);
    kin_encoder_file file;
    if (kin_file_read(path, KIN_ENCODER_FILE_BYTES_MAX, bytes, NULL) == KIN_OK &&
        kin_encoder_file_parse(&file, bytes->data, bytes->bytes, path, NULL) == KIN_OK)
        *card = (kin_index_card){.learned_bits = file.card.bits, .quality = file.quality};
    free(path);
}

static kin_status report(const char *index, bool json, kin_buffer *out, kin_error *error)
{
    char generation[KIN_GENERATION_NAME_BYTES], *folder = NULL;
    kin_manifest manifest = {0};
    kin_status status = kin_generation_current(index, generation, error);
    if (status == KIN_OK)
        status = kin_generation_manifest(index, generation, &manifest, &folder, error);
    if (status != KIN_OK) return status;
    kin_code_survey survey;
    survey_codes(folder, &manifest, &survey);
    kin_index_card card = {0};
    kin_buffer bytes = {0};
    read_card(folder, &bytes, &card);
    if (json)
        kin_index_report_append_json(out, index, generation, &manifest, &card, &survey);
    else
        kin_index_report_append(out, index, generation, &manifest, &card, &survey);
    kin_buffer_fini(&bytes);
    kin_manifest_fini(&manifest);
    free(folder);
    return KIN_OK;
}

static void append_bucket(kin_buffer *out, const kin_survey_bucket *bucket, unsigned bits,
                          bool json)
{
    char code[KIN_CODE_TEXT_BYTES];
    kin_code_text(&bucket->code, bits, code);
    if (json) {
        kin_buffer_printf(
            out, "{\"pictures\": %" PRIu64 ", \"code\": \"%s\", \"id\": %" PRIu64 ", \"key\": ",
            bucket->pictures, code, bucket->first_id);
        kin_text_append_json(out, bucket->first_key, strlen(bucket->first_key));
        kin_buffer_append_string(out, "}\n");
    } else {
        kin_buffer_printf(out, "%" PRIu64 "\t%s\t%s\n", bucket->pictures, code, bucket->first_key);
    }
}

static kin_status list_buckets(const char *index, uint32_t room, bool json, kin_buffer *out,
                               kin_error *error)
{
    kin_manifest manifest = {0};
    char *folder = NULL;
    uint32_t count = 0;
    kin_survey_bucket *buckets = kin_calloc(room, sizeof *buckets);
    kin_status status = kin_generation_manifest(index, NULL, &manifest, &folder, error);
    if (status == KIN_OK)
        status = kin_code_survey_buckets(folder, &manifest, buckets, room, &count, error);
    for (uint32_t i = 0; status == KIN_OK && i < count; i++)
        append_bucket(out, &buckets[i], manifest.bits, json);
    kin_survey_buckets_fini(buckets, count);
    kin_manifest_fini(&manifest);
    free(buckets);
    free(folder);
    return status;
}

static void append_ledger_row(kin_buffer *out, const kin_ledger_row *row, bool json)
{
    if (!json) {
        kin_buffer_printf(out, "%s\t", kin_reason_word(row->reason));
        kin_text_append_escaped(out, row->key, row->key_bytes);
        kin_buffer_append_byte(out, '\t');
        kin_text_append_escaped(out, row->detail, row->detail_bytes);
        kin_buffer_append_byte(out, '\n');
        return;
    }
    kin_buffer_printf(out, "{\"id\": %" PRIu64 ", \"reason\": \"%s\", \"key\": ", row->id,
                      kin_reason_word(row->reason));
    kin_text_append_json(out, row->key, row->key_bytes);
    if (!kin_text_is_utf8(row->key, row->key_bytes)) {
        kin_buffer_append_string(out, ", \"key_hex\": \"");
        for (uint32_t i = 0; i < row->key_bytes; i++)
            kin_buffer_printf(out, "%02x", (unsigned char)row->key[i]);
        kin_buffer_append_byte(out, '"');
    }
    kin_buffer_append_string(out, ", \"detail\": ");
    kin_text_append_json(out, row->detail, row->detail_bytes);
    kin_buffer_append_string(out, "}\n");
}

static kin_status list_rejected(const char *index, bool json, kin_buffer *out, kin_error *error)
{
    kin_manifest manifest = {0};
    char *folder = NULL, *path = NULL;
    kin_mapping mapping = {0};
    kin_ledger ledger;
    kin_status status = kin_generation_manifest(index, NULL, &manifest, &folder, error);
    if (status != KIN_OK) goto done;
    path = kin_path_join(folder, KIN_LEDGER_FILE);
    status = kin_mapping_open(&mapping, path, error);
    if (status == KIN_OK)
        status = kin_ledger_parse(&ledger, mapping.data, mapping.bytes, path, error);
    for (uint64_t i = 0; status == KIN_OK && i < ledger.count; i++) {
        kin_ledger_row row = kin_ledger_get(&ledger, i);
        append_ledger_row(out, &row, json);
    }
done:
    kin_mapping_close(&mapping);
    kin_manifest_fini(&manifest);
    free(folder);
    free(path);
    return status;
}

static int is_generation(const struct dirent *entry)
{
    return kin_generation_number(entry->d_name) != 0;
}

static void append_generation(kin_buffer *out, const char *index, const char *name,
                              const char *current, bool json)
{
    kin_manifest manifest = {0};
    kin_error error = {0};
    char count[32];
    bool is_current = strcmp(name, current) == 0;
    if (kin_generation_manifest(index, name, &manifest, NULL, &error) != KIN_OK)
        kin_log(KIN_LOG_WARNING, "%s", error.text);
    else if (json)
        kin_buffer_printf(out,
                          "{\"generation\": \"%s\", \"indexed\": %" PRIu64 ", \"current\": %s}\n",
                          name, manifest.indexed, is_current ? "true" : "false");
    else
        kin_buffer_printf(out, "%c %s %12s pictures\n", is_current ? '*' : ' ', name,
                          kin_text_count(manifest.indexed, count));
    kin_manifest_fini(&manifest);
}

static kin_status list_generations(const char *index, bool json, kin_buffer *out, kin_error *error)
{
    char current[KIN_GENERATION_NAME_BYTES];
    kin_status status = kin_generation_current(index, current, error);
    if (status != KIN_OK) return status;
    struct dirent **names;
    int count = scandir(index, &names, is_generation, alphasort);
    if (count < 0)
        return kin_fail(error, KIN_IO, "cannot list the folder %s: %s", index, strerror(errno));
    for (int i = 0; i < count; i++) {
        append_generation(out, index, names[i]->d_name, current, json);
        free(names[i]);
    }
    free(names);
    return KIN_OK;
}

static kin_exit run(int argc, char **argv)
{
    bool json = false, rejected = false, generations = false;
    int64_t buckets = 0;
    const kin_option options[] = {
        {"json", 0, KIN_OPTION_FLAG, &json, 0, 0, NULL},
        {"rejected", 0, KIN_OPTION_FLAG, &rejected, 0, 0, NULL},
        {"buckets", 0, KIN_OPTION_NUMBER, &buckets, 1, KIN_SURVEY_BUCKETS_MAX, NULL},
        {"generations", 0, KIN_OPTION_FLAG, &generations, 0, 0, NULL},
        {0},
    };
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_info_command, options, argc, argv, 1, 1, &count, &result))
        return result;
    if (rejected + generations + (buckets > 0) > 1)
        return kin_command_misused(&kin_info_command,
                                   "--rejected, --buckets and --generations exclude each other");
    if (strstr(argv[1], "://") != NULL)
        return kin_command_misused(&kin_info_command,
                                   "info reads the folder of an index; kindred status asks an "
                                   "endpoint");
    kin_error error = {0};
    kin_buffer out = {0};
    kin_status status = rejected      ? list_rejected(argv[1], json, &out, &error)
                        : buckets > 0 ? list_buckets(argv[1], (uint32_t)buckets, json, &out, &error)
                        : generations ? list_generations(argv[1], json, &out, &error)
                                      : report(argv[1], json, &out, &error);
    if (status == KIN_OK) status = kin_command_print(out.data, out.bytes, &error);
    kin_buffer_fini(&out);
    return status == KIN_OK ? KIN_EXIT_DONE : kin_command_failed(&error);
}

const kin_command kin_info_command = {
    .name = "info",
    .summary = "what an index is made of, and how healthy its codes are",
    .help = help,
    .run = run,
};
