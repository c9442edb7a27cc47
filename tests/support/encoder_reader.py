"""Reads an encoder file as proto/CONTAINER.md and proto/ENCODER.md describe it (no checksums)."""
import struct

import numpy as np


def sections(data):
    """name -> bytes."""
    assert data[:8] == b"KINDRED\x1a" and data[8:12] == b"ENCO"
    version, count = struct.unpack_from("<II", data, 12)
    assert version in (1, 2, 3)
    found = {}
    for i in range(count):
        name, offset, size = struct.unpack_from("<8sQQ", data, 64 + 32 * i)
        found[name.rstrip(b"\0").decode()] = data[offset:offset + size]
    return found


def read_encoder(data):
    """(card, weights [bits][dimensions], thresholds [bits]) of an encoder of one layer without
    activation, in doubles; its biases are taken from the thresholds."""
    part = sections(data)
    fields = struct.unpack("<16s32s64s32sIIQQI4I16s52s", part["card"])
    texts = [text.rstrip(b"\0").decode("ascii") for text in fields[:4]]
    names = "method features decoder blas dimensions bits seed training_count iterations".split()
    card = dict(zip(names, texts + list(fields[4:9])))
    thresholds = np.frombuffer(part["thresh"], "<f4").astype(np.float64)
    bits, dimensions = card["bits"], card["dimensions"]
    if "planes" in part:
        weights = np.frombuffer(part["planes"], "<f4").astype(np.float64)
    else:
        assert struct.unpack("<4I", part["layers"]) == (dimensions, bits, 0, 0)
        weights = np.frombuffer(part["weights"], "<f4").astype(np.float64)
        thresholds = thresholds - weights[bits * dimensions:]
        weights = weights[:bits * dimensions]
    return card, weights.reshape(bits, dimensions), thresholds
