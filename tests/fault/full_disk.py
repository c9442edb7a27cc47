#!/usr/bin/python3
"""A disk that fills up during a build: one sentence, nothing lost, and the same command finishes
once there is room. On a small tmpfs; where mounting is not allowed, under a limit of file sizes."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import finish, ok  # noqa: E402


def sentences(done):
    """What kindred-index itself said of a failure."""
    return [line for line in said(done).split("\n") if line.startswith("kindred-index:")
            and ("cannot" in line or "No space" in line)]


def on_tmpfs(work, options, ranks):
    """Grows a full file system until the build is through."""
    disk = f"{work}/disk"
    failures, counts, done = 0, [], None
    for kilobytes in (64, 900, 1800, 2700, 65536):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", disk], check=True)
        done = build(ranks, "-o", "disk/index", *options, cwd=work)
        if done.returncode == 0:
            break
        failures += 1
        ok(done.returncode == 1 and len(sentences(done)) == 1 and "No space" in said(done),
           f"{ranks} ranks, {kilobytes} kB: one sentence", said(done))
        folder = f"{disk}/index/building/parts"
        counts.append(len([name for name in os.listdir(folder) if name.endswith(".kin")])
                      if os.path.isdir(folder) else 0)
    ok(failures >= 2 and counts == sorted(counts), f"{ranks} ranks: parts that are done stay",
       failures, counts)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/wanted", f"{disk}/index"),
       f"{ranks} ranks: with room the same command finishes, with the same bytes", said(done))
    subprocess.run(["rm", "-rf", f"{disk}/index"], check=True)


def with_limit(work, options):
    done = build(0, "-o", "limited", *options, cwd=work, prefix=["prlimit", "--fsize=100000"])
    ok(done.returncode not in (0, 2), "files of limited size: the build fails", said(done))
    done = build(0, "-o", "limited", *options, cwd=work)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/wanted", f"{work}/limited"),
       "without the limit the same command finishes, with the same bytes", said(done))


def main():
    with tempfile.TemporaryDirectory() as work:
        make(f"{work}/pictures", count=640, side=100)
        options = ["--sample", "128", "pictures"]
        done = build(0, "-o", "wanted", *options, cwd=work)
        ok(done.returncode == 0, "a build with room", said(done))
        os.makedirs(f"{work}/disk")
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", f"{work}/disk"],
                               capture_output=True, check=False)
        if mount.returncode != 0:
            with_limit(work, options)
            return
        try:
            for ranks in (0, 2):
                on_tmpfs(work, options, ranks)
        finally:
            subprocess.run(["umount", f"{work}/disk"], check=True)


main()
finish()
