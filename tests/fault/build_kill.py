#!/usr/bin/python3
"""kill -9 of a rank or of mpirun at random moments of a build: the same command finishes, with the
same bytes, redoing at most one chunk a rank; a generation is there whole or not at all."""
import glob
import os
import random
import re
import shutil
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

RANKS = 3
CHUNK = 64  # KIN_CHUNK_PICTURES
KILLS = 20 if LONG else 3


def ranks_of(launcher):
    """The pids of the ranks below an mpirun, ranks in order of start."""
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(launcher)],
                              capture_output=True, text=True, check=False).stdout.split("\n")
    return [int(line.split()[0]) for line in children if "kindred-index" in line]


def parts(index):
    """path -> time of change, of the parts that are complete."""
    found = {}
    for path in glob.glob(f"{index}/building/parts/part-*.kin"):
        try:
            found[path] = os.stat(path).st_mtime_ns
        except FileNotFoundError:
            pass
    return found


def kill_once(work, index, options, delay, chance):
    """Starts a build, kills a rank or mpirun after delay seconds; the parts that were there."""
    job = subprocess.Popen(index_job.command(RANKS, "-o", index, *options), cwd=work,
                           env=index_job.ENVIRONMENT, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    pids = ranks_of(job.pid)
    victim = chance.choice([job.pid, *pids])
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass
    job.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return parts(f"{work}/{index}"), [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def main():
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as work:
        make(f"{work}/pictures", count=640, side=120)
        options = ["--sample", "256", "--rerank", "pictures"]  # parts of vectors and of values
        start = time.monotonic()
        done = build(RANKS, "-o", "whole", *options, cwd=work)
        seconds = time.monotonic() - start
        ok(done.returncode == 0, "an undisturbed build", said(done))
        for i in range(KILLS):
            index = f"index{i}"
            delay = seconds * chance.uniform(0.15, 1.0)
            before, left = kill_once(work, index, options, delay, chance)
            ok(not left, f"kill {i}: no rank is left behind", left)
            published = os.path.exists(f"{work}/{index}/CURRENT")
            if published:
                ok(index_job.same_generations(f"{work}/whole", f"{work}/{index}"),
                   f"kill {i}: what CURRENT names is whole")
            done = build(RANKS, "-o", index, *options, cwd=work)
            ok(done.returncode == 0, f"kill {i} after {delay:.2f} s: the same command finishes",
               said(done))
            kept = re.search(r"done before: (\d+)", said(done))
            kept = int(kept[1]) if kept else 0
            ok(index_job.same_generations(f"{work}/whole", f"{work}/{index}"),
               f"kill {i}: the same bytes ({len(before)} parts were there)")
            complete = "was complete" in said(done)  # killed between the generation and CURRENT
            ok(published or complete or kept == CHUNK * len(before),
               f"kill {i}: parts are not made again", kept, len(before), said(done))
            ok(not os.path.exists(f"{work}/{index}/building"), f"kill {i}: nothing is left over")
            shutil.rmtree(f"{work}/{index}")


main()
finish()
