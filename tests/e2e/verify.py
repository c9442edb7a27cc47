#!/usr/bin/python3
"""kindred-verify, from outside: an index that is right, mistakes of use, every kind of file, and
files of two indexes mixed."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402


def verify(*arguments):
    """(exit status, standard output, standard error)."""
    done = subprocess.run([f"{BIN}/kindred-verify", *arguments], capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def make_index(folder, name, broken, *options):
    """An index of 40 pictures and some inputs that are none."""
    pictures = f"{folder}/{name}-pictures"
    make(pictures, count=40, side=32, seed=len(name))
    for number in range(broken):
        with open(f"{pictures}/broken-{number}.png", "w", encoding="ascii") as file:
            file.write("these are words" * number)
    index = f"{folder}/{name}"
    done = build(0, "-o", index, "--shards", "3", *options, pictures)
    ok(done.returncode == 0, f"an index to verify: {name}", said(done))
    return index


def test_whole(index):
    """What is right is said file by file."""
    status, out, err = verify(index)
    ok(status == 0 and err == "" and "FAILED" not in out, "an index as it was built is right",
       out, err)
    names = sorted(os.listdir(current(index)))
    ok(all(f"ok      {name}\n" in out for name in names), f"each of {len(names)} files has a line",
       out)
    ok("50 searches equal a brute force" in out and out.splitlines()[-1].endswith(", 0 fail"),
       "searches are compared, and the last line is a sum", out)
    status, out, err = verify(index, "--json", "--searches", "7")
    rows = [json.loads(line) for line in out.splitlines()]
    ok(status == 0 and all(row["ok"] is True for row in rows), "--json is an object a line", out)
    ok("7 searches equal a brute force" in [row["check"] for row in rows], "--searches 7", out)
    status, out, err = verify("-q", index)
    ok(status == 0 and len(out.splitlines()) == 1, "--quiet leaves the last line", out)


def test_files(index):
    """Each file alone."""
    for name, words, version in (("manifest.kin", "manifest", 1), ("encoder.kin", "encoder", 2),
                                 ("ledger.kin", "ledger", 1), ("shard-0001.kin", "shard", 2)):
        path = f"{current(index)}/{name}"
        status, out, err = verify(path)
        ok(status == 0 and words in out.splitlines()[0] and f"version {version}" in out and
           f"{os.path.getsize(path):,} bytes" in out, f"{name} alone is explained", out, err)


def test_use(index, folder):
    """Mistakes of use, and what is no file of ours."""
    status, out, err = verify("--help")
    ok(status == 0 and len(out.splitlines()) <= 24 and "Example: " in out,
       "--help fits a screen and has an example", out)
    for arguments in ((), (index, index), ("--serches", "3", index), ("--searches", "-1", index)):
        status, out, err = verify(*arguments)
        ok(status == 2 and out == "" and len(err.splitlines()) == 1,
           f"usage: {' '.join(arguments).replace(folder, '')}", status, out, err)
    status, _, err = verify(f"{folder}/nowhere")
    ok(status == 1 and f"kindred-index build -o {folder}/nowhere" in err,
       "an index that is not there: how to make one", err)
    status, _, err = verify(folder)
    ok(status == 1 and "is not a Kindred index" in err, "a folder that is no index", err)
    for name, contents in (("empty", b""), ("words", b"words" * 2000), ("zeros", bytes(8192))):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(contents)
        status, _, err = verify(f"{folder}/{name}")
        ok(status == 1 and f"{folder}/{name}" in err and len(err.splitlines()) == 1,
           f"a file that is none of ours: {name}", status, err)


def test_mixed(index, other, folder):
    """Files that are right, but not of this index."""
    for name in ("encoder.kin", "ledger.kin", "shard-0000.kin", "manifest.kin"):
        mixed = f"{folder}/mixed"
        shutil.copytree(index, mixed)
        shutil.copyfile(f"{current(other)}/{name}", f"{current(mixed)}/{name}")
        status, out, err = verify(mixed, "--quiet")
        ok(status == 1 and out.count("FAILED") >= 1 and err == "",
           f"{name} of another index is found", out, err)
        shutil.rmtree(mixed)


def main():
    with tempfile.TemporaryDirectory() as folder:
        index = make_index(folder, "index", 2)
        other = make_index(folder, "another-index", 3, "--bits", "128")
        test_whole(index)
        test_whole(other)
        test_files(index)
        test_use(index, folder)
        test_mixed(index, other, folder)
    finish()


main()
