#!/usr/bin/python3
"""kindred-index train, and builds with what it learned: the same file for any number of ranks and
after kills, the curves, narrow codes, classes from folders and files and what is told by them,
mistakes with a word each."""
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
from encoder_reader import read_encoder, sections  # noqa: E402
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

WORK = tempfile.TemporaryDirectory(prefix="kindred-train-")
RNG = np.random.default_rng(5)
DEEP = ["--hasher", "autoencoder", "--layers", "40", "--pretrain-epochs", "2", "--bits", "24"]


def path(name):
    return os.path.join(WORK.name, name)


def words(ranks, *arguments):
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    return [*launcher, index_job.PROGRAM, "train", *map(str, arguments)]


def train(ranks, *arguments, **environment):
    return subprocess.run(words(ranks, *arguments), env=dict(index_job.ENVIRONMENT, **environment),
                          cwd=WORK.name, capture_output=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL)


def contents(name):
    try:
        with open(path(name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def make_data():
    """Four clouds of points in 96 dimensions, and their classes."""
    classes = RNG.integers(0, 4, 700)
    centres = RNG.normal(0, 1, (4, 96))
    vectors = (centres[classes] + RNG.normal(0, 0.7, (700, 96))).astype(np.float32)
    np.save(path("data.npy"), vectors)
    np.save(path("other.npy"), vectors[:300] * 2 + 1)
    np.save(path("wide.npy"), np.hstack([vectors, vectors])[:100])
    bad = vectors.copy()
    bad[123, 5] = np.nan
    np.save(path("bad.npy"), bad)
    with open(path("classes"), "w", encoding="ascii") as file:
        file.writelines(f"class-{c}\n" for c in classes)
    with open(path("one-class"), "w", encoding="ascii") as file:
        file.writelines("all\n" for _ in classes)
    with open(path("lines"), "w", encoding="ascii") as file:
        file.writelines(f"row {i}\n" for i in range(300))


def test_ranks():
    done = train(0, "-o", "one", *DEEP, "--epochs", "4", "data.npy", KINDRED_LOG="debug")
    ok(done.returncode == 0 and "seed 1" in said(done) and "memory: at most" in said(done),
       "train says seed and memory", said(done))
    ok(len(re.findall("loss", said(done))) == 9 and "held out" in said(done)
       and "balance" in said(done) and "rate" in said(done) and "left" in said(done),
       "a line for each epoch: loss, held out, balance, rate, time left", said(done))
    start = time.monotonic()
    done = train(0, "-o", "long", "--hasher", "supervised", "--labels", "classes", "--layers", "none",
                 "--bits", "16", "--epochs", "400", "--patience", "400", "data.npy")
    told = re.findall(r"epoch (\d+) of 400", said(done))
    ok(done.returncode == 0 and told[0] == "1" and told[-1] == "400" and
       len(told) <= 3 + time.monotonic() - start, "of many in a second, one is said", said(done))
    for ranks in (1, 2, 3, 4):
        done = train(ranks, "-o", f"of-{ranks}", *DEEP, "--epochs", "4", "data.npy")
        ok(done.returncode == 0 and contents(f"of-{ranks}") == contents("one"),
           f"{ranks} ranks: the same file", said(done))
    rows = [row.split("\t") for row in contents("one.tsv").decode().splitlines()]
    ok(rows[0] == ["phase", "epoch", "loss", "error", "balance", "rate", "held-out"] and
       [row[0] for row in rows[1:]] == ["rbm 1"] * 2 + ["rbm 2"] * 2 + ["fine-tuning"] * 4
       + ["rotation"],
       "the curves as TSV: a line for each epoch", rows)
    with Image.open(path("one.png")) as plot:
        ok(plot.size[0] > 600 and len(plot.convert("RGB").getcolors(1 << 16)) > 5,
           "and drawn", plot.size)
    ok(not os.path.exists(path("one.training")), "nothing else is left")
    done = train(0, "-o", "seed-2", *DEEP, "--epochs", "4", "--seed", "2", "data.npy")
    ok(done.returncode == 0 and contents("seed-2") != contents("one"), "another seed, another file")


def kill_at(ranks, name, text, *arguments):
    """Kills the whole job once it has said text; what it said."""
    job = subprocess.Popen(words(ranks, "-o", name, *arguments), cwd=WORK.name, text=True,
                           env=dict(index_job.ENVIRONMENT, KINDRED_SAVE_OFTEN="1",
                                    KINDRED_LOG="debug"),
                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    lines = []
    for line in job.stderr:
        lines.append(line)
        if text in line:
            break
    children = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True,
                              check=False).stdout.split()
    for process in [*children, job.pid] if ranks else [job.pid]:
        os.kill(int(process), signal.SIGKILL)
    job.stderr.close()
    job.wait()
    return "".join(lines)


def test_resume():
    options = [*DEEP, "--epochs", "12", "data.npy"]
    whole = train(0, "-o", "whole", *options)
    for ranks, text in ((0, "rbm 2, epoch 1"), (0, "fine-tuning, epoch 5"),
                        (2, "fine-tuning, epoch 3")):
        name = f"killed-{ranks}-{text[-1]}"
        told = kill_at(ranks, name, text, *options)
        ok(contents(name) is None and os.path.exists(path(f"{name}.training/training.state")),
           f"killed at {text}: a checkpoint, no file", told)
        done = train(ranks, "-o", name, *options)
        ok(done.returncode == 0 and "goes on" in said(done)
           and "rbm 1" not in said(done) and contents(name) == contents("whole"),
           f"killed at {text}, {ranks} ranks: goes on to the same file", said(done), said(whole))
    kill_at(0, "other", "fine-tuning, epoch 4", *options)
    done = train(0, "-o", "other", *options, "--rate", "0.002")
    fresh = train(0, "-o", "fresh", *options, "--rate", "0.002")
    ok(done.returncode == 0 and contents("other") == contents("fresh"),
       "a checkpoint of other options is not gone on with", said(done), said(fresh))


def test_narrow():
    for bits, stored in ((16, 64), (72, 128), (96, 128)):
        done = train(0, "-o", f"b{bits}", "--bits", bits, "data.npy")
        ok(done.returncode == 0 and f"{bits} bits, stored as {stored}" in said(done),
           f"{bits} bits say that they are stored as {stored}", said(done))
    done = build(0, "-o", path("narrow"), "--hasher", "b72", "--features", "other.npy", "--list",
                 "lines", cwd=WORK.name)
    ok(done.returncode == 0, "vectors of another file of as many numbers are hashed", said(done))
    codes = np.array([row[0] for shard in index_job.shards(path("narrow")) for row in shard],
                     np.uint64)
    ok(codes.shape == (300, 2) and (codes[:, 1] & np.uint64((1 << 56) - 1) == 0).all()
       and len(np.unique(codes[:, 1])) > 1, "the bits behind the 72nd are zero")
    told = subprocess.run([os.path.join(BIN, "kindred"), "info", path("narrow")],
                          capture_output=True, text=True, check=False).stdout
    ok("128 bits by itq, 72 learned, of file/" in told and "measured " in told,
       "kindred info says so, and what was measured", told)
    told = json.loads(subprocess.run([os.path.join(BIN, "kindred"), "info", path("narrow"), "--json"],
                                     capture_output=True, text=True, check=False).stdout)
    ok(told["encoder"]["learned_bits"] == 72 and 0 < told["encoder"]["quality"]["near-found"] <= 1 and
       told["code"]["dead_bits"] == 0, "as JSON, too", told["encoder"])
    checked = subprocess.run([os.path.join(BIN, "kindred-verify"), path("narrow")],
                             capture_output=True, text=True, check=False)
    ok(checked.returncode == 0, "kindred verify finds nothing", checked.stdout, checked.stderr)


def test_classes():
    options = ["--hasher", "supervised", "--layers", "none", "--bits", "16", "--epochs", "30"]
    for head in ("linear", "logistic", "softmax"):
        done = train(0, "-o", head, *options, "--head", head, "--labels", "classes", "data.npy")
        ok(done.returncode == 0, f"--head {head}", said(done))
    make(path("pictures"), count=40)
    for ranks in (0, 3):
        done = build(ranks, "-o", path(f"classed-{ranks}"), *options, "--labels", "folders",
                     "--shards", "2", "pictures", cwd=WORK.name)
        ok(done.returncode == 0, f"build --hasher supervised --labels folders, {ranks} ranks",
           said(done))
    ok(index_job.same_generations(path("classed-0"), path("classed-3")), "the same bytes")


def test_given():
    """What an index learned of its pictures is learned of the vectors that it keeps, and serves
    the same pictures."""
    done = build(0, "-o", path("kept"), "--keep-features", "--bits", "24", "--shards", "2",
                 "pictures", cwd=WORK.name)
    trained = train(0, "-o", "of-kept", "--bits", "24", "kept")
    ok(done.returncode == 0 and trained.returncode == 0, "an index is a data set", said(done),
       said(trained))
    for name, arguments in (("again", ["pictures"]), ("from-kept", ["--features", "kept"])):
        done = build(2, "-o", path(name), "--hasher", "of-kept", "--shards", "2", *arguments,
                     cwd=WORK.name)
        shard = current(path(name)) + "/shard-0001.kin"
        ok(done.returncode == 0 and
           contents(shard) == contents(current(path("kept")) + "/shard-0001.kin"),
           f"build --hasher FILE {arguments[0]}: the codes of the index that it was learned from",
           said(done))


def classify(*arguments):
    return subprocess.run([os.path.join(BIN, "kindred"), "classify", *arguments], cwd=WORK.name,
                          capture_output=True, text=True, timeout=60, check=False)


def test_classify():
    done = classify("softmax", "data.npy", "--labels", "classes")
    told = re.fullmatch(r"700 rows, (\d+) right: accuracy (0\.\d+)\n", done.stdout)
    ok(told and abs(int(told[1]) / 700 - float(told[2])) < 1e-4 and float(told[2]) > 0.9,
       "classify counts the right answers", done.stdout, done.stderr)
    rows = classify("softmax", "data.npy", "--rows", "--top", "4").stdout.splitlines()
    with open(path("classes"), encoding="ascii") as file:
        classes = file.read().split()
    told_rows = [row.split("\t") for row in rows]
    ok(len(rows) == 2800 and told and
       sum(told_rows[4 * i][1] == classes[i] for i in range(700)) == int(told[1]) and
       all(abs(sum(float(row[2]) for row in told_rows[4 * i:4 * i + 4]) - 1) < 1e-3
           for i in range(700)), "a row's classes, the most probable first, sum to 1", rows[:5])
    picture = sorted(os.listdir(path("pictures")))[0]
    if os.path.isdir(path(f"pictures/{picture}")):
        picture = f"{picture}/{sorted(os.listdir(path('pictures/' + picture)))[0]}"
    picture = f"pictures/{picture}"
    done = classify("classed-0", picture, "--top", "9")
    rows = [row.split("\t") for row in done.stdout.splitlines()]
    ok(done.returncode == 0 and len(rows) > 1 and {row[0] for row in rows} == {picture} and
       abs(sum(float(row[2]) for row in rows) - 1) < 1e-3, "a picture's classes, by an index",
       done.stdout, done.stderr)
    done = classify("classed-0", picture, "--json")
    ok(json.loads(done.stdout)["classes"][0]["class"] == rows[0][1], "and as JSON", done.stdout)
    for words_of_it, arguments in (("data.npy", ("classed-0", "data.npy")),
                                   ("missing", ("classed-0", "missing.png")),
                                   ("supervised", ("b72", "data.npy")),
                                   ("of 96 numbers; the rows of wide.npy have 192",
                                    ("softmax", "wide.npy"))):
        done = classify(*arguments)
        ok(done.returncode == 1 and words_of_it in done.stderr and done.stderr.count("\n") == 1,
           f"classify refuses: {words_of_it}", done.stdout, done.stderr)


def test_options():
    """Options reach the method and its card; a zero is a zero there."""
    done = train(0, "-o", "near", "--hasher", "neighbour", "--bits", "16", "--layers", "20-12",
                 "--epochs", "3", "--batch", "64", "--walk", "2", "--rate", "0.002",
                 "--quantization", "0", "--emphasis", "0.25", "data.npy")
    card = contents("near") or b""
    ok(done.returncode == 0 and all(word in card for word in (
        b"hidden=20,12", b"walk=2\n", b"rate=0.002", b"quantization=0\n",
        b"emphasis=0.25\n",
        b"steps=%d\n" % (3 * 700 // 64))), "what is said of neighbour is on its card", said(done))
    done = train(0, "-o", "plain", "--hasher", "supervised", "--labels", "classes", "--layers",
                 "none", "--bits", "16", "--epochs", "1", "--dropout", "0", "--noise", "0",
                 "data.npy")
    card = contents("plain") or b""
    ok(done.returncode == 0 and b"\ndropout=0\n" in card and b"noise=0\n" in card,
       "a zero is a zero on the card", said(done))
    done = train(0, "-o", "raw", *DEEP[:4], "--pretrain-epochs", "0", "--bits", "24", "--epochs",
                 "2", "data.npy")
    card = contents("raw") or b""
    ok(done.returncode == 0 and b"pretrain-epochs=0\n" in card and b"rbm" not in card,
       "without pretraining", said(done))


def test_quality():
    """What the card says was measured, against numpy: itq, whose queries are every tenth row."""
    classes = RNG.integers(0, 4, 700)
    centres = RNG.integers(0, 256, (4, 8, 8))
    images = np.clip(centres[classes] + RNG.normal(0, 160, (700, 8, 8)), 0, 255).astype(np.uint8)
    with open(path("images"), "wb") as file:
        file.write(bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes() + images.tobytes())
    with open(path("kinds"), "wb") as file:
        file.write(bytes([0, 0, 8, 1]) + np.array([700], ">u4").tobytes() +
                   classes.astype(np.uint8).tobytes())
    done = train(2, "-o", "measured", "--bits", "16", "idx:images,kinds")
    with open(path("measured"), "rb") as file:
        data = file.read()
    said_so = dict(line.split("\t") for line in
                   sections(data)["quality"].decode().splitlines()) if data else {}
    _, planes, thresholds = read_encoder(data)
    rows = images.reshape(700, -1).astype(np.float32) / np.float32(255)
    bits = rows @ planes.T.astype(np.float32) > thresholds
    ask = np.arange(700) % 10 == 5
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near = np.argsort(-(units[ask] @ units[~ask].T), axis=1, kind="stable")[:, :10]
    order = np.argsort((bits[ask][:, None] != bits[~ask][None]).sum(2), axis=1, kind="stable")
    found = np.mean([np.isin(near[i], order[i, :63]).mean() for i in range(70)])
    right = classes[~ask][order] == classes[ask][:, None]
    ranks = np.arange(1, 631)
    precision = np.mean([(right[i].cumsum() / ranks)[right[i]].mean() for i in range(70)])
    ok(done.returncode == 0 and said_so["queries"] == "70" and said_so["database"] == "630" and
       said_so["first"] == "63" and said_so["queries-are"] == "learned-from" and
       abs(float(said_so["near-found"]) - found) < 2e-3 and
       abs(float(said_so["map"]) - precision) < 2e-3 and
       abs(float(said_so["precision"]) - right[:, :63].mean()) < 2e-3,
       "what is measured is what numpy measures", said_so, found, precision)
    ok("among the first 63 hits; mAP 0." in said(done), "and is said", said(done))
    done = train(0, "-o", "told", "--hasher", "supervised", "--layers", "none", "--bits", "16",
                 "--epochs", "20", "idx:images,kinds")
    ok("classes right 0." in said(done) and "rows held out" in said(done),
       "of a method that holds rows out, on these", said(done))
    few = train(0, "-o", "few", "--sample", "40", "--bits", "16", "data.npy")
    ok(few.returncode == 0 and "measured" not in said(few), "a small sample says nothing",
       said(few))


def refuse(done, words_of_it, status=1):
    text = said(done)
    ok(done.returncode == status and text.count("\n") <= 2 and re.search(words_of_it, text),
       f"refused: {words_of_it}", done.returncode, text)


def test_report():
    """Of a data set as of pictures."""
    os.makedirs(path("drawn"))
    for i in range(20):
        Image.fromarray(RNG.integers(0, 256, (20, 20, 3)).astype(np.uint8)).save(
            path(f"drawn/{i}.png"))
    for source, count in (("data.npy", 700), ("drawn", 20)):
        done = train(0, "-o", "r", "--bits", "16", "--report", f"{source}.report", source)
        report = (contents(f"{source}.report") or b"").decode()
        ok(done.returncode == 0 and f"job.count {count}\n" in report and "fact.seconds.learn " in report,
           f"a report of learning from {source}", report, said(done))


def test_poor_samples():
    """Constant features, the same picture again and again, fewer rows than bits: a word, and a file."""
    np.save(path("constant.npy"), np.full((300, 20), 0.25, np.float32))
    np.save(path("nearly.npy"), np.vstack([np.ones((299, 20)), np.zeros((1, 20))]).astype(np.float32))
    os.makedirs(path("copies"))
    for i in range(70):
        Image.new("RGB", (20, 20), (200, 30, 30)).save(path(f"copies/{i}.png"))
    for source, count in (("constant.npy", 300), ("copies", 70)):
        done = train(2, "-o", "poor", "--bits", "16", source)
        ok(done.returncode == 0 and said(done).count(f"all {count} vectors to learn from are the "
                                                     "same") == 1, f"of {source}", said(done))
    done = build(2, "-o", path("copies.index"), "copies", cwd=WORK.name)
    ok(done.returncode == 0 and said(done).count("all 70 vectors to learn from are the same") == 1,
       "a build of copies", said(done))
    done = train(0, "-o", "poor", "--bits", "16", "nearly.npy")
    ok(done.returncode == 0 and "warning" not in said(done), "one row that differs is enough",
       said(done))
    done = train(0, "-o", "poor", "--bits", "32", "--sample", "31", "other.npy")
    ok(done.returncode == 0 and "31 vectors are fewer than the 32 bits" in said(done),
       "fewer rows than bits", said(done))


def test_mistakes():
    refuse(train(0, "-o", "drawn", "data.npy"), "-o drawn is a folder", 2)
    ok(not os.path.exists(path("drawn.training")), "before anything is learned")
    refuse(build(0, "-o", path("y"), "--hasher", "drawn", "drawn", cwd=WORK.name),
           "drawn is a folder; .*encoder.kin", 2)
    refuse(train(0, "-o", "x", "--hasher", "supervised", "--labels", "classes", "--dropout", "1",
                 "data.npy"), "dropout.* is 1; it is below 0.95")
    ok(not os.path.exists(path("x.training")), "before there is a folder")
    refuse(build(0, "-o", path("y"), "--hasher", "supervised", "--labels", "folders", "--held-out",
                 "1", "drawn", cwd=WORK.name), "held out is 1; it is below 0.9", 2)
    ok(not os.path.exists(path("y")), "nor an unfinished build that the next command meets")
    refuse(train(0, "-o", "x", "--bits", "65", "data.npy"), "steps of 8", 2)
    refuse(train(0, "-o", "x", "--hasher", "nose", "data.npy"), "no hasher 'nose'", 2)
    refuse(train(0, "data.npy"), "no -o FILE", 2)
    refuse(train(0, "-o", "x"), "nothing to learn from", 2)
    refuse(train(0, "-o", "x", "--hasher", "autoencoder", "--layers", "4-x", "data.npy"),
           "4-x", 2)
    refuse(train(0, "-o", "x", "--labels", "classes", "data.npy"), "supervised", 2)
    refuse(train(0, "-o", "x", "--hasher", "autoencoder", "--rate", "fast", "data.npy"),
           "takes a number", 2)
    refuse(train(0, "-o", "x", "--epochs", "3", "data.npy"), "itq does not take --epochs", 2)
    refuse(train(0, "-o", "x", "--hasher", "neighbour", "--noise", "1", "data.npy"),
           "neighbour does not take --noise", 2)
    refuse(train(0, "-o", "x", "--hasher", "neighbour", "--batch", "6", "data.npy"),
           "batch .*is 6.* multiple of 4", 2)
    for option in (("--bits", "64"), ("--seed", "2"), ("--sample", "9"), ("--rate", "1")):
        refuse(build(0, "-o", path("y"), "--hasher", "b72", *option, "pictures", cwd=WORK.name),
               f"{option[0]} is about learning", 2)
    refuse(train(0, "-o", "x", "missing.npy"), "missing.npy")
    refuse(train(0, "-o", "x", "--bits", "128", "data.npy"), "128 bits.*96 dimensions")
    refuse(train(0, "-o", "x", "--hasher", "supervised", "data.npy"), "no classes")
    refuse(train(0, "-o", "x", "--hasher", "supervised", "--labels", "one-class", "data.npy"),
           "class")
    refuse(train(0, "-o", "x", "bad.npy"), "row 123")
    with open(path("hundred"), "w", encoding="ascii") as file:
        file.writelines(f"row {i}\n" for i in range(100))
    refuse(build(0, "-o", path("y"), "--hasher", "b72", "--features", "wide.npy", "--list",
                 "hundred", cwd=WORK.name), "file/[0-9a-f]{16}' of 96 .* of 192")
    refuse(build(0, "-o", path("y"), "--hasher", "b72", "pictures", cwd=WORK.name),
           "of 96 numbers; these are 'builtin/")
    refuse(build(0, "-o", path("y"), "--hasher", "lines", "pictures", cwd=WORK.name), "lines", 2)


with WORK:
    make_data()
    test_ranks()
    test_resume()
    test_narrow()
    test_classes()
    test_given()
    test_classify()
    test_options()
    test_quality()
    test_report()
    test_poor_samples()
    test_mistakes()
finish()
