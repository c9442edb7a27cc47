#!/usr/bin/python3
"""Writes seeds of version 2 for tests/fuzz/fuzz_encoder_file: sections with their lengths before
them, as the target takes them apart."""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz/corpus/encoder_file")


def card(dimensions=3, bits=16, layers=2, unit=0, head=0, classes=0, method=b"autoencoder"):
    return struct.pack("<16s32s64s32sIIQQI4I16s52s", method, b"given/1", b"none", b"none",
                       dimensions, bits, 7, 9, 5, unit, layers, head, classes, b"d" * 16, b"")


def rows(*layers):
    return b"".join(struct.pack("<4I", *layer, 0) for layer in layers)


def floats(count, value=0.25):
    return struct.pack(f"<{count}f", *[value * ((i % 7) - 3) for i in range(count)])


def join(*sections):
    lengths = b"".join(struct.pack("<H", len(section)) for section in sections[:-1])
    return lengths + b"".join(sections)


SHAPES = rows((3, 5, 1), (5, 16, 3))
WEIGHTS = floats(5 * 4 + 16 * 6)
HEAD = floats(2 * 17)
NAMES = b"cat\0dog\0"
SEEDS = {
    "layers": join(card(), SHAPES, floats(16), WEIGHTS),
    "sine": join(card(layers=1), rows((3, 16, 4)), floats(16), floats(16 * 4)),
    "unit-length": join(card(layers=1, unit=1), rows((3, 16, 2)), floats(16), floats(16 * 4)),
    "head": join(card(head=3, classes=2), SHAPES, floats(16), WEIGHTS, HEAD, b"epoch\tloss\n",
                 NAMES, b"epochs=5\n"),
    "head-of-one-number": join(card(head=2, classes=2), SHAPES, floats(16), WEIGHTS, floats(17),
                               b"epoch\n", NAMES, b"a=b\n"),
    "unnamed-class": join(card(head=3, classes=2), SHAPES, floats(16), WEIGHTS, HEAD, b"e\n",
                          b"cat\0\0", b"a=b\n"),
    "way-back": join(card(), SHAPES, floats(16), WEIGHTS, rows((16, 5, 2), (5, 3, 2)),
                     floats(5 * 17 + 3 * 6)),
    "way-back-too-narrow": join(card(), SHAPES, floats(16), WEIGHTS, rows((16, 4, 2)),
                                floats(4 * 17)),
    "no-way-back": join(card(), SHAPES, floats(16), WEIGHTS, b"", b""),
    "broken-chain": join(card(), rows((3, 5, 1), (6, 16, 3)), floats(16), WEIGHTS),
    "many-layers": join(card(layers=4000000000), SHAPES, floats(16), WEIGHTS),
    "wide-layer": join(card(layers=1), rows((3, 4000000000, 0)), floats(16), WEIGHTS),
    "unknown-activation": join(card(), rows((3, 5, 9), (5, 16, 3)), floats(16), WEIGHTS),
}

for name, data in SEEDS.items():
    with open(os.path.join(FOLDER, "2-" + name), "wb") as file:
        file.write(data)
