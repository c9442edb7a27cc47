#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/stop.h"
#include "common/base/text.h"
#include "coordinator/client/cluster.h"
#include "coordinator/client/commands.h"
#include "proto/generation.h"
#include "proto/key_file.h"

#define ENDPOINT_DEFAULT "tcp://127.0.0.1:7700"

static const char help[] =
    "usage: kindred serve INDEX [options]\n"
    "\n"
    "Starts a coordinator and workers for INDEX on this machine, restarts what dies,\n"
    "and stops all of it on Ctrl-C or SIGTERM.\n"
    "\n"
    "  --workers N            worker processes (2)\n"
    "  --replicas N           workers that hold each shard (2, or fewer workers)\n"
    "  --threads N            searching threads a worker (cores / workers)\n"
    "  --encoders N           pictures that a worker encodes at once (cores / workers / 2,\n"
    "                         1 to 8)\n"
    "  --endpoint E           where clients connect (" ENDPOINT_DEFAULT ");\n"
    "                         tcp://127.0.0.1:0 takes any free port, ipc://PATH a socket\n"
    "  --worker-endpoint E    where workers of other machines may join (private)\n"
    "  --key FILE --allow FILE\n"
    "                         key pair of the server (kindred keygen), and the public\n"
    "                         keys that may connect, one a line; a must for an\n"
    "                         endpoint that other machines reach\n"
    "  --resident, --lazy     keeps shards in memory; opens them without reading them\n"
    "  --no-sandbox           decodes queries without the sandbox: trusted pictures only\n"
    "  --quiet                only warnings and errors\n"
    "\n"
    "example: kindred serve my-index --workers 2\n";

/* Says what is served and how to ask it. */
static kin_status announce(const char *index, const kin_cluster *cluster,
                           const kin_cluster_options *asked, kin_error *error)
{
    kin_manifest manifest = {0};
    kin_key_pair pair = {0};
    kin_buffer text = {0};
    char count[32];
    kin_status status = kin_generation_manifest(index, NULL, &manifest, NULL, error);
    if (status == KIN_OK && asked->key_file != NULL)
        status = kin_key_pair_read(asked->key_file, &pair, error);
    if (status != KIN_OK) goto done;
    const char *endpoint = kin_cluster_endpoint(cluster);
    char keys[128] = "";
    if (asked->key_file != NULL)
        snprintf(keys, sizeof keys, " --key FILE --server-key '%s'", pair.public_key);
    kin_buffer_append_string(&text, "serving ");
    kin_text_append_escaped(&text, index, strlen(index));
    kin_buffer_printf(&text, ": %s pictures, %u bits, %u shard%s on %u worker%s\n",
                      kin_text_count(manifest.indexed, count), manifest.bits, manifest.shard_count,
                      manifest.shard_count == 1 ? "" : "s", asked->workers,
                      asked->workers == 1 ? "" : "s");
    kin_buffer_printf(&text, "  ask it   kindred search %s PICTURE%s\n", endpoint, keys);
    kin_buffer_printf(&text, "  look     kindred status %s%s\n", endpoint, keys);
    if (asked->worker_endpoint != NULL)
        kin_buffer_printf(&text, "  join it  kindred-worker --connect %s INDEX\n",
                          kin_cluster_worker_endpoint(cluster));
    kin_buffer_append_string(&text, "  stop it  Ctrl-C\n");
    status = kin_command_print(text.data, text.bytes, error);
done:
    explicit_bzero(&pair, sizeof pair);
    kin_buffer_fini(&text);
    kin_manifest_fini(&manifest);
    return status;
}

static kin_exit run(int argc, char **argv)
{
    kin_cluster_options asked = KIN_CLUSTER_OPTIONS_DEFAULT;
    asked.client_endpoint = ENDPOINT_DEFAULT;
    int64_t workers = asked.workers, replicas = asked.replicas, threads = asked.threads,
            encoders = asked.encoders;
    const kin_option options[] = {
        {"workers", 0, KIN_OPTION_NUMBER, &workers, 1, KIN_WORKERS_MAX, NULL},
        {"replicas", 0, KIN_OPTION_NUMBER, &replicas, 1, KIN_WORKERS_MAX, NULL},
        {"threads", 0, KIN_OPTION_NUMBER, &threads, 1, KIN_WORKERS_MAX, NULL},
        {"encoders", 0, KIN_OPTION_NUMBER, &encoders, 1, KIN_ENCODERS_MAX, NULL},
        {"endpoint", 0, KIN_OPTION_TEXT, &asked.client_endpoint, 0, 0, NULL},
        {"worker-endpoint", 0, KIN_OPTION_TEXT, &asked.worker_endpoint, 0, 0, NULL},
        {"key", 0, KIN_OPTION_TEXT, &asked.key_file, 0, 0, NULL},
        {"allow", 0, KIN_OPTION_TEXT, &asked.allow_file, 0, 0, NULL},
        {"resident", 0, KIN_OPTION_FLAG, &asked.resident, 0, 0, NULL},
        {"lazy", 0, KIN_OPTION_FLAG, &asked.lazy, 0, 0, NULL},
        {"no-sandbox", 0, KIN_OPTION_FLAG, &asked.no_sandbox, 0, 0, NULL},
        {"quiet", 'q', KIN_OPTION_FLAG, &asked.quiet, 0, 0, NULL},
        {0},
    };
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_serve_command, options, argc, argv, 1, 1, &count, &result))
        return result;
    if (replicas > workers)
        return kin_command_misused(&kin_serve_command,
                                   "--replicas is larger than --workers, so a shard cannot have "
                                   "so many");
    if ((asked.key_file == NULL) != (asked.allow_file == NULL))
        return kin_command_misused(&kin_serve_command, "--key and --allow go together");
    asked.index_path = argv[1];
    asked.workers = (uint32_t)workers;
    asked.replicas = (uint32_t)replicas;
    asked.threads = (uint32_t)threads;
    asked.encoders = (uint32_t)encoders;
    kin_stop_init();
    kin_cluster *cluster = NULL;
    kin_error error = {0};
    kin_status status = kin_cluster_start(&cluster, &asked, &error);
    if (status == KIN_OK) status = announce(argv[1], cluster, &asked, &error);
    if (status == KIN_OK) status = kin_cluster_supervise(cluster, &error);
    kin_cluster_stop(&cluster);
    /* A Ctrl-C during the start is a stop that was asked for, too. */
    if (status == KIN_STOPPED) status = KIN_OK;
    return status == KIN_OK ? KIN_EXIT_DONE : kin_command_failed(&error);
}

const kin_command kin_serve_command = {
    .name = "serve",
    .summary = "serves an index on this machine until Ctrl-C",
    .help = help,
    .run = run,
};
