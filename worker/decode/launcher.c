#include "worker/decode/launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "worker/decode/decode_child.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/sandbox.h"

/* A child that dies this soon after another, so many times in a row, cannot be helped. */
#define QUICK_DEATH_MS 20
#define QUICK_DEATHS_MAX 200

typedef struct launcher {
    int control, work, memory;
    bool sandbox;
    pid_t child;
    int child_descriptor; /* pidfd: readable once the child has ended */
    uint32_t number;      /* of the child, from 1 */
    int64_t started_ms;
    int quick_deaths;
} launcher;

static bool say(const launcher *self, kin_wire_control_kind kind, int status, const char *text)
{
    kin_wire_control message = {.kind = kind, .child = self->number, .status = status};
    snprintf(message.text, sizeof message.text, "%s", text);
    return send(self->control, &message, sizeof message, MSG_NOSIGNAL) == (ssize_t)sizeof message;
}

/* In the child: forgets everything of the launcher's, enters the sandbox, works. */
_Noreturn static void become_child(const launcher *self, pid_t parent)
{
    char text[200];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    prctl(PR_SET_NAME, "kindred-pixels");
    close(self->control);
    uint8_t *memory =
        mmap(NULL, KIN_WIRE_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->memory, 0);
    if (memory == MAP_FAILED) _exit(KIN_WIRE_EXIT_NO_SANDBOX);
    close(self->memory);
    if (self->sandbox && kin_sandbox_enter(text, sizeof text) != 0) _exit(KIN_WIRE_EXIT_NO_SANDBOX);
    kin_decode_child_serve(self->work, memory);
    _exit(0);
}

/* Requests that the last child did not read belong to nobody. */
static void drop_unread(const launcher *self)
{
    kin_wire_request request;
    while (recv(self->work, &request, sizeof request, MSG_DONTWAIT) > 0)
        continue;
}

static bool start_child(launcher *self)
{
    pid_t parent = getpid();
    drop_unread(self);
    self->number++;
    self->started_ms = kin_clock_ms();
    self->child = fork();
    if (self->child == 0) become_child(self, parent);
    if (self->child < 0) return say(self, KIN_WIRE_FAILED, 0, strerror(errno)) && false;
    self->child_descriptor = (int)syscall(SYS_pidfd_open, self->child, 0);
    if (self->child_descriptor < 0) return say(self, KIN_WIRE_FAILED, 0, strerror(errno)) && false;
    return say(self, KIN_WIRE_STARTED, 0, "");
}

/* The child has ended: says so and starts the next. */
static bool replace_child(launcher *self)
{
    int status = 0;
    waitpid(self->child, &status, 0);
    close(self->child_descriptor);
    self->child = 0;
    bool quick = kin_clock_ms() - self->started_ms < QUICK_DEATH_MS;
    self->quick_deaths = quick ? self->quick_deaths + 1 : 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == KIN_WIRE_EXIT_NO_SANDBOX)
        return say(self, KIN_WIRE_FAILED, status, "the child cannot enter the sandbox") && false;
    if (self->quick_deaths > QUICK_DEATHS_MAX)
        return say(self, KIN_WIRE_FAILED, status, "one child after another dies at once") && false;
    return say(self, KIN_WIRE_DIED, status, "") && start_child(self);
}

static bool obey(launcher *self)
{
    kin_wire_control message;
    ssize_t bytes = recv(self->control, &message, sizeof message, 0);
    if (bytes < 0 && errno == EINTR) return true;
    if (bytes != (ssize_t)sizeof message) return false; /* the parent is gone */
    /* An order about an earlier child came too late: that one is dead already. */
    if (message.kind == KIN_WIRE_KILL && message.child == self->number) kill(self->child, SIGKILL);
    return true;
}

int kin_launcher_run(int control, int work, int memory, bool sandbox)
{
    launcher self = {.control = control, .work = work, .memory = memory, .sandbox = sandbox};
    char text[200] = "";
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the parent, whose end ends us */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sandbox && kin_sandbox_prove(text, sizeof text) != 0) {
        (void)say(&self, KIN_WIRE_FAILED, 0, text);
        return 1;
    }
    bool going = start_child(&self);
    while (going) {
        struct pollfd waits[2] = {{.fd = control, .events = POLLIN},
                                  {.fd = self.child_descriptor, .events = POLLIN}};
        if (poll(waits, 2, -1) < 0 && errno != EINTR) break;
        if (waits[1].revents != 0) going = replace_child(&self);
        if (going && waits[0].revents != 0) going = obey(&self);
    }
    if (self.child > 0) {
        kill(self.child, SIGKILL);
        waitpid(self.child, NULL, 0);
    }
    return 0;
}
