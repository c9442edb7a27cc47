#!/usr/bin/python3
"""Do codes retrieve pictures of the same kind? Openclipart, label = folder, through the C code.

A sanity check with wide margins on 1,200 pictures; KINDRED_TEST_LONG=1 takes all and prints what
worker/train/QUALITY.md quotes. Without the collection there is nothing to measure: one test, ok."""
import hashlib
import os
import subprocess
import sys
import tempfile

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BUILD, LONG, finish, ok

Image.MAX_IMAGE_PIXELS = None  # larger ones are passed over by their header
COLLECTION = os.environ.get("KINDRED_PICTURES", "/usr/share/openclipart/png")
TOOL = os.path.join(BUILD, "tests", "bench_encode")
PIXELS_MAX = 12_000_000 if LONG else 1_500_000
WANTED = None if LONG else 1200
K = 10


def run(arguments, data):
    return subprocess.run([TOOL, *arguments], input=data, capture_output=True, check=True).stdout


def load():
    """Rasters and folder numbers of distinct pictures, in a fixed mixed order."""
    files = []
    for folder, folders, names in os.walk(COLLECTION):
        files += [os.path.join(folder, n) for n in names if n.endswith(".png")]
    files.sort(key=lambda path: hashlib.md5(os.path.relpath(path, COLLECTION).encode()).digest())
    rasters, labels, seen = [], [], set()
    for path in files:
        if os.path.islink(path) or len(rasters) == WANTED:
            continue
        with open(path, "rb") as file:
            digest = hashlib.md5(file.read()).digest()
        with Image.open(path) as picture:
            if digest in seen or picture.width * picture.height > PIXELS_MAX:
                continue
            seen.add(digest)
            picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        rasters.append(np.asarray(paper.convert("RGB").resize((64, 64), Image.BILINEAR)))
        labels.append(os.path.dirname(path))
    return np.array(rasters), np.unique(labels, return_inverse=True)[1]


def precision(vectors, labels, queries):
    """Of the K with the largest inner products; ties in order."""
    products = (vectors[queries] @ vectors.T).astype(np.float64)
    products -= np.arange(len(vectors)) * 1e-9
    products[np.arange(len(queries)), queries] = -np.inf
    nearest = np.argpartition(-products, K, 1)[:, :K]
    return (labels[nearest] == labels[queries][:, None]).mean()


def codes(vectors, method, bits):
    """Codes as vectors of -1 and 1."""
    encoder = run(["train", method, str(bits), "1", str(vectors.shape[1])], vectors.tobytes())
    with tempfile.NamedTemporaryFile() as file:
        file.write(encoder)
        file.flush()
        packed = np.frombuffer(run(["hash", file.name], vectors.tobytes()), np.uint8)
    return np.unpackbits(packed.reshape(len(vectors), -1), axis=1).astype(np.float32) * 2 - 1


def main():
    if not os.path.isdir(COLLECTION):
        ok(True, f"retrieval is not measured: there are no pictures in {COLLECTION}")
        finish()
    rasters, labels = load()
    vectors = np.frombuffer(run(["features"], rasters.tobytes()), "<f4").reshape(len(rasters), -1)
    count = len(vectors)
    queries = np.random.default_rng(1).choice(count, min(count, 1500), replace=False)
    chance = ((np.bincount(labels)[labels[queries]] - 1) / (count - 1)).mean()
    cosine = precision(vectors, labels, queries)
    print(f"# {count} pictures, {labels.max() + 1} folders, precision at {K}: "
          f"chance {chance:.3f}, cosine of features {cosine:.3f}")
    found = {}
    for bits in (64, 128, 256) if LONG else (64,):
        for method in ("itq", "lsh"):
            found[method, bits] = precision(codes(vectors, method, bits), labels, queries)
            print(f"# {method} {bits} bits {found[method, bits]:.3f}")
    ok(cosine > 3 * chance, "features retrieve pictures of the same folder, far above chance")
    ok(found["itq", 64] > 0.8 * cosine, "64-bit itq codes keep four fifths of it",
       found["itq", 64], cosine)
    ok(found["itq", 64] > found["lsh", 64], "itq retrieves better than lsh")
    finish()


main()
