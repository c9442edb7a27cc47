#include "common/base/limits.h"
#include "coordinator/client/client.h"
#include "coordinator/client/commands.h"
#include "coordinator/client/json_outline.h"

static const char help[] =
    "usage: kindred status ENDPOINT [options]\n"
    "\n"
    "Asks a coordinator what it knows: workers, shards and their replicas, queries,\n"
    "percentiles of latency.\n"
    "\n"
    "  --json         one JSON object\n"
    "  --deadline MS  gives up after MS milliseconds (10000)\n"
    "  --key FILE --server-key KEY\n"
    "                 this client's keys (kindred keygen) and the coordinator's\n"
    "\n"
    "Exit status: 0 it answered, 1 it did not, 2 usage.\n"
    "\n"
    "example: kindred status tcp://127.0.0.1:7700\n";

static kin_exit run(int argc, char **argv)
{
    kin_client_options asked = KIN_CLIENT_OPTIONS_DEFAULT;
    bool json = false;
    const kin_option options[] = {
        {"json", 0, KIN_OPTION_FLAG, &json, 0, 0, NULL},
        {"deadline", 0, KIN_OPTION_NUMBER, &asked.deadline_ms, 1, KIN_DEADLINE_MS_MAX, NULL},
        {"key", 0, KIN_OPTION_TEXT, &asked.key_file, 0, 0, NULL},
        {"server-key", 0, KIN_OPTION_TEXT, &asked.server_key, 0, 0, NULL},
        {0},
    };
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_status_command, options, argc, argv, 1, 1, &count, &result))
        return result;
    asked.target = argv[1];
    kin_client *client = NULL;
    kin_buffer answer = {0}, outline = {0};
    kin_error error = {0};
    kin_status status = kin_client_open(&client, &asked, &error);
    if (status == KIN_OK) status = kin_client_status(client, &answer, &error);
    if (status == KIN_OK && json) {
        kin_buffer_append_byte(&answer, '\n');
        status = kin_command_print(answer.data, answer.bytes, &error);
    } else if (status == KIN_OK) {
        kin_json_outline_append(&outline, (const char *)answer.data, answer.bytes);
        status = kin_command_print(outline.data, outline.bytes, &error);
    }
    kin_client_close(&client);
    kin_buffer_fini(&answer);
    kin_buffer_fini(&outline);
    return status == KIN_OK ? KIN_EXIT_DONE : kin_command_failed(&error);
}

const kin_command kin_status_command = {
    .name = "status",
    .summary = "what a running coordinator knows: workers, shards, latency",
    .help = help,
    .run = run,
};
