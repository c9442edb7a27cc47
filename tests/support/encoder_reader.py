"""Reads an encoder file as proto/CONTAINER.md and proto/ENCODER.md describe it (no checksums)."""
import struct

import numpy as np


def sections(data):
    """name -> bytes."""
    assert data[:8] == b"KINDRED\x1a" and data[8:12] == b"ENCO"
    version, count = struct.unpack_from("<II", data, 12)
    assert version == 1
    found = {}
    for i in range(count):
        name, offset, size = struct.unpack_from("<8sQQ", data, 64 + 32 * i)
        found[name.rstrip(b"\0").decode()] = data[offset:offset + size]
    return found


def read_encoder(data):
    """(card, planes [bits][dimensions], thresholds [bits]) in doubles."""
    part = sections(data)
    fields = struct.unpack("<16s32s64s32sIIQQI84s", part["card"])
    texts = [text.rstrip(b"\0").decode("ascii") for text in fields[:4]]
    names = "method features decoder blas dimensions bits seed training_count iterations".split()
    card = dict(zip(names, texts + list(fields[4:9])))
    planes = np.frombuffer(part["planes"], "<f4").astype(np.float64)
    thresholds = np.frombuffer(part["thresh"], "<f4").astype(np.float64)
    return card, planes.reshape(card["bits"], card["dimensions"]), thresholds
