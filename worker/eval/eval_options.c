#include "worker/eval/eval_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "proto/encoder_file.h"
#include "worker/train/train.h"

/* A rank no query reads to. */
#define FIRST_MAX 1000000000
#define QUERIES_MAX 10000000

const char kin_eval_help[] =
    "usage: kindred-eval INDEX|FEATURES.npy|idx:IMAGES,LABELS [OPTION]...\n"
    "\n"
    "Measures how well codes find what belongs together, as papers on hashing do: of queries that\n"
    "are held out, which rows of their class come first? The features themselves, compared by\n"
    "cosine, are the upper line, and chance is the lower.\n"
    "\n"
    "      --labels L        classes: folders, top-folders, FILE.npy, idx:FILE, or a text file of\n"
    "                        a class a line or key<TAB>class; without, only neighbours are "
    "measured\n"
    "      --keys FILE       the keys of rows that have none, one a line\n"
    "what is measured: the codes of INDEX, or\n"
    "      --codes C.npy     these codes: uint8 rows, as numpy.packbits gives them\n"
    "      --hasher FILE     codes of this hasher (encoder.kin)\n"
    "      --compare M,M     codes of hashers that are trained now, by each method\n"
    "      --bits B,B        their widths (default 64); --seeds N: so many of each, mean and\n"
    "                        deviation; --train N: rows to learn from, at most (default 100000)\n"
    "      --rerank N,N      and with the first N re-ranked by the numbers behind the bits in 8\n"
    "                        bits each, N rows or all\n"
    "queries:\n"
    "      --queries N|SET   so many rows, held out (default 1000, at most a tenth), or a test "
    "set;\n"
    "                        --query-labels, --query-keys, --query-codes are its own\n"
    "      --query-count N   so many of a test set (default 1000; 0: all)\n"
    "      --balanced        as many queries of each class\n"
    "      --query-seed N    of the draw of queries (default 1); --seed N: of the first training\n"
    "  -k, --first K         mAP, precision and recall of the first K too (default 100)\n"
    "      --near N          neighbours by cosine that are to be found (default 10) among the\n"
    "      --near-first R    first R (default 100)\n"
    "output: a table, or --json, --markdown; --plot FILE.png: precision against recall\n"
    "\n"
    "example: kindred eval my-index --labels folders\n";

static kin_status split_methods(kin_eval_options *options, const char *list, kin_error *error)
{
    for (const char *at = list; at != NULL;) {
        size_t bytes = strcspn(at, ",");
        if (bytes == 0 || options->method_count == KIN_EVAL_METHODS_MAX)
            return kin_fail(
                error, KIN_BAD_INPUT,
                "--compare is '%s'; it takes up to %d methods with commas between, such "
                "as itq,lsh",
                list, KIN_EVAL_METHODS_MAX);
        char *method = kin_sprintf("%.*s", (int)bytes, at);
        options->methods[options->method_count++] = method;
        if (!kin_train_is_method(method))
            return kin_fail(error, KIN_BAD_INPUT, "there is no hasher '%s'; there are: %s", method,
                            kin_train_methods());
        at = at[bytes] == ',' ? at + bytes + 1 : NULL;
    }
    return KIN_OK;
}

static kin_status split_widths(kin_eval_options *options, const char *list, kin_error *error)
{
    for (const char *at = list; at != NULL;) {
        char *end;
        unsigned long bits = strtoul(at, &end, 10);
        if (end == at || (*end != ',' && *end != 0) || bits < 1 || bits > KIN_CODE_BITS_MAX ||
            options->width_count == KIN_EVAL_WIDTHS_MAX)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--bits is '%s'; it takes up to %d widths of 1 to %d bits with commas "
                            "between, such as 64,128",
                            list, KIN_EVAL_WIDTHS_MAX, KIN_CODE_BITS_MAX);
        if (!kin_learned_bits_valid((unsigned)bits))
            return kin_fail(error, KIN_BAD_INPUT,
                            "--bits has %lu; a code has %u to %u in steps of %u", bits,
                            KIN_LEARNED_BITS_MIN, KIN_CODE_BITS_MAX, KIN_LEARNED_BITS_STEP);
        options->widths[options->width_count++] = (unsigned)bits;
        at = *end == ',' ? end + 1 : NULL;
    }
    return KIN_OK;
}

static kin_status split_reranks(kin_eval_options *options, const char *list, kin_error *error)
{
    for (const char *at = list; at != NULL;) {
        char *end;
        uint64_t rows = strtoull(at, &end, 10);
        if (strncmp(at, "all", 3) == 0) {
            rows = KIN_EVAL_RERANK_ALL;
            end = (char *)at + 3;
        }
        if (end == at || *at == '-' || (*end != ',' && *end != 0) || rows < 1 ||
            options->rerank_count == KIN_EVAL_RERANKS_MAX)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--rerank is '%s'; it takes up to %d numbers of hits with commas "
                            "between, such as 100,1000,all",
                            list, KIN_EVAL_RERANKS_MAX);
        options->reranks[options->rerank_count++] = rows;
        at = *end == ',' ? end + 1 : NULL;
    }
    return KIN_OK;
}

static bool is_number(const char *text)
{
    return text[0] != 0 && strspn(text, "0123456789") == strlen(text);
}

static kin_status take_queries(kin_eval_options *options, int64_t of_test_set, kin_error *error)
{
    options->query_count = 1000;
    if (options->queries != NULL && is_number(options->queries)) {
        char *end;
        options->query_count = strtoll(options->queries, &end, 10);
        if (options->query_count < 1 || options->query_count > QUERIES_MAX)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--queries is %s; it takes 1 to %d, or a test set", options->queries,
                            QUERIES_MAX);
    } else if (options->queries != NULL) {
        options->test_set = true;
        options->query_count = of_test_set == 0 ? QUERIES_MAX : of_test_set;
    }
    const char *of_a_set = options->query_labels != NULL  ? "--query-labels"
                           : options->query_keys != NULL  ? "--query-keys"
                           : options->query_codes != NULL ? "--query-codes"
                                                          : NULL;
    if (of_a_set != NULL && !options->test_set)
        return kin_fail(error, KIN_BAD_INPUT, "%s is of a test set; name that by --queries",
                        of_a_set);
    return KIN_OK;
}

static kin_status check(const kin_eval_options *options, int arguments, const char *bits,
                        bool seeds, bool train, kin_error *error)
{
    int ways = (options->codes != NULL) + (options->hasher != NULL) + (options->method_count > 0);
    if (arguments == 0 && options->codes == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is nothing to measure: name an index or a data set; --help says "
                        "more");
    if (arguments > 1)
        return kin_fail(error, KIN_BAD_INPUT, "one index or data set is measured, not %d",
                        arguments);
    if (ways > 1)
        return kin_fail(error, KIN_BAD_INPUT, "take one of --codes, --hasher and --compare");
    if (options->method_count == 0 && (bits != NULL || seeds || train))
        return kin_fail(error, KIN_BAD_INPUT, "%s belongs to --compare",
                        bits != NULL ? "--bits"
                        : seeds      ? "--seeds"
                                     : "--train");
    if (options->plot != NULL && !kin_text_has_ending(options->plot, ".png"))
        return kin_fail(error, KIN_BAD_INPUT, "--plot is %s; a plot is a FILE.png", options->plot);
    if (options->json && options->markdown)
        return kin_fail(error, KIN_BAD_INPUT, "take one of --json and --markdown");
    if (options->labels == NULL && options->query_labels != NULL)
        return kin_fail(error, KIN_BAD_INPUT, "--query-labels wants --labels beside it");
    return KIN_OK;
}

kin_status kin_eval_options_parse(kin_eval_options *options, int argc, char **argv,
                                  kin_error *error)
{
    const char *methods = NULL, *bits = NULL, *reranks = NULL;
    int64_t of_test_set = 1000;
    int arguments;
    *options =
        (kin_eval_options){.first = 100, .near = 10, .near_first = 100, .seed = 1, .query_seed = 1};
    const kin_option table[] = {
        {"labels", 0, KIN_OPTION_TEXT, &options->labels, 0, 0, NULL},
        {"keys", 0, KIN_OPTION_TEXT, &options->keys, 0, 0, NULL},
        {"codes", 0, KIN_OPTION_TEXT, &options->codes, 0, 0, NULL},
        {"hasher", 0, KIN_OPTION_TEXT, &options->hasher, 0, 0, NULL},
        {"compare", 0, KIN_OPTION_TEXT, &methods, 0, 0, NULL},
        {"bits", 0, KIN_OPTION_TEXT, &bits, 0, 0, NULL},
        {"rerank", 0, KIN_OPTION_TEXT, &reranks, 0, 0, NULL},
        {"seeds", 0, KIN_OPTION_NUMBER, &options->seeds, 1, KIN_EVAL_SEEDS_MAX, NULL},
        {"train", 0, KIN_OPTION_NUMBER, &options->train, 1, KIN_SAMPLE_PICTURES_MAX, NULL},
        {"queries", 0, KIN_OPTION_TEXT, &options->queries, 0, 0, NULL},
        {"query-labels", 0, KIN_OPTION_TEXT, &options->query_labels, 0, 0, NULL},
        {"query-keys", 0, KIN_OPTION_TEXT, &options->query_keys, 0, 0, NULL},
        {"query-codes", 0, KIN_OPTION_TEXT, &options->query_codes, 0, 0, NULL},
        {"query-count", 0, KIN_OPTION_NUMBER, &of_test_set, 0, QUERIES_MAX, NULL},
        {"balanced", 0, KIN_OPTION_FLAG, &options->balanced, 0, 0, NULL},
        {"seed", 0, KIN_OPTION_NUMBER, &options->seed, 0, INT64_MAX, NULL},
        {"query-seed", 0, KIN_OPTION_NUMBER, &options->query_seed, 0, INT64_MAX, NULL},
        {"first", 'k', KIN_OPTION_NUMBER, &options->first, 1, FIRST_MAX, NULL},
        {"near", 0, KIN_OPTION_NUMBER, &options->near, 1, 1000, NULL},
        {"near-first", 0, KIN_OPTION_NUMBER, &options->near_first, 1, FIRST_MAX, NULL},
        {"plot", 0, KIN_OPTION_TEXT, &options->plot, 0, 0, NULL},
        {"json", 0, KIN_OPTION_FLAG, &options->json, 0, 0, NULL},
        {"markdown", 0, KIN_OPTION_FLAG, &options->markdown, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &options->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &arguments, error);
    if (status != KIN_OK || options->help) return status;
    options->dataset = arguments > 0 ? argv[1] : options->codes;
    if (methods != NULL) status = split_methods(options, methods, error);
    if (status == KIN_OK)
        status = check(options, arguments, bits, options->seeds > 0, options->train > 0, error);
    if (status == KIN_OK) status = split_widths(options, bits == NULL ? "64" : bits, error);
    if (status == KIN_OK && reranks != NULL) status = split_reranks(options, reranks, error);
    if (status == KIN_OK) status = take_queries(options, of_test_set, error);
    if (options->seeds == 0) options->seeds = 1;
    if (options->train == 0) options->train = 100000;
    return status;
}

void kin_eval_options_fini(kin_eval_options *options)
{
    for (uint32_t i = 0; i < options->method_count; i++)
        free(options->methods[i]);
    options->method_count = 0;
}
