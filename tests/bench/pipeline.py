#!/usr/bin/python3
"""JPEG files to codes by the default network, one rank: the share of each stage of a build, for
photos of 500 x 375 and 1920 x 1080. Limit: what is neither decoding nor network under 5 %.

  BUILD=build tests/bench/pipeline.py [--pictures 4000] [--size 1920x1080]
                                      [--model FILE.onnx[:TENSOR]...]
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN, ROOT  # noqa: E402

NETWORK = "mobilenet_v2_pair"
SIZES = ((500, 375), (1920, 1080))
DISTINCT = 100  # a decoder takes as long over the same picture again
LIMIT = 5.0
STAGE = re.compile(r"(\w+) (-?[\d.]+) s \((-?[\d.]+) %\)")
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_btl_vader_single_copy_mechanism="none")


def make_photos(folder, count, width, height):
    """Smooth noise with grain, JPEG of quality 90: some files, linked as often as it takes."""
    chance = numpy.random.default_rng(1)
    os.mkdir(folder)
    for i in range(min(count, DISTINCT)):
        coarse = Image.fromarray(chance.integers(0, 256, (9, 16, 3), dtype=numpy.uint8))
        smooth = numpy.asarray(coarse.resize((width, height), Image.BICUBIC), dtype=numpy.int16)
        grain = chance.integers(-12, 13, smooth.shape, dtype=numpy.int16)
        Image.fromarray(numpy.clip(smooth + grain, 0, 255).astype(numpy.uint8)).save(
            f"{folder}/{i:06d}.jpg", quality=90)
    for i in range(DISTINCT, count):
        os.link(f"{folder}/{i % DISTINCT:06d}.jpg", f"{folder}/{i:06d}.jpg")


def build(model, folder, index):
    """Seconds, and {stage: percent of them} as the build itself says."""
    start = time.monotonic()
    done = subprocess.run([f"{BIN}/kindred-index", "build", "-o", index, "--model", model, folder],
                          env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - start
    line = [said for said in done.stderr.split("\n") if "stages, over all ranks" in said]
    if done.returncode != 0 or not line:
        sys.exit(f"pipeline.py: the build ended with status {done.returncode}:\n{done.stderr}")
    return seconds, {name: float(share) for name, _, share in STAGE.findall(line[0])}


def fetched():
    done = subprocess.run([os.path.join(ROOT, "deploy", "networks"), NETWORK], check=False,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"pipeline.py: without {NETWORK} there is nothing to measure; --model takes "
                 "another network")
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000, help="of each size; %(default)s")
    parser.add_argument("--model", metavar="FILE.onnx[:TENSOR]...", help=f"default: {NETWORK}")
    parser.add_argument("--size", metavar="WxH", help="of the pictures; default: 500x375, then "
                        "1920x1080")
    options = parser.parse_args()
    sizes = [tuple(map(int, options.size.split("x")))] if options.size else SIZES
    model = options.model or fetched()
    heading = True
    for width, height in sizes:
        with tempfile.TemporaryDirectory() as work:
            make_photos(f"{work}/photos", options.pictures, width, height)
            seconds, shares = build(model, f"{work}/photos", f"{work}/index")
        if heading:
            print(f"{options.pictures} pictures of each size, one rank, per cent of its time\n")
            print("| picture | pictures/s | " + " | ".join(shares) +
                  " | all but decode and features |\n" + "|---" * (len(shares) + 3) + "|")
            heading = False
        others = sum(shares.values()) - shares["decode"] - shares["features"]
        print(f"| {width} x {height} | {options.pictures / seconds:.1f} | " +
              " | ".join(f"{share:.1f}" for share in shares.values()) +
              f" | {others:.1f} (limit {LIMIT:g}{', missed' if others > LIMIT else ''}) |",
              flush=True)


main()
