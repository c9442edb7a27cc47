#!/usr/bin/python3
"""What re-ranking gains and costs: kindred-eval --rerank on the sets of hashing.py, the size of an
index with and without values, and the time of a question with so many hits re-ranked.

  BUILD=build tests/bench/rerank.py [--work FOLDER] [--sets pixels,builtin,openclipart] [--bits 64]
      [--methods itq,neighbour] [--time]

FOLDER (BUILD/bench-hashing) is shared with hashing.py, which makes the indexes; --time only measures
size and time. Markdown goes to standard output.
"""
import argparse
import gzip
import io
import json
import os
import statistics
import subprocess
import sys
import time

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from hashing import SETS, builtin, figure, idx_of, row_of  # noqa: E402
from serving_cluster import Work  # noqa: E402
from tap import BIN, BUILD  # noqa: E402
import index_job  # noqa: E402

FIRST = ["100", "1000", "10000", "all"]
QUESTIONS, ROUNDS = 100, 4  # the first round is for the caches


def gains(name, options):
    title, prepare = SETS[name]
    arguments = prepare(options.work)
    for method in options.methods.split(","):
        done = subprocess.run([f"{BIN}/kindred-eval", *arguments, "--compare", method, "--bits",
                               options.bits, "--rerank", ",".join(FIRST), "--json"],
                              stdout=subprocess.PIPE, check=True)
        yield title, method, json.loads(done.stdout)


def print_gains(options):
    print("| | | mAP | P@100 | 10-NN@100 |\n|---|---|---|---|---|")
    for name in options.sets.split(","):
        for title, method, report in gains(name, options):
            lines = [("cosine of features", "features")] if method == options.methods.split(",")[0] \
                else []
            lines += [(method, f"{method}, {options.bits} bits")]
            lines += [(f"{method}, {first} re-ranked", f"first {first}") for first in FIRST]
            for at, told in lines:
                row = row_of(report, at)
                cells = [figure([row[key]]) for key in ("map", "precision_first")]
                near = row.get("neighbour_recall")
                print(f"| {title if told == lines[0][1] else ''} | {told} | {' | '.join(cells)} | "
                      f"{figure([near])} |", flush=True)


def shard_bytes(index):
    folder = index_job.current(index)
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
               if name.startswith("shard-"))


def questions():
    """The first pictures of the test set, as PNG."""
    with gzip.open(idx_of("test")[0]) as file:
        raw = file.read(16 + 784 * QUESTIONS)
    made = []
    for i in range(QUESTIONS):
        png = io.BytesIO()
        Image.frombytes("L", (28, 28), raw[16 + 784 * i:16 + 784 * (i + 1)]).save(png, "PNG")
        made.append(png.getvalue())
    return made


def print_costs(options):
    """An index of Fashion-MNIST, 60,000 pictures, served by one worker."""
    work = Work()
    try:
        builtin(options.work)
        sizes = {}
        for name in ("plain", "values"):
            index = os.path.join(work.folder, name)
            done = index_job.build(1, "-o", index, "--features", f"{options.work}/fashion-train",
                                   "--bits", options.bits, *(["--rerank"] * (name == "values")),
                                   timeout=600)
            if done.returncode != 0:
                sys.exit(index_job.said(done))
            sizes[name] = shard_bytes(index) / 60000
        print(f"\nShards take {sizes['plain']:.1f} bytes a picture, with values {sizes['values']:.1f}."
              f"\n\n| first N re-ranked | ms a question, median | 90 of 100 |\n|---|---|---|")
        cluster = work.cluster(os.path.join(work.folder, "values"), workers=1, threads=2)
        cluster.wait()
        pictures = questions()
        times = {first: [] for first in (None, 100, 1000, 10000, 60000)}
        with cluster.client() as client:
            for _ in range(ROUNDS):
                for first, taken in times.items():
                    for picture in pictures:
                        start = time.monotonic()
                        client.search(picture=picture, k=12, rerank=first)
                        taken.append(1000 * (time.monotonic() - start))
        for first, taken in times.items():
            deciles = statistics.quantiles(taken[len(pictures):], n=10)
            print(f"| {first if first else 'none'} | {deciles[4]:.2f} | {deciles[8]:.2f} |")
    finally:
        work.clean_up()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=os.path.join(BUILD, "bench-hashing"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", default="itq")
    parser.add_argument("--bits", default="64")
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    if not options.time:
        print_gains(options)
    print_costs(options)


main()
