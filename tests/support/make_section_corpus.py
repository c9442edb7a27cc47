#!/usr/bin/python3
"""Writes the corpora of fuzz_container and fuzz_sections from the golden files.

  tests/support/make_section_corpus.py
"""
import glob
import os
import shutil
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = [(b"SHRD", 1), (b"MANI", 1), (b"ENCO", 1), (b"LEDG", 1), (b"LIST", 1), (b"PART", 1),
         (b"NETW", 1), (b"SHRD", 2), (b"TASK", 1), (b"SHRD", 3),
         (b"MANI", 2)]  # as formats of fuzz_sections.c
SECTION_MAX = 8192  # enough for every branch, and small


def sections(data):
    """The sections of a container, in the order of the file."""
    count = struct.unpack_from("<I", data, 16)[0]
    for i in range(count):
        offset, size = struct.unpack_from("<QQ", data, 64 + 32 * i + 8)
        yield data[offset:offset + size]


def main():
    for path in sorted(glob.glob(f"{ROOT}/tests/golden/*.kin")):
        with open(path, "rb") as file:
            data = file.read()
        name = os.path.basename(path)
        if len(data) <= 65536:
            shutil.copyfile(path, f"{ROOT}/tests/fuzz/corpus/container/{name}")
        kind = (data[8:12], struct.unpack_from("<I", data, 12)[0])
        if kind not in KINDS:
            continue  # has a target of its own
        out = bytes([KINDS.index(kind)])
        for section in sections(data):
            out += struct.pack("<H", min(len(section), SECTION_MAX)) + section[:SECTION_MAX]
        with open(f"{ROOT}/tests/fuzz/corpus/sections/{name[:-4]}", "wb") as file:
            file.write(out)


main()
