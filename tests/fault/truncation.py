#!/usr/bin/python3
"""Every file of a real index cut at every 512 bytes, and made longer: refused by name."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

STEP = 512


def refused(index, name):
    """Whether kindred-verify fails with the file's name, by its exit status and not by a signal."""
    done = subprocess.run([f"{BIN}/kindred-verify", "--quiet", index], capture_output=True,
                          timeout=60, check=False)
    return done.returncode == 1 and name in (done.stdout + done.stderr).decode(errors="replace")


def cut(index, path):
    """Cuts one file everywhere, and appends to it; the sizes that were not refused."""
    with open(path, "rb") as file:
        data = file.read()
    name = os.path.basename(path)
    sizes = [*range(0, len(data), STEP), len(data) - 1]
    missed = []
    for size in sizes:
        with open(path, "wb") as file:
            file.write(data[:size])
        if not refused(index, name):
            missed.append(f"{size} of {len(data)} bytes")
    for more in (b"\0", b"x" * STEP, data):
        with open(path, "wb") as file:
            file.write(data + more)
        if not refused(index, name):
            missed.append(f"{len(more)} bytes more than {len(data)}")
    with open(path, "wb") as file:
        file.write(data)
    return len(sizes), missed


def main():
    with tempfile.TemporaryDirectory() as work:
        make(f"{work}/pictures", count=40, side=32)
        with open(f"{work}/pictures/words.jpg", "w", encoding="ascii") as file:
            file.write("these are words")
        index = f"{work}/index"
        done = build(0, "-o", index, "--shards", "2", f"{work}/pictures")
        ok(done.returncode == 0, "an index to cut", said(done))
        for name in sorted(os.listdir(current(index))):
            sizes, missed = cut(index, f"{current(index)}/{name}")
            ok(sizes > 1 and not missed, f"{name}: {sizes} short files, each refused by name",
               *missed)
            path = f"{current(index)}/{name}"
            os.rename(path, work + "/kept")
            ok(refused(index, name), f"{name}: not there, refused by name")
            os.rename(work + "/kept", path)
        for contents in ("", "generation-0", "generation-000002\n", "../generation-000001\n"):
            with open(f"{index}/CURRENT", "w", encoding="ascii") as file:
                file.write(contents)
            ok(refused(index, "CURRENT"), f"CURRENT of {len(contents)} bytes, refused by name")
    finish()


main()
