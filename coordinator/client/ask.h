/* What the commands that ask an index share: options, the client, and where answers go. */
#ifndef COORDINATOR_CLIENT_ASK_H
#define COORDINATOR_CLIENT_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/client/answer_sheet.h"
#include "coordinator/client/client.h"
#include "coordinator/client/commands.h"

typedef struct kin_ask {
    /* Options. */
    bool json, tsv, allow_partial;
    bool rerank; /* answers have one more column */
    bool check;  /* compare every answer with that of a scan */
    const char *sheet_path, *key_file, *server_key;
    int64_t deadline_ms;
    /* While asking. */
    const char *target;
    kin_client *client;
    unsigned bits;
    kin_answer_sheet sheet;
    kin_exit result; /* the worst so far */
} kin_ask;

/* The rows of an option table that fill ask. */
#define KIN_ASK_OPTIONS(ask)                                                                \
    {"json", 0, KIN_OPTION_FLAG, &(ask)->json, 0, 0, NULL},                                 \
        {"tsv", 0, KIN_OPTION_FLAG, &(ask)->tsv, 0, 0, NULL},                               \
        {"allow-partial", 0, KIN_OPTION_FLAG, &(ask)->allow_partial, 0, 0, NULL},           \
        {"sheet", 0, KIN_OPTION_TEXT, &(ask)->sheet_path, 0, 0, NULL},                      \
        {"key", 0, KIN_OPTION_TEXT, &(ask)->key_file, 0, 0, NULL},                          \
        {"server-key", 0, KIN_OPTION_TEXT, &(ask)->server_key, 0, 0, NULL},                 \
    {                                                                                       \
        "deadline", 0, KIN_OPTION_NUMBER, &(ask)->deadline_ms, 1, KIN_DEADLINE_MS_MAX, NULL \
    }

/* Checks the options, then opens the client. False where that failed and was said: *result is what
 * the program returns. target is the folder of an index or an endpoint; borrowed. */
bool kin_ask_open(kin_ask *ask, const kin_command *command, const char *target,
                  uint32_t question_count, kin_exit *result);

/* Asks, prints the answer, adds it to the sheet. name stands for the question. What fails is said
 * and remembered in ask->result. */
void kin_ask_question(kin_ask *ask, const char *name, kin_question *question);

/* The same for the picture that name names (kin_picture_source_read); question says the rest. */
void kin_ask_picture(kin_ask *ask, const char *name, kin_question question);

/* Writes the sheet, with subtitle behind the index's figures; closes; returns what the program
 * returns. */
kin_exit kin_ask_close(kin_ask *ask, const char *subtitle);

#endif
