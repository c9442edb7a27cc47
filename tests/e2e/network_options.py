#!/usr/bin/python3
"""How pixels become a network's input and its tensors a vector: against Pillow and numpy, by sidecar
and by --set; taps that are centred, for any number of ranks and after a kill; models whose weights
are in files beside them."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import ENVIRONMENT, build, current, said, same_generations, sections  # noqa: E402
from make_pictures import make  # noqa: E402
from onnx_models import model, node, pictures_network  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

COUNT = 40
SIDE = 16
OPTIONS = ["--sample", "64", "--keep-features"]


def write(path, data):
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())


def run(program, *arguments):
    return subprocess.run([f"{BIN}/{program}", *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False, env=ENVIRONMENT)


def vectors_of(index):
    """key -> the vector that is kept of it."""
    shards = [np.load(path) for path in sorted(glob.glob(current(index) + "/features-*.npy"))]
    return {row[2].decode(): vector for vectors, shard in zip(shards, index_job.shards(index))
            for vector, row in zip(vectors, shard)}


def finds_itself(index, pictures):
    """The pictures that a worker's encoder gives other codes than the index has."""
    done = run("kindred", "search", index, "--json", *pictures, "--within", "0")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    lost = [answer["query"] for answer in answers
            if answer["query"] not in [hit["key"] for hit in answer["hits"]]]
    return lost if len(answers) == len(pictures) else done.stderr


def blocks():
    """A network that only takes means of 2 x 2 pixels: 192 numbers that anyone can compute."""
    return model({"pixels": ["n", 3, SIDE, SIDE]},
                 [node("AveragePool", "pixels", "small", kernel_shape=[2, 2], strides=[2, 2]),
                  node("Flatten", "small", "vector")], {}, ["vector"])


# --- Pixels ------------------------------------------------------------------------------------

def cropped(image, shorter, filter_):
    width, height = (shorter * side // min(image.size) for side in image.size)
    left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
    return image.resize((width, height), filter_).crop((left, top, left + SIDE, top + SIDE))


def expected(path, rule, filter_, bgr, scale, mean, std):
    """The vector of a picture, by Pillow and numpy."""
    image = Image.open(path).convert("RGB")
    raster = (image.resize((SIDE, SIDE), filter_) if rule == "stretch" else
              ImageOps.pad(image, (SIDE, SIDE), filter_, color="white") if rule == "pad" else
              cropped(image, 20, filter_))
    pixels = np.asarray(raster, dtype=float)[:, :, ::-1 if bgr else 1]
    pixels = (pixels * scale - mean) / std
    return pixels.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()


def test_pixels(pictures):
    """A grey level is 1 / 255 here: bicubic rasters are Pillow's, bilinear ones within a level."""
    cases = [("stretch", "bicubic", "rgb", 1 / 255, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
             ("crop", "bicubic", "bgr", 1, [103.5, 116.25, 123.5], [1, 1, 1]),
             ("pad", "bicubic", "rgb", 1 / 255, [0, 0, 0], [1, 1, 1]),
             ("crop", "bilinear", "rgb", 1 / 127.5, [1, 1, 1], [1, 1, 1]),
             ("pad", "bilinear", "bgr", 1 / 255, [0, 0, 0], [1, 1, 1])]
    for number, (rule, word, channels, scale, mean, std) in enumerate(cases):
        os.mkdir(f"by{number}")
        stem = f"by{number}/blocks"
        write(f"{stem}.onnx", blocks())
        card = {"width": SIDE, "height": SIDE, "resize": rule, "interpolation": word,
                "channels": channels, "scale": scale, "mean": mean, "std": std}
        if rule == "crop":
            card["shorter_side"] = 20
        write(f"{stem}.json", {"input": card})
        done = build(1, "-o", f"card{number}", "--model", f"{stem}.onnx", *OPTIONS, "pictures")
        made = vectors_of(f"card{number}") if done.returncode == 0 else {}
        filter_ = Image.BICUBIC if word == "bicubic" else Image.BILINEAR
        levels = 0 if word == "bicubic" else 1
        worst = max((abs(made[path] - expected(path, rule, filter_, channels == "bgr", scale, mean,
                                                 std)) * np.repeat(std, 64) / scale).max()
                    for path in pictures) if len(made) == COUNT else said(done)
        what = f"{rule}, {word}, {channels}"
        ok(len(made) == COUNT and worst <= levels + 2e-4, f"{what}: Pillow's and numpy's vectors",
           f"off by {worst} grey levels")
        os.unlink(f"{stem}.json")
        words = [("size", f"{SIDE}x{SIDE}")] + [
            (key, ",".join(map(repr, value)) if isinstance(value, list) else value)
            for key, value in card.items() if key not in ("width", "height")]
        done = build(2, "-o", f"set{number}", "--model", f"{stem}.onnx", *OPTIONS,
                     *[f"--set={key}={value}" for key, value in words], "pictures")
        ok(done.returncode == 0 and same_generations(f"card{number}", f"set{number}"),
           f"{what}: --set gives the same bytes as the sidecar", said(done))
        ok("16 x 16" in said(done) and word in said(done) and "has no sidecar" in said(done),
           f"{what}: what is taken is said", said(done))
    lost = finds_itself("card0", pictures)
    ok(not lost, "bicubic: the worker gives every picture the same code", lost)
    names = {word for number in (0, 2, 4) for word in run("kindred", "info",
                                                         f"card{number}").stdout.split()
             if word.startswith("network/")}
    ok(len(names) == 3, "another interpolation is another name of features")


def test_mistakes():
    cases = [(["--set", "size=16"], ["--set", "no --model"]),
             (["--model", "by0/blocks.onnx", "--set", "sise=16"], ["'sise=16'", "there are size,"]),
             (["--model", "by0/blocks.onnx", "--set", "size=2000"], ["size", "1024"]),
             (["--model", "by0/blocks.onnx", "--set", "mean=1"], ["mean", "3 numbers"]),
             (["--model", "by0/blocks.onnx", "--set", "shorter_side=3"], ["shorter side"]),
             (["--model", "by0/blocks.onnx", "--set", "size=8"], ["8 x 8 do not fit"]),
             (["--model", "by0/blocks.onnx", "--model", "by1/blocks.onnx", "--set", "size=16"],
              ["--set is about one --model", "sidecars"])]
    for arguments, words in cases:
        done = build(0, "-o", "none", *arguments, "pictures")
        lines = [line for line in said(done).splitlines() if "has no sidecar" not in line]
        ok(done.returncode in (1, 2) and len(lines) == 1 and
           all(word in lines[0] for word in words) and not os.path.exists("none"),
           f"one sentence: {' '.join(arguments)}", said(done))


# --- Centring ----------------------------------------------------------------------------------

def test_centring(pictures):
    """Against numpy: all pictures are few enough to be in the mean; one file is none."""
    write("pictures/no picture", b"these are words")
    card = {"width": SIDE, "height": SIDE, "resize": "stretch"}
    write("plain.onnx", blocks())
    write("plain.json", {"input": card})
    write("centred.onnx", blocks())
    write("centred.json", {"input": card, "centre": True, "normalise": True})
    done = build(1, "-o", "plain", "--model", "plain.onnx", *OPTIONS, "pictures")
    ok(done.returncode == 0, "a build that is not centred", said(done))
    raw = vectors_of("plain")
    mean = np.mean([raw[path].astype(float) for path in pictures], axis=0)
    for ranks in (1, 3):
        done = build(ranks, "-o", f"centred{ranks}", "--model", "centred.onnx", *OPTIONS, "pictures")
        ok(done.returncode == 0 and same_generations("centred1", f"centred{ranks}"),
           f"centred, {ranks} ranks: the same bytes", said(done))
    means = np.frombuffer(sections(f"{current('centred1')}/network.kin")["means-a"], "<f4")
    ok(abs(means - mean).max() < 1e-6, "the means are numpy's", abs(means - mean).max())
    made = vectors_of("centred1")
    rest = {path: raw[path] - mean for path in pictures}
    worst = max(abs(made[path] - rest[path] / np.linalg.norm(rest[path])).max() for path in pictures)
    ok(worst < 1e-5, "vectors are centred, then of length 1", worst)
    lost = finds_itself("centred1", pictures)
    ok(not lost, "the worker centres pictures in the same way", lost)
    done = run("kindred-verify", "centred1")
    ok(done.returncode == 0 and "ok      network.kin" in done.stdout, "it verifies", done.stdout)
    done = build(2, "-o", "again", "--features", "centred1", "--sample", "64", "--bits", "128")
    lost = finds_itself("again", pictures)
    ok(done.returncode == 0 and not lost, "kept features of it make another index", said(done), lost)
    test_kill()
    test_centred_hasher(pictures)
    os.unlink("pictures/no picture")


def test_centred_hasher(pictures):
    """It fits builds of the list it was learned from: who learns one, or takes another's, reads so."""
    model = ["--model", "centred.onnx"]
    train = ["kindred-index", "train", "--bits", "16"]
    done = run(*train, "-o", "centred.kin", *model, "pictures")
    ok(done.returncode == 0 and "centred.kin will fit builds of the very same list" in done.stderr,
       "a hasher of centred models: said", done.stderr)
    done = build(1, "-o", "fits", *model, "--hasher", "centred.kin", "pictures")
    ok(done.returncode == 0, "the same list takes it", said(done))
    done = build(1, "-o", "none", *model, "--hasher", "centred.kin", *pictures[1:])
    ok(done.returncode == 1 and "fits builds of the very list" in said(done) and
       not os.path.exists("none/CURRENT"), "another does not, and says why", said(done))
    done = run(*train, "-o", "plain.kin", "--model", "plain.onnx", "pictures")
    ok(done.returncode == 0 and "will fit" not in done.stderr,
       "other hashers fit all: nothing is said", done.stderr)


def test_kill():
    """The means stay: a build goes on with them."""
    command = [f"{BIN}/kindred-index", "build", "-o", "killed", "--model", "centred.onnx", *OPTIONS,
               "pictures"]
    job = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           env=ENVIRONMENT)
    until = time.monotonic() + 60
    while job.poll() is None and time.monotonic() < until:
        if os.path.exists("killed/building/network.kin"):
            job.kill()
            break
        time.sleep(0.001)
    job.communicate()
    ok(job.returncode == -9 and os.path.exists("killed/building/network.kin"),
       "a build is killed when it has the means", job.returncode)
    before = os.stat("killed/building/network.kin").st_mtime_ns
    os.utime("killed/building/network.kin", ns=(before, before - 10 ** 9))
    done = build(2, "-o", "killed", *command[4:])
    ok(done.returncode == 0 and "goes on with" in said(done) and
       same_generations("centred1", "killed"), "it goes on, and makes the same bytes", said(done))


# --- Numbers that are none ---------------------------------------------------------------------

def test_not_finite():
    """The square root of how much brighter than 0.3 a picture is: none, of a dark one."""
    write("roots.onnx", model({"pixels": ["n", 3, SIDE, SIDE]},
                              [node("AveragePool", "pixels", "small", kernel_shape=[2, 2],
                                    strides=[2, 2]),
                               node("Sqrt", "small", "root"), node("Flatten", "root", "vector")],
                              {}, ["vector"]))
    write("roots.json", {"input": {"width": SIDE, "height": SIDE, "resize": "stretch",
                                   "mean": [0.3, 0.3, 0.3], "std": [1, 1, 1]}})
    os.mkdir("bright")
    for i in range(30):
        Image.new("RGB", (20, 20), (100 + i, 120 + 3 * i, 250 - i)).save(f"bright/{i:02d}.png")
    Image.new("RGB", (20, 20), (3, 3, 3)).save("dark.png")
    words = ["--model", "roots.onnx", "--hasher", "lsh", "--bits", "16", "bright"]
    for ranks in (0, 2):
        done = build(ranks, "-o", f"dark{ranks}", *words, "dark.png")
        ok(done.returncode != 0 and said(done).count("dark.png: the model gives it numbers that are "
                                                     "not finite") == 1 and
           not os.path.exists(f"dark{ranks}/CURRENT"), f"{ranks} ranks: the picture is named",
           said(done))
    done = build(0, "-o", "bright-index", *words)
    ok(done.returncode == 0, "without it, the others are indexed", said(done))
    done = run("kindred", "search", "bright-index", "dark.png", "bright/07.png", "-k", "1")
    ok(done.returncode == 1 and "dark.png: the index's model gives this picture numbers that are not "
       "finite" in done.stderr and "bright/07.png" in done.stdout, "nor is it looked for", done.stderr)


# --- External data -------------------------------------------------------------------------------

def test_external(pictures):
    os.makedirs("apart/weights")
    os.mkdir("whole")
    data = bytearray()
    card = {"input": {"width": SIDE, "height": SIDE, "resize": "stretch"}}
    write("whole/net.onnx", pictures_network(SIDE, 7, channels=(8, 96)))
    write("apart/net.onnx", pictures_network(SIDE, 7, channels=(8, 96),
                                             external=("weights/net.data", data)))
    write("apart/weights/net.data", bytes(data))
    for folder in ("whole", "apart"):
        write(f"{folder}/net.json", card)
        done = build(2, "-o", f"of-{folder}", "--model", f"{folder}/net.onnx:conv", *OPTIONS,
                     "pictures")
        ok(done.returncode == 0, f"a model with its weights {folder}: a build", said(done))
    whole, apart = vectors_of("of-whole"), vectors_of("of-apart")
    ok(len(data) > 3000 and list(whole) == list(apart) and
       all((whole[key] == apart[key]).all() for key in whole),
       "weights in files beside the model: the same vectors")
    shutil.rmtree("apart/weights")
    lost = finds_itself("of-apart", pictures)
    ok(not lost, "the index needs these files no more", lost)
    done = run("kindred-verify", "of-apart")
    ok(done.returncode == 0, "it verifies", done.stdout)
    done = build(0, "-o", "none", "--model", "apart/net.onnx:conv", "pictures")
    ok(done.returncode in (1, 2) and said(done).count("\n") == 1 and
       "weights/net.data" in said(done) and "apart/net.onnx" in said(done),
       "weights that are missing: one sentence", said(done))
    write("apart/net.onnx", pictures_network(SIDE, 7, channels=(8, 96),
                                             external=("../whole/net.onnx", bytearray())))
    done = build(0, "-o", "none", "--model", "apart/net.onnx:conv", "pictures")
    ok(done.returncode in (1, 2) and "out of the model's folder" in said(done),
       "weights in another folder are refused", said(done))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        pictures = [os.path.relpath(path, folder)
                    for path in make(f"{folder}/pictures", count=COUNT, side=32)]
        for number, path in enumerate(pictures):  # JPEG is decoded in another way here and there
            image = Image.open(path).convert("RGB")
            os.unlink(path)
            pictures[number] = os.path.splitext(path)[0] + ".png"
            image.save(pictures[number])
        test_pixels(pictures)
        test_mistakes()
        test_centring(pictures)
        test_external(pictures)
        test_not_finite()
    finish()


main()
