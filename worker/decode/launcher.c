#include "worker/decode/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/status.h"
#include "worker/decode/decode_child.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/sandbox.h"

typedef struct launcher {
    const kin_launcher_options *options;
    kin_sandbox *sandbox; /* NULL for none */
    int signals;          /* readable when a child has ended */
    pid_t child;          /* 0 for none */
    uint32_t number;      /* of the child, from 1 */
} launcher;

static void tell(const launcher *l, kin_wire_control_kind kind, int status, const char *text)
{
    kin_wire_control message = {.kind = kind, .child = l->number, .status = status};
    snprintf(message.text, sizeof message.text, "%.*s", (int)sizeof message.text - 1, text);
    /* A program that is gone is noticed where the control socket is read. */
    ssize_t ignored = send(l->options->control, &message, sizeof message, MSG_NOSIGNAL);
    (void)ignored;
}

/* Nothing is open but the socket, as descriptor 0; a sanitizer keeps its place to report. */
static bool close_all_but_work(int work)
{
    if (dup2(work, STDIN_FILENO) != STDIN_FILENO) return false;
    return close_range(KIN_SANDBOX_SANITIZED ? 3 : 1, ~0u, 0) == 0;
}

/* In the forked process. */
static _Noreturn void run_child(const launcher *l, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    prctl(PR_SET_NAME, "kindred-pixels");
    uint8_t *memory = mmap(NULL, KIN_WIRE_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                           l->options->memory, 0);
    if (memory == MAP_FAILED || mprotect(memory, KIN_WIRE_INPUT_BYTES, PROT_READ) != 0 ||
        !close_all_but_work(l->options->work))
        _exit(KIN_WIRE_EXIT_NO_SANDBOX);
    kin_status status =
        l->sandbox != NULL ? kin_sandbox_enter(l->sandbox) : kin_sandbox_limit_resources();
    if (status != KIN_OK) _exit(KIN_WIRE_EXIT_NO_SANDBOX);
    kin_decode_child_serve(STDIN_FILENO, memory);
    _exit(0);
}

/* A request that a dead child left unread must not reach the next one. */
static void drain_requests(int work)
{
    kin_wire_request request;
    while (recv(work, &request, sizeof request, MSG_DONTWAIT) > 0)
        continue;
}

static bool start_child(launcher *l)
{
    pid_t self = getpid();
    drain_requests(l->options->work);
    l->number++;
    l->child = fork();
    if (l->child == 0) run_child(l, self);
    if (l->child > 0) {
        tell(l, KIN_WIRE_STARTED, 0, "");
        return true;
    }
    l->child = 0;
    tell(l, KIN_WIRE_FAILED, 0, "the system refuses to start a decode child");
    return false;
}

/* Takes the dead child's status and starts the next; false where that makes no sense. */
static bool replace_child(launcher *l)
{
    struct signalfd_siginfo information;
    int status;
    ssize_t ignored = read(l->signals, &information, sizeof information);
    (void)ignored;
    if (l->child == 0 || waitpid(l->child, &status, WNOHANG) != l->child) return true;
    l->child = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == KIN_WIRE_EXIT_NO_SANDBOX) {
        tell(l, KIN_WIRE_FAILED, status, "a decode child could not enter its sandbox");
        return false;
    }
    tell(l, KIN_WIRE_DIED, status, "");
    return start_child(l);
}

/* Obeys one order; false when the program is gone. */
static bool obey(launcher *l)
{
    kin_wire_control order;
    ssize_t bytes = recv(l->options->control, &order, sizeof order, 0);
    if (bytes < 0 && errno == EINTR) return true;
    if (bytes != (ssize_t)sizeof order) return false;
    if (order.kind == KIN_WIRE_KILL && order.child == l->number && l->child != 0)
        kill(l->child, SIGKILL);
    return true;
}

static void serve(launcher *l)
{
    struct pollfd events[] = {{.fd = l->options->control, .events = POLLIN},
                              {.fd = l->signals, .events = POLLIN}};
    if (!start_child(l)) return;
    for (;;) {
        if (poll(events, 2, -1) < 0) continue;
        if (events[0].revents != 0 && !obey(l)) break;
        if (events[1].revents != 0 && !replace_child(l)) break;
    }
    if (l->child == 0) return;
    kill(l->child, SIGKILL);
    waitpid(l->child, NULL, 0);
}

/* Standard input and output belong to the program's user. */
static void detach(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) return;
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
}

/* Ctrl-C reaches the whole group: the program decides what becomes of us. */
static int block_signals(void)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

int kin_launcher_run(const kin_launcher_options *options)
{
    launcher l = {.options = options};
    kin_error error = {0};
    kin_status status = KIN_OK;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    detach();
    if (KIN_SANDBOX_SANITIZED)
        kin_log(KIN_LOG_INFO, "a sanitizer's build: without seccomp and the limit on memory");
    if (options->sandboxed) {
        status = kin_sandbox_new(&l.sandbox, &error);
        if (status == KIN_OK) status = kin_sandbox_test(l.sandbox, &error);
    }
    l.signals = block_signals();
    if (status == KIN_OK && l.signals < 0)
        status = kin_fail(&error, KIN_IO, "signalfd: %s", strerror(errno));
    if (status == KIN_OK)
        serve(&l);
    else
        tell(&l, KIN_WIRE_FAILED, 0, error.text);
    kin_sandbox_destroy(&l.sandbox);
    return status == KIN_OK ? 0 : 1;
}
