#!/usr/bin/python3
"""Rate of a build with 1 and with 2 ranks, in turn, and what share of rank time is neither decoding
nor features. Limits: 2 ranks at least 1.8 x one on 2 cores; the rest under 10 %.

  BUILD=build tests/bench/index_ranks.py [--runs 3] [--pictures 6000] [FOLDER]
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN  # noqa: E402

ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1",
                   OMPI_MCA_btl_vader_single_copy_mechanism="none")


def make_photos(folder, count, distinct=100):
    """Smooth noise with grain, 1920 x 1080, JPEG of quality 90: `distinct` files, linked `count`
    times, since a decoder takes as long over the same picture again."""
    chance = numpy.random.default_rng(1)
    os.mkdir(folder)
    for i in range(distinct):
        coarse = Image.fromarray(chance.integers(0, 256, (9, 16, 3), dtype=numpy.uint8))
        smooth = numpy.asarray(coarse.resize((1920, 1080), Image.BICUBIC), dtype=numpy.int16)
        grain = chance.integers(-12, 13, smooth.shape, dtype=numpy.int16)
        Image.fromarray(numpy.clip(smooth + grain, 0, 255).astype(numpy.uint8)).save(
            f"{folder}/{i:06d}.jpg", quality=90)
    for i in range(distinct, count):
        os.link(f"{folder}/{i % distinct:06d}.jpg", f"{folder}/{i:06d}.jpg")


def build(ranks, folder, index):
    """One build; its seconds and what it said."""
    start = time.monotonic()
    done = subprocess.run(["mpirun", "-n", str(ranks), f"{BIN}/kindred-index", "build", "-o", index,
                           folder], env=ENVIRONMENT, capture_output=True, text=True,
                          check=True)
    seconds = time.monotonic() - start
    shutil.rmtree(index)
    return seconds, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=6000)
    parser.add_argument("folder", nargs="?", help="pictures of your own instead of made ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = options.folder or f"{work}/photos"
        if not options.folder:
            make_photos(folder, options.pictures)
        build(2, folder, f"{work}/index")  # the page cache is warm afterwards
        seconds, said = {1: [], 2: []}, {}
        for _ in range(options.runs):
            for ranks, times in seconds.items():
                took, said[ranks] = build(ranks, folder, f"{work}/index")
                times.append(took)
    ratio = statistics.median(a / b for a, b in zip(seconds[1], seconds[2]))
    for ranks, times in seconds.items():
        print(f"{ranks} rank{'s' if ranks > 1 else ' '}: median {statistics.median(times):.2f} s "
              f"({options.runs} runs)")
        print("\n".join("  " + line for line in said[ranks].split("\n") if "stages" in line))
    print(f"2 ranks over 1, pair by pair: median {ratio:.2f} x (limit 1.8)")


main()
