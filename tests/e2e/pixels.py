#!/usr/bin/python3
"""Pixels as features: what an index keeps is what Pillow sees of the small pictures, a picture that
is asked for gets the code that it has in the index. Hashers that train learns from pictures: the same
file for any number of ranks and after a kill, and builds by them. Mistakes have a word each."""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

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


def train_words(ranks, *arguments):
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    return [*launcher, index_job.PROGRAM, "train", *arguments]


def train(ranks, *arguments):
    return subprocess.run(train_words(ranks, *arguments), env=index_job.ENVIRONMENT, cwd=WORK.name,
                          capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def contents(name):
    with open(path(name), "rb") as file:
        return file.read()


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


def test_train():
    options = ["--features", f"pixels:{SIDE}:grey", *DEEP, "pictures"]
    files = []
    for ranks in (0, 2, 3):
        done = train(ranks, "-o", f"of-{ranks}", *options)
        files.append(contents(f"of-{ranks}") if done.returncode == 0 else said(done))
        ok(done.returncode == 0 and "learned from 120 pictures of 120 inputs" in said(done),
           f"{ranks or 1} ranks learn from pictures", said(done))
    ok(files.count(files[0]) == 3, "the same file for any number of ranks")
    left = sorted(name for name in os.listdir(WORK.name) if name.startswith("of-0"))
    ok(left == ["of-0", "of-0.png", "of-0.tsv"], "curves beside it, and nothing else", left)
    with open(current(path("grey")) + "/encoder.kin", "rb") as file:
        built = file.read()
    done = build(0, "-o", "by-file", "--hasher", "of-0", *options[:2], "pictures", cwd=WORK.name)
    codes = [sorted(row[:3] for shard in index_job.shards(path(index)) for row in shard)
             for index in ("grey", "by-file")]
    ok(done.returncode == 0 and codes[0] == codes[1] and len(codes[0]) == COUNT and
       len(built) == len(files[0]), "a build by it gives the codes of a build that learns",
       said(done))
    done = train(0, "-o", "half", "--sample", "64", *options)
    ok(done.returncode == 0 and "learned from 64 pictures of 120 inputs" in said(done) and
       contents("half") != files[0], "a sample", said(done))


def test_resume():
    """Killed while it learns, the same command reads no picture again, and gives the same file."""
    options = ["--features", f"pixels:{SIDE}", *DEEP[:-4], "--epochs", "150", "--patience", "999",
               "--bits", "32", "pictures"]
    whole = train(2, "-o", "whole", *options)
    environment = dict(index_job.ENVIRONMENT, KINDRED_SAVE_OFTEN="1")
    with subprocess.Popen(train_words(2, "-o", "killed", *options), env=environment, cwd=WORK.name,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as process:
        state = path("killed.training/building/training.state")
        end = time.monotonic() + 60
        while not os.path.exists(state) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    ok(os.path.exists(state), "killed after a checkpoint")
    refuse("unfinished build of another command", train(0, "-o", "killed", "--seed", "4", *options),
           1)
    done = train(0, "-o", "killed", *options)
    ok(whole.returncode == done.returncode == 0 and "goes on" in said(done) and
       contents("killed") == contents("whole"), "goes on, to the same file", said(done))
    ok(not os.path.exists(path("killed.training")), "and leaves nothing behind")


def test_classes():
    done = train(2, "-o", "kinds", "--features", f"pixels:{SIDE}:grey", "--hasher", "supervised",
                 "--labels", "folders", "--layers", "16", "--epochs", "20", "--bits", "16",
                 "pictures")
    card = contents("kinds") if done.returncode == 0 else b""
    ok(done.returncode == 0 and all(b"kind-%d" % k in card for k in range(KINDS)),
       "classes are the folders", said(done))


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
    os.mkdir(path("empty"))
    with open(path("empty/text.txt"), "w", encoding="ascii") as file:
        file.write("no picture")
    np.save(path("rows.npy"), np.zeros((9, 64), np.float32))
    for words, status, *arguments in (
            ("there is nothing to learn from", 2),
            ("cannot read nowhere", 1, "nowhere"),
            ("none of the 1 inputs is a picture", 1, "empty"),
            ("grey is a data set, and not the only source", 2, "grey", "pictures"),
            ("--features is about pictures, and rows.npy", 2, "--features", "builtin", "rows.npy"),
            ("--set, which is about a model", 2, "--set", "size=3", "pictures"),
            ("are data to learn from", 2, "--features", "grey", "pictures"),
            ("--null is about a list", 2, "-0", "pictures"),
            ("give --labels folders", 2, "--hasher", "supervised", "pictures")):
        refuse(words, train(0, "-o", "none", *arguments), status)
    refuse("of 144 numbers; these are 'builtin",
           build(0, "-o", "none2", "--hasher", "of-0", "pictures", cwd=WORK.name), 1)
    refuse("both --features and --model",
           build(0, "-o", "none", "--features", "pixels:8", "--model", "x.onnx", "pictures",
                 cwd=WORK.name))


with WORK:
    PIXELS = make_pictures()
    test_builds(PIXELS)
    test_search()
    test_train()
    test_resume()
    test_classes()
    test_mistakes()
finish()
