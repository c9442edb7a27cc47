#include "common/base/stop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/check.h"

static atomic_int stop_count;
static int stop_pipe[2] = {-1, -1};

static void on_signal(int number)
{
    if (atomic_fetch_add(&stop_count, 1) > 0) {
        signal(number, SIG_DFL);
        raise(number);
    }
    ssize_t ignored = write(stop_pipe[1], "", 1);
    (void)ignored;
}

void kin_stop_init(void)
{
    if (stop_pipe[0] >= 0) return;
    KIN_CHECK(pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool kin_stop_requested(void)
{
    return atomic_load(&stop_count) > 0;
}

int kin_stop_descriptor(void)
{
    return stop_pipe[0];
}
