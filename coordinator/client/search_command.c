#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "coordinator/client/ask.h"
#include "coordinator/client/codes_search.h"

static const char help[] =
    "usage: kindred search INDEX|ENDPOINT PICTURE... [options]\n"
    "\n"
    "Shows the indexed pictures that look most like each PICTURE (a file, or - for\n"
    "standard input), nearest first: exact, in the order of distance, then id.\n"
    "INDEX is a folder that kindred index made, served for this question alone;\n"
    "ENDPOINT is a coordinator (kindred serve), such as tcp://127.0.0.1:7700.\n"
    "\n"
    "  -k N               hits a query (12; with --within as many as there are)\n"
    "  --within R         all hits within R bits, and how many there are\n"
    "  --code HEX         asks by a code, beside or instead of pictures\n"
    "  --codes FILE.npy   asks by many codes: uint8 [n][bits/8] as of numpy.packbits; hits are\n"
    "                     ids, as JSON lines, or with -o HITS.npy int64 [n][k][2]: id, distance\n"
    "  --histogram        with --within R: how many codes there are at each distance\n"
    "  --any-ties         of the hits at the last distance any will do: less work\n"
    "  --rerank N         puts the first N hits in order by the numbers behind the bits, where\n"
    "                     the index keeps them (kindred-index build --rerank)\n"
    "  --check            compares each answer with a scan of all codes\n"
    "  --sheet FILE       draws a contact sheet: FILE.png, or FILE.html (stands alone)\n"
    "  --json, --tsv      one object a query and line, or tab-separated values\n"
    "  --allow-partial    takes answers while shards are missing, and says so (exit 3)\n"
    "  --deadline MS      gives up after MS milliseconds (10000)\n"
    "  --key FILE --server-key KEY\n"
    "                     this client's keys (kindred keygen) and the coordinator's\n"
    "\n"
    "Exit status: 0 done, 1 failed (other queries are still answered), 2 usage,\n"
    "3 partial answer.\n"
    "\n"
    "example: kindred search my-index cat.jpg --sheet cat.png\n";

/* The sheet's subtitle. */
static void describe(int k, int within, int rerank, char *text, size_t bytes)
{
    int used = within >= 0 ? snprintf(text, bytes, "all within %d bits of each query", within)
                           : snprintf(text, bytes, "the %d nearest to each query", k);
    if (rerank > 0)
        snprintf(text + used, bytes - (size_t)used,
                 ", the first %d re-ranked by asymmetric distance", rerank);
}

static kin_exit run(int argc, char **argv)
{
    kin_ask ask = {.deadline_ms = KIN_DEADLINE_MS_DEFAULT};
    int64_t k = 0, within = -1, rerank = 0;
    const char *code = NULL, *codes = NULL, *output = NULL;
    bool histogram = false, any_ties = false;
    const kin_option options[] = {
        {"k", 'k', KIN_OPTION_NUMBER, &k, 1, KIN_K_MAX, NULL},
        {"within", 0, KIN_OPTION_NUMBER, &within, 0, KIN_CODE_BITS_MAX, NULL},
        {"code", 0, KIN_OPTION_TEXT, &code, 0, 0, NULL},
        {"codes", 0, KIN_OPTION_TEXT, &codes, 0, 0, NULL},
        {"output", 'o', KIN_OPTION_TEXT, &output, 0, 0, NULL},
        {"histogram", 0, KIN_OPTION_FLAG, &histogram, 0, 0, NULL},
        {"any-ties", 0, KIN_OPTION_FLAG, &any_ties, 0, 0, NULL},
        {"rerank", 0, KIN_OPTION_NUMBER, &rerank, 1, KIN_K_MAX, NULL},
        {"check", 0, KIN_OPTION_FLAG, &ask.check, 0, 0, NULL},
        KIN_ASK_OPTIONS(&ask),
        {0},
    };
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_search_command, options, argc, argv, 1, argc, &count, &result))
        return result;
    int pictures = count - 1;
    const char *mistake = NULL;
    if (pictures == 0 && code == NULL && codes == NULL)
        mistake = "name a picture to look for, or give --code or --codes";
    else if (histogram && within < 0)
        mistake = "--histogram wants --within R: it counts the codes at 0 to R bits";
    else if (rerank > 0 && (code != NULL || codes != NULL))
        mistake = "--rerank wants pictures: a code has no numbers behind its bits";
    else if (rerank > 0 && any_ties)
        mistake = "--rerank puts all ties in order; leave out --any-ties";
    else if (output != NULL && codes == NULL)
        mistake = "-o goes with --codes FILE.npy";
    else if (codes != NULL && (pictures > 0 || code != NULL || histogram ||
                               ask.sheet_path != NULL || ask.tsv || ask.allow_partial))
        mistake = "--codes goes with -k, --within, --any-ties, --check and -o only";
    if (mistake != NULL) return kin_command_misused(&kin_search_command, mistake);
    ask.rerank = rerank > 0;
    if (!kin_ask_open(&ask, &kin_search_command, argv[1], (uint32_t)(pictures + (code != NULL)),
                      &result))
        return result;
    if (codes != NULL) {
        if (k == 0) k = KIN_K_DEFAULT;
        const kin_batch batch = {.k = (uint32_t)k, .within = (int32_t)within, .any_ties = any_ties};
        return kin_codes_search(&ask, codes, batch, output);
    }
    if (k == 0) k = within >= 0 ? KIN_K_MAX : KIN_K_DEFAULT;
    kin_question question = {.k = (uint32_t)k,
                             .within = (int32_t)within,
                             .any_ties = any_ties,
                             .histogram = histogram,
                             .rerank = (uint32_t)rerank};
    kin_error error = {0};
    if (code != NULL) {
        if (kin_code_parse(&question.code, code, ask.bits, &error) == KIN_OK) {
            kin_ask_question(&ask, code, &question);
        } else {
            kin_command_misused(&kin_search_command, error.text);
            ask.result = KIN_EXIT_USAGE;
        }
    }
    for (int i = 0; i < pictures; i++)
        kin_ask_picture(&ask, argv[2 + i], question);
    char subtitle[128];
    describe((int)k, (int)within, (int)rerank, subtitle, sizeof subtitle);
    return kin_ask_close(&ask, subtitle);
}

const kin_command kin_search_command = {
    .name = "search",
    .summary = "pictures that look like a picture",
    .help = help,
    .run = run,
};
