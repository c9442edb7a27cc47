#!/usr/bin/python3
"""kindred plan: what it foresees against what the real programs then take (memory and disk within
1.15; times are shown, not asserted), its JSON, wrong arguments, and a cache that is damaged, of
another machine, or cannot be written."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, LONG, finish, ok  # noqa: E402

CODES = 2000000
RATIO = 1.15


class Room:
    """A folder with a cache of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = dict(index_job.ENVIRONMENT, XDG_CACHE_HOME=f"{folder}/cache")

    def run(self, *words, **more):
        return subprocess.run(words, env=self.environment, cwd=self.folder, capture_output=True,
                              timeout=120, check=False, stdin=subprocess.DEVNULL, **more)

    def plan(self, *words):
        return self.run(f"{BIN}/kindred", "plan", *words)

    def rates(self):
        return glob.glob(f"{self.folder}/cache/kindred/rates-*")


def said(done):
    return done.stderr.decode("utf-8", "replace")


def report(path):
    """name -> number of a report (proto/FIGURES.md)."""
    with open(path, encoding="ascii") as file:
        lines = file.read().split("\n")
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines[2:-2]}


def hold(room, plan, path, what):
    """The plan's bytes against those of the report."""
    fact = report(path)
    for name in ("memory_bytes", "disk_bytes", "disk_peak_bytes"):
        ratio = fact["fact." + name] / plan[name]
        ok(1 / RATIO <= ratio <= RATIO, f"{what}: {name} is within {RATIO} of the plan",
           f"planned {plan[name]}, taken {fact['fact.' + name]}, {ratio:.3f}")
        ratio = fact["fact." + name] / fact["plan." + name]
        ok(1 / RATIO <= ratio <= RATIO, f"{what}: and of what the job itself foresaw",
           f"planned {fact['plan.' + name]}, taken {fact['fact.' + name]}, {ratio:.3f}")
    taken = sum(value for name, value in fact.items() if name.startswith("fact.seconds."))
    print(f"# {what}: {plan['seconds']:.2f} s planned, {taken:.2f} taken", flush=True)
    ok(fact["plan.timed"] == 1, f"{what}: the job knew the rates that were measured for the plan")
    ok(not glob.glob(f"{room.folder}/.kindred-plan-*"), f"{what}: no scratch folder is left")


def imports(room):
    words = ["--codes", str(CODES), "--tables", "2", "--ranks", "2", "--memory", "512M", "--json"]
    done = room.plan(*words)
    if not ok(done.returncode == 0, "an import is planned", said(done)):
        return
    plan = json.loads(done.stdout)
    ok(plan["job"] == "import" and plan["codes"] == CODES and plan["tables"] == 2 and
       [stage["name"] for stage in plan["stages"]] ==
       ["look", "gather", "sort", "write", "complete"] and
       abs(sum(stage["seconds"] for stage in plan["stages"]) - plan["seconds"]) < 1e-3 and
       plan["search"]["uniform_seconds"] > plan["search"]["clustered_seconds"] > 0,
       "the plan's JSON says stages, bytes, searches", plan)
    begun = time.monotonic()
    again = room.plan(*words)
    ok(again.stdout == done.stdout and time.monotonic() - begun < 2,
       "asked again, it is the same plan from the cache")
    text = room.plan(*words[:-1]).stdout.decode()
    ok("2,000,000 codes" in text and "--calibrate measures anew" in text and "measured 2" in text,
       "the text says when the rates were measured", text)
    done = room.run("mpirun", "-n", "2", f"{BIN}/kindred-index", "import", "-o", "imported",
                    "--tables", "2", "--memory", "512M", "--report", "import.report",
                    f"synthetic:u:64:{CODES}")
    if ok(done.returncode == 0, "the import runs", said(done)):
        made = CODES * 8  # the synthetic set itself, which a file of codes would not be
        plan["disk_peak_bytes"] += made
        hold(room, plan, f"{room.folder}/import.report", "import")
        ok("seconds planned and taken: look" in said(done) and
           "bytes planned and taken: memory" in said(done), "its summary compares", said(done))
    ok(plan["serving_bytes"] <= plan["disk_bytes"], "what is served is on the disk")


def builds(room):
    make(f"{room.folder}/pictures", 300, 4, 160, 1)
    for i in range(20):
        with open(f"{room.folder}/pictures/note-{i}.txt", "w", encoding="ascii") as file:
            file.write("no picture")
    done = room.plan("pictures", "--ranks", "2", "--json")
    if not ok(done.returncode == 0, "a build is planned", said(done)):
        return
    plan = json.loads(done.stdout)
    ok(plan["job"] == "build" and plan["inputs"] == 320 and plan["codes"] == 300,
       "inputs are counted; the trial says how many are pictures", plan)
    done = index_job.subprocess.run(
        ["mpirun", "-n", "2", f"{BIN}/kindred-index", "build", "-o", "built", "--report",
         "build.report", "pictures"], env=room.environment, cwd=room.folder, capture_output=True,
        timeout=120, check=False)
    if ok(done.returncode == 0, "the build runs", said(done)):
        hold(room, plan, f"{room.folder}/build.report", "build")
        ok("seconds planned and taken: list" in said(done) or
           "seconds planned and taken: learn" in said(done), "its summary compares", said(done))
    first = room.plan("--pictures", "1000000", "--average-bytes", "50K", "--json")
    if ok(first.returncode == 0, "pictures that are elsewhere are planned", said(first)):
        few, many = json.loads(first.stdout), json.loads(
            room.plan("--pictures", "4000000", "--average-bytes", "50K", "--json").stdout)
        times = [{stage["name"]: stage["seconds"] for stage in plan["stages"]}
                 for plan in (few, many)]
        ok(abs(times[1]["decode"] / times[0]["decode"] - 4) < 0.01 and
           3.5 < many["disk_bytes"] / few["disk_bytes"] < 4.5,
           "four times as many take four times as long, from the cache", few, many)
        ok(times[0]["decode"] / (1000000 * 50 * 1024) < 1e-6 and few["disk_bytes"] > 1e9,
           "and both are of the size that a million is", few)


def wrong_arguments(room):
    for words, sentence in (
            ([], "there is nothing to plan"),
            (["--codes", "0"], "--codes is '0'"),
            (["--codes", "x"], "--codes"),
            (["--codes", "5", "--pictures", "5"], "both --codes and pictures"),
            (["--codes", "5", "--bits", "32"], "64, 128 or 256"),
            (["--codes", "5", "--tables", "17"], "--tables is 17"),
            (["--pictures", "5", "--tables", "2"], "about --codes"),
            (["--codes", "5", "--memory", "8GB"], "--memory is 8GB"),
            (["--pictures", "5", "--average-bytes", "0"], "--average-bytes is 0"),
            (["--codes", "5", "--ranks", "2", "--nodes", "3"], "fewer than --nodes"),
            (["--codes", "5", "--rank", "2"], "--ranks")):
        done = room.plan(*words)
        ok(done.returncode == 2 and sentence in said(done), f"plan {' '.join(words)} is refused",
           done.returncode, said(done))
    for words, sentence in ((["nowhere"], "nowhere"),
                            (["--pictures", "5", "--model", "none.onnx"], "none.onnx"),
                            (["--pictures", "5", "--hasher", "magic"], "magic")):
        done = room.plan(*words)
        ok(done.returncode == 1 and sentence in said(done),
           f"plan {' '.join(words)} fails with what kindred-index says", done.returncode,
           said(done))
    done = room.plan("--help")
    ok(done.returncode == 0 and b"usage: kindred plan" in done.stdout and
       max(map(len, done.stdout.split(b"\n"))) < 100, "--help fits the screen")


def bad_caches(room):
    words = ["--codes", "100000", "--json"]
    path = room.rates()[0]
    with open(path, "rb") as file:
        good = file.read()
    os.unlink(path)
    os.mkdir(path)  # neither read nor written
    done = room.plan(*words)
    ok(done.returncode == 0 and json.loads(done.stdout)["seconds"] > 0 and
       "measured anew" in said(done) and "not kept" in said(done),
       "a cache that cannot be read or written is said, and the plan is made", said(done))
    os.rmdir(path)
    with open(path, "wb") as file:
        file.write(good[:len(good) // 2])
    if LONG:
        done = room.plan(*words)
        ok(done.returncode == 0 and "measured anew" in said(done) and
           open(path, "rb").read() != good[:len(good) // 2],
           "a damaged cache is measured anew", said(done))


def interrupted(room):
    """The damaged cache that bad_caches leaves makes it measure."""
    with subprocess.Popen([f"{BIN}/kindred-plan", "--codes", "3000000"], env=room.environment,
                          cwd=room.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as plan:
        end = time.monotonic() + 20
        while not glob.glob(f"{room.folder}/.kindred-plan-*/import") and time.monotonic() < end:
            time.sleep(0.01)
        plan.send_signal(signal.SIGTERM)
        error = plan.communicate(timeout=60)[1].decode()
    ok(plan.returncode == 1 and "stopped" in error, "SIGTERM ends it", plan.returncode, error)
    ok(not glob.glob(f"{room.folder}/.kindred-plan-*"), "and the scratch folder is gone")


def main():
    folder = tempfile.mkdtemp(prefix="kindred-plan-")
    try:
        room = Room(folder)
        wrong_arguments(room)
        imports(room)
        builds(room)
        bad_caches(room)
        interrupted(room)
    finally:
        shutil.rmtree(folder)
    finish()


main()
