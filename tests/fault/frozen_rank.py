#!/usr/bin/python3
"""A rank that is stopped ends the job within a minute, named; the same command then finishes."""
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import LONG, finish, ok  # noqa: E402


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True,
                         text=True, check=False).stdout
    return [int(line.split()[0]) for line in out.split("\n") if "kindred-index" in line]


def rank_pid(launcher, rank):
    """The pid of a rank once its decoder runs, by its environment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in children(launcher):
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"OMPI_COMM_WORLD_RANK={rank}".encode() in file.read().split(b"\0"):
                    return pid
        time.sleep(0.02)
    return None


# One folder under several names: seconds of work, so that a signal comes before the end.
SOURCES = [f"pictures-{i}" for i in range(6)]


def alive(pid):
    """Whether a process is there and no zombie that waits for its parent."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def freeze(work, rank):
    index = f"index{rank}"
    environment = dict(index_job.ENVIRONMENT)
    if not LONG:  # the real time is 45 s
        environment["KINDRED_SILENCE_MS"] = "4000"
    job = subprocess.Popen(index_job.command(3, "-o", index, *SOURCES), cwd=work,
                           env=environment, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    pid = rank_pid(job.pid, rank)
    while not os.path.exists(f"{work}/{index}/building/list.kin"):
        time.sleep(0.01)
    os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    try:
        text = job.communicate(timeout=75)[1].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.kill(pid, signal.SIGCONT)
        job.kill()
        text = "no end\n" + job.communicate()[1].decode("utf-8", "replace")
    seconds = time.monotonic() - start
    ok(f"rank {rank} (host" in text and f"pid {pid})" in text and job.returncode != 0,
       f"rank {rank} stopped: the job ends and names rank, host and pid", text)
    ok(seconds < 60, f"rank {rank} stopped: within a minute", f"{seconds:.0f} s")
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    ok(not alive(pid), f"rank {rank} stopped: it is gone")
    done = build(3, "-o", index, *SOURCES, cwd=work)
    ok(done.returncode == 0, f"rank {rank} stopped: the same command finishes", said(done))


def terminate(work):
    """SIGTERM to mpirun and to one rank: one sentence, and the same command goes on."""
    for who in ("mpirun", "rank 1"):
        index = f"index-{who[-1]}"
        job = subprocess.Popen(index_job.command(2, "-o", index, *SOURCES), cwd=work,
                               env=index_job.ENVIRONMENT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        pid = rank_pid(job.pid, 1)
        while not os.path.exists(f"{work}/{index}/building/list.kin"):
            time.sleep(0.01)
        os.kill(job.pid if who == "mpirun" else pid, signal.SIGTERM)
        text = job.communicate(timeout=30)[1].decode("utf-8", "replace")
        ok(text.count("the same command goes on from here") == 1 and job.returncode != 0,
           f"SIGTERM to {who}: one sentence", text)
        done = build(2, "-o", index, *SOURCES, cwd=work)
        ok(done.returncode == 0, f"SIGTERM to {who}: the same command finishes", said(done))


def main():
    with tempfile.TemporaryDirectory() as work:
        make(f"{work}/{SOURCES[0]}", count=1200, side=120)
        for name in SOURCES[1:]:
            os.symlink(SOURCES[0], f"{work}/{name}")
        terminate(work)
        for rank in (1, 0):
            freeze(work, rank)


main()
finish()
