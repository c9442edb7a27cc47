#!/usr/bin/python3
"""Whole networks against torch: results and inner layers, batch 1 and 7.

Differences stay within 1e-4 of the largest value that is expected.
The small ones of tests/golden/networks always, in every engine. The long variant exports those of
torchvision one by one (tests/support/export_networks.py), whose models it removes again.

  onnx_networks.py NAME...    these of torchvision only"""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from onnx_case import engines, make_case, run_cases
from tap import LONG, ROOT, finish, ok

GOLDEN = os.path.join(ROOT, "tests/golden/networks")
EXPORT = os.path.join(ROOT, "tests/support/export_networks.py")
RELATIVE = 1e-4
BATCH = 7
# As many as small_networks.py has; fewer would be files that are missing.
SMALL = 23


def read_outputs(folder):
    """{name: array}, the result first: outputs of the model in its order."""
    with open(os.path.join(folder, "outputs.txt"), encoding="utf-8") as file:
        names = file.read().split()
    return {name: np.load(os.path.join(folder, name + ".npy")) for name in names}


def make_cases(folder, work):
    """Batch 7 and 1; then the inner layers alone, as taps of a network that ends at them."""
    model = os.path.join(folder, "model.onnx")
    pictures = np.load(os.path.join(folder, "input.npy"))
    outputs = read_outputs(folder)
    assert len(pictures) == BATCH
    whole = [([pictures[:n]], [array[:n] for array in outputs.values()]) for n in (BATCH, 1)]
    cases = {f"batch {n}": (whole[i:i + 1], None) for i, n in enumerate((BATCH, 1))}
    inner = list(outputs)[1:]
    if inner:
        cases["taps"] = ([([pictures[:2]], [outputs[name][:2] for name in reversed(inner)])],
                         inner[::-1])
    made = {}
    for case, (sets, taps) in cases.items():
        made[case] = os.path.join(work, case.replace(" ", "-"))
        make_case(made[case], model, sets, taps)
    return made


def check(name, folder, engine, cases=None):
    with tempfile.TemporaryDirectory() as work:
        made = make_cases(folder, work)
        made = {case: path for case, path in made.items() if cases is None or case in cases}
        results = run_cases(list(made.values()), engine, "--relative", str(RELATIVE))
        for case, path in made.items():
            word, sentence = results.get(path, ("nothing", "the tool did not answer"))
            ok(word == "ok", f"{name}, {case}, {engine}: within {sentence}"
               if word == "ok" else f"{name}, {case}, {engine}", f"{word}: {sentence}")


def check_exported(name):
    folder = tempfile.mkdtemp(prefix="kindred-network-")
    try:
        done = subprocess.run([EXPORT, name, folder], capture_output=True, text=True, check=False)
        if ok(done.returncode == 0, f"{name}: exported", done.stderr[-2000:]):
            check(name, folder, "fast")
            check(name, folder, "reference", ["batch 1"])
    finally:
        shutil.rmtree(folder)


def main():
    if sys.argv[1:]:
        for name in sys.argv[1:]:
            check_exported(name)
        finish()
    names = sorted(os.listdir(GOLDEN))
    ok(len(names) == SMALL, f"there are {SMALL} small networks", f"{len(names)} are there")
    for name in names:
        for engine in engines():
            check(name, os.path.join(GOLDEN, name), engine)
    if LONG:
        listed = subprocess.run([EXPORT, "--list"], capture_output=True, text=True, check=False)
        ok(listed.returncode == 0, "Debian's python3-torchvision is there", listed.stderr)
        for name in listed.stdout.split():
            check_exported(name)
    finish()


if __name__ == "__main__":
    main()
