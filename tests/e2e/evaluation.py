#!/usr/bin/python3
"""kindred-eval: every figure against plain numpy, for codes and for cosine; queries held out and
test sets; indexes; training; mistakes, each with its word."""
import gzip
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
from encoder_reader import read_encoder  # noqa: E402
from index_job import build, current, indexed, said, shards  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

WORK = tempfile.TemporaryDirectory(prefix="kindred-eval-")
RNG = np.random.default_rng(3)


def path(name):
    return os.path.join(WORK.name, name)


def save(name, array):
    np.save(path(name), array)
    return path(name)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def run(*arguments, program="kindred-eval", prefix=()):
    return subprocess.run([os.path.join(BIN, program), *prefix, *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False)


def measure(*arguments):
    """name -> figures, and the report."""
    done = run(*arguments, "--json")
    if done.returncode:
        ok(False, "measured " + " ".join(map(str, arguments)), done.stderr)
        finish()
    report = json.loads(done.stdout)
    return {row["name"]: row for row in report["measured"]}, report


def refuse(words, *arguments, status=1):
    done = run(*arguments)
    sentences = done.stderr.strip().splitlines()
    ok(done.returncode == status and len(sentences) == 1 and re.search(words, done.stderr),
       f"refused: {words}", done.returncode, done.stdout, done.stderr)


# --- The plain computation, from the definitions ---------------------------------------------

def average_precision(relevant):
    places = np.nonzero(relevant)[0]
    return np.mean(np.arange(1, len(places) + 1) / (places + 1)) if len(places) else 0.0


def expected_precision(distances, relevant):
    """AP over all orders of ties: each row by the formula of McSherry and Najork, one by one."""
    total, before, relevant_before = 0.0, 0, 0
    for distance in np.unique(distances):
        group = relevant[distances == distance]
        n, r = len(group), int(group.sum())
        for i in range(1, n + 1):
            others = (i - 1) * (r - 1) / (n - 1) if n > 1 else 0
            total += r / n * (relevant_before + others + 1) / (before + i) if r else 0
        before, relevant_before = before + n, relevant_before + r
    return total / relevant.sum()


def figures_of(keys, labels, query_labels, near, first, near_first, by_code):
    """keys [queries][rows] ascend: the figures' means."""
    sums, curves, found, count = [], [], 0, 0
    for q, key in enumerate(keys):
        order = np.argsort(key, kind="stable")
        relevant = labels[order] == query_labels[q]
        if near is not None:
            found += len(set(order[:near_first]) & set(near[q]))
        if not relevant.any():
            continue
        count += 1
        within = labels[key <= 2] == query_labels[q] if by_code else np.zeros(0)
        precision = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
        recall = np.cumsum(relevant) / relevant.sum()
        curves.append([precision[np.argmax(recall >= (i + 1) / 20 - 1e-12)] for i in range(20)])
        sums.append([average_precision(relevant),
                     expected_precision(key, labels == query_labels[q]) if by_code else 0,
                     average_precision(relevant[:first]), relevant[:first].mean(),
                     relevant[:first].sum() / relevant.sum(),
                     within.mean() if len(within) else 0.0, float(len(within) == 0)])
    names = ["map", "map_ties", "map_first", "precision_first", "recall_first",
             "precision_radius_2", "empty_radius_2"]
    means = dict(zip(names, np.mean(sums, axis=0)))
    if not by_code:
        means.update(dict.fromkeys(["map_ties", "precision_radius_2", "empty_radius_2"]))
    means["neighbour_recall"] = found / near.size if near is not None else None
    means["precision_at_recall"] = np.mean(curves, axis=0)
    return means, count


def check_figures(what, row, wanted, queries, asked, atol=1e-9):
    wrong = [f"{name}: {row.get(name)}, not {value}" for name, value in wanted.items()
             if (value is None) != (row.get(name) is None) or
             (value is not None and not np.allclose(row[name], value, rtol=1e-8, atol=atol))]
    if row["queries_without_relevant"] != asked - queries:
        wrong.append(f"{row['queries_without_relevant']} without, not {asked - queries}")
    ok(not wrong, what, *wrong)


def cosine(queries, rows):
    def unit(vectors):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)
    return unit(queries.astype(np.float64)) @ unit(rows.astype(np.float64)).T


# Classes of very different sizes; one of the test set's is not in the database.
def make_set(count, bits):
    labels = RNG.choice(5, count, p=[.4, .3, .2, .08, .02])
    centres = np.random.default_rng(1).normal(size=(6, 24))
    features = (centres[labels] + 1.5 * RNG.normal(size=(count, 24))).astype(np.float32)
    planes = np.random.default_rng(2).normal(size=(24, bits))
    return features, labels, np.packbits(features @ planes > 0, axis=1)


def hamming(queries, rows):
    return np.unpackbits(queries[:, None] ^ rows[None], axis=2).sum(axis=2).astype(int)


def test_figures(bits):
    features, labels, codes = make_set(700, bits)
    asked, asked_labels, asked_codes = make_set(60, bits)
    asked_labels[7] = 5  # a class of which the database has none
    database = save("f.npy", features)
    queries = save("q.npy", asked)
    rows, report = measure(
        database, "--labels", save("l.npy", labels), "--codes", save("c.npy", codes),
        "--queries", queries, "--query-labels", save("ql.npy", asked_labels), "--query-codes",
        save("qc.npy", asked_codes), "-k", 37, "--near", 5, "--near-first", 50)
    ok(report["rows"] == 700 and report["queries"] == 60 and report["classes"] == 5,
       f"{bits} bits: the setting is told", report)
    scores = cosine(asked, features)
    near = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    wanted, count = figures_of(hamming(asked_codes, codes), labels, asked_labels, near, 37, 50,
                               True)
    check_figures(f"{bits} bits: figures of codes", rows["codes"], wanted, count, 60)
    wanted, count = figures_of(-scores, labels, asked_labels, None, 37, 50, False)
    check_figures(f"{bits} bits: figures of cosine", rows["cosine of features"], wanted, count, 60,
                  1e-4)  # in floats, scores that are nearly equal may change places
    ok(abs(rows["chance"]["map"] - np.mean([np.mean(labels == l) for l in asked_labels])) < .03,
       "chance is as good as the share of a class", rows["chance"])
    alone, _ = measure("--codes", path("c.npy"), "--labels", path("l.npy"), "--queries",
                       path("qc.npy"), "--query-labels", path("ql.npy"), "-k", 37)
    ok(alone["codes"]["map_ties"] == rows["codes"]["map_ties"] and
       "neighbour_recall" not in alone["codes"], "codes without features, the same", alone)


def test_held_out():
    features, labels, codes = make_set(400, 64)
    arguments = [save("h.npy", features), "--codes", save("hc.npy", codes), "--labels",
                 save("hl.npy", labels), "--queries", 30]
    rows, report = measure(*arguments)
    ok(report["rows"] == 370 and report["queries"] == 30, "queries are held out", report)
    again, _ = measure(*arguments)
    other, _ = measure(*arguments, "--query-seed", 2)
    ok(rows == again and rows["codes"] != other["codes"], "the same seed, the same queries")
    _, small = measure(*arguments[:-2])
    ok(small["queries"] == 40, "a tenth at most, where nothing is said", small)
    text = write("hl.txt", "".join(f"class {label}\n" for label in labels))
    named, _ = measure(*arguments[:3], "--labels", text, "--queries", 30)
    ok(named == rows, "classes as text, the same figures")
    half = write("half.txt", "".join(f"row {i}\t{l}\n" for i, l in enumerate(labels) if i % 2))
    keys = write("keys.txt", "".join(f"row {i}\n" for i in range(400)))
    _, report = measure(*arguments[:3], "--labels", half, "--keys", keys)
    ok(report["unclassed"] == 200 and report["rows"] + report["queries"] == 200,
       "rows without a class are left out, and counted", report)
    _, report = measure(*arguments, "--balanced")
    ok(report["queries"] == 30, "as many of each class")
    without, report = measure(*arguments[:3])
    ok(report["classes"] == 0 and 0 < without["codes"]["neighbour_recall"] < 1 and
       "map" not in without["codes"], "without classes, neighbours alone", without)
    done = run(*arguments)
    ok(done.returncode == 0 and "±" not in done.stdout and
       re.search(r"^codes +64 +0\.\d{4}", done.stdout, re.M), "a table", done.stdout)
    done = run(*arguments, "--markdown")
    ok(re.search(r"^\| codes \| 64 \| 0\.\d{4} \|", done.stdout, re.M) and
       re.search(r"^\|---\|(---:\|)+$", done.stdout, re.M), "Markdown", done.stdout)


def test_plot():
    plot = path("plot.png")
    arguments = [path("h.npy"), "--codes", path("hc.npy")]
    done = run(*arguments, "--labels", path("hl.npy"), "--plot", plot)
    image = Image.open(plot)
    ok(done.returncode == 0 and image.size == (900, 560) and
       image.convert("RGB").getcolors(1 << 20), "a plot is drawn", done.stderr)
    refuse("--plot is plot.gif; a plot is a FILE.png", *arguments, "--plot", "plot.gif", status=2)
    refuse("--plot wants classes", *arguments, "--plot", plot)
    refuse("/nowhere/plot.png", *arguments, "--labels", path("hl.npy"), "--plot",
           "/nowhere/plot.png")


def test_pixels():
    images = RNG.integers(0, 256, (50, 4, 16), np.uint8)
    labels = (images.reshape(50, -1).mean(axis=1) > 127).astype(np.uint8)

    def idx(name, array, opened):
        with opened(path(name), "wb") as file:
            file.write(bytes([0, 0, 8, array.ndim]) +
                       np.array(array.shape, ">u4").tobytes() + array.tobytes())
        return path(name)
    pixels = f"idx:{idx('i.gz', images, gzip.open)},{idx('l', labels, open)}"
    rows, _ = measure(pixels, "--queries", 10)
    same, _ = measure(save("p.npy", images.reshape(50, -1).astype(np.float32) / 255), "--labels",
                      f"idx:{path('l')}", "--queries", 10)
    ok(rows == same, "pixels of an IDX file are those of a .npy")


def test_training():
    features, labels, _ = make_set(600, 64)
    features = np.hstack([features, RNG.normal(size=(600, 64)).astype(np.float32)])
    arguments = [save("t.npy", features), "--labels", save("tl.npy", labels), "--queries", 50,
                 "--compare", "itq,lsh"]
    done = run(*arguments, "--seeds", 3)
    ok(done.returncode == 0 and len(re.findall("^(?:itq|lsh) +64 .*±", done.stdout, re.M)) == 2 and
       "training itq, 64 bits, seed 3: " in done.stderr, "means and deviations of three seeds",
       done.stdout, done.stderr)
    one, two = run(*arguments, "--json"), run(*arguments, "--json")
    ok(one.stdout == two.stdout and json.loads(one.stdout)["measured"][2]["name"] == "itq",
       "the same training, the same figures", one.stderr)
    done = run(*arguments[:-1], "supervised", "--bits", 16, "--json")
    found = json.loads(done.stdout or "{}").get("measured", [{}])[-1]
    ok(found.get("classified", 0) > 0.6 and found["map"] > 0.5,
       "a hasher with classes tells them of queries", found, done.stderr)
    ok("classified" not in json.loads(one.stdout)["measured"][2], "others do not")
    refuse("there is no hasher 'itk'", arguments[0], "--compare", "itk", status=2)
    refuse("--bits has 20; a code has 16 to 256 in steps of 8", arguments[0], "--compare", "itq",
           "--bits", "64,20", status=2)
    refuse("cannot be learned from features of 24 dim", save("n.npy", features[:, :24].copy()),
           "--compare", "itq")


def check_values(index):
    """The layer behind the codes, by numpy, of every tenth picture."""
    with open(current(index) + "/encoder.kin", "rb") as file:
        _, planes, thresholds = read_encoder(file.read())
    ids = [row[1] for shard in shards(index) for row in shard]
    kept = np.concatenate([np.load(f"{current(index)}/features-{s:04d}.npy") for s in range(2)])
    features = kept[np.argsort(ids)]
    labels = np.array([key.split(b"/")[-2].decode() for key in indexed(index)])
    asked = features[::10].copy()
    rows, _ = measure(index, "--labels", "folders", "--hasher", current(index) + "/encoder.kin",
                      "--queries", save("asked.npy", asked), "--query-labels",
                      write("asked.txt", "".join(f"{label}\n" for label in labels[::10])), "-k", 9)

    def layer(vectors):
        return vectors.astype(np.float64) @ planes.T - thresholds
    wanted, _ = figures_of(-cosine(layer(asked), layer(features)), labels, labels[::10], None, 9, 9,
                           False)
    found = rows["hasher"]
    ok(abs(found["values_map"] - wanted["map"]) < 1e-4 and
       abs(found["values_precision_first"] - wanted["precision_first"]) < 1e-4,
       "and is what numpy makes of it", found, wanted)


def check_reranked(index):
    """All re-ranked is the layer behind the codes in 8 bits; one re-ranked is nothing."""
    rows, _ = measure(index, "--labels", "folders", "--queries", 10, "--hasher",
                      current(index) + "/encoder.kin", "--rerank", "1,all")
    found, real = rows["hasher, all re-ranked"], rows["hasher"]["values_map"]
    ok(abs(found["map"] - real) < 0.02 and found["bits"] == 64, "all re-ranked is as good", rows)
    ok(rows["hasher, 1 re-ranked"]["map"] == rows["hasher"]["map"], "one re-ranked is the same")
    kept = path("reranking")
    done = build(0, "-o", kept, "--features", index, "--rerank", "--shards", "2")
    ok(done.returncode == 0, "the index again, with values", said(done))
    stored, _ = measure(kept, "--labels", "folders", "--queries", 10, "--rerank", "all")
    ok(abs(stored["codes, all re-ranked"]["map"] - found["map"]) < 0.02,
       "stored values rank as the hasher's do", stored, rows)
    refuse("keeps no values to re-rank by", index, "--labels", "folders", "--rerank", "5")
    trained, _ = measure(index, "--labels", "folders", "--queries", 10, "--compare", "lsh",
                         "--bits", "16,24", "--seeds", 2, "--rerank", "all,7")
    ok(set(trained) >= {"lsh", "lsh, all re-ranked", "lsh, 7 re-ranked"}, "and of trained ones")
    for wrong in ("0", "", "1,", "-1", "5x", ",".join("123456789")):
        refuse("--rerank is", index, "--labels", "folders", "--rerank", wrong, status=2)


def test_index():
    pictures = path("pictures")
    make(pictures, 60, 5)
    index = path("index")
    done = build(0, "-o", index, "--keep-features", "--shards", "2", pictures)
    ok(done.returncode == 0, "an index with kept features", said(done))
    rows, report = measure(index, "--labels", "folders", "--queries", 10)
    ok(report["classes"] > 1 and 0 <= rows["codes"]["map"] <= 1 and
       rows["codes"]["neighbour_recall"] is not None, "an index by folders", rows)
    ok(report["rows"] + report["queries"] == len(indexed(index)), "all pictures are in it", report)
    hashed, _ = measure(index, "--labels", "folders", "--queries", 10, "--hasher",
                        current(index) + "/encoder.kin")
    real = {name: hashed["hasher"].pop(name) for name in ("values_map", "values_precision_first")}
    ok(0 < real["values_map"] <= 1, "the layer behind the codes is measured too", real)
    ok({**hashed["hasher"], "name": "codes"} == rows["codes"],
       "its hasher makes the codes that it has", hashed, rows)
    check_values(index)
    check_reranked(index)
    refuse("has vectors of 24 numbers, and the hasher takes", path("f.npy"), "--hasher",
           current(index) + "/encoder.kin")
    bare = path("bare")
    build(0, "-o", bare, pictures)
    plain, _ = measure(bare, "--labels", "folders", "--queries", 10)
    ok(plain["codes"]["map"] == rows["codes"]["map"] and "cosine of features" not in plain,
       "without features, the codes alone", plain)
    refuse("has no classes and no features", bare)
    refuse("keeps no features; build it again with --keep-features", bare, "--compare", "itq")
    refuse("one class", index, "--labels", write("one.txt", "x\n" * len(indexed(index))))
    done = run("eval", index, "--labels", "top-folders", program="kindred")
    ok(done.returncode == 0 and "codes" in done.stdout, "kindred eval is kindred-eval",
       done.stderr)


def test_mistakes():
    features, labels, codes = make_set(40, 64)
    features[11, 3] = np.nan
    bad = save("bad.npy", features)
    good = save("l40.npy", labels)
    refuse(r"bad.npy: row 11 has a number that is not finite", bad, "--labels", good)
    refuse("has no rows", save("empty.npy", np.zeros((0, 8), np.float32)))
    refuse("has 40 classes, and .* 700 rows", path("f.npy"), "--labels", good)
    refuse("there is nothing to measure", status=2)
    refuse("one index or data set is measured, not 2", bad, good, status=2)
    refuse("take one of --codes, --hasher", bad, "--codes", good, "--hasher", good, status=2)
    refuse("--seeds belongs to --compare", bad, "--seeds", 2, status=2)
    refuse("--bits is '64,'", bad, "--compare", "itq", "--bits", "64,", status=2)
    refuse("--query-labels is of a test set", bad, "--labels", good, "--query-labels", good,
           status=2)
    refuse("cannot open /nowhere", "/nowhere")
    refuse("nothing of .* is left to search", path("p.npy"), "--queries", 50)
    refuse("has classes and .* has none", path("f.npy"), "--labels", path("l.npy"), "--queries",
           path("q.npy"))
    refuse("codes of 64 bits and .* of 16; they cannot be compared", "--codes",
           save("c64.npy", codes), "--queries", save("c16.npy", codes[:, :2].copy()), "--labels",
           good, "--query-labels", good)
    refuse("vectors of 64 numbers and .* of 24", path("f.npy"), "--queries", path("p.npy"))
    refuse("a code a row", path("f.npy"), "--codes", path("c64.npy"))
    refuse("is no Kindred file|is not|no container", path("f.npy"), "--hasher", good)


test_figures(64)
test_figures(16)
test_figures(256)
test_held_out()
test_plot()
test_pixels()
test_training()
test_index()
test_mistakes()
finish()
