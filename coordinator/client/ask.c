#include "coordinator/client/ask.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "coordinator/client/answer_text.h"
#include "coordinator/client/picture_source.h"
#include "proto/generation.h"

/* Twice the default thumbnail: an HTML sheet shows it sharp on a fine screen. */
#define QUESTION_THUMBNAIL_SIDE (2 * KIN_THUMBNAIL_SIDE_DEFAULT)

static bool is_endpoint(const char *target)
{
    return strstr(target, "://") != NULL;
}

static void failed(kin_ask *ask, const kin_error *error)
{
    kin_command_failed(error);
    ask->result = KIN_EXIT_FAILED;
}

/* Says what is wrong with a folder before anything is started for it. */
static kin_status check_target(const char *target, kin_error *error)
{
    char generation[KIN_GENERATION_NAME_BYTES];
    if (is_endpoint(target)) return KIN_OK;
    if (!kin_path_is_directory(target))
        return kin_fail(error, KIN_NOT_FOUND,
                        "%s is neither the folder of an index nor an endpoint such as "
                        "tcp://127.0.0.1:7700",
                        target);
    return kin_generation_current(target, generation, error);
}

bool kin_ask_open(kin_ask *ask, const kin_command *command, const char *target,
                  uint32_t question_count, kin_exit *result)
{
    kin_error error = {0};
    ask->target = target;
    *result = KIN_EXIT_USAGE;
    if (ask->json && ask->tsv) {
        kin_command_misused(command, "--json and --tsv exclude each other");
        return false;
    }
    if (ask->sheet_path != NULL &&
        kin_answer_sheet_open(&ask->sheet, ask->sheet_path, question_count, &error) != KIN_OK) {
        kin_command_misused(command, error.text);
        return false;
    }
    kin_client_options options = KIN_CLIENT_OPTIONS_DEFAULT;
    options.target = target;
    options.key_file = ask->key_file;
    options.server_key = ask->server_key;
    options.deadline_ms = ask->deadline_ms;
    options.allow_partial = ask->allow_partial;
    kin_status status = check_target(target, &error);
    if (status == KIN_OK) status = kin_client_open(&ask->client, &options, &error);
    if (status == KIN_OK) status = kin_client_bits(ask->client, &ask->bits, &error);
    const char *header = ask->rerank ? KIN_ANSWER_TSV_HEADER_RERANK : KIN_ANSWER_TSV_HEADER;
    if (status == KIN_OK && ask->tsv) status = kin_command_print(header, strlen(header), &error);
    if (status == KIN_OK) return true;
    *result = kin_command_failed(&error);
    kin_client_close(&ask->client);
    return false;
}

/* Asks again, by a scan of all codes, and compares. */
static kin_status check_answer(kin_ask *ask, const kin_question *question, kin_answer *answer,
                               kin_error *error)
{
    kin_question again = *question;
    kin_answer scanned = {0};
    again.thumbnail_side = 0;
    again.exhaustive = true;
    if (question->rerank == 0) { /* the code is known; values are not */
        again.picture = NULL;
        again.picture_bytes = 0;
        again.code = answer->code;
    }
    kin_status status = kin_client_search(ask->client, &again, &scanned, error);
    if (status == KIN_PARTIAL && ask->allow_partial) status = KIN_OK;
    bool same = status != KIN_OK || (scanned.hit_count == answer->hit_count &&
                                     scanned.score_count == answer->score_count &&
                                     scanned.total_within == answer->total_within);
    for (uint32_t i = 0; status == KIN_OK && same && i < answer->hit_count; i++)
        same = scanned.hits[i].distance == answer->hits[i].distance &&
               (question->any_ties || scanned.hits[i].id == answer->hits[i].id) &&
               (i >= answer->score_count || scanned.scores[i] == answer->scores[i]);
    if (!same)
        status = kin_fail(error, KIN_CORRUPT,
                          "a scan of all codes gives another answer: please report this, with "
                          "the index (kindred verify looks at its files)");
    answer->checked = status == KIN_OK;
    kin_answer_fini(&scanned);
    return status;
}

void kin_ask_question(kin_ask *ask, const char *name, kin_question *question)
{
    kin_error error = {0};
    kin_answer answer = {0};
    if (ask->sheet_path != NULL) question->thumbnail_side = QUESTION_THUMBNAIL_SIDE;
    kin_status status = kin_client_search(ask->client, question, &answer, &error);
    bool partial = status == KIN_PARTIAL && ask->allow_partial;
    if (partial) {
        kin_log(KIN_LOG_WARNING, "%s: only %u of %u shards answered", name, answer.answered,
                answer.shards);
        if (ask->result == KIN_EXIT_DONE) ask->result = KIN_EXIT_PARTIAL;
        status = KIN_OK;
    }
    if (status == KIN_OK && ask->check) status = check_answer(ask, question, &answer, &error);
    if (status == KIN_OK) {
        kin_buffer text = {0};
        kin_answer_append(&text,
                          ask->json  ? KIN_ANSWER_JSON
                          : ask->tsv ? KIN_ANSWER_TSV
                                     : KIN_ANSWER_TABLE,
                          name, question, &answer);
        status = kin_command_print(text.data, text.bytes, &error);
        kin_buffer_fini(&text);
    } else {
        kin_error_prefix(&error, "%s", name);
    }
    if (status == KIN_OK && ask->sheet_path != NULL)
        status = kin_answer_sheet_add(&ask->sheet, ask->client, name, question, &answer, &error);
    if (status != KIN_OK) failed(ask, &error);
    kin_answer_fini(&answer);
}

void kin_ask_picture(kin_ask *ask, const char *name, kin_question question)
{
    kin_error error = {0};
    kin_buffer picture = {0};
    if (kin_picture_source_read(name, &picture, &error) == KIN_OK) {
        question.picture = picture.data;
        question.picture_bytes = picture.bytes;
        kin_ask_question(ask, name, &question);
    } else {
        failed(ask, &error);
    }
    kin_buffer_fini(&picture);
}

/* The name of an index's folder, however it was written; an endpoint does not say whose it is. */
static char *title_of(const char *target)
{
    char path[PATH_MAX];
    if (is_endpoint(target)) return kin_strdup("Kindred");
    return kin_strdup(kin_sheet_caption(realpath(target, path) != NULL ? path : target));
}

/* "6,894 pictures · 64 bits · subtitle". Every picture is within `bits` of any code. */
static char *figures_of(const kin_ask *ask, const char *subtitle)
{
    kin_question question = {.k = 1, .within = (int32_t)ask->bits};
    kin_answer answer = {0};
    char count[32];
    char *text = kin_client_search(ask->client, &question, &answer, NULL) == KIN_OK
                     ? kin_sprintf("%s pictures \xc2\xb7 %u bits \xc2\xb7 %s",
                                   kin_text_count(answer.total_within, count), ask->bits, subtitle)
                     : kin_sprintf("%u bits \xc2\xb7 %s", ask->bits, subtitle);
    kin_answer_fini(&answer);
    return text;
}

kin_exit kin_ask_close(kin_ask *ask, const char *subtitle)
{
    kin_error error = {0};
    if (ask->sheet_path != NULL && ask->sheet.sheet.row_count > 0) {
        char *title = title_of(ask->target), *figures = figures_of(ask, subtitle);
        if (kin_answer_sheet_write(&ask->sheet, title, figures, &error) == KIN_OK)
            kin_log(KIN_LOG_INFO, "the sheet is in %s", ask->sheet_path);
        else
            failed(ask, &error);
        free(title);
        free(figures);
    }
    kin_answer_sheet_fini(&ask->sheet);
    kin_client_close(&ask->client);
    return ask->result;
}
