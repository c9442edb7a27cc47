#include "worker/plan/plan_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/code/code_table.h"
#include "worker/plan/plan_import.h"

#define AVERAGE_BYTES_DEFAULT ((uint64_t)200 << 10)
#define AVERAGE_BYTES_MIN ((uint64_t)1 << 10)
#define AVERAGE_BYTES_MAX ((uint64_t)8 << 20)
/* Ids are numbers below 2^40. */
#define PICTURES_MAX ((int64_t)1 << 40)

const char kin_plan_help[] =
    "usage: kindred plan [OPTION]... PICTURES...\n"
    "       kindred plan --pictures N [OPTION]...\n"
    "       kindred plan --codes N [OPTION]...\n"
    "\n"
    "Says what a build of PICTURES (or of N pictures that are elsewhere), or an import of N "
    "codes,\n"
    "will take: time by stage, memory of a rank, disk, memory to serve it, time of a search. Some\n"
    "hundred of the PICTURES are indexed in a scratch folder, and the rates of this machine are\n"
    "measured by a small job, for some ten seconds; they are kept for the next time, and for what\n"
    "kindred-index says when it is done.\n"
    "\n"
    "      --average-bytes SIZE  of a picture, such as 200K, where there are none to look at\n"
    "      --ranks N         processes (1); --nodes N  on so many machines (1)\n"
    "      --cores N         processors of such a machine (of this one)\n"
    "      --bits N          of a code (64)\n"
    "      --shards N        files that the codes are divided into\n"
    "      --tables N        of an import: 1 to 16, or auto\n"
    "      --memory SIZE     of an import: what all ranks may use, such as 8G\n"
    "      --features, --model, --set, --hasher, --sample, --thumbnail, --keep-features, "
    "--rerank,\n"
    "      --list, --null, --follow-links, --no-sandbox   as kindred-index build takes them\n"
    "  -k N                  hits of a search (10)\n"
    "  -o, --output FOLDER   where the index will be: its disk is measured (this folder)\n"
    "      --calibrate       measure this machine anew\n"
    "      --json            print JSON\n"
    "\n"
    "example: kindred plan --codes 1000000000 --tables 2 --ranks 2 --memory 8G\n"
    "\n"
    "exit codes: 0 done, 1 failed or interrupted, 2 usage\n";

/* Exactly one of the three things that can be planned. */
static kin_status check(const kin_plan_options *o, kin_error *error)
{
    bool sources = o->source_count > 0 || o->list != NULL;
    if (o->codes > 0 && (sources || o->pictures > 0))
        return kin_fail(error, KIN_BAD_INPUT,
                        "there are both --codes and pictures; an import is of codes alone");
    if (o->codes == 0 && !sources && o->pictures == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "there is nothing to plan; name a folder of pictures, --pictures N, or "
                        "--codes N");
    if (o->ranks < o->nodes)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--ranks is %lld, fewer than --nodes %lld; every machine has a rank",
                        (long long)o->ranks, (long long)o->nodes);
    if (o->codes > 0 && o->bits != 64 && o->bits != 128 && o->bits != 256)
        return kin_fail(error, KIN_BAD_INPUT,
                        "--bits is %lld; codes that are imported have 64, 128 or 256",
                        (long long)o->bits);
    if (o->codes == 0 && o->tables > 0)
        return kin_fail(error, KIN_BAD_INPUT, "--tables is about --codes; a build chooses them");
    return KIN_OK;
}

static kin_status parse_sizes(kin_plan_options *o, const char *average, const char *memory,
                              const char *tables, kin_error *error)
{
    o->average_bytes = AVERAGE_BYTES_DEFAULT;
    o->memory_bytes = kin_plan_memory_default();
    if (average != NULL &&
        (!kin_text_parse_bytes(average, &o->average_bytes) ||
         o->average_bytes < AVERAGE_BYTES_MIN || o->average_bytes > AVERAGE_BYTES_MAX))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--average-bytes is %s; it takes 1K to 8M, such as 200K", average);
    if (memory != NULL && (!kin_text_parse_bytes(memory, &o->memory_bytes) || o->memory_bytes == 0))
        return kin_fail(error, KIN_BAD_INPUT, "--memory is %s; it takes a size such as 8G", memory);
    if (strcmp(tables, "auto") == 0) return KIN_OK;
    char *end;
    long count = strtol(tables, &end, 10);
    if (*tables < '0' || *tables > '9' || *end != 0 || count < 1 || count > KIN_TABLES_MAX)
        return kin_fail(error, KIN_BAD_INPUT, "--tables is %s; it takes auto, or 1 to %d", tables,
                        KIN_TABLES_MAX);
    o->tables = (uint32_t)count;
    return KIN_OK;
}

kin_status kin_plan_options_parse(kin_plan_options *o, int argc, char **argv, kin_error *error)
{
    const char *average = NULL, *memory = NULL, *tables = "auto";
    *o = (kin_plan_options){
        .bits = 64, .ranks = 1, .nodes = 1, .k = 10, .thumbnail = -1, .output = "."};
    const kin_option table[] = {
        {"codes", 0, KIN_OPTION_NUMBER, &o->codes, 1, (int64_t)KIN_IMPORT_CODES_MAX, NULL},
        {"pictures", 0, KIN_OPTION_NUMBER, &o->pictures, 1, PICTURES_MAX, NULL},
        {"average-bytes", 0, KIN_OPTION_TEXT, &average, 0, 0, NULL},
        {"ranks", 0, KIN_OPTION_NUMBER, &o->ranks, 1, KIN_RANKS_MAX, NULL},
        {"nodes", 0, KIN_OPTION_NUMBER, &o->nodes, 1, KIN_RANKS_MAX, NULL},
        {"cores", 0, KIN_OPTION_NUMBER, &o->cores, 1, KIN_RANKS_MAX, NULL},
        {"bits", 0, KIN_OPTION_NUMBER, &o->bits, 16, 256, NULL},
        {"shards", 0, KIN_OPTION_NUMBER, &o->shards, 1, KIN_SHARDS_MAX, NULL},
        {"tables", 0, KIN_OPTION_TEXT, &tables, 0, 0, NULL},
        {"memory", 0, KIN_OPTION_TEXT, &memory, 0, 0, NULL},
        {"features", 0, KIN_OPTION_TEXT, &o->features, 0, 0, NULL},
        {"model", 0, KIN_OPTION_LIST, &o->models, 0, 0, NULL},
        {"set", 0, KIN_OPTION_LIST, &o->settings, 0, 0, NULL},
        {"hasher", 0, KIN_OPTION_TEXT, &o->hasher, 0, 0, NULL},
        {"sample", 0, KIN_OPTION_NUMBER, &o->sample, 1, KIN_SAMPLE_PICTURES_MAX, NULL},
        {"thumbnail", 0, KIN_OPTION_NUMBER, &o->thumbnail, 0, KIN_THUMBNAIL_SIDE_MAX, NULL},
        {"keep-features", 0, KIN_OPTION_FLAG, &o->keep_features, 0, 0, NULL},
        {"rerank", 0, KIN_OPTION_FLAG, &o->rerank, 0, 0, NULL},
        {"list", 'l', KIN_OPTION_TEXT, &o->list, 0, 0, NULL},
        {"null", '0', KIN_OPTION_FLAG, &o->null_separated, 0, 0, NULL},
        {"follow-links", 0, KIN_OPTION_FLAG, &o->follow_links, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &o->no_sandbox, 0, 0, NULL},
        {"hits", 'k', KIN_OPTION_NUMBER, &o->k, 1, KIN_K_MAX, NULL},
        {"output", 'o', KIN_OPTION_TEXT, &o->output, 0, 0, NULL},
        {"calibrate", 0, KIN_OPTION_FLAG, &o->calibrate, 0, 0, NULL},
        {"json", 0, KIN_OPTION_FLAG, &o->json, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &o->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(table, argc, argv, &o->source_count, error);
    if (status != KIN_OK || o->help) return status;
    o->sources = argv + 1;
    if (o->cores == 0) {
        o->cores = sysconf(_SC_NPROCESSORS_ONLN);
        if (o->cores < 1) o->cores = 1;
    }
    status = parse_sizes(o, average, memory, tables, error);
    return status == KIN_OK ? check(o, error) : status;
}
