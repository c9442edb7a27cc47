#!/usr/bin/python3
"""Writes the corpus of fuzz_network: small networks of every kind of layer, whose numbers are small
enough for a fuzzer to run what becomes of them.

  tests/support/make_network_corpus.py
"""
import os
import sys

import numpy as np

sys.dont_write_bytecode = True
from onnx_models import model, node, random  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "tests", "fuzz", "corpus", "network")
MAP = {"x": ["n", 4, 8, 8]}
ROWS = {"x": [2, 6, 8]}


def ints(*values):
    return np.array(values, np.int64)


def classic():
    """Convolution, batch norm, activation, pool, a sum, and what stands behind."""
    return model(MAP, [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c s o m v", "n"), node("Relu", "n", "r"),
        node("MaxPool", "r", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
             ceil_mode=1),
        node("Conv", "p d", "e", group=4, pads=[1, 1, 1, 1]), node("Clip", "e low high", "f"),
        node("Add", "f p", "a"), node("GlobalAveragePool", "a", "g"), node("Flatten", "g", "h"),
        node("Gemm", "h u t", "y", transB=1), node("Softmax", "y", "z")],
        {"w": random([4, 4, 3, 3], 1), "b": random([4], 2), "s": random([4], 3),
         "o": random([4], 4), "m": random([4], 5), "v": abs(random([4], 6)) + 1,
         "d": random([4, 1, 3, 3], 7), "low": random([], 8) * 0, "high": random([], 9) * 0 + 6,
         "u": random([5, 4], 10), "t": random([5], 11)}, ["z"])


def branches():
    """Branches that are joined, split and shuffled."""
    return model(MAP, [
        node("Conv", "x one", "a"), node("AveragePool", "x", "p", kernel_shape=[3, 3],
                                         pads=[1, 1, 1, 1], count_include_pad=1),
        node("Conv", "p wide", "b", pads=[1, 1, 1, 1], dilations=[1, 1], strides=[1, 1]),
        node("Concat", "a b", "c", axis=1), node("Reshape", "c five", "d"),
        node("Transpose", "d", "e", perm=[0, 2, 1, 3, 4]), node("Reshape", "e four", "f"),
        node("Split", "f", "g h", axis=1), node("Mul", "g h", "i"), node("Sigmoid", "i", "j"),
        node("HardSwish", "j", "y")],
        {"one": random([4, 4, 1, 1], 1), "wide": random([4, 4, 3, 3], 2),
         "five": ints(0, 2, 4, 8, 8), "four": ints(0, 8, 8, 8)}, ["y"])


def deconvolution():
    return model(MAP, [
        node("ConvTranspose", "x w b", "a", strides=[2, 2], pads=[1, 1, 1, 1],
             output_padding=[1, 1]),
        node("InstanceNormalization", "a s b2", "i"), node("LeakyRelu", "i", "l", alpha=0.1),
        node("Resize", "l  sizes", "r", mode="linear"), node("LRN", "r", "y", size=3)],
        {"w": random([4, 3, 3, 3], 1), "b": random([3], 2), "s": random([3], 3),
         "b2": random([3], 4), "sizes": np.array([1, 1, 0.5, 0.5], np.float32)}, ["y"], opset=10)


def padded():
    return model(MAP, [
        node("Pad", "x pads", "a", mode="reflect"), node("Slice", "a from to axes", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("LpPool", "c", "d", kernel_shape=[2, 2], p=2), node("Gather", "d which", "e", axis=1),
        node("ReduceMean", "e", "y", axes=[2, 3], keepdims=0)],
        {"pads": ints(0, 0, 1, 2, 0, 0, 3, 1), "from": ints(1, 0), "to": ints(9, -1),
         "axes": ints(2, 3), "which": ints(2, 0, -1)}, ["y"])


def attention():
    """Layer norm by hand, heads, softmax, GELU: a block of a transformer."""
    return model(ROWS, [
        node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "d"), node("Mul", "d d", "s"),
        node("ReduceMean", "s", "v", axes=[-1]), node("Add", "v e", "v2"), node("Sqrt", "v2", "q"),
        node("Div", "d q", "n"), node("Mul", "n g", "n2"), node("Add", "n2 b", "n3"),
        node("MatMul", "n3 w", "k"), node("Reshape", "k heads", "k4"),
        node("Transpose", "k4", "k5", perm=[0, 2, 1, 3]),
        node("Transpose", "k4", "k6", perm=[0, 2, 3, 1]), node("MatMul", "k5 k6", "t"),
        node("Softmax", "t", "t2", axis=-1), node("MatMul", "t2 k5", "o"),
        node("Transpose", "o", "o2", perm=[0, 2, 1, 3]), node("Reshape", "o2 rows", "o3"),
        node("Add", "o3 x", "r"), node("Mul", "r half", "h"), node("Erf", "h", "f"),
        node("Add", "f e", "f2"), node("Mul", "r f2", "y")],
        {"e": random([], 1) * 0 + 1, "g": random([8], 2), "b": random([8], 3),
         "w": random([8, 8], 4), "heads": ints(0, 6, 2, 4), "rows": ints(0, 6, 8),
         "half": random([], 5)}, ["y"])


def shapes():
    """Shapes that are computed, and folded at load."""
    return model(MAP, [
        node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axis", "n1"), node("Concat", "n1 rest", "t", axis=0),
        node("Reshape", "x t", "r"), node("Shape", "r", "u"), node("ConstantOfShape", "u", "z"),
        node("Add", "r z", "a"),
        node("Range", "zero end step", "i"),
        node("Cast", "i", "j", to=1), node("Cast", "yes", "b", to=9),
        node("Expand", "one u", "e"), node("Where", "b a e", "w"), node("Tile", "w times", "y"),
        node("CumSum", "j zero", "k")],
        {"zero": ints(0).reshape(()), "axis": ints(0), "rest": ints(-1), "one": random([1], 1),
         "end": ints(5).reshape(()), "step": ints(1).reshape(()), "times": ints(1, 2),
         "yes": np.ones(1, np.int64)}, ["y", "k"])


def quantized():
    return model(MAP, [
        node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"),
        node("DequantizeLinear", "w s", "v"), node("Conv", "d v", "c"), node("ArgMax", "c", "y",
                                                                              axis=1)],
        {"s": random([], 1) * 0 + 1, "z": np.zeros([], np.uint8),
         "w": np.arange(16, dtype=np.uint8).reshape(4, 4, 1, 1)}, ["y", "c"])


def sums():
    return model({"x": [3, 4, 5], "z": [3, 5, 2]}, [
        node("Einsum", "x z", "e", equation="bij,bjk->bik"), node("MatMul", "x z", "m"),
        node("Max", "e m", "a"), node("LpNormalization", "a", "l", axis=1),
        node("TopK", "l k", "v i", axis=1), node("ReduceLogSumExp", "v", "y", axes=[1])],
        {"k": ints(2)}, ["y", "i"])


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for make in (classic, branches, deconvolution, padded, attention, shapes, quantized, sums):
        with open(os.path.join(FOLDER, make.__name__ + ".onnx"), "wb") as file:
            file.write(make())


main()
