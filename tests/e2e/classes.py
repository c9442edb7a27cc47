#!/usr/bin/python3
"""Classes that a running coordinator tells: the same words as of the index's folder and of the
hasher's file, through the Python client too, also when a worker dies; what is refused, by whom."""
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
from serving_cluster import Error, Work  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

WORK = Work()
CHANCE = np.random.default_rng(8)
KINDS, SIDE = ("ape", "bée", "cow", "dog two"), 10


def path(name):
    return os.path.join(WORK.folder, name)


def classify(*arguments, program="kindred"):
    words = [f"{BIN}/{program}", *(["classify"] if program == "kindred" else []), *arguments]
    return subprocess.run(words, cwd=WORK.folder, capture_output=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


def make_pictures():
    patterns = CHANCE.integers(0, 256, (len(KINDS), SIDE, SIDE, 3))
    for i in range(80):
        picture = np.clip(patterns[i % 4] + CHANCE.normal(0, 60, (SIDE, SIDE, 3)), 0, 255)
        name = path(f"pictures/{KINDS[i % 4]}/{i:02d}.png")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(name)
    return [os.path.relpath(os.path.join(folder, file), WORK.folder)
            for folder, _, files in sorted(os.walk(path("pictures"))) for file in sorted(files)]


def train():
    words = [index_job.PROGRAM, "train", "-o", "hasher", "--features", f"pixels:{SIDE}", "--hasher",
             "supervised", "--labels", "folders", "--bits", "16", "--layers", "24", "--epochs", "60",
             "--held-out", "0", "pictures"]
    os.mkdir(path("pictures/tab\there"))
    Image.new("RGB", (9, 9)).save(path("pictures/tab\there/one.png"))
    done = subprocess.run(words, cwd=WORK.folder, env=index_job.ENVIRONMENT, capture_output=True,
                          timeout=60, check=False)
    ok(done.returncode == 1 and "no control characters" in said(done) and "epoch" not in said(done),
       "a class with an impossible name is refused before it is learned", said(done))
    os.remove(path("pictures/tab\there/one.png"))
    os.rmdir(path("pictures/tab\there"))
    done = subprocess.run([*words, "--restart"], cwd=WORK.folder, env=index_job.ENVIRONMENT,
                          capture_output=True, timeout=60, check=False)
    ok(done.returncode == 0, "a hasher of classes", said(done))
    done = build(0, "-o", "index", "--features", f"pixels:{SIDE}", "--hasher", "hasher",
                 "pictures", cwd=WORK.folder)
    ok(done.returncode == 0, "and an index by it", said(done))


def test_same_words(cluster, pictures):
    for options in ((), ("--top", "3"), ("--top", "99"), ("--top", "2", "--json")):
        by = {what: classify(what, *pictures, *options)
              for what in ("hasher", "index", cluster.client_side)}
        ok(all(done.returncode == 0 and done.stdout == by["hasher"].stdout and done.stdout
               for done in by.values()), f"file, folder and endpoint say the same {options}",
           *(done.stdout[:300] + done.stderr for done in by.values()))
    rows = classify(cluster.client_side, *pictures).stdout.decode().splitlines()
    right = sum(row.split("\t")[1] == os.path.basename(os.path.dirname(row.split("\t")[0]))
                for row in rows)
    ok(right > 50, "most of them right", right, rows[:4])


def test_client(cluster, pictures):
    with cluster.client() as client:
        for name in pictures[::9]:
            with open(path(name), "rb") as file:
                data = file.read()
            classes = client.classify(data, k=4)
            line = json.loads(classify("index", name, "--top", "4", "--json").stdout)
            ok([name for name, _ in classes] == [one["class"] for one in line["classes"]] and
               all(abs(p - one["probability"]) < 1e-6
                   for (_, p), one in zip(classes, line["classes"])) and
               abs(sum(p for _, p in classes) - 1) < 1e-6, "the Python client", classes, line)
        ok(len(client.classify(data)) == 1, "one class unless more are asked for")
        reply = client.ask("classify", "classes", picture=data, k=2)
        with open(current(path("index")) + "/encoder.kin", "rb") as file:
            ok(len(file.read()) > 0 and reply["total"] == 4 and len(reply["fingerprint"]) == 16 and
               reply["generation"] == "generation-000001", "of which index, of how many", reply)
        for picture, words in ((b"", "empty"), (b"GIF89a nonsense", "^[a-z-]+: ")):
            try:
                client.classify(picture)
                ok(False, f"refused: {words}")
            except Error as error:
                ok(error.status == "bad-input" and re.search(words, str(error)),
                   f"refused: {words}", error)
        for fields in ({}, {"picture": data, "k": 70000}, {"picture": 7}):
            try:
                client.ask("classify", "classes", **fields)
                ok(False, f"refused: {list(fields)}")
            except Error as error:
                ok(error.status == "bad-input", f"refused: {list(fields)}", error)
        ok(client.search(picture=data, k=1).hits, "searching goes on")


def test_dead_worker(cluster, pictures):
    cluster.workers[0].kill()
    cluster.workers[0].wait()
    done = classify(cluster.client_side, *pictures[:5])
    ok(done.returncode == 0 and done.stdout.count(b"\n") == 5, "a worker dies, another answers",
       done.stdout, done.stderr)


def test_refusals(cluster, pictures):
    with open(path("text.png"), "w", encoding="ascii") as file:
        file.write("no picture")
    done = classify(cluster.client_side, "text.png", "missing.png", pictures[0])
    ok(done.returncode == 1 and done.stdout.count(b"\n") == 1 and b"text.png" in done.stderr and
       b"missing.png" in done.stderr, "what is no picture is named, the others are classified",
       done.stdout, done.stderr)
    plain, _ = WORK.index(500, 64, 2)
    done = build(0, "-o", "unlabelled", "--features", "builtin", "--bits", "16", "pictures",
                 cwd=WORK.folder)
    other = WORK.cluster(path("unlabelled"), workers=1)
    ok(other.wait(), "an index without classes is served", said(done))
    done = classify(other.client_side, pictures[0])
    ok(done.returncode == 1 and b"tells no classes" in done.stderr, "and says so", done.stderr)
    codes = WORK.cluster(plain, workers=1)
    ok(codes.wait(), "an index of codes is served")
    done = classify(codes.client_side, pictures[0])
    ok(done.returncode == 1 and done.stderr.count(b"\n") == 1, "which refuses pictures",
       done.stderr)
    for words, status, program, *arguments in (
            (b"kindred classify asks", 2, "kindred-classify", cluster.client_side, pictures[0]),
            (b"--help", 2, "kindred", cluster.client_side),
            (b"--rows", 2, "kindred", cluster.client_side, "--rows", pictures[0]),
            (b"--rows is about a data set", 2, "kindred", "index", "--rows", pictures[0]),
            (b"--deadline is about an endpoint, and index is none", 2, "kindred", "index",
             "--deadline", "50", pictures[0]),
            (b"pictures is a folder, not a picture", 1, "kindred", "index", "pictures"),
            (b"no answer|cannot", 1, "kindred", "ipc:///nowhere/at/all", pictures[0],
             "--deadline", "50"),
            (b"tells no classes", 1, "kindred", "unlabelled", pictures[0])):
        done = classify(*arguments, program=program)
        ok(done.returncode == status and re.search(words, done.stderr), f"refused: {words}",
           done.returncode, done.stdout, done.stderr)


def main():
    pictures = make_pictures()
    train()
    cluster = WORK.cluster(path("index"))
    ok(cluster.wait(), "it is served", cluster.text())
    test_same_words(cluster, pictures)
    test_client(cluster, pictures)
    test_dead_worker(cluster, pictures)
    test_refusals(cluster, pictures)


try:
    main()
finally:
    WORK.clean_up()
finish()
