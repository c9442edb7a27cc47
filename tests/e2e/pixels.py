#!/usr/bin/python3
"""Pixels as features: what an index keeps is what Pillow sees of the small pictures, a picture that
is asked for gets the code that it has in the index, and mistakes have a word each."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, current, said  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

WORK = tempfile.TemporaryDirectory(prefix="kindred-pixels-")
CHANCE = np.random.default_rng(6)
SIDE, COUNT, KINDS = 12, 120, 4
DEEP = ["--hasher", "autoencoder", "--layers", "24", "--pretrain-epochs", "1", "--epochs", "3",
        "--bits", "32"]


def path(name):
    return os.path.join(WORK.name, name)


def kindred(*arguments):
    return subprocess.run([f"{BIN}/kindred", *arguments], cwd=WORK.name, capture_output=True,
                          timeout=60, check=False, stdin=subprocess.DEVNULL)


def make_pictures():
    """Four patterns with noise, in folders; the pixels of each by its key."""
    patterns = CHANCE.integers(0, 256, (KINDS, SIDE, SIDE, 3))
    pixels = {}
    for i in range(COUNT):
        picture = np.clip(patterns[i % KINDS] + CHANCE.normal(0, 20, (SIDE, SIDE, 3)), 0, 255)
        key = f"pictures/kind-{i % KINDS}/{i:03d}.png"
        os.makedirs(os.path.dirname(path(key)), exist_ok=True)
        pixels[key.encode()] = picture.astype(np.uint8)
        Image.fromarray(pixels[key.encode()]).save(path(key))
    return pixels


def kept(index):
    """key -> vector."""
    files = sorted(glob.glob(current(path(index)) + "/features-*.npy"))
    return {row[2]: vector for file, shard in zip(files, index_job.shards(path(index)))
            for vector, row in zip(np.load(file), shard)}


def test_builds(pixels):
    for index, features, of in (
            ("colour", f"pixels:{SIDE}", lambda p: p.reshape(-1)),
            ("grey", f"pixels:{SIDE}:grey",
             lambda p: np.asarray(Image.fromarray(p).convert("L")).reshape(-1))):
        done = build(0, "-o", index, "--features", features, "--keep-features", *DEEP, "pictures",
                     cwd=WORK.name)
        vectors = kept(index) if done.returncode == 0 else {}
        wrong = [key for key in pixels if key not in vectors or not np.array_equal(
            vectors[key], of(pixels[key]).astype(np.float32) / np.float32(255))]
        ok(len(vectors) == COUNT and not wrong, f"{features}: the pixels as Pillow has them",
           said(done), wrong[:3])
        done = kindred("info", index, "--json")
        ok(json.loads(done.stdout)["encoder"]["features"] == features + "/1" and done.returncode == 0,
           f"{features}: named in the index", done.stdout[:2000])


def test_search():
    same = 0
    for key in glob.glob(path("pictures/*/*0.png")):
        name = os.path.relpath(key, WORK.name)
        done = kindred("search", "grey", name, "-k", "200", "--json")
        hits = json.loads(done.stdout)["hits"] if done.returncode == 0 else []
        same += any(hit["key"] == name and hit["distance"] == 0 for hit in hits)
    ok(same == COUNT // 10, "a picture that is asked for has the code that it has in the index",
       same)


def refuse(words, done, status=2):
    ok(done.returncode == status and re.search(words, said(done)), f"refused: {words}",
       done.returncode, said(done))


def test_mistakes():
    for features, words in (("pixels:7", "a side of 7; .* 8 to 52"), ("pixels:", "pixels:SIDE"),
                            ("pixels:91:grey", "8 to 90"), ("pixels:28:gray", "pixels:28:grey")):
        refuse(words, build(0, "-o", "none", "--features", features, "pictures", cwd=WORK.name))
    refuse("64 numbers a picture, which cannot give 72 bits",
           build(0, "-o", "none", "--features", "pixels:8:grey", "--bits", "72", "pictures",
                 cwd=WORK.name))
    refuse("both --features and --model",
           build(0, "-o", "none", "--features", "pixels:8", "--model", "x.onnx", "pictures",
                 cwd=WORK.name))


with WORK:
    PIXELS = make_pictures()
    test_builds(PIXELS)
    test_search()
    test_mistakes()
finish()
