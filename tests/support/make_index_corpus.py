#!/usr/bin/python3
"""Writes the corpora of fuzz_part, fuzz_list_file and fuzz_tar.

  tests/support/make_index_corpus.py
"""
import io
import os
import shutil
import struct
import tarfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def write(target, name, data):
    with open(f"{ROOT}/tests/fuzz/corpus/{target}/{name}", "wb") as file:
        file.write(data)


def parts():
    """The sections of a part of two inputs, as fuzz_part cuts them."""
    rows = struct.pack("<IIQQIIII", 0, 0, 100, 0, 32, 0, 0, 0)
    rejected = struct.pack("<IIQQIIII", 6, 2**32 - 1, 100, 32, 0, 0, 16, 0)
    for name, kind, width, values in (("codes", 0, 64, 8), ("wide", 0, 256, 32),
                                      ("vectors", 1, 8, 32), ("values", 2, 32, 32)):
        head = bytes(16) + struct.pack("<QIIII", 64, 2, kind, width, 1) + bytes(24)
        body = head + rows + rejected + b"sixteen letters." + bytes(32) + bytes(range(32))
        write("part", name, body)
        write("part", name + "-short", body[:64 + 80 + 16 + values])
    shutil.copyfile(f"{ROOT}/tests/golden/part-1.kin", f"{ROOT}/tests/fuzz/corpus/part/golden")


def lists():
    for i, text in enumerate([b"a\nb\n", b"a\nb", b"\n\n\na\r\n", b"x" * 5000, b"a\0b\0", b"",
                              b"a b\n\xff\xfe\n/c\n", b"a\n\0\n", b"x" * 4095 + b"\ny"]):
        write("list_file", f"lines-{i}", b"\0\x03" + text)
        write("list_file", f"nul-{i}", b"\x01\x03" + text)


def tar(mode, form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:
        for name, kind in (("./a.jpg", tarfile.REGTYPE), ("n" * 150, tarfile.REGTYPE),
                           ("\u00fc.png", tarfile.REGTYPE), ("folder", tarfile.DIRTYPE),
                           ("link", tarfile.SYMTYPE), ("fifo", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "a.jpg" if kind == tarfile.SYMTYPE else ""
            member.size = 600 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(bytes(600)))
    return out.getvalue()


def tars():
    for name, mode, form in (("gnu", "w:", tarfile.GNU_FORMAT), ("pax", "w:", tarfile.PAX_FORMAT),
                             ("gz", "w:gz", tarfile.GNU_FORMAT), ("xz", "w:xz", tarfile.PAX_FORMAT),
                             ("bz2", "w:bz2", tarfile.GNU_FORMAT)):
        data = tar(mode, form)
        data = data[:6144] if mode == "w:" else data
        write("tar", name, data)
        write("tar", name + "-cut", data[:len(data) * 2 // 3])
    broken = bytearray(tar("w:", tarfile.GNU_FORMAT)[:4096])
    broken[1536 + 10] ^= 0x55
    write("tar", "checksum", bytes(broken))
    write("tar", "empty", b"")


parts()
lists()
tars()
