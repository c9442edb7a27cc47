#!/usr/bin/python3
"""What a network makes of a picture, to the last bit: the same alone, in a batch of any size, beside
any neighbours, and with the kernels of AVX2 and of AVX-512. For the small networks of
tests/golden/networks, and for those that deploy/networks has fetched, if it has."""
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN, ROOT, finish, ok  # noqa: E402

GOLDEN = os.path.join(ROOT, "tests/golden/networks")
BATCHES = (1, 2, 7, 8, 16, 33)
COUNT = max(BATCHES)
ALONE = (0, 1, 6, 7, 15, 32)
# As many as small_networks.py has; fewer would be files that are missing.
SMALL = 23


def levels():
    """Sets of kernels that fuse multiplication and addition, as this machine has them."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = file.read().split()
    return (["avx2"] * ("avx2" in flags and "fma" in flags) +
            ["avx512"] * ("avx512_vpopcntdq" in flags))


def run(model, pictures, tap=None, level=None):
    """The result of the pictures, or of the tensor tapped."""
    np.save("in.npy", pictures)
    done = subprocess.run([f"{BIN}/kindred-index", "model", model, "--run", "in.npy", "-o",
                           "out.npy", *(["--tap", tap] if tap else [])],
                          env=dict(os.environ, **({"KINDRED_CPU": level} if level else {})),
                          capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0:
        print("# " + done.stderr)
        return None
    made = np.load("out.npy")
    os.unlink("out.npy")
    return made


def same(a, b):
    return a is not None and b is not None and a.shape == b.shape and a.tobytes() == b.tobytes()


def check(name, model, pictures, taps):
    """pictures [33]..."""
    together = run(model, pictures)
    good = together is not None and len(together) == COUNT
    if not ok(good and len({row.tobytes() for row in together}) > 1,
              f"{name}: pictures give results that differ"):
        return
    wrong = [n for n in BATCHES if not same(run(model, pictures[:n]), together[:n])]
    ok(not wrong, f"{name}: batches of {', '.join(map(str, BATCHES))} give the same bits", wrong)
    wrong = [n for n in ALONE if not same(run(model, pictures[n:n + 1]), together[n:n + 1])]
    ok(not wrong, f"{name}: and so do pictures alone", wrong)
    order = np.random.default_rng(3).permutation(COUNT)
    ok(same(run(model, pictures[order]), together[order]), f"{name}: beside other neighbours too")
    for tap in taps:
        ok(same(run(model, pictures[:7], tap)[:1], run(model, pictures[:1], tap)),
           f"{name}, {tap}: a batch of 7 gives the same bits as a picture alone")
    found = [run(model, pictures[:8], level=level) for level in levels()]
    ok(all(same(one, together[:8]) for one in found),
       f"{name}: {' and '.join(levels()) or 'the only kernels'} give the same bits")
    plain = run(model, pictures[:16], level="scalar")
    wrong = [n for n in (1, 7) if not same(run(model, pictures[:n], level="scalar"), plain[:n])]
    ok(not wrong, f"{name}: scalar kernels do not look at neighbours either", wrong)


def check_small():
    names = sorted(os.listdir(GOLDEN))
    ok(len(names) == SMALL, f"there are {SMALL} small networks", f"{len(names)} are there")
    for name in names:
        folder = os.path.join(GOLDEN, name)
        pictures = np.load(os.path.join(folder, "input.npy"))
        noise = np.random.default_rng(1).standard_normal((COUNT, *pictures.shape[1:]))
        pictures = (np.resize(pictures, noise.shape) + 0.3 * noise).astype(np.float32)
        with open(os.path.join(folder, "outputs.txt"), encoding="utf-8") as file:
            taps = file.read().split()[1:]
        check(name, os.path.join(folder, "model.onnx"), pictures, taps)


def check_fetched():
    listed = subprocess.run([os.path.join(ROOT, "deploy/networks"), "--list"], capture_output=True,
                            text=True, check=False)
    ok(listed.returncode == 0, "deploy/networks lists what it fetches", listed.stderr)
    pictures = np.random.default_rng(2).uniform(-1, 1, (COUNT, 3, 224, 224)).astype(np.float32)
    for model in listed.stdout.split("\n"):
        if os.path.exists(model):
            check(os.path.basename(model), model, pictures, [])
        elif model:
            print(f"# {os.path.basename(model)} is not fetched; deploy/networks does it")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    check_small()
    check_fetched()
finish()
