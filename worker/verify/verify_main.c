/* kindred-verify: is this index, or this file, what it should be? */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "worker/verify/verify.h"

static const char help[] =
    "usage: kindred-verify INDEX [--searches N] [--quiet] [--json]\n"
    "       kindred-verify FILE.kin\n"
    "\n"
    "Checks the current generation of an index: every checksum and count of every file, that each\n"
    "input is in one shard or in the ledger, the health figures, and searches against a brute "
    "force.\n"
    "Or says what a single file of Kindred is, and checks it.\n"
    "\n"
    "  --searches N   searches that are compared with a brute force (default 50; 0 for none)\n"
    "  --quiet        print only what fails, and the last line\n"
    "  --json         one object a check and line\n"
    "\n"
    "Exit status: 0 all holds, 1 something is wrong, 2 usage.\n"
    "\n"
    "Example: kindred-verify demo/index\n";

static int verify_index(const char *path, int64_t searches, kin_verify_report *report)
{
    kin_error error = {0};
    if (kin_verify_index(path, (uint32_t)searches, report, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 1;
    }
    if (!report->json)
        printf("%s: %llu checks hold, %llu fail\n", path, (unsigned long long)report->passed,
               (unsigned long long)report->failed);
    return report->failed > 0;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-verify", KIN_LOG_INFO);
    kin_verify_report report = {0};
    int64_t searches = 50;
    bool wants_help = false;
    const kin_option options[] = {
        {"searches", 0, KIN_OPTION_NUMBER, &searches, 0, 1000000, NULL},
        {"quiet", 'q', KIN_OPTION_FLAG, &report.quiet, 0, 0, NULL},
        {"json", 0, KIN_OPTION_FLAG, &report.json, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &wants_help, 0, 0, NULL},
        {0},
    };
    kin_error error = {0};
    int count;
    if (kin_options_parse(options, argc, argv, &count, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (wants_help) {
        fputs(help, stdout);
        return 0;
    }
    if (count != 1) {
        kin_log(KIN_LOG_ERROR, "give one index or one file; --help shows how");
        return 2;
    }
    if (!kin_path_exists(argv[1]) || kin_path_is_directory(argv[1]))
        return verify_index(argv[1], searches, &report);
    if (kin_verify_file(argv[1], &error) == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return 1;
}
