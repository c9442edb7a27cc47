#!/usr/bin/python3
"""kill -9 and full disks during an import: the old generation stays as it was, and the same command
finishes with the same bytes, without doing again the tasks that have their record."""
import glob
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import said  # noqa: E402
from tap import LONG, finish, ok  # noqa: E402

KILLS = 25 if LONG else 6
CODES = "synthetic:c:64:200000"
ENVIRONMENT = dict(index_job.ENVIRONMENT, KINDRED_IMPORT_ROWS="9000")


def words(ranks, index):
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    return [*launcher, index_job.PROGRAM, "import", "-o", index, "--shards", "2", CODES]


def run_import(ranks, index, cwd):
    return subprocess.run(words(ranks, index), env=ENVIRONMENT, cwd=cwd, capture_output=True,
                          timeout=600, check=False, stdin=subprocess.DEVNULL)


def state_of(folder):
    """Of every file that is not of the building."""
    found = {}
    for path in sorted(glob.glob(f"{folder}/CURRENT") + glob.glob(f"{folder}/generation-*/*")):
        with open(path, "rb") as file:
            found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def records(index):
    return {path: os.stat(path).st_mtime_ns
            for path in glob.glob(f"{index}/building/tasks/task-*.kin")}


def ranks_of(launcher):
    """The pids of the ranks below an mpirun."""
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(launcher)],
                              capture_output=True, text=True, check=False).stdout.split("\n")
    return [int(line.split()[0]) for line in children if "kindred-index" in line]


def kill_once(work, delay):
    """Starts an import and kills all of it after delay seconds."""
    job = subprocess.Popen(words(2, "killed"), env=ENVIRONMENT, cwd=work,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    time.sleep(delay)
    for pid in [*ranks_of(job.pid), job.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    job.wait(timeout=30)


def check_kills(work, seconds):
    chance = random.Random(7)
    done = run_import(0, "killed", work)
    ok(done.returncode == 0, "an old generation", said(done))
    before, kept, seen = state_of(f"{work}/killed"), 0, 0
    for kill in range(KILLS):
        there = records(f"{work}/killed")
        kill_once(work, 0.1 + chance.random() * seconds * 0.6)
        now = state_of(f"{work}/killed")
        if any("generation-000002" in name for name in now):
            break
        ok(now == before, f"kill {kill + 1}: the old generation is untouched")
        after = records(f"{work}/killed")
        kept += sum(after.get(path) == change for path, change in there.items())
        seen += len(there)
    ok(kept == seen, "tasks that have their record are not done again", kept, seen)
    whole = any("generation-000002" in name for name in state_of(f"{work}/killed"))
    if not whole or os.path.exists(f"{work}/killed/building"):
        done = run_import(2, "killed", work)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/wanted", f"{work}/killed") and
       index_job.current(f"{work}/killed").endswith("2") and
       not os.path.exists(f"{work}/killed/building"),
       "the same command finishes, with the same bytes", said(done))


def check_disk(work):
    disk = f"{work}/disk"
    os.makedirs(disk)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk],
                           capture_output=True, check=False)
    if mount.returncode != 0:
        return
    try:
        failures, done = 0, None
        for kilobytes in (64, 1000, 2500, 5000, 65536):
            subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)
            done = run_import(2, "disk/index", work)
            if done.returncode == 0:
                break
            failures += 1
            ok(done.returncode == 1 and "No space" in said(done) and
               not os.path.exists(f"{disk}/index/CURRENT"),
               f"{kilobytes} kB: a sentence, and no index", said(done))
        ok(failures >= 3 and done.returncode == 0 and
           index_job.same_generations(f"{work}/wanted", f"{disk}/index"),
           "with room the same command finishes, with the same bytes", said(done))
    finally:
        subprocess.run(["umount", disk], check=True)


def check_changed(work):
    """Codes that are not those that an unfinished import began with."""
    path = f"{work}/codes.bin"
    with open(path, "wb") as file:
        file.write(os.urandom(80000))
    command = [index_job.PROGRAM, "import", "-o", f"{work}/changed", f"raw:64:{path}"]
    os.makedirs(f"{work}/changed")
    subprocess.run([*command, "--keys", "/dev/null"], env=ENVIRONMENT, capture_output=True,
                   check=False)
    first = subprocess.run(["prlimit", "--fsize=50000", *command], env=ENVIRONMENT,
                           capture_output=True, check=False)
    with open(path, "ab") as file:
        file.write(os.urandom(8))
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    ok(first.returncode != 0 and done.returncode == 1 and "--restart" in said(done),
       "other codes do not go on with an unfinished import", said(first), said(done))
    done = subprocess.run([*command, "--restart"], env=ENVIRONMENT, capture_output=True,
                          check=False)
    ok(done.returncode == 0, "--restart forgets it", said(done))


def main():
    with tempfile.TemporaryDirectory() as work:
        start = time.monotonic()
        done = run_import(2, "wanted", work)
        seconds = time.monotonic() - start
        ok(done.returncode == 0, "an import that nothing disturbs", said(done))
        check_kills(work, seconds)
        check_disk(work)
        check_changed(work)


main()
finish()
