#include "worker/index/import_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/options.h"
#include "common/base/text.h"
#include "common/code/code_table.h"
#include "worker/plan/plan_import.h"

const char kin_import_help[] =
    "usage: kindred-index import -o INDEX [OPTION]... CODES\n"
    "       mpirun -n RANKS kindred-index import -o INDEX [OPTION]... CODES\n"
    "\n"
    "Makes an index of codes that another program made, or goes on with one that was\n"
    "interrupted: the same command again. Code i gets the id i. CODES is one of\n"
    "\n"
    "  FILE.npy                   uint8 [n][8, 16 or 32], bits in the order of numpy.packbits\n"
    "  raw:BITS:FILE              the same bytes without a header; 64, 128 or 256 bits a code\n"
    "  synthetic:KIND:BITS:COUNT  made up: u uniform, c clusters, n as c, h hard clusters\n"
    "\n"
    "  -o, --output INDEX   folder of the index; made where it is not there\n"
    "      --keys FILE      a text whose line i is the key of code i (without: ids are the names)\n"
    "      --tables N       sorted copies that search uses: 1 to 16, or auto (default)\n"
    "      --shards N       files that the codes are divided into (1)\n"
    "      --memory SIZE    what all ranks together may use, such as 8G (half of the machine's)\n"
    "      --keep N         keep the N newest generations and remove older ones (all)\n"
    "      --restart        forget the unfinished import that is there\n"
    "      --report FILE    write figures of what was planned and what it took\n"
    "      --trial N        by as many tasks as N codes would need: what kindred plan looks at\n"
    "\n"
    "example: kindred-index import -o /tmp/index --memory 2G synthetic:c:64:10000000\n"
    "\n"
    "exit codes: 0 done, 1 failed or interrupted, 2 usage\n";

static kin_status check(kin_import_options *options, const char *tables, const char *memory,
                        int argument_count, char **arguments, kin_error *error)
{
    if (options->index_path == NULL || *options->index_path == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is no -o INDEX; say which folder the index is to be made in");
    if (argument_count != 1)
        return kin_fail(error, KIN_BAD_INPUT,
                        argument_count == 0
                            ? "there are no CODES; name a file .npy, raw:BITS:FILE or "
                              "synthetic:KIND:BITS:COUNT"
                            : "there are several CODES; an import is of one file");
    options->codes = arguments[0];
    if (strcmp(tables, "auto") != 0) {
        char *end;
        long number = strtol(tables, &end, 10);
        if (*tables < '0' || *tables > '9' || *end != 0 || number < 1 || number > KIN_TABLES_MAX)
            return kin_fail(error, KIN_BAD_INPUT, "--tables is %s; it takes auto, or 1 to %d",
                            tables, KIN_TABLES_MAX);
        options->tables = (uint32_t)number;
    }
    options->memory_bytes = kin_plan_memory_default();
    if (memory != NULL && !kin_text_parse_bytes(memory, &options->memory_bytes))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--memory is %s; it takes bytes, with K, M, G or T behind the number, "
                        "such as 8G",
                        memory);
    return KIN_OK;
}

kin_status kin_import_options_parse(kin_import_options *options, int argc, char **argv,
                                    kin_error *error)
{
    int64_t shards = 1, keep = 0, trial = 0;
    const char *tables = "auto", *memory = NULL;
    int argument_count;
    *options = (kin_import_options){0};
    const kin_option table[] = {
        {"output", 'o', KIN_OPTION_TEXT, &options->index_path, 0, 0, NULL},
        {"keys", 0, KIN_OPTION_TEXT, &options->keys, 0, 0, NULL},
        {"tables", 0, KIN_OPTION_TEXT, &tables, 0, 0, NULL},
        {"shards", 0, KIN_OPTION_NUMBER, &shards, 1, KIN_SHARDS_MAX, NULL},
        {"memory", 0, KIN_OPTION_TEXT, &memory, 0, 0, NULL},
        {"keep", 0, KIN_OPTION_NUMBER, &keep, 1, 1000000, NULL},
        {"report", 0, KIN_OPTION_TEXT, &options->report, 0, 0, NULL},
        {"trial", 0, KIN_OPTION_NUMBER, &trial, 1, (int64_t)KIN_IMPORT_CODES_MAX, NULL},
        {"restart", 0, KIN_OPTION_FLAG, &options->restart, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &options->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &argument_count, error);
    if (status != KIN_OK || options->help) return status;
    options->shards = (uint32_t)shards;
    options->keep = (uint32_t)keep;
    options->trial = (uint64_t)trial;
    return check(options, tables, memory, argument_count, argv + 1, error);
}
