#include <string.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/code/class_text.h"
#include "coordinator/client/client.h"
#include "coordinator/client/commands.h"
#include "coordinator/client/picture_source.h"

/* kindred-classify's own --help is what people see; this is what a mistake points to. */
static const char help[] =
    "usage: kindred classify ENDPOINT PICTURE... [options]\n"
    "\n"
    "Says which classes pictures are of, by the index that a coordinator serves.\n"
    "\n"
    "  --top N        classes of each picture, the most probable first (1)\n"
    "  --json         a JSON object for each picture\n"
    "  --deadline MS  gives up after MS milliseconds (10000)\n"
    "  --key FILE --server-key KEY\n"
    "                 this client's keys (kindred keygen) and the coordinator's\n"
    "\n"
    "Exit status: 0 done, 1 something could not be classified, 2 usage.\n"
    "\n"
    "example: kindred classify tcp://127.0.0.1:7700 holiday.jpg --top 3\n";

typedef struct classifying {
    kin_client *client;
    uint32_t top;
    bool json;
} classifying;

static kin_status classify_picture(const classifying *by, const char *name, kin_error *error)
{
    kin_buffer picture = {0}, out = {0};
    kin_classes_answer answer = {0};
    kin_status status = kin_picture_source_read(name, &picture, error);
    if (status == KIN_OK)
        status =
            kin_client_classify(by->client, picture.data, picture.bytes, by->top, &answer, error);
    if (status == KIN_OK) {
        kin_class_text_append(&out, name, answer.classes, answer.count, by->json);
        status = kin_command_print(out.data, out.bytes, error);
    }
    kin_classes_answer_fini(&answer);
    kin_buffer_fini(&picture);
    kin_buffer_fini(&out);
    return status;
}

static kin_exit run(int argc, char **argv)
{
    kin_client_options asked = KIN_CLIENT_OPTIONS_DEFAULT;
    classifying by = {0};
    int64_t top = 1;
    const kin_option options[] = {
        {"top", 0, KIN_OPTION_NUMBER, &top, 1, KIN_HEAD_CLASSES_MAX, NULL},
        {"json", 0, KIN_OPTION_FLAG, &by.json, 0, 0, NULL},
        {"deadline", 0, KIN_OPTION_NUMBER, &asked.deadline_ms, 1, KIN_DEADLINE_MS_MAX, NULL},
        {"key", 0, KIN_OPTION_TEXT, &asked.key_file, 0, 0, NULL},
        {"server-key", 0, KIN_OPTION_TEXT, &asked.server_key, 0, 0, NULL},
        {0},
    };
    int count;
    kin_exit result;
    kin_error error = {0};
    if (!kin_command_parse(&kin_classify_command, options, argc, argv, 2, argc, &count, &result))
        return result;
    asked.target = argv[1];
    by.top = (uint32_t)top;
    if (kin_client_open(&by.client, &asked, &error) != KIN_OK) return kin_command_failed(&error);
    result = KIN_EXIT_DONE;
    for (int i = 2; i <= count; i++) {
        kin_status status = classify_picture(&by, argv[i], &error);
        if (status == KIN_OK) continue;
        kin_log(KIN_LOG_ERROR, "%s: %s", argv[i], error.text);
        result = KIN_EXIT_FAILED;
        if (status != KIN_BAD_INPUT && status != KIN_LIMIT && status != KIN_NOT_FOUND) break;
    }
    kin_client_close(&by.client);
    return result;
}

/* Whether a coordinator is to be asked; an index or a hasher's file is for kindred-classify. */
static bool is_meant(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(argv[i], "://") != NULL) return true;
    return false;
}

const kin_command kin_classify_command = {
    .name = "classify",
    .summary = "says which classes pictures are of",
    .help = help,
    .run = run,
    .is_meant = is_meant,
};
