#!/usr/bin/python3
"""Writes the corpus of fuzz_onnx: small models and tensors, good ones and wrong ones.

  tests/support/make_onnx_corpus.py
"""
import os
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOAT, INT8, INT64, BOOL, FLOAT16, UINT32 = 1, 3, 7, 9, 10, 12


def varint(value):
    value %= 1 << 64
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A field of a message: an int, a float, or bytes and text with their length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def tensor(name, kind, dims, *data):
    return message(*[(1, d) for d in dims], (2, kind), (8, name), *data)


def packed(*numbers):
    return b"".join(map(varint, numbers))


def floats(*numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def entry(key, value):
    return (13, message((1, key), (2, value)))


def value(name, *dims):
    shape = message(*[(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims])
    return message((1, name), (2, field(1, message((1, FLOAT), (2, shape)))))


def attribute(name, kind, *fields):
    return (5, message((1, name), (20, kind), *fields))


def node(op, inputs, outputs, *fields):
    return (1, message(*[(1, i) for i in inputs], *[(2, o) for o in outputs], (4, op), *fields))


def model(*graph, opset=13, more=()):
    return message((1, 8), (8, message((1, ""), (2, opset))), (7, message(*graph)), *more)


X, Y = (11, value("x", "n", 3, 8, 8)), (12, value("y", "n"))
WEIGHTS = (5, tensor("w", FLOAT, [4, 3, 1, 1], (9, floats(*range(12)))))
CONV = node("Conv", ["x", "w"], ["y"], (3, "conv"), attribute("kernel_shape", 7, (8, 1), (8, 1)),
            attribute("auto_pad", 3, (4, "SAME_UPPER")))

CORPUS = {
    "convolution": model(X, WEIGHTS, CONV, Y),
    "initializer-as-input": model(X, (11, value("w", 4, 3, 1, 1)), WEIGHTS, CONV, Y),
    "attributes": model(X, node(
        "Op", ["x", ""], ["y", ""], attribute("i", 2, (3, -1)), attribute("f", 1, (2, 0.5)),
        attribute("floats", 6, (7, floats(1, 2))), attribute("strings", 8, (9, "a"), (9, "")),
        attribute("t", 4, (5, tensor("", INT64, [2], (7, packed(1, -1))))),
        attribute("body", 5, (6, message(node("Relu", ["x"], ["z"]))))), Y),
    "domains": model(X, node("Odd", ["x"], ["y"], (7, "others")), Y,
                     more=[(8, message((1, "others"), (2, 1)))]),
    "types": model(
        (5, tensor("a", INT8, [3], (5, packed(-128, 0, 127)))),
        (5, tensor("b", BOOL, [2], (9, b"\x00\x07"))),
        (5, tensor("c", FLOAT16, [1], (5, packed(0x3c00)))),
        (5, tensor("d", UINT32, [1], (11, packed(2**32 - 1)))),
        (5, tensor("e", FLOAT, [], (4, floats(1)))),
        (5, tensor("y", FLOAT, [0])), Y),
    "external": model((5, tensor("y", FLOAT, [2], entry("location", "weights"),
                                 entry("offset", "4"), entry("length", "8"), (14, 1))), Y),
    "external-outside": model((5, tensor("y", FLOAT, [2], entry("location", "a/../../b"),
                                         (14, 1))), Y),
    "cycle": model(X, node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), Y),
    "same-name-twice": model(X, node("Relu", ["x"], ["x"]), Y),
    "short-data": model((5, tensor("y", FLOAT, [2], (9, b"1234567"))), Y),
    "huge-shape": model((5, tensor("y", FLOAT, [2**32, 2**32], (9, b""))), Y),
    "functions": model(X, node("Relu", ["x"], ["y"]), Y, more=[(25, b"")]),
    "graph-in-pieces": model(X, Y) + field(7, message(node("Relu", ["x"], ["y"]))),
    "tensor-float": tensor("t", FLOAT, [2], (4, floats(1, 2))),
    "tensor-int64": tensor("t", INT64, [2], (7, packed(1, -1))),
    "empty": b"",
}


def main():
    nested = b""
    for _ in range(200):
        nested = field(7, nested)
    folder = f"{ROOT}/tests/fuzz/corpus/onnx"
    os.makedirs(folder, exist_ok=True)
    for name, data in {**CORPUS, "nested": nested}.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)


main()
