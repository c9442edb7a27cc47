/* kindred-coordinator: answers clients with what the workers find. */
#include <stdio.h>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/stop.h"
#include "coordinator/serve/coordinator.h"

/* Of shards of two million codes on, what a wave saves is more than the way to and fro takes
 * (tests/bench/bench_waves.c). */
#define WAVE_CODES_DEFAULT 2000000

static const char help[] =
    "usage: kindred-coordinator [options] INDEX\n"
    "\n"
    "Serves an index: places its shards on the workers that connect, asks them what clients ask,\n"
    "and merges their answers. Stops on SIGTERM after finishing the questions it has.\n"
    "\n"
    "  --endpoint ENDPOINT         for clients (default tcp://127.0.0.1:7700)\n"
    "  --worker-endpoint ENDPOINT  for workers (default tcp://127.0.0.1:7701)\n"
    "  --replicas N                workers that hold each shard (default 2)\n"
    "  --wave N                    shards of N codes or more on average are asked in two waves:\n"
    "                              the one of the question's code goes ahead (default 2000000)\n"
    "  --beat MS                   between heartbeats (default 250)\n"
    "  --patience MS               of silence before a worker counts as dead (default 2000)\n"
    "  --key FILE                  encrypt (CURVE) with this key pair; kindred keygen makes one\n"
    "  --allow FILE                public keys that may connect, one a line\n"
    "\n"
    "A public address needs --key and --allow. Exit status: 0 stopped, 1 failed, 2 usage.\n"
    "\n"
    "Example: kindred-coordinator demo/index & kindred-worker demo/index\n";

int main(int argc, char **argv)
{
    kin_log_init("kindred-coordinator", KIN_LOG_INFO);
    kin_coordinator_options wanted = {.endpoint = "tcp://127.0.0.1:7700",
                                      .worker_endpoint = "tcp://127.0.0.1:7701"};
    int64_t wave = WAVE_CODES_DEFAULT, replicas = KIN_REPLICAS_DEFAULT, beat_ms = 250,
            patience_ms = 2000;
    bool wants_help = false;
    const kin_option options[] = {
        {"endpoint", 0, KIN_OPTION_TEXT, &wanted.endpoint, 0, 0, NULL},
        {"worker-endpoint", 0, KIN_OPTION_TEXT, &wanted.worker_endpoint, 0, 0, NULL},
        {"replicas", 0, KIN_OPTION_NUMBER, &replicas, 1, KIN_WORKERS_MAX, NULL},
        {"wave", 0, KIN_OPTION_NUMBER, &wave, 0, INT64_MAX, NULL},
        {"beat", 0, KIN_OPTION_NUMBER, &beat_ms, 10, 60000, NULL},
        {"patience", 0, KIN_OPTION_NUMBER, &patience_ms, 50, 600000, NULL},
        {"key", 0, KIN_OPTION_TEXT, &wanted.key_file, 0, 0, NULL},
        {"allow", 0, KIN_OPTION_TEXT, &wanted.allow_file, 0, 0, NULL},
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
        kin_log(KIN_LOG_ERROR, "give one index; --help shows how");
        return 2;
    }
    wanted.index_path = argv[1];
    wanted.replicas = (uint32_t)replicas;
    wanted.wave_codes = (uint64_t)wave;
    wanted.beat_ms = (uint32_t)beat_ms;
    wanted.patience_ms = (uint32_t)patience_ms;
    kin_stop_init();
    kin_status status = kin_coordinator_run(&wanted, &error);
    if (status == KIN_OK) return 0;
    kin_log(KIN_LOG_ERROR, "%s", error.text);
    return status == KIN_BAD_INPUT ? 2 : 1;
}
