#include "coordinator/client/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/stop.h"
#include "coordinator/client/cluster_ready.h"
#include "coordinator/client/socket_folder.h"
#include "proto/generation.h"
#include "proto/key_file.h"

/* A coordinator binds in milliseconds; a machine that is busy gets its time. */
#define BIND_TIMEOUT_MS 20000
/* Longer than the daemons take to finish what they have. */
#define STOP_TIMEOUT_MS 7000
#define POLL_MS 100
#define DEATHS_MAX 10
#define DEATHS_WINDOW_MS 60000
#define ARGUMENTS_MAX 24

/* One program and its life. */
typedef struct child {
    pid_t pid; /* 0: not running */
    int deaths;
    int64_t first_death_ms, restart_ms;
} child;

struct kin_cluster {
    kin_cluster_options options;
    kin_socket_folder folder; /* private sockets */
    char *endpoint, *worker_endpoint;
    char server_key[KIN_KEY_TEXT_BYTES]; /* public; of key_file */
    uint32_t replicas;
    child coordinator;
    child *workers; /* [options.workers] */
};

/* --- Starting one program ------------------------------------------------------------------- */

typedef struct arguments {
    const char *list[ARGUMENTS_MAX + 1];
    int count;
} arguments;

static void add(arguments *to, const char *name, const char *value)
{
    if (value == NULL) return;
    to->list[to->count++] = name;
    to->list[to->count++] = value;
}

/* In the forked process: only what is safe there. */
_Noreturn static void become(const char *path, const arguments *with, int output, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    setpgid(0, 0); /* Ctrl-C is for the parent, which stops us in order */
    if (output >= 0) dup2(output, STDOUT_FILENO);
    execv(path, (char *const *)with->list);
    _exit(127);
}

/* output: where its standard output goes, or -1. */
static kin_status start(const kin_cluster *cluster, const char *program, arguments *with,
                        int output, pid_t *pid, kin_error *error)
{
    char *path;
    kin_status status = kin_program_path(program, &path, error);
    if (status != KIN_OK) return status;
    with->list[0] = program;
    with->list[with->count] = NULL;
    if (cluster->options.quiet) setenv("KINDRED_LOG", "warning", 0);
    pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0) become(path, with, output, parent);
    if (*pid < 0) {
        *pid = 0;
        status = kin_fail(error, KIN_IO, "cannot start %s: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

/* The two lines that a coordinator prints once it is bound. */
static kin_status read_endpoints(kin_cluster *cluster, int input, kin_error *error)
{
    char text[4096];
    size_t bytes = 0;
    int64_t end_ms = kin_clock_ms() + BIND_TIMEOUT_MS;
    while (bytes < sizeof text - 1) {
        struct pollfd wait = {.fd = input, .events = POLLIN};
        int64_t left_ms = end_ms - kin_clock_ms();
        if (left_ms <= 0 || (poll(&wait, 1, (int)left_ms) < 0 && errno != EINTR)) break;
        ssize_t part = read(input, text + bytes, sizeof text - 1 - bytes);
        if (part <= 0) break;
        bytes += (size_t)part;
        text[bytes] = 0;
        char *clients = strstr(text, "clients "), *workers = strstr(text, "\nworkers ");
        if (clients == NULL || workers == NULL || text[bytes - 1] != '\n') continue;
        text[bytes - 1] = *workers = 0;
        free(cluster->endpoint);
        free(cluster->worker_endpoint);
        cluster->endpoint = kin_strdup(clients + strlen("clients "));
        cluster->worker_endpoint = kin_strdup(workers + strlen("\nworkers "));
        return KIN_OK;
    }
    return kin_fail(error, KIN_UNAVAILABLE,
                    "kindred-coordinator did not start; what it said is above");
}

static kin_status start_coordinator(kin_cluster *cluster, kin_error *error)
{
    const kin_cluster_options *options = &cluster->options;
    arguments with = {.count = 1};
    char replicas[16];
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0)
        return kin_fail(error, KIN_IO, "cannot make a pipe: %s", strerror(errno));
    snprintf(replicas, sizeof replicas, "%u", cluster->replicas);
    add(&with, "--endpoint", cluster->endpoint);
    add(&with, "--worker-endpoint", cluster->worker_endpoint);
    add(&with, "--replicas", replicas);
    add(&with, "--key", options->key_file);
    add(&with, "--allow", options->allow_file);
    add(&with, "--", options->index_path);
    kin_status status =
        start(cluster, "kindred-coordinator", &with, output[1], &cluster->coordinator.pid, error);
    close(output[1]);
    if (status == KIN_OK) status = read_endpoints(cluster, output[0], error);
    close(output[0]);
    return status;
}

static kin_status start_worker(kin_cluster *cluster, child *worker, kin_error *error)
{
    const kin_cluster_options *options = &cluster->options;
    arguments with = {.count = 1};
    char threads[16], encoders[16];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t share = (uint32_t)cores / options->workers;
    uint32_t half = share / 2 < KIN_ENCODERS_DEFAULT_MAX ? share / 2 : KIN_ENCODERS_DEFAULT_MAX;
    uint32_t encoding = options->encoders > 0 ? options->encoders : half;
    uint32_t searching = options->threads > 0 ? options->threads : share;
    snprintf(threads, sizeof threads, "%u", searching > 0 ? searching : 1);
    snprintf(encoders, sizeof encoders, "%u", encoding > 0 ? encoding : 1);
    add(&with, "--connect", cluster->worker_endpoint);
    add(&with, "--threads", threads);
    add(&with, "--encoders", encoders);
    add(&with, "--key", options->key_file);
    add(&with, "--server-key", options->key_file != NULL ? cluster->server_key : NULL);
    if (options->lazy) with.list[with.count++] = "--lazy";
    if (options->resident) with.list[with.count++] = "--resident";
    if (options->no_sandbox) with.list[with.count++] = "--no-sandbox";
    add(&with, "--", options->index_path);
    return start(cluster, "kindred-worker", &with, -1, &worker->pid, error);
}

/* --- Starting all --------------------------------------------------------------------------- */

/* Workers know the coordinator by its public key, which is theirs too. */
static kin_status read_server_key(kin_cluster *cluster, kin_error *error)
{
    kin_key_pair pair;
    if (cluster->options.key_file == NULL) return KIN_OK;
    kin_status status = kin_key_pair_read(cluster->options.key_file, &pair, error);
    memcpy(cluster->server_key, pair.public_key, sizeof cluster->server_key);
    explicit_bzero(&pair, sizeof pair);
    return status;
}

static kin_status choose_endpoints(kin_cluster *cluster, kin_error *error)
{
    const kin_cluster_options *options = &cluster->options;
    if (options->client_endpoint == NULL || options->worker_endpoint == NULL) {
        kin_status status = kin_socket_folder_make(&cluster->folder, error);
        if (status != KIN_OK) return status;
    }
    cluster->endpoint = options->client_endpoint != NULL
                            ? kin_strdup(options->client_endpoint)
                            : kin_sprintf("ipc://%s/clients", cluster->folder.path);
    cluster->worker_endpoint = options->worker_endpoint != NULL
                                   ? kin_strdup(options->worker_endpoint)
                                   : kin_sprintf("ipc://%s/workers", cluster->folder.path);
    return KIN_OK;
}

/* Fails once a child has ended: while starting none may. */
static kin_status check_children(void *user, kin_error *error)
{
    kin_cluster *cluster = user;
    int status;
    if (waitpid(cluster->coordinator.pid, &status, WNOHANG) == cluster->coordinator.pid) {
        cluster->coordinator.pid = 0;
        return kin_fail(error, KIN_UNAVAILABLE, "kindred-coordinator ended; what it said is above");
    }
    for (uint32_t i = 0; i < cluster->options.workers; i++) {
        if (waitpid(cluster->workers[i].pid, &status, WNOHANG) != cluster->workers[i].pid) continue;
        cluster->workers[i].pid = 0;
        return kin_fail(error, KIN_UNAVAILABLE, "kindred-worker ended; what it said is above");
    }
    return kin_stop_requested() ? kin_fail(error, KIN_STOPPED, "stopped while starting") : KIN_OK;
}

kin_status kin_cluster_start(kin_cluster **cluster, const kin_cluster_options *options,
                             kin_error *error)
{
    kin_manifest manifest = {0};
    *cluster = NULL;
    kin_status status = kin_generation_manifest(options->index_path, NULL, &manifest, NULL, error);
    if (status != KIN_OK) return status;
    kin_cluster *made = kin_calloc(1, sizeof *made);
    made->options = *options;
    made->workers = kin_calloc(options->workers, sizeof *made->workers);
    made->replicas = options->replicas != KIN_CLUSTER_REPLICAS_ANY ? options->replicas
                     : options->workers < KIN_REPLICAS_DEFAULT     ? options->workers
                                                                   : KIN_REPLICAS_DEFAULT;
    status = read_server_key(made, error);
    if (status == KIN_OK) status = choose_endpoints(made, error);
    if (status == KIN_OK) status = start_coordinator(made, error);
    for (uint32_t i = 0; status == KIN_OK && i < options->workers; i++)
        status = start_worker(made, &made->workers[i], error);
    if (status == KIN_OK)
        status = kin_cluster_wait_ready(made->endpoint, options->key_file, manifest.bits,
                                        check_children, made, error);
    if (status == KIN_PARTIAL) { /* it serves what it has; who asks is told */
        kin_log(KIN_LOG_WARNING, "%s", error->text);
        status = KIN_OK;
    }
    kin_manifest_fini(&manifest);
    if (status != KIN_OK) kin_cluster_stop(&made);
    *cluster = made;
    return status;
}

const char *kin_cluster_endpoint(const kin_cluster *cluster)
{
    return cluster->endpoint;
}

const char *kin_cluster_worker_endpoint(const kin_cluster *cluster)
{
    return cluster->worker_endpoint;
}

/* --- Supervising ---------------------------------------------------------------------------- */

/* Notices that a child has ended, and when it is to be started again. */
static kin_status watch(child *one, const char *program, kin_error *error)
{
    int status;
    if (one->pid == 0 || waitpid(one->pid, &status, WNOHANG) != one->pid) return KIN_OK;
    int64_t now_ms = kin_clock_ms();
    if (now_ms - one->first_death_ms > DEATHS_WINDOW_MS) {
        one->deaths = 0;
        one->first_death_ms = now_ms;
    }
    one->pid = 0;
    if (++one->deaths >= DEATHS_MAX)
        return kin_fail(error, KIN_UNAVAILABLE, "%s died %d times within a minute; giving up",
                        program, one->deaths);
    one->restart_ms = now_ms + (one->deaths > 1 ? 250 << one->deaths / 2 : 0);
    if (WIFSIGNALED(status))
        kin_log(KIN_LOG_WARNING, "%s was killed by signal %d; it is started again", program,
                WTERMSIG(status));
    else
        kin_log(KIN_LOG_WARNING, "%s ended with status %d; it is started again", program,
                WEXITSTATUS(status));
    return KIN_OK;
}

kin_status kin_cluster_supervise(kin_cluster *cluster, kin_error *error)
{
    kin_status status = KIN_OK;
    while (status == KIN_OK && !kin_stop_requested()) {
        struct pollfd wait = {.fd = kin_stop_descriptor(), .events = POLLIN};
        poll(&wait, 1, POLL_MS);
        if (kin_stop_requested()) break;
        child *coordinator = &cluster->coordinator;
        status = watch(coordinator, "kindred-coordinator", error);
        if (status == KIN_OK && coordinator->pid == 0 && kin_clock_ms() >= coordinator->restart_ms)
            status = start_coordinator(cluster, error);
        for (uint32_t i = 0; status == KIN_OK && i < cluster->options.workers; i++) {
            child *worker = &cluster->workers[i];
            status = watch(worker, "kindred-worker", error);
            if (status == KIN_OK && worker->pid == 0 && kin_clock_ms() >= worker->restart_ms)
                status = start_worker(cluster, worker, error);
        }
    }
    return status;
}

/* Waits for a child to end; kills it when its time is over. */
static void await_end(child *one, int64_t end_ms)
{
    while (one->pid > 0 && waitpid(one->pid, NULL, WNOHANG) == 0) {
        if (kin_clock_ms() > end_ms) {
            kill(one->pid, SIGKILL);
            waitpid(one->pid, NULL, 0);
            break;
        }
        kin_sleep_ms(2);
    }
    one->pid = 0;
}

void kin_cluster_stop(kin_cluster **cluster)
{
    kin_cluster *stopped = *cluster;
    if (stopped == NULL) return;
    if (stopped->coordinator.pid > 0) kill(stopped->coordinator.pid, SIGTERM);
    await_end(&stopped->coordinator, kin_clock_ms() + STOP_TIMEOUT_MS);
    for (uint32_t i = 0; i < stopped->options.workers; i++)
        if (stopped->workers[i].pid > 0) kill(stopped->workers[i].pid, SIGTERM);
    int64_t end_ms = kin_clock_ms() + STOP_TIMEOUT_MS;
    for (uint32_t i = 0; i < stopped->options.workers; i++)
        await_end(&stopped->workers[i], end_ms);
    kin_socket_folder_remove(&stopped->folder);
    free(stopped->endpoint);
    free(stopped->worker_endpoint);
    free(stopped->workers);
    free(stopped);
    *cluster = NULL;
}
