#!/usr/bin/python3
"""kindred atlas: a sheet of every bit, whose pictures have the bit that they stand for; and mistakes,
each with its word."""
import os
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from encoder_reader import read_encoder, sections  # noqa: E402
from index_job import build, current, said  # noqa: E402
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
encoder = current(path("index")) + "/encoder.kin"
refuse("no square picture", "--filters", encoder, "-o", none)
refuse("--shape 2x2 has 4", "--filters", encoder, "-o", none, "--shape", "2x2")
refuse("--shape is '2x'", "--filters", encoder, "-o", none, "--shape", "2x")
refuse("--shape belongs to --filters", path("index"), "-o", none, "--shape", "2x2", status=2)
np.save(path("pixels.npy"), np.random.default_rng(5).random((90, 64), np.float32))
with open(path("list"), "w", encoding="ascii") as file:
    file.writelines(f"row {i}\n" for i in range(90))
done = build(0, "-o", path("vectors"), "--features", path("pixels.npy"), "-l", path("list"),
             "--thumbnail", "0")
ok(done.returncode == 0, "an index of pixels as vectors", said(done))
encoder = current(path("vectors")) + "/encoder.kin"
done = run("--filters", encoder, "-o", path("filters.png"))
planes = read_encoder(open(encoder, "rb").read())[1].reshape(-1, 8, 8)
drawn = np.asarray(Image.open(path("filters.png")).convert("L")).astype(int)
shades = np.rint(127.5 + 127.5 * planes[1] / np.abs(planes[1]).max()).repeat(8, 0).repeat(8, 1)
at = [y for y in range(len(drawn) - 63) if np.abs(drawn[y:y + 64, 91:155] - shades).max() <= 1]
ok(done.returncode == 0 and len(at) == 1, "the second filter, in grey", done.stderr)


def chain(part, rows, floats, numbers):
    """numbers [n][inputs] through layers, as proto/ENCODER.md says, in doubles."""
    at, values = 0, np.frombuffer(part[floats], "<f4").astype(float)
    activations = {0: lambda x: x, 1: lambda x: np.maximum(x, 0), 2: lambda x: 1 / (1 + np.exp(-x)),
                   3: np.tanh}
    for inputs, outputs, activation, _ in struct.iter_unpack("<4I", part[rows]):
        weights = values[at:at + inputs * outputs].reshape(outputs, inputs)
        at += inputs * outputs
        numbers = activations[activation](numbers @ weights.T + values[at:at + outputs])
        at += outputs
    return numbers


def test_reconstruct():
    """The sheet's tiles are the pictures, and what numpy makes of their bits."""
    patterns = np.random.default_rng(7).random((5, 64))
    noise = np.random.default_rng(8).normal(0, 0.05, (200, 64))
    rows = np.clip(patterns[np.arange(200) % 5] + noise, 0, 1).astype(np.float32)
    np.save(path("patterns.npy"), rows)
    trained = subprocess.run(
        [f"{BIN}/kindred-index", "train", "-o", path("auto"), "--hasher", "autoencoder", "--layers",
         "32", "--bits", "16", "--epochs", "300", "--pretrain-epochs", "50", "--patience", "999",
         path("patterns.npy")],
        env=index_job.ENVIRONMENT, capture_output=True, timeout=60, check=False)
    ok(trained.returncode == 0, "an autoencoder of patterns", said(trained))
    done = run("--reconstruct", path("auto"), path("patterns.npy"), "-o", path("back.png"),
               "--sample", "3")
    ok(done.returncode == 0 and not done.stderr, "reconstructions", done.stderr)
    with open(path("auto"), "rb") as file:
        part = sections(file.read())
    shown = rows[[0, 66, 133]].astype(float)
    bits = chain(part, "layers", "weights", shown) > np.frombuffer(part["thresh"], "<f4")
    made = chain(part, "back", "backw", bits.astype(float))
    sheet = np.asarray(Image.open(path("back.png")).convert("L")).astype(int)

    def found(numbers, column):
        tile = np.rint(255 * numbers.reshape(8, 8)).repeat(8, 0).repeat(8, 1)
        left = 24 + column * (64 + 6)
        return [y for y in range(len(sheet) - 63)
                if np.abs(sheet[y:y + 64, left:left + 64] - tile).max() <= 1]
    places = [(found(shown[i], i), found(made[i], i)) for i in range(3)]
    ok(all(len(above) == len(below) == 1 and below[0] == above[0] + 64 + 3
           for above, below in places), "pictures above what their bits stand for", places)
    error = ((shown - made) ** 2).mean()
    far = ((shown - rows.mean(axis=0)) ** 2).mean()
    ok(error < 0.85 * far, "which are nearer to them than their mean is", error, far)
    refuse("keeps no way back", "--reconstruct", path("index"), path("pixels.npy"), "-o", none)
    even = np.random.default_rng(9).uniform(1, 2, (200, 64))
    np.save(path("even.npy"), (even / np.linalg.norm(even, axis=1)[:, None]).astype(np.float32))
    trained = subprocess.run(
        [f"{BIN}/kindred-index", "train", "-o", path("even"), "--hasher", "autoencoder", "--layers",
         "16", "--bits", "16", "--epochs", "2", "--pretrain-epochs", "1", path("even.npy")],
        env=index_job.ENVIRONMENT, capture_output=True, timeout=60, check=False)
    ok(trained.returncode == 0, "an autoencoder of rows of length 1", said(trained))
    refuse("even, by autoencoder from 'file/.*', keeps no way back .*whose numbers are spread over",
           "--reconstruct", path("even"), path("even.npy"), "-o", none)
    refuse("name pictures, or", "--reconstruct", path("auto"), "-o", none, status=2)
    refuse("take one of --filters and", "--reconstruct", path("auto"), "--filters", path("auto"),
           "-o", none, status=2)
    refuse("--sample is 2000", "--reconstruct", path("auto"), path("patterns.npy"), "-o", none,
           "--sample", "2000", status=2)
    np.save(path("narrow.npy"), rows[:, :49])
    refuse("of 64 numbers .* have 49", "--reconstruct", path("auto"), path("narrow.npy"), "-o",
           none)
    refuse("--shape 3x3 has 9", "--reconstruct", path("auto"), path("patterns.npy"), "-o", none,
           "--shape", "3x3")
    refuse("-o is a.jpg; a sheet is a FILE.png", path("index"), "-o", "a.jpg", status=2)
    refuse("--tiles changes nothing with --reconstruct", "--reconstruct", path("auto"), "--tiles",
           "3", path("patterns.npy"), "-o", none, status=2)
    refuse("--sample changes nothing with --filters", "--filters", path("auto"), "--sample", "3",
           "-o", none, status=2)
    refuse("vectors that another program made", "--reconstruct", path("auto"),
           path("pictures/000.png"), "-o", none)


def test_reconstruct_pictures():
    """An index of pixels: from the pictures themselves."""
    done = build(0, "-o", path("small"), "--features", "pixels:8", "--hasher", "autoencoder",
                 "--layers", "16", "--bits", "16", "--epochs", "3", "--pretrain-epochs", "1",
                 path("pictures"))
    ok(done.returncode == 0, "an index by an autoencoder of pixels", said(done))
    done = run("--reconstruct", path("small"), path("pictures/000.png"), path("pictures/001.png"),
               "-o", path("two.png"))
    sheet = np.asarray(Image.open(path("two.png")).convert("RGB")).astype(int)
    colour = np.asarray(Image.open(path("pictures/001.png")))[0, 0]
    at = [y for y in range(len(sheet) - 63) if (sheet[y:y + 64, 94:158] == colour).all()]
    ok(done.returncode == 0 and len(at) == 1, "colours, of pictures that are named", done.stderr)
    with open(path("text.png"), "w", encoding="ascii") as file:
        file.write("no picture")
    refuse("text.png: ", "--reconstruct", path("small"), path("text.png"), "-o", none)


test_reconstruct()
test_reconstruct_pictures()
finish()
