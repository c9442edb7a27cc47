#!/usr/bin/python3
"""deploy/networks: what it says where npm or its registry is missing or gives something else, and
the models it makes, run by numpy and by kindred-index, and compared with what TensorFlow.js 4.22 and
TensorFlow Lite gave for the networks as they were published."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from check_networks import Model  # noqa: E402
from tap import BIN, ROOT, finish, ok  # noqa: E402

NETWORKS = os.path.join(ROOT, "deploy", "networks")
WORK = tempfile.mkdtemp(prefix="kindred-networks-")
CACHE = os.path.join(WORK, "cache")
UNREACHABLE = 3

# For picture() below: the first values of an average over the map, and the norm of all of them.
GOLDEN = {
    ("mobilenet_v2_140", "block_13_expand", 816):
        ([0.035517, 0.064221, 0.039823, 0.056472, 0.119404, 0.03794], 10.973756),
    ("mobilenet_v2_140", "block_16_project", 448):
        ([0.462595, -0.672626, -0.313389, 0.613032, 0.233702, 0.19038], 22.884976),
    ("mobilenet_v2_140", "scores", 5):
        ([4.28163, -1.811862, 6.334787, -2.599355, -3.22838], 8.883906),
    ("mobilenet_v2_100", "block_16_project", 320):
        ([0.065775, 0.094581, 0.020947, -0.350347, 0.243121, -0.070042], 6.285895),
    ("mobilenet_v2_pair", "mobilenet_v2_140/block_16_project", 448):
        ([0.462595, -0.672626, -0.313389, 0.613032, 0.233702, 0.19038], 22.884976),
    ("mobilenet_v2_pair", "mobilenet_v2_100/block_16_project", 320):
        ([0.065775, 0.094581, 0.020947, -0.350347, 0.243121, -0.070042], 6.285895),
}
# Other engines add in another order; what they differ by is 3e-6 of the norm.
TOLERANCE = 2e-5
# What engines may differ by at any place of a map, of the largest number in it.
ENGINE_TOLERANCE = 1e-4


def picture(text):
    """A picture with edges and textures, [1][3][224][224], as the sidecar says."""
    y, x, c = np.ogrid[:224, :224, :3]
    pixels = ((x * (c + 3) + y * (5 - c)) ^ ((x * y) >> 4)) & 255
    given = text["input"]
    values = (pixels * given["scale"] - given["mean"]) / given["std"]
    return values.transpose(2, 0, 1)[None].astype(np.float32)


def fetch(*arguments, **environment):
    return subprocess.run([NETWORKS, "--cache", CACHE, *arguments], capture_output=True, text=True,
                          env=dict(os.environ, **environment), timeout=280, check=False)


def with_npm(script):
    """PATH with a program of that text for npm; without npm where there is none."""
    folder = tempfile.mkdtemp(dir=WORK)
    if script:
        with open(os.path.join(folder, "npm"), "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(os.path.join(folder, "npm"), 0o755)
    return folder


def refuses(what, script, status, sentence):
    done = fetch("mobilenet_v2_140", PATH=with_npm(script))
    said = done.stderr.strip().split("\n")
    ok(done.returncode == status and re.search(sentence, said[-1]) and not done.stdout and
       "`--features builtin` works" in said[-1] and len(said) <= 2 and not os.listdir(CACHE),
       what, done.returncode, done.stdout, done.stderr, os.listdir(CACHE))


def refusals():
    os.mkdir(CACHE)
    refuses("without npm it says so", "", UNREACHABLE, "npm, .* is not installed")
    refuses("without a registry it says so",
            """echo '{"error": {"code": "ENOTFOUND"}}'; exit 1""", UNREACHABLE,
            r"registry cannot be reached from here \(ENOTFOUND\)")
    refuses("what the registry does not have is named",
            """echo '{"error": {"code": "E404"}}'; exit 1""", 1,
            r"could not fetch nsfwjs@4.4.0 \(E404\)")
    refuses("an npm that dies is no riddle", "kill -9 $$", 1, r"\(exit status -9\)")
    refuses("a package of other bytes is not used", "echo hello > it.tgz", 1,
            "the package nsfwjs@4.4.0 has the sha256 5891b5b5.* instead of 585cd178")
    done = fetch("nosuch")
    ok(done.returncode == 2 and "mobilenet_v2_140" in done.stderr, "an unknown network is refused",
       done.stderr)


def engine(model, pictures, tensor):
    """What kindred-index makes of pictures; None and what it said where it fails."""
    given, made = os.path.join(WORK, "in.npy"), os.path.join(WORK, "out.npy")
    np.save(given, pictures)
    done = subprocess.run([os.path.join(BIN, "kindred-index"), "model", model, "--run", given,
                           "--tap", tensor, "-o", made], capture_output=True, text=True,
                          timeout=120, check=False)
    return (np.load(made) if done.returncode == 0 else None), done.stderr


def check_model(name):
    """Structure, sidecar, values."""
    model = Model(os.path.join(CACHE, name + ".onnx"))
    with open(os.path.join(CACHE, name + ".json"), encoding="utf-8") as file:
        text = json.load(file)
    names = [node.name for node in model.nodes]
    known = {*model.weights, *model.inputs}
    ordered = all(known.issuperset(node.inputs) and not known.add(node.output)
                  for node in model.nodes)
    ok((model.ir_version, model.opset) == (7, 13) and all(names) and len(set(names)) == len(names)
       and ordered and model.inputs == {"pixels": ["batch", 3, 224, 224]},
       f"{name} is a graph in order, every node has a name of its own", model.inputs)
    ok(text["name"] == name and (text["input"]["width"], text["input"]["height"]) == (224, 224) and
       "npm " in text["source"] and text["license"] and set(text["taps"]) <= known,
       f"{name} has a sidecar that names tensors of it", text)
    wanted = [key[1:] for key in GOLDEN if key[0] == name]
    values = model.run(picture(text), *(tensor for tensor, _ in wanted))
    for (tensor, channels), value in zip(wanted, values):
        mean = value.reshape(channels, -1).astype(float).mean(1)
        first, norm = GOLDEN[name, tensor, channels]
        worst = max(np.abs(mean[:len(first)] - first).max(), abs(np.linalg.norm(mean) - norm))
        ok(worst <= TOLERANCE * norm, f"{name}: {tensor} is what the original gives", mean[:6], first,
           worst)
        got, said = engine(os.path.join(CACHE, name + ".onnx"), picture(text), tensor)
        ok(got is not None and got.shape == value.shape and
           np.abs(got - value).max() <= ENGINE_TOLERANCE * np.abs(value).max(),
           f"{name}: kindred-index gives the same {tensor}", said)
    return model


def digests():
    return {name: hashlib.sha256(open(os.path.join(CACHE, name), "rb").read()).hexdigest()
            for name in sorted(os.listdir(CACHE))}


def again():
    """Nothing is fetched twice, and nothing broken is kept."""
    before = digests()
    no_npm = with_npm("")
    done = fetch(PATH=no_npm)
    ok(done.returncode == 0 and not done.stderr and digests() == before and
       done.stdout.split() == fetch("--list").stdout.split(),
       "what is there is not fetched again", done.stdout, done.stderr)
    os.unlink(os.path.join(CACHE, "mobilenet_v2_140.json"))
    done = fetch(PATH=no_npm)
    ok(done.returncode == 0 and digests() == before, "a sidecar comes back without npm", done.stderr)
    with open(os.path.join(CACHE, "mobilenet_v2_140.onnx"), "r+b") as file:
        file.truncate(1000000)
    done = fetch("mobilenet_v2_140")
    ok(done.returncode == 0 and digests() == before, "a model cut short is made anew, the same",
       done.stderr)


def main():
    refusals()
    done = fetch()
    if done.returncode == UNREACHABLE:
        ok(True, "networks are fetched # SKIP " + done.stderr.strip().split("\n")[-1])
        return
    if not ok(done.returncode == 0 and len(done.stdout.split()) == 3 and len(os.listdir(CACHE)) == 6,
              "networks are fetched, and nothing else stays", done.stderr, os.listdir(CACHE)):
        return
    counts = {name: [node.op for node in check_model(name).nodes].count("Conv")
              for name in ("mobilenet_v2_140", "mobilenet_v2_100", "mobilenet_v2_pair")}
    ok(list(counts.values()) == [52, 51, 102], "they have the convolutions that they should have",
       counts)
    again()


try:
    main()
finally:
    shutil.rmtree(WORK)
finish()
