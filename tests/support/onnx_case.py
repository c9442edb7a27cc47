"""Cases for BUILD/tests/tool_onnx_case: folders laid out as ONNX's own tests, and its answers."""
import os
import re
import subprocess

import numpy as np

from tap import BUILD

TOOL = os.path.join(BUILD, "tests", "tool_onnx_case")
TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9}


def _varint(number):
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def write_tensor(path, array):
    """A TensorProto: dims (1), data_type (2), raw_data (9)."""
    raw = np.ascontiguousarray(array).tobytes()
    head = b"".join(b"\x08" + _varint(size) for size in array.shape)
    head += b"\x10" + _varint(TYPES[array.dtype.name]) + b"\x4a" + _varint(len(raw))
    with open(path, "wb") as file:
        file.write(head + raw)


def make_case(folder, model, sets, taps=None):
    """sets: pairs of (inputs, outputs), lists of arrays. The model is linked, not copied."""
    os.makedirs(folder)
    os.symlink(os.path.abspath(model), os.path.join(folder, "model.onnx"))
    for number, arrays in enumerate(sets):
        inside = os.path.join(folder, f"test_data_set_{number}")
        os.mkdir(inside)
        for kind, listed in zip(("input", "output"), arrays):
            for i, array in enumerate(listed):
                write_tensor(os.path.join(inside, f"{kind}_{i}.pb"), array)
    if taps:
        with open(os.path.join(folder, "taps.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(taps) + "\n")


def engines():
    """Those of the tool, and the fast one with every set of kernels that this machine can run."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        levels = ["scalar"] + (["avx2"] if " avx2 " in file.read() else [])
    return ["plain", "reference", "fast"] + [f"fast:{level}" for level in levels]


def run_cases(folders, engine, *options):
    """{folder: (word, what the tool says of it)}, see tests/tools/README.md."""
    engine, _, level = engine.partition(":")
    environment = dict(os.environ, **({"KINDRED_CPU": level} if level else {}))
    done = subprocess.run([TOOL, "--engine", engine, *options, *folders], capture_output=True,
                          text=True, errors="replace", check=False, env=environment)
    results = {}
    for line in done.stdout.splitlines():
        match = re.match(r"(ok|ok-constant|refused|fail|crash) (\S+?)(?:: (.*))?$", line)
        if match:
            results[match[2]] = (match[1], match[3] or "")
    if any(word == "crash" for word, _ in results.values()):
        print("# " + done.stderr[-2000:].replace("\n", "\n# "), flush=True)
    return results
