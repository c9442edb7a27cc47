/* kindred-worker: holds shards of an index and answers the coordinator's questions about them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/stop.h"
#include "worker/serve/picture_desk.h"
#include "worker/serve/worker.h"

/* Rare enough to cost nothing, often enough that a busy day checks thousands of answers. */
#define RECHECK_DEFAULT 1000

static const char help[] =
    "usage: kindred-worker [options] INDEX\n"
    "\n"
    "Serves shards of an index to a coordinator: which ones, the coordinator says. Start one a\n"
    "machine that has the index's folder, or as many as you like; they may come and go.\n"
    "\n"
    "  --connect ENDPOINT  the coordinator's endpoint for workers (tcp://127.0.0.1:7701)\n"
    "  --threads N         searches that run at once (the number of cores)\n"
    "  --encoders N        pictures that are decoded and encoded at once, at a lower priority\n"
    "                      than searches (half the cores, 1 to 8)\n"
    "  --decode-timeout MS time for decoding a picture (8000)\n"
    "  --resident          keeps shards in memory (mlock), where the system allows it\n"
    "  --lazy              opens shards without reading them: starts at once, and searches are "
    "slow\n"
    "                      until they are in memory; damage is found by kindred verify alone\n"
    "  --recheck N         looks at one of N answers again, by a scan, when there is nothing else\n"
    "                      to do (1000; 0: none); status counts what a scan contradicts\n"
    "  --name NAME         what status calls this worker (HOST:PID)\n"
    "  --no-sandbox        decodes pictures without the kernel's protection; not for strangers'\n"
    "                      pictures\n"
    "  --key FILE          key pair of this worker (kindred keygen)\n"
    "  --server-key KEY    the coordinator's public key\n"
    "  --quiet             warnings and errors only\n"
    "\n"
    "SIGTERM finishes what is under way and ends it. Exit status: 0 stopped, 1 failed, 2 usage.\n"
    "\n"
    "example: kindred-worker --connect tcp://127.0.0.1:7701 my-index\n";

typedef struct arguments {
    kin_worker_options worker;
    const char *key_file, *server_key, *index_path;
    int64_t threads, encoders, decode_ms, recheck;
    bool no_sandbox, quiet, help;
} arguments;

static kin_status parse(arguments *given, int argc, char **argv, kin_error *error)
{
    int count;
    const kin_option options[] = {
        {"connect", 0, KIN_OPTION_TEXT, &given->worker.connect, 0, 0, NULL},
        {"threads", 't', KIN_OPTION_NUMBER, &given->threads, 1, 1024, NULL},
        {"encoders", 0, KIN_OPTION_NUMBER, &given->encoders, 1, KIN_ENCODERS_MAX, NULL},
        {"decode-timeout", 0, KIN_OPTION_NUMBER, &given->decode_ms, KIN_DECODE_TIMEOUT_MS_MIN,
         KIN_DECODE_TIMEOUT_MS_MAX, NULL},
        {"resident", 0, KIN_OPTION_FLAG, &given->worker.resident, 0, 0, NULL},
        {"lazy", 0, KIN_OPTION_FLAG, &given->worker.lazy, 0, 0, NULL},
        {"recheck", 0, KIN_OPTION_NUMBER, &given->recheck, 0, UINT32_MAX, NULL},
        {"name", 0, KIN_OPTION_TEXT, &given->worker.name, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &given->no_sandbox, 0, 0, NULL},
        {"key", 0, KIN_OPTION_TEXT, &given->key_file, 0, 0, NULL},
        {"server-key", 0, KIN_OPTION_TEXT, &given->server_key, 0, 0, NULL},
        {"quiet", 'q', KIN_OPTION_FLAG, &given->quiet, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &given->help, 0, 0, NULL},
        {0},
    };
    kin_status status = kin_options_parse(options, argc, argv, &count, error);
    if (status != KIN_OK || given->help) return status;
    if (count != 1) return kin_fail(error, KIN_BAD_INPUT, "give one index; --help shows how");
    if ((given->key_file == NULL) != (given->server_key == NULL))
        return kin_fail(error, KIN_BAD_INPUT, "--key and --server-key go together");
    if (given->worker.lazy && given->worker.resident)
        return kin_fail(error, KIN_BAD_INPUT, "--lazy and --resident exclude each other");
    given->index_path = argv[1];
    given->worker.threads = (uint32_t)given->threads;
    given->worker.recheck_every = (uint32_t)given->recheck;
    return KIN_OK;
}

/* As many as can be had: with fewer, fewer pictures are encoded at once; without any, none. */
static void open_decoders(const arguments *given, kin_worker_decoders *decoders)
{
    const kin_decoder_options options = {.no_sandbox = given->no_sandbox,
                                         .timeout_ms = (int)given->decode_ms,
                                         .nice = KIN_PICTURE_DESK_NICE};
    kin_error error = {0};
    while (decoders->count < (uint32_t)given->encoders &&
           kin_decoder_open(&decoders->list[decoders->count], &options, &error) == KIN_OK)
        decoders->count++;
    if (decoders->count == 0)
        kin_log(KIN_LOG_WARNING, "serves codes only: %s", error.text);
    else if (decoders->count < (uint32_t)given->encoders)
        kin_log(KIN_LOG_WARNING, "encodes %u pictures at once, not %u: %s", decoders->count,
                (uint32_t)given->encoders, error.text);
}

static kin_status run(arguments *given, kin_error *error)
{
    kin_served_index served = {0};
    kin_worker_decoders decoders = {0};
    kin_key_pair pair;
    kin_link_security security = {.server_key = given->server_key};
    kin_status status = KIN_OK;
    if (given->key_file != NULL) {
        status = kin_key_pair_read(given->key_file, &pair, error);
        security.pair = &pair;
        given->worker.security = &security;
    }
    if (status == KIN_OK) status = kin_served_index_open(&served, given->index_path, error);
    if (status == KIN_OK) open_decoders(given, &decoders);
    if (status == KIN_OK && served.encoder == NULL)
        kin_log(KIN_LOG_WARNING, "%s", served.no_pictures);
    if (status == KIN_OK) status = kin_worker_run(&given->worker, &served, &decoders, error);
    for (uint32_t i = 0; i < decoders.count; i++)
        kin_decoder_close(&decoders.list[i]);
    kin_served_index_close(&served);
    return status;
}

static int64_t encoders_for(long cores)
{
    long half = cores / 2;
    return half < 1 ? 1 : half > KIN_ENCODERS_DEFAULT_MAX ? KIN_ENCODERS_DEFAULT_MAX : half;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-worker", KIN_LOG_INFO);
    kin_error error = {0};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    arguments given = {.threads = cores > 0 ? cores : 1,
                       .encoders = encoders_for(cores),
                       .decode_ms = KIN_PICTURE_DESK_DECODE_MS,
                       .recheck = RECHECK_DEFAULT,
                       .worker.connect = "tcp://127.0.0.1:7701"};
    if (parse(&given, argc, argv, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (given.help) {
        fputs(help, stdout);
        return 0;
    }
    if (given.quiet) kin_log_init("kindred-worker", KIN_LOG_WARNING);
    (void)kin_cpu_level_get(); /* a wrong KINDRED_CPU ends the program here, not in a thread */
    kin_stop_init();
    if (run(&given, &error) == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return 1;
}
