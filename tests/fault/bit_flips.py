#!/usr/bin/python3
"""One flipped bit in any file of a real index: kindred-verify refuses it and names the file.

Bytes are drawn from every part of every file (fixed seed): header, each section, gaps, block table.
tests/unit/test_verify.c flips every byte of a small index; test_shard.c shows that none is served.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, LONG, finish, ok  # noqa: E402

FLIPS = 200 if LONG else 12  # in each part of a file


def parts(data):
    """[(name, first byte, end)] that cover the file, as proto/CONTAINER.md lays it out."""
    count, table = struct.unpack_from("<I12xQ", data, 16)
    found = [("header", 0, 64), ("section table", 64, 64 + 32 * count),
             ("unused header", 64 + 32 * count, 4096)]
    end = 4096
    for i in range(count):
        name, offset, size = struct.unpack_from("<8sQQ", data, 64 + 32 * i)
        found += [("gap", end, offset), (name.rstrip(b"\0").decode(), offset, offset + size)]
        end = offset + size
    found += [("gap", end, table), ("block table", table, len(data))]
    return [part for part in found if part[1] < part[2]]


def refused(index, name):
    """Whether kindred-verify fails with the file's name, by its exit status and not by a signal."""
    done = subprocess.run([f"{BIN}/kindred-verify", "--quiet", index], capture_output=True,
                          timeout=60, check=False)
    return done.returncode == 1 and name in (done.stdout + done.stderr).decode(errors="replace")


def flip(index, path, chance):
    """Flips bits of one file, one at a time; the places that were not refused."""
    with open(path, "rb") as file:
        data = file.read()
    name = os.path.basename(path)
    places = 0
    missed = []
    with open(path, "r+b", buffering=0) as file:
        for part, first, end in parts(data):
            inside = range(first, end)
            for at in inside if len(inside) <= FLIPS else chance.sample(inside, FLIPS):
                os.pwrite(file.fileno(), bytes([data[at] ^ 1 << chance.randrange(8)]), at)
                places += 1
                if not refused(index, name):
                    missed.append(f"{part}: byte {at}")
                os.pwrite(file.fileno(), data[at:at + 1], at)
    return places, missed


def main():
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as work:
        make(f"{work}/pictures", count=40, side=32)
        with open(f"{work}/pictures/words.jpg", "w", encoding="ascii") as file:
            file.write("these are words")
        index = f"{work}/index"
        done = build(0, "-o", index, "--shards", "2", f"{work}/pictures")
        ok(done.returncode == 0, "an index to damage", said(done))
        for name in sorted(os.listdir(current(index))):
            places, missed = flip(index, f"{current(index)}/{name}", chance)
            ok(places > 0 and not missed, f"{name}: {places} flipped bits, each refused by name",
               *missed)
        done = subprocess.run([f"{BIN}/kindred-verify", "--quiet", index], capture_output=True,
                              check=False)
        ok(done.returncode == 0, "with all bits back, the index is right", done.stdout)
    finish()


main()
