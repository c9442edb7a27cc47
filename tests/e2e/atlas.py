#!/usr/bin/python3
"""kindred atlas: a sheet of every bit, whose pictures have the bit that they stand for; and mistakes,
each with its word."""
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from index_job import build, said  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

WORK = tempfile.TemporaryDirectory(prefix="kindred-atlas-")
BITS, TILE, GAP, STRIPE = 64, 56, 4, (0x00, 0x72, 0xB2)


def path(name):
    return os.path.join(WORK.name, name)


def run(*arguments):
    return subprocess.run([os.path.join(BIN, "kindred"), "atlas", *arguments], text=True,
                          capture_output=True, timeout=60, check=False)


def refuse(words, *arguments, status=1):
    done = run(*arguments)
    ok(done.returncode == status and re.search(words, done.stderr) and
       not os.path.exists(path("none.png")), f"refused: {words}", done.returncode, done.stderr)


def make_pictures():
    """Pictures of one colour each, by which they are known again on the sheet."""
    chance = np.random.default_rng(4)
    os.mkdir(path("pictures"))
    for i in range(80):
        colour = tuple(int(c) for c in chance.integers(0, 256, 3))
        Image.new("RGB", (80, 80), colour).save(path(f"pictures/{i:03d}.png"))


make_pictures()
done = build(0, "-o", path("index"), path("pictures"))
ok(done.returncode == 0, "an index", said(done))
done = run(path("index"), "-o", path("atlas.png"), "--tiles", "3")
ok(done.returncode == 0 and not done.stderr, "an atlas", done.stderr)
first = open(path("atlas.png"), "rb").read()
sheet = np.asarray(Image.open(path("atlas.png")).convert("RGB")).astype(int)
lines = (sheet == STRIPE).all(axis=2)
rows = [y for y in range(1, len(lines)) if lines[y].sum() > 100 and lines[y - 1].sum() <= 100]
ok(len(rows) == BITS // 2, "a row of cards for every second bit", len(rows))
left = np.nonzero(lines[rows[0]])[0][0]
tiles = sheet[rows[0] + 3 + GAP:rows[0] + 3 + GAP + TILE, left:left + TILE]
ok(np.abs(tiles - tiles[TILE // 2, TILE // 2]).max() <= 12, "a tile is a picture of one colour",
   tiles.reshape(-1, 3).min(axis=0), tiles.reshape(-1, 3).max(axis=0))
run(path("index"), "-o", path("again.png"), "--tiles", "3")
ok(open(path("again.png"), "rb").read() == first, "the same index, the same bytes")
done = run(path("index"), "-o", path("few.png"), "--sample", "20")
ok(done.returncode == 0 and open(path("few.png"), "rb").read() != first, "of a sample",
   done.stderr)
none = path("none.png")
build(0, "-o", path("bare"), "--thumbnail", "0", path("pictures"))
refuse("has no thumbnails to show", path("bare"), "-o", none)
refuse("is no index", path("nowhere"), "-o", none)
refuse("CURRENT|build an index", path("pictures"), "-o", none)
refuse("say where the sheet goes", path("index"), status=2)
refuse("give one index", "-o", none, status=2)
refuse("--tiles", path("index"), "-o", none, "--tiles", "17", status=2)
refuse("/nowhere/a.png", path("index"), "-o", "/nowhere/a.png")
finish()
