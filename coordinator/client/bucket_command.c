#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "coordinator/client/ask.h"

static const char help[] =
    "usage: kindred bucket INDEX|ENDPOINT CODE|PICTURE [options]\n"
    "\n"
    "Shows all indexed pictures that share one code, and so look alike to this index:\n"
    "the code CODE (hexadecimal, as kindred search prints it), or that of PICTURE.\n"
    "\n"
    "  -k N               at most N pictures (65536)\n"
    "  --sheet FILE       draws a contact sheet: FILE.png, or FILE.html (stands alone)\n"
    "  --json, --tsv      one object on one line, or tab-separated values\n"
    "  --allow-partial    takes answers while shards are missing, and says so (exit 3)\n"
    "  --deadline MS      gives up after MS milliseconds (10000)\n"
    "  --key FILE --server-key KEY\n"
    "                     this client's keys (kindred keygen) and the coordinator's\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 partial answer.\n"
    "\n"
    "example: kindred bucket my-index cat.jpg --sheet like-cat.png\n";

static kin_exit run(int argc, char **argv)
{
    kin_ask ask = {.deadline_ms = KIN_DEADLINE_MS_DEFAULT};
    int64_t k = KIN_K_MAX;
    const kin_option options[] = {
        {"k", 'k', KIN_OPTION_NUMBER, &k, 1, KIN_K_MAX, NULL},
        KIN_ASK_OPTIONS(&ask),
        {0},
    };
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_bucket_command, options, argc, argv, 2, 2, &count, &result) ||
        !kin_ask_open(&ask, &kin_bucket_command, argv[1], 1, &result))
        return result;
    kin_question question = {.k = (uint32_t)k, .within = 0};
    kin_error error = {0};
    const char *name = argv[2];
    /* A file wins over a code that is spelled like its name. */
    bool hexadecimal = strspn(name, "0123456789abcdefABCDEF") == strlen(name);
    if (!hexadecimal || kin_path_exists(name)) {
        kin_ask_picture(&ask, name, question);
    } else if (kin_code_parse(&question.code, name, ask.bits, &error) == KIN_OK) {
        kin_ask_question(&ask, name, &question);
    } else {
        kin_command_misused(&kin_bucket_command, error.text);
        ask.result = KIN_EXIT_USAGE;
    }
    return kin_ask_close(&ask, "pictures that share a code");
}

const kin_command kin_bucket_command = {
    .name = "bucket",
    .summary = "all pictures that share a code",
    .help = help,
    .run = run,
};
