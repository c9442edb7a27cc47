#!/usr/bin/python3
"""Indexes of pictures that a network describes: the same for any number of ranks, pictures that find
themselves, networks that are missing or others, sidecars and models that are wrong."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from index_job import (ENVIRONMENT, build, current, said, same_generations,  # noqa: E402
                       sections, shard_codes)
from make_pictures import make  # noqa: E402
from onnx_models import model, node, pictures_network, random  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

COUNT = 90
SIDE = 16
INPUT = {"width": SIDE, "height": SIDE, "resize": "stretch"}
OPTIONS = ["--sample", "64", "--shards", "3"]
NETWORK = "network.kin"


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def write_model(stem, data, **sidecar):
    write(f"{stem}.onnx", data)
    write(f"{stem}.json", json.dumps({"input": INPUT, **sidecar}).encode())
    return f"{stem}.onnx"


def run(program, *arguments, **environment):
    return subprocess.run([f"{BIN}/{program}", *arguments], capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=60, check=False,
                          env=dict(ENVIRONMENT, **environment))


def search(index, *arguments, **environment):
    """(what was found: a dictionary a query, what was said)."""
    done = run("kindred", "search", index, "--json", *arguments, **environment)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def finds_itself(index, pictures):
    """The pictures that do not find themselves at distance 0."""
    answers, words = search(index, *pictures, "--within", "0")
    lost = [answer["query"] for answer in answers
            if answer["query"] not in [hit["key"] for hit in answer["hits"]]]
    return lost if len(answers) == len(pictures) else words


# --- What is right -----------------------------------------------------------------------------

def test_ranks(pictures):
    write_model("first", pictures_network(SIDE, 1, channels=(24, 40)))
    write_model("second", pictures_network(SIDE, 50, channels=(32, 20)), taps=["tokens"],
                name="the second", pooling="max")
    cases = [("taps", ["first.onnx:relu,conv"], 64), ("joined", ["first.onnx:conv",
                                                                  "second.onnx", "second.onnx:out",
                                                                  ], 65)]
    for name, models, dimensions in cases:
        words = [word for one in models for word in ("--model", one)]
        for ranks in (1, 2, 3):
            done = build(ranks, "-o", f"{name}{ranks}", *words, *OPTIONS, "pictures")
            ok(done.returncode == 0, f"{name}, {ranks} ranks: a build", said(done))
            ok(ranks == 1 or same_generations(f"{name}1", f"{name}{ranks}"),
               f"{name}: {ranks} ranks give the same bytes as one")
        info = run("kindred", "info", f"{name}1").stdout
        ok(f"({dimensions} numbers)" in info and "of network/" in info and "/fma" in info,
           f"{name}: {dimensions} numbers a picture", info)
        lost = finds_itself(f"{name}1", pictures)
        ok(not lost, f"{name}: all of {COUNT} pictures find themselves", lost)
        done = run("kindred-verify", f"{name}1")
        ok(done.returncode == 0 and f"ok      {NETWORK}\n" in done.stdout, f"{name}: it verifies",
           done.stdout)
    parts = sections(f"{current('joined1')}/{NETWORK}")
    ok(sorted(parts) == ["model-a", "model-b", "model-c", "specs"] and
       parts["model-b"] == open("second.onnx", "rb").read(), "the models are in network.kin")
    specs = [parts["specs"][2176 * i:2176 * (i + 1)] for i in range(3)]
    ok([spec[:64].rstrip(b"\0") for spec in specs] == [b"first", b"the second", b"the second"] and
       [spec[128:384].rstrip(b"\0") for spec in specs] == [b"conv", b"tokens", b"out"] and
       [spec[112] for spec in specs] == [0, 1, 1], "names, taps and pooling are in its rows")
    ok([spec[120] for spec in specs] == [1, 1, 1], "several tensors: each of length 1")
    alone = run("kindred-verify", f"{current('joined1')}/{NETWORK}")
    ok(alone.returncode == 0 and "networks" in alone.stdout, "network.kin alone is explained",
       alone.stdout, alone.stderr)


def test_kernels(pictures):
    """Both kinds of fused arithmetic make the same index; others make another."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = file.read().split()
    for level in [level for level, flag in (("avx2", "avx2"), ("avx512", "avx512_vpopcntdq"))
                  if flag in flags]:
        done = run("kindred-index", "build", "-o", level, "--model", "first.onnx:relu,conv",
                   *OPTIONS, "pictures", KINDRED_CPU=level)
        ok(done.returncode == 0 and same_generations("taps1", level), f"{level}: the same bytes",
           done.stderr)
    answers, words = search("taps1", pictures[0], KINDRED_CPU="scalar")
    ok(not answers and "no worker encodes pictures" in words and "/fma' are wanted" in words and
       "other arithmetic" in words, "another arithmetic: pictures are refused, and why", words)
    test_codes_only("taps1", "another arithmetic", KINDRED_CPU="scalar")
    done = run("kindred-index", "build", "-o", "scalar", "--model", "first.onnx:relu,conv",
               *OPTIONS, "pictures", KINDRED_CPU="scalar")
    ok(done.returncode == 0 and "/scalar" in run("kindred", "info", "scalar").stdout,
       "an index by scalar arithmetic says so", done.stderr)
    answers, words = search("scalar", pictures[0], KINDRED_CPU="scalar", *["--within", "0"])
    ok(pictures[0] in [hit["key"] for hit in answers[0]["hits"]] if answers else False,
       "and a worker of that kind serves it", words)
    answers, words = search("scalar", pictures[0])
    ok(not answers and "/scalar' are wanted" in words, "and one of the other kind does not", words)


def test_codes_only(index, what, **environment):
    """Codes are served on."""
    code = f"{shard_codes(sections(current('taps1') + '/shard-0000.kin'))[0][0]:016x}"
    answers, words = search(index, "--code", code, "--within", "0", **environment)
    ok(len(answers) == 1 and answers[0]["total"] >= 1, f"{what}: codes are served on", code, words)


def test_assumed(pictures):
    """No sidecar: ImageNet's common values, said once."""
    os.makedirs("large", exist_ok=True)
    for path in pictures[:12]:
        shutil.copy(path, "large")
    write("bare.onnx", pictures_network(224, 3, channels=(4, 64)))
    done = build(2, "-o", "bare", "--model", "bare.onnx", "large")
    words = [line for line in said(done).splitlines() if "assumed" in line]
    ok(done.returncode == 0 and len(words) == 1 and "bare.onnx has no sidecar" in words[0] and
       "224 x 224 of a shorter side of 256" in words[0], "no sidecar: what is assumed is said once",
       said(done))
    lost = finds_itself("bare", [f"large/{os.path.basename(path)}" for path in pictures[:12]])
    ok(not lost, "no sidecar: pictures find themselves", lost)
    done = build(0, "-o", "first", "--model", "first.onnx:relu,conv", *OPTIONS, "pictures")
    ok("assumed" not in said(done), "with a sidecar nothing is assumed")


# --- Networks that are not the index's -----------------------------------------------------------

def broken_index(name, change):
    """A copy of an index with a changed network.kin."""
    shutil.copytree("taps1", name)
    change(f"{current(name)}/{NETWORK}")
    return name


def flip(path):
    with open(path, "r+b") as file:
        file.seek(9000)
        byte = file.read(1)
        file.seek(9000)
        file.write(bytes([byte[0] ^ 4]))


def test_broken(pictures):
    cases = [("missing", os.unlink, "network.kin", "network.kin"),
             ("of another build", lambda path: shutil.copy(f"{current('joined1')}/{NETWORK}", path),
              "is not the networks that the manifest names", "other networks"),
             ("flipped", flip, "network.kin", "network"),
             ("cut", lambda path: os.truncate(path, 5000), "network.kin", "network"),
             ("an encoder", lambda path: shutil.copy(f"{current('taps1')}/encoder.kin", path),
              "network.kin", "network")]
    for number, (what, change, verified, served) in enumerate(cases):
        index = broken_index(f"broken{number}", change)
        done = run("kindred-verify", index)
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        ok(done.returncode == 1 and len(failed) == 1 and failed[0].startswith(f"FAILED  {NETWORK}")
           and verified in failed[0], f"{what}: verify names network.kin", done.stdout)
        answers, words = search(index, pictures[0])
        ok(not answers and "no worker encodes pictures" in words and served in words,
           f"{what}: pictures are refused, and why", words)
        test_codes_only(index, what)


def logarithms(seed):
    """A model whose numbers are not finite for most pictures: a build of it fails at the first."""
    nodes = [node("Conv", "x k", "c"), node("Log", "c", "l"), node("GlobalAveragePool", "l", "y")]
    return model({"x": ["n", 3, SIDE, SIDE]}, nodes, {"k": random([80, 3, 1, 1], seed)}, ["y"])


def test_resume():
    """A build that cannot finish leaves its work; another model under its name does not go on."""
    command = ["-o", "resumed", "--model", write_model("log", logarithms(1), taps=["y"]), *OPTIONS,
               "pictures"]
    for turn in ("begins", "goes on"):
        done = build(2, *command)
        ok(done.returncode == 1 and "numbers that are not finite" in said(done) and
           ("goes on with" in said(done)) == (turn == "goes on"), f"a build that fails {turn}",
           said(done))
    for what, seed, sidecar in (("another model", 2, {}), ("another sidecar", 1, {"name": "x"})):
        write_model("log", logarithms(seed), taps=["y"], **sidecar)
        done = build(0, *command)
        ok(done.returncode == 1 and said(done).count("\n") == 1 and
           "unfinished build of another command" in said(done), f"{what} under the same name is "
           "refused", said(done))
    write_model("log", pictures_network(SIDE, 4, channels=(6, 64)))
    done = build(2, *command, "--restart")
    ok(done.returncode == 0, "--restart forgets it", said(done))


# --- Mistakes ----------------------------------------------------------------------------------

def refused(statuses, words, *arguments, what=None):
    """One sentence with all of the words; nothing is made."""
    done = build(0, "-o", "none", *arguments, "pictures")
    good = done.returncode in statuses and said(done).count("\n") == 1
    ok(good and all(word in said(done) for word in words) and not os.path.exists("none"),
       f"one sentence: {what or ' '.join(arguments)}", done.returncode, said(done))


def test_use():
    refused((2,), ["--features", "--model"], "--features", "builtin", "--model", "first.onnx")
    refused((1, 2), ["nowhere.onnx"], "--model", "nowhere.onnx")
    refused((1, 2), ["'nobody'"], "--model", "first.onnx:nobody")
    refused((2,), ["names of tensors"], "--model", "first.onnx:")
    refused((2,), ["names of tensors"], "--model", "first.onnx:conv,,relu")
    refused((2,), ["9 models"], *["--model", "first.onnx"] * 9)
    write("words.onnx", b"these are words" * 99)
    refused((1, 2), ["words.onnx"], "--model", "words.onnx")
    write("empty.onnx", b"")
    refused((1, 2), ["empty"], "--model", "empty.onnx")
    write_model("wide", pictures_network(32, 1))
    refused((2,), ["wide", "16 x 16"], "--model", "wide.onnx")
    write("wide.json", json.dumps({"input": {**INPUT, "width": 32, "height": 32}}).encode())
    refused((2,), ["wide", "32 x 32", "raster"], "--model", "first.onnx", "--model", "wide.onnx")


def test_sidecars():
    write("card.onnx", pictures_network(SIDE, 1))
    cases = [
        ("unknown word", '{"size": 16}', ['"size"']),
        ("unknown word of the input", '{"input": {"Width": 16}}', ['"Width"']),
        ("wrong type", '{"input": {"width": "16"}}', ['"width"']),
        ("list of two", '{"input": {"mean": [1, 2]}}', ['"mean"']),
        ("taps that are no list", '{"taps": "conv"}', ['"taps"']),
        ("no JSON", '{"taps": ["conv"],}', ["line 1", "JSON"]),
        ("no object", '["conv"]', ["object"]),
        ("nothing", "", ["JSON"]),
        ("width of 0", '{"input": {"width": 0}}', ['"width"']),
        ("width of 1025", '{"input": {"width": 1025}}', ['"width"']),
        ("a short shorter side", '{"input": {"width": 16, "height": 16, "shorter_side": 15}}',
         ["shorter side", "15"]),
        ("scale of 0", '{"input": {"scale": 0}}', ["scale"]),
        ("std of 0", '{"input": {"std": [1, 0, 1]}}', ["std"]),
        ("a word of another time", '{"input": {"interpolation": "lanczos"}}', ['"interpolation"']),
        ("name with a line end", '{"name": "a\\nb"}', ["name"]),
    ]
    for what, text, words in cases:
        write("card.json", text.encode())
        refused((2,), ["card", *words], "--model", "card.onnx:conv", what=f"sidecar, {what}")
    os.unlink("card.json")
    os.mkdir("card.json")
    refused((1, 2), ["card.json"], "--model", "card.onnx:conv", what="sidecar, a folder")


def test_models():
    pixels = {"x": ["n", 3, SIDE, SIDE]}
    mean = node("GlobalAveragePool", "x", "y")
    cases = [
        ("two inputs", model({**pixels, "z": [1]}, [node("Add", "x z", "y")], {}, ["y"]),
         ["2 inputs"]),
        ("no input", model({}, [node("Relu", "c", "y")], {"c": random([1, 64], 1)}, ["y"]),
         ["0 inputs"]),
        ("one channel", model({"x": ["n", 1, SIDE, SIDE]}, [mean], {}, ["y"]), ["[1]"]),
        ("four channels", model({"x": ["n", 4, SIDE, SIDE]}, [mean], {}, ["y"]), ["[4]"]),
        ("three dimensions", model({"x": [3, SIDE, SIDE]}, [node("Relu", "x", "y")], {}, ["y"]),
         ["[3][16][16]"]),
        ("bytes for an input", model({"x": (["n", 3, SIDE, SIDE], "uint8")},
                                     [node("Cast", "x", "y", to=1)], {}, ["y"]), ["uint8"]),
        ("an operator that is not supported", model(pixels, [node("Magic", "x", "y")], {}, ["y"]),
         ["'y' (Magic)"]),
        ("a wrong attribute", model(pixels, [node("Relu", "x", "y", alpha=0.5)], {}, ["y"]),
         ["(Relu)", "alpha"]),
        ("a wrong shape", model(pixels, [node("MatMul", "x w", "y")], {"w": random([15, 2], 1)},
                                ["y"]), ["(MatMul)"]),
        ("whole numbers", model(pixels, [node("Flatten", "x", "f"), node("ArgMax", "f", "y", axis=1)],
                                {}, ["y"]), ["no vector"]),
        ("a tensor of two rows", model(pixels, [node("Reshape", "x s", "y")],
                                       {"s": np.array([2, 384])}, ["y"]), ["no vector"]),
        ("too long a vector", model(pixels, [node("Concat", "x " * 11 + "x", "c", axis=0),
                                             node("Reshape", "c s", "y")],
                                    {"s": np.array([1, 9216])}, ["y"]), ["9216", "8192"]),
        ("external data", model(pixels, [node("Add", "x w", "y")], {}, ["y"]), ["'w'"]),
    ]
    for what, data, words in cases:
        path = write_model("wrong", data, taps=["y"])
        refused((1, 2), ["wrong", *words], "--model", path, what=f"a model: {what}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        pictures = [os.path.relpath(path, folder)
                    for path in make(f"{folder}/pictures", count=COUNT, side=32)]
        test_ranks(pictures)
        test_kernels(pictures)
        test_assumed(pictures)
        test_broken(pictures)
        test_resume()
        test_use()
        test_sidecars()
        test_models()
    finish()


main()
