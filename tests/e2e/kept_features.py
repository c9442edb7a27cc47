#!/usr/bin/python3
"""Feature vectors that are kept beside the shards: what they are (numpy makes the codes of them
anew, in ENCODER.md's order of additions), for any number of ranks, after a kill, and to verify."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from encoder_reader import read_encoder  # noqa: E402
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

OPTIONS = ["--sample", "64", "--shards", "3", "--keep-features"]


def hash_vectors(index, vectors):
    """The codes, as words, of vectors [n][d] by the index's encoder."""
    with open(current(index) + "/encoder.kin", "rb") as file:
        _, planes, thresholds = read_encoder(file.read())
    planes, thresholds = planes.astype(np.float32), thresholds.astype(np.float32)
    bits, dimensions = planes.shape
    padded = (dimensions + 15) // 16 * 16
    planes = np.pad(planes, ((0, 0), (0, padded - dimensions)))
    vectors = np.pad(vectors, ((0, 0), (0, padded - dimensions)))
    sums = np.zeros((len(vectors), bits, 16), np.float32)
    for at in range(0, padded, 16):
        sums += planes[None, :, at:at + 16] * vectors[:, None, at:at + 16]
    for width in (8, 4, 2, 1):
        sums[:, :, :width] += sums[:, :, width:2 * width]
    ones = np.packbits(sums[:, :, 0] > thresholds, axis=1)
    return [tuple(int(word) for word in row.view(">u8")) for row in ones]


def load(index):
    """The kept vectors of each shard."""
    return [np.load(path) for path in sorted(glob.glob(current(index) + "/features-*.npy"))]


def by_key(index):
    """key -> (vector, thumbnail)."""
    return {row[2]: (vector.tobytes(), row[3])
            for vectors, shard in zip(load(index), index_job.shards(index))
            for vector, row in zip(vectors, shard)}


def verify(index):
    done = subprocess.run([f"{BIN}/kindred-verify", index], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout


def kill_at(parts, ranks, index, arguments, work):
    """Starts a build and kills it once there are that many parts; how many there were."""
    job = subprocess.Popen(index_job.command(ranks, "-o", index, *arguments), cwd=work,
                           env=index_job.ENVIRONMENT, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found, end = [], time.monotonic() + 60
    while len(found) < parts and job.poll() is None and time.monotonic() < end:
        found = glob.glob(f"{work}/{index}/building/parts/part-*.kin")
        time.sleep(0.002)
    job.kill()
    job.wait(timeout=30)
    return len(found)


def test_kept(work):
    """--keep-features: shape, order, codes."""
    make(f"{work}/pictures", count=300)
    for name, words in (("broken.png", "no picture"), ("empty.jpg", "")):
        with open(f"{work}/pictures/{name}", "w", encoding="ascii") as file:
            file.write(words)
    for ranks in range(4):
        done = build(ranks, "-o", f"kept{ranks}", *OPTIONS, "pictures", cwd=work)
        ok(done.returncode == 0, f"features are kept by {ranks or 'no launcher and 1'} ranks",
           said(done))
        if ranks > 0:
            ok(index_job.same_generations(f"{work}/kept0", f"{work}/kept{ranks}"),
               f"{ranks} ranks keep the same bytes as one")
    index = f"{work}/kept0"
    shards, vectors = index_job.shards(index), load(index)
    ok([len(shard) for shard in shards] == [len(rows) for rows in vectors]
       and all(rows.dtype == np.float32 and np.isfinite(rows).all() for rows in vectors),
       "one .npy a shard, one finite float32 vector a row", [rows.shape for rows in vectors])
    ok(all(hash_vectors(index, rows) == [row[0] for row in shard]
           for rows, shard in zip(vectors, shards)), "numpy makes the shard's codes of the vectors")
    done = build(1, "-o", "plain", *[x for x in OPTIONS if x != "--keep-features"], "pictures",
                 cwd=work)
    ok(done.returncode == 0 and index_job.shards(f"{work}/plain") == shards
       and load(f"{work}/plain") == [], "without the option: the same shards, and no vectors",
       said(done))


def test_killed(work):
    """A build that keeps features goes on as one that keeps them."""
    killed = kill_at(2, 0, "killed", [*OPTIONS, "pictures"], work)
    ok(2 <= killed and not os.path.exists(f"{work}/killed/CURRENT"), "a build is killed", killed)
    done = build(0, "-o", "killed", *[x for x in OPTIONS if x != "--keep-features"], "pictures",
                 cwd=work)
    ok(done.returncode == 1 and "of another command" in said(done),
       "without --keep-features it is another command", said(done))
    done = build(2, "-o", "killed", *OPTIONS, "pictures", cwd=work)
    ok(done.returncode == 0 and "done before: " in said(done)
       and index_job.same_generations(f"{work}/kept0", f"{work}/killed"),
       "the same command goes on, with the same bytes", said(done))


def test_verify(work):
    """kindred-verify finds what is wrong with kept vectors."""
    status, out = verify(f"{work}/kept0")
    ok(status == 0 and all(f"ok      features-000{s}.npy\n" in out for s in range(3)),
       "kindred-verify checks each file of vectors", out)
    spoiled = f"{work}/spoiled"

    def spoil(what, text, act):
        shutil.copytree(f"{work}/kept0", spoiled)
        act(current(spoiled))
        found, output = verify(spoiled)
        ok(found == 1 and output.count("FAILED") == 1 and text in output, f"verify: {what}", output)
        shutil.rmtree(spoiled)

    def change(folder, function, shard=1):
        path = f"{folder}/features-{shard:04d}.npy"
        np.save(path, function(np.load(path)))

    def put(rows, at, value):
        rows[at] = value
        return rows

    spoil("a file is missing", "features-0002.npy",
          lambda folder: os.remove(f"{folder}/features-0002.npy"))
    spoil("a file too many", "belongs to no shard", lambda folder: shutil.copy(
        f"{folder}/features-0002.npy", f"{folder}/features-0003.npy"))
    spoil("too few rows", "rows of", lambda folder: change(folder, lambda rows: rows[:-1]))
    spoil("rows too short", "rows of", lambda folder: change(folder, lambda rows: rows[:, :-1]))
    spoil("float64", "float32",
          lambda folder: change(folder, lambda rows: rows.astype(np.float64)))
    spoil("a number that is not finite", "row 5 has a number that is not finite",
          lambda folder: change(folder, lambda rows: put(rows, (5, 7), np.nan)))
    spoil("rows in another order", "gives another code than its shard has",
          lambda folder: change(folder, lambda rows: rows[::-1]))
    spoil("another vector in the last row", "gives another code",
          lambda folder: change(folder, lambda rows: put(rows, -1, rows[0])))
    with open(current(f"{work}/kept0") + "/features-0000.npy", "rb") as file:
        whole = file.read()

    def cut(folder):
        with open(f"{folder}/features-0000.npy", "wb") as file:
            file.write(whole[:-4])

    spoil("a file that is cut", "truncated", cut)


with tempfile.TemporaryDirectory() as folder:
    test_kept(folder)
    test_killed(folder)
    test_verify(folder)
finish()
