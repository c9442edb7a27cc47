#!/usr/bin/python3
"""Features, training and hashing against numpy: from worker/encode/README.md and the papers.

Rasters are made here, so that nothing needs a collection of pictures."""
import math
import os
import subprocess
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BUILD, finish, ok
from encoder_reader import read_encoder

TOOL = os.path.join(BUILD, "tests", "bench_encode")
SIDE, CELLS, CELL, AXES = 64, 8, 8, 9


def run(arguments, data):
    done = subprocess.run([TOOL, *arguments], input=data, capture_output=True, check=True)
    return done.stdout


def make_rasters(count, random):
    """White, black, flat, noise, then discs, bars and ramps of random colours."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    rasters = [np.full((SIDE, SIDE, 3), 255), np.zeros((SIDE, SIDE, 3)),
               np.full((SIDE, SIDE, 3), (200, 30, 90)),
               random.integers(0, 256, (SIDE, SIDE, 3)), (x + y)[..., None] % 2 * [255, 255, 255]]
    while len(rasters) < count:
        picture = np.full((SIDE, SIDE, 3), 255)
        for _ in range(random.integers(1, 5)):
            colour, kind = random.integers(0, 256, 3), random.integers(0, 3)
            cx, cy, r = random.integers(0, SIDE, 3)
            if kind == 0:
                picture[(x - cx) ** 2 + (y - cy) ** 2 < (r / 2) ** 2] = colour
            elif kind == 1:
                picture[abs((x - cx) * math.cos(r) + (y - cy) * math.sin(r)) < 4] = colour
            else:
                picture[cy:cy + r, cx:cx + r] = (x[cy:cy + r, cx:cx + r, None] * colour) // SIDE
        rasters.append(picture)
    return np.array(rasters, dtype=np.uint8)


def cell_weights():
    """[cell][pixel]: how much of a pixel goes to a cell, by the distance of their centres."""
    centres = (np.arange(CELLS) + 0.5) * CELL
    pixels = np.arange(SIDE) + 0.5
    return np.maximum(0, 1 - abs(centres[:, None] - pixels[None]) / CELL)


def describe(raster):
    """One raster's vector, in doubles."""
    p = np.pad(raster.astype(np.int64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    dx, dy = p[1:-1, 2:] - p[1:-1, :-2], p[2:, 1:-1] - p[:-2, 1:-1]
    channel = (dx ** 2 + dy ** 2).argmax(-1)[..., None]
    dx, dy = (np.take_along_axis(d, channel, -1)[..., 0] for d in (dx, dy))
    degrees = 20 * np.arange(AXES)
    table = np.round(16384 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]))
    along = dx[..., None] * table[0] + dy[..., None] * table[1]
    axis = abs(along).argmax(-1)
    direction = axis + AXES * (np.take_along_axis(along, axis[..., None], -1)[..., 0] < 0)
    magnitude = np.sqrt(dx ** 2 + dy ** 2)
    weights = cell_weights()
    histogram = np.stack([weights @ np.where(direction == d, magnitude, 0) @ weights.T
                          for d in range(2 * AXES)], -1)
    energy = ((histogram[..., :AXES] + histogram[..., AXES:]) ** 2).sum(-1)
    framed = np.pad(energy, 1, mode="edge")
    block = framed[:-1, :-1] + framed[:-1, 1:] + framed[1:, :-1] + framed[1:, 1:]
    shape = sum(np.minimum(histogram / np.sqrt(block[i:i + CELLS, j:j + CELLS, None] + 1e5), 0.2)
                for i in (0, 1) for j in (0, 1)) / 4
    shape /= np.linalg.norm(shape) or 1
    r, g, b = np.moveaxis(raster.reshape(CELLS, CELL, CELLS, CELL, 3).mean((1, 3)) / 255, -1, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    colour = 0.16 * np.stack([1 - luma, (b - luma) / 0.886, (r - luma) / 0.701], -1)
    # Rounded, as white is exactly zero and not 1e-16.
    vector = np.concatenate([shape.ravel(), colour.ravel().round(12)])
    return vector / (np.linalg.norm(vector) or 1)


def itq(centred, directions, start, iterations):
    """Gong and Lazebnik's loop; the loss after it."""
    v, rotation = centred @ directions.T, start
    for _ in range(iterations):
        left, _, right = np.linalg.svd(v.T @ np.where(v @ rotation > 0, 1, -1))
        rotation = left @ right
    rotated = v @ rotation
    return ((np.where(rotated > 0, 1, -1) - rotated) ** 2).sum()


def check_features(rasters):
    vectors = np.frombuffer(run(["features"], rasters.tobytes()), "<f4").reshape(len(rasters), -1)
    expected = np.array([describe(raster) for raster in rasters])
    ok(vectors.shape == (len(rasters), 1344), "1,344 dimensions a picture", vectors.shape)
    worst = abs(vectors - expected).max()
    ok(worst < 2e-6, f"features equal numpy's within 2e-6 ({worst:.1e})")
    ok(not vectors[0].any(), "a white picture is the zero vector")
    backwards = run(["features"], rasters[::-1].tobytes())
    ok(np.array_equal(np.frombuffer(backwards, "<f4").reshape(vectors.shape)[::-1], vectors),
       "a vector does not depend on its neighbours")
    return vectors


def check_training(vectors, bits, random):
    data = run(["train", "itq", str(bits), "7", "1344"], vectors.tobytes())
    card, planes, thresholds = read_encoder(data)
    ok(card["bits"] == bits and card["training_count"] == len(vectors) and
       card["method"] == "itq" and card["features"] == "builtin/1", f"{bits} bits: the card", card)
    wide = vectors.astype(np.float64)
    mean = wide.mean(0)
    centred = wide - mean
    values, columns = np.linalg.eigh(centred.T @ centred)
    directions = columns[:, ::-1][:, :bits].T
    kept = ((centred @ planes.T) ** 2).sum() / values[::-1][:bits].sum()
    ok(abs(kept - 1) < 1e-6, f"{bits} bits: planes keep the variance of the principal directions")
    difference = abs(planes.T @ planes - directions.T @ directions).max()
    ok(difference < 1e-4, f"{bits} bits: they span the subspace of numpy's ({difference:.1e})")
    ok(abs(planes @ planes.T - np.eye(bits)).max() < 1e-5, f"{bits} bits: planes are orthonormal")
    ok(abs(planes @ mean - thresholds).max() < 1e-6, f"{bits} bits: they go through the mean")
    rotated = centred @ planes.T
    loss = ((np.where(rotated > 0, 1, -1) - rotated) ** 2).sum()
    start = np.linalg.qr(random.standard_normal((bits, bits)))[0]
    peer = itq(centred, directions, start, 50)
    ok(abs(loss / peer - 1) < 0.01,
       f"{bits} bits: loss {loss:.0f} within 1 % of numpy's {peer:.0f}")
    return data, planes, thresholds


def check_hashing(vectors, data, planes, thresholds):
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"kindred-oracle-{os.getpid()}")
    with open(path, "wb") as file:
        file.write(data)
    try:
        codes = np.frombuffer(run(["hash", path], vectors.tobytes()), np.uint8)
    finally:
        os.unlink(path)
    bits = np.unpackbits(codes.reshape(len(vectors), -1), axis=1)
    margin = vectors.astype(np.float64) @ planes.T - thresholds
    clear = abs(margin) > 1e-4
    ok(clear.mean() > 0.9 and np.array_equal(bits[clear], (margin > 0)[clear]),
       f"{len(thresholds)} bits: hashing equals numpy where the margin is clear")


def main():
    random = np.random.default_rng(3)
    vectors = check_features(make_rasters(900, random))
    for bits in (64, 128):
        check_hashing(vectors, *check_training(vectors, bits, random))
    finish()


main()
