#!/usr/bin/python3
"""kindred-index model: what it says of a network, against sums made by hand; --run against numpy;
mistakes of use, and arrays and models that are wrong."""
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from onnx_models import model, node, pictures_network, random  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

GOOD = "good.onnx"


def run(*arguments, **environment):
    return subprocess.run([f"{BIN}/kindred-index", "model", *arguments], capture_output=True,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=60,
                          check=False, env=dict(os.environ, **environment))


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def refused(status, words, *arguments):
    """Exit status and one sentence with all of the words."""
    done = run(*arguments)
    words = [words] if isinstance(words, str) else words
    ok(done.returncode == status and done.stderr.count("\n") == 1 and
       all(word in done.stderr for word in words),
       f"one sentence and exit {status}: {' '.join(arguments) or 'no arguments'}",
       done.returncode, done.stdout[-500:], done.stderr)


# --- numpy's own -------------------------------------------------------------------------------

def convolve(x, weights, bias, stride):
    """3x3, padded by one; every product by itself."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = ((side - 3) // stride + 1 for side in x.shape[2:])
    made = np.zeros((len(x), len(weights), height, width))
    for i in range(height):
        for j in range(width):
            part = x[:, None, :, i * stride:i * stride + 3, j * stride:j * stride + 3]
            made[:, :, i, j] = (part * weights[None].astype(np.float64)).sum((2, 3, 4))
    return made + bias[:, None, None]


def by_hand(x, seed=1):
    """Tensors of pictures_network: {name: array}."""
    first = convolve(x, random([6, 3, 3, 3], seed, 0.5), random([6], seed + 1), 1)
    relu = np.maximum(first, 0)
    conv = convolve(relu, random([8, 6, 3, 3], seed + 2, 0.5), np.zeros(8), 2)
    rows = conv.reshape(len(x), 8, -1)
    flat = rows.mean(2)
    out = flat @ random([5, 8], seed + 3).T.astype(np.float64) + random([5], seed + 4)
    return {"first": first, "relu": relu, "conv": conv, "rows": rows, "flat": flat, "out": out,
            "tokens": rows.transpose(0, 2, 1), "pooled": flat[:, :, None, None], "pixels": x}


def test_run():
    for batch in (1, 3):
        x = random([batch, 3, 16, 16], 7)
        np.save("in.npy", x)
        for name, wanted in by_hand(x).items():
            for more, environment in (([], {}), (["--reference"], {}),
                                      ([], {"KINDRED_ENGINE": "reference"}),
                                      ([], {"KINDRED_CPU": "scalar"})):
                arguments = [GOOD, "--run", "in.npy", "-o", "out.npy", *more]
                if name != "out":
                    arguments += ["--tap", name]
                done = run(*arguments, **environment)
                made = np.load("out.npy") if done.returncode == 0 else np.zeros(0)
                good = made.shape == wanted.shape and made.dtype == np.float32
                good = good and np.abs(made - wanted).max() <= 1e-5 * np.abs(wanted).max()
                ok(good and done.stdout == done.stderr == "",
                   f"batch {batch}, {name}{' '.join(['', *more, *environment.values()])} is "
                   "numpy's", done.stdout, done.stderr)
                if os.path.exists("out.npy"):
                    os.unlink("out.npy")


def test_named_tensor():
    """The tensor behind the file's name, as build takes it."""
    x = random([1, 3, 16, 16], 7)
    np.save("in.npy", x)
    done = run(f"{GOOD}:flat", "--run", "in.npy", "-o", "out.npy")
    ok(done.returncode == 0 and np.abs(np.load("out.npy") - by_hand(x)["flat"]).max() < 1e-4,
       "FILE.onnx:TENSOR is the same as --tap", done.stderr)
    os.unlink("out.npy")
    for name in ("nobody", "flat,out", ""):
        done = run(f"{GOOD}:{name}")
        ok(done.returncode == 1 and f"no tensor '{name}'" in done.stderr,
           f"a tensor '{name}' that is not there is one sentence", done.stderr)


def test_other_types():
    """Arrays of half and double inputs; results that are whole numbers."""
    write("half.onnx", model({"x": (["n", 2], "float16")},
                             [node("Cast", "x", "f", to=1), node("Mul", "f w", "y")],
                             {"w": np.array([2.0], np.float32)}, ["y"]))
    np.save("in.npy", np.array([[1, 2.5]], np.float32))
    done = run("half.onnx", "--run", "in.npy", "-o", "out.npy")
    ok(done.returncode == 0 and np.array_equal(np.load("out.npy"), [[2, 5]]),
       "an input of halves is given as floats", done.stderr)
    os.unlink("out.npy")
    write("whole.onnx", model({"x": ["n", 3]}, [node("ArgMax", "x", "y", axis=1)], {}, ["y"]))
    np.save("in.npy", np.array([[1, 9, 3]], np.float32))
    done = run("whole.onnx", "--run", "in.npy", "-o", "out.npy")
    ok(done.returncode == 0 and np.array_equal(np.load("out.npy"), [[1]]),
       "whole numbers come as floats", done.stderr)
    os.unlink("out.npy")


# --- Listings ----------------------------------------------------------------------------------

# operator, result, multiply-adds: 256 x 6 x 27, 64 x 8 x 54, 8 x 5.
FUSED = [("kin.Conv", "[1][16][16][6]", "41,472", "first"),
         ("kin.Conv", "[1][8][8][8]", "27,648", "conv"),
         ("nhwc.GlobalAveragePool", "[1][1][1][8]", "", "pooled"),
         ("kin.Linear", "[1][5]", "40", "out")]
PLAIN = [("Conv", "[1][6][16][16]", "41,472", "first"), ("Relu", "[1][6][16][16]", "", "relu"),
         ("Conv", "[1][8][8][8]", "27,648", "conv"),
         ("GlobalAveragePool", "[1][8][1][1]", "", "pooled"),
         ("Gemm", "[1][5]", "40", "out")]


def has_line(lines, words):
    """One of the lines has the first word first, the last one last, the others between."""
    for line in lines:
        found = line.split()
        if found and found[0] == words[0] and found[-1] == words[-1] and \
                all(word in found for word in words if word):
            return True
    return False


def test_listing():
    for more, expected in (([], FUSED), (["--reference"], PLAIN)):
        done = run(GOOD, *more)
        lines = done.stdout.splitlines()
        ok(done.returncode == 0 and done.stderr == "", f"a listing{' '.join(['', *more])}",
           done.stderr)
        missing = [words for words in expected if not has_line(lines, words)]
        ok(not missing, "every operator, its result and its multiply-adds are there", missing,
           done.stdout)
        # 6 x 27 + 6, 8 x 54, 5 x 8 + 5; 41,472 + 27,648 + 40
        ok("645 parameters, 69,160 multiply-adds" in done.stdout, "sums are right", done.stdout)
        shapes = {"first": "[1][6][16][16]", "relu": "[1][6][16][16]", "conv": "[1][8][8][8]",
                  "rows": "[1][8][64]", "tokens": "[1][64][8]", "pooled": "[1][8][1][1]",
                  "flat": "[1][8]", "out": "[1][5]"}
        listed = [line.split() for line in lines[1:1 + len(shapes)]]
        ok(lines[0] == "tensors that can be tapped:" and
           listed == [[shape, name] for name, shape in shapes.items()] and
           lines[1 + len(shapes)] == "tapped unless said otherwise: flat",
           "tensors to tap with their shapes, and the default one", done.stdout)
        ok("input   pixels [1][3][16][16]" in lines and "output  out [1][5]" in lines,
           "input and output", done.stdout)
        ok(lines[-1].startswith("memory: weights as they are held ") and
           ", activations at their peak " in lines[-1], "memory", lines[-1])
    refused(1, ["'rows' (Reshape)"], GOOD, "--shape", "1,3,16,20", "--tap", "tokens")
    done = run(GOOD, "--tap", "conv")
    ok(done.returncode == 0 and "600 parameters, 69,120 multiply-adds" in done.stdout and
       "kin.Linear" not in done.stdout, "with --tap, what stands behind it is left out",
       done.stdout, done.stderr)
    done = run(GOOD, "--shape", "4,3,16,16")
    ok(done.returncode == 0 and "645 parameters, 276,640 multiply-adds" in done.stdout,
       "--shape: four pictures take four times as much", done.stdout, done.stderr)


def test_open_shapes():
    """The sidecar, or ImageNet's sides, where the model leaves its own open; names are escaped."""
    nodes = [node("Split", "x", "a b\n", axis=1), node("ReduceMean", "a", "y", axes=[2, 3])]
    write("open.onnx", model({"x": ["n", 4, "h", "w"]}, nodes, {}, ["y"]))
    done = run("open.onnx")
    ok("input   x [1][4][224][224]" in done.stdout, "ImageNet's sides", done.stdout, done.stderr)
    write("open.json", b'{"input": {"width": 20, "height": 10, "resize": "pad"}}')
    done = run("open.onnx")
    ok("input   x [1][4][10][20]" in done.stdout, "the sidecar's sides", done.stdout, done.stderr)
    write("open.json", b'{"input": {"width": "20"}}')
    refused(1, ["open.json", '"width"'], "open.onnx")
    os.remove("open.json")
    done = run("open.onnx", "--set", "size=40x30")
    ok("input   x [1][4][30][40]" in done.stdout and "  [1][2][30][40]" in done.stdout,
       "what --set says", done.stdout, done.stderr)
    refused(1, "sise", "open.onnx", "--set", "sise=40")
    refused(1, ["--set has pictures of 40 x 40", "[3][16][16]"], GOOD, "--set", "size=40")
    refused(2, "--shape says the input's shape", "open.onnx", "--set", "size=40", "--shape",
            "1,4,9,9")
    write("last.onnx", model({"x": ["n", "h", "w", 3]}, [node("Relu", "x", "y")], {}, ["y"]))
    done = run("last.onnx")
    ok("input   x [1][224][224][3]" in done.stdout, "channels may come last", done.stdout,
       done.stderr)
    write("names.onnx", model({"x": ["n", 4]}, [
        node("Split", "x", "a b", axis=1),
        node("Relu", "a", "\x1b[31mred")], {}, ["\x1b[31mred", "b"]))
    done = run("names.onnx")
    ok("\x1b" not in done.stdout and "  a\n" in done.stdout and
       "  \\x1b[31mred\n" in done.stdout and
       "output  \\x1b[31mred [1][2]" in done.stdout, "names are escaped; every output is listed",
       done.stdout, done.stderr)


# --- Mistakes ----------------------------------------------------------------------------------

def test_use():
    np.save("in.npy", random([1, 3, 16, 16], 7))
    refused(2, "one model is wanted")
    refused(2, "one model is wanted", GOOD, GOOD)
    refused(2, "go together", GOOD, "--run", "in.npy")
    refused(2, "go together", GOOD, "-o", "out.npy")
    refused(2, "did you mean", GOOD, "--rum", "in.npy")
    for shape in ("1,3,16,16,", "1,3,x", "", "0,3,16,16", "-1,3,16,16", "1,1,1,1,1,1,1,1,1",
                  "99999999999999999999"):
        refused(1, "--shape", GOOD, "--shape", shape)
    refused(1, "nowhere.onnx", "nowhere.onnx")
    refused(1, "nowhere.npy", GOOD, "--run", "nowhere.npy", "-o", "out.npy")
    refused(1, "'nobody'", GOOD, "--run", "in.npy", "-o", "out.npy", "--tap", "nobody")
    refused(1, "no-folder/out.npy", GOOD, "--run", "in.npy", "-o", "no-folder/out.npy")
    os.mkdir("folder")
    refused(1, "folder", GOOD, "--run", "in.npy", "-o", "folder")
    ok(not os.path.exists("out.npy") and not os.listdir("folder"), "nothing was written")
    done = run("--help")
    ok(done.returncode == 0 and "example: " in done.stdout and done.stdout.count("\n") < 24,
       "--help fits a screen and has an example")


def test_arrays():
    x = random([1, 3, 16, 16], 7)
    arrays = [("doubles", x.astype(np.float64), "float32"), ("whole", x.astype(np.int32), "float32"),
              ("bytes", x.astype(np.uint8), "float32"), ("big-endian", x.astype(">f4"), "endian"),
              ("fortran", np.asfortranarray(x), "Fortran"), ("scalar", x[0, 0, 0, 0], "one number"),
              ("complex", x.astype(np.complex64), "type"),
              ("flat", x[0], "rank 3"), ("channels", x[:, :2], "(Conv)"),
              ("nine", x.reshape(1, 1, 1, 1, 1, 1, 3, 16, 16), "up to 8 dimensions")]
    for name, array, words in arrays:
        np.save(f"{name}.npy", array)
        refused(1, words, GOOD, "--run", f"{name}.npy", "-o", "out.npy")
    np.save("bad.npy", x)
    with open("bad.npy", "rb") as file:
        data = file.read()
    for name, damaged in (("empty", b""), ("short", data[:-1]), ("long", data + b"x"),
                          ("header", data[:40]), ("no array", b"x" * 500)):
        write(f"{name}.npy", damaged)
        refused(1, f"{name}.npy", GOOD, "--run", f"{name}.npy", "-o", "out.npy")
    np.save("none.npy", x[:0])
    done = run(GOOD, "--run", "none.npy", "-o", "out.npy", "--tap", "conv")
    ok(done.returncode == 0 and np.load("out.npy").shape == (0, 8, 8, 8), "no picture at all",
       done.stderr)
    os.unlink("out.npy")


def test_models():
    x = {"x": ["n", 3, 16, 16]}
    np.save("in.npy", random([1, 3, 16, 16], 7))
    relu = node("Relu", "x", "y")
    cases = [
        ("operator", model(x, [node("Sin", "x", "s"), node("Magic", "s", "y")], {}, ["y"]),
         ["'y' (Magic)", "not supported"]),
        ("attribute", model(x, [node("Relu", "x", "y", magic=1)], {}, ["y"]), ["(Relu)", "magic"]),
        ("opset", model(x, [relu], {}, ["y"], opset=99), "99"),
        ("two", model({**x, "z": [1]}, [node("Add", "x z", "y")], {}, ["y"]), "has 2 inputs"),
        ("none", model({}, [node("Relu", "c", "y")], {"c": random([3], 1)}, ["y"]),
         "has 0 inputs"),
        ("no-output", model(x, [relu], {}, []), "output"),
        ("type", model({"x": (["n", 3, 16, 16], "int32")}, [node("Abs", "x", "y")], {}, ["y"]),
         "int32"),
        ("missing", model(x, [node("Add", "x z", "y")], {}, ["y"]), "'z'"),
        ("cycle", model(x, [node("Add", "x b", "a"), node("Relu", "a", "b")], {}, ["b"]), "b"),
        ("shape", model(x, [node("MatMul", "x w", "y")], {"w": random([15, 2], 1)}, ["y"]),
         "(MatMul)"),
        ("memory", model(x, [node("Expand", "x s", "y")],
                         {"s": np.array([2000000, 3, 16, 16])}, ["y"]), "'y'"),
    ]
    for name, data, words in cases:
        write(f"{name}.onnx", data)
        refused(1, words, f"{name}.onnx", "--run", "in.npy", "-o", "out.npy")
    for name, data in (("words", b"no model" * 99), ("nothing", b""),
                       ("cut", pictures_network()[:-300])):
        write(f"{name}.onnx", data)
        refused(1, f"{name}.onnx", f"{name}.onnx", "--run", "in.npy", "-o", "out.npy")
    ok(not os.path.exists("out.npy"), "nothing was written")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    write(GOOD, pictures_network())
    test_run()
    test_named_tensor()
    test_other_types()
    test_listing()
    test_open_shapes()
    test_use()
    test_arrays()
    test_models()
finish()
