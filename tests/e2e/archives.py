#!/usr/bin/python3
"""Tar archives as sources: read in place, compressed, damaged, with odd members. The oracle is the
same pictures in a folder."""
import io
import os
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import finish, ok  # noqa: E402


def pack(path, pictures, mode, form=tarfile.GNU_FORMAT):
    with tarfile.open(path, mode, format=form) as archive:
        for name, picture in pictures:
            archive.add(picture, name)


def codes(index):
    """key behind the source's own name -> (code, thumbnail)."""
    return {row[2].split(b"/", 1)[1]: (row[0], row[3])
            for shard in index_job.shards(index) for row in shard}


def test_formats(work):
    """Members in no order, in every form: the codes of the folder."""
    pictures = make(f"{work}/folder", count=150)
    named = [(os.path.relpath(path, f"{work}/folder"), path) for path in pictures]
    named = named[1::2] + named[0::2][::-1]
    build(0, "-o", "wanted", "folder", cwd=work)
    wanted = codes(f"{work}/wanted")
    forms = [("a.tar", "w:", tarfile.GNU_FORMAT), ("b.tar", "w:", tarfile.PAX_FORMAT),
             ("c.tar", "w:", tarfile.USTAR_FORMAT), ("d.tar.gz", "w:gz", tarfile.GNU_FORMAT),
             ("e.tar.xz", "w:xz", tarfile.GNU_FORMAT), ("f.TBZ2", "w:bz2", tarfile.PAX_FORMAT)]
    for name, mode, form in forms:
        pack(f"{work}/{name}", named, mode, form)
        done = build(2 if name == "d.tar.gz" else 0, "-o", f"{name}.index", name, cwd=work)
        ok(done.returncode == 0 and codes(f"{work}/{name}.index") == wanted,
           f"{name}: the codes and thumbnails of the same files in a folder", said(done))
    ok(index_job.indexed(f"{work}/a.tar.index")[0].startswith(b"a.tar/apple/"),
       "keys are the archive's name and the member's")
    done = build(2, "-o", "many", *[form[0] for form in forms], "folder", cwd=work)
    ok(done.returncode == 0 and len(index_job.indexed(f"{work}/many")) == 7 * 150,
       "archives and folders together", said(done))


def test_in_place(work):
    """A plain archive needs no room. The missing list ends the build once the archive was read."""
    build(0, "-o", "place", "--list", "missing", "a.tar", cwd=work)
    unpacked = f"{work}/place/building/unpacked"
    ok(os.path.isdir(unpacked) and not os.listdir(unpacked), "a plain archive is not unpacked")


def test_odd_members(work):
    picture = make(f"{work}/one", count=1)[0]
    with open(picture, "rb") as file:
        data = file.read()
    with tarfile.open(f"{work}/odd.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        def add(name, kind=tarfile.REGTYPE, content=b"", link=""):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), link
            archive.addfile(member, io.BytesIO(content))
        add("./dot.jpg", content=data)
        add("d\u00e9j\u00e0/\u00fc.jpg", content=data)
        add("x" * 300 + ".jpg", content=data)
        add("../up.jpg", content=data)
        add("/root.jpg", content=data)
        add("same.jpg", content=data)
        add("same.jpg", content=data[:10])
        add("folder", tarfile.DIRTYPE)
        add("soft", tarfile.SYMTYPE, link="dot.jpg")
        add("hard", tarfile.LNKTYPE, link="dot.jpg")
        add("fifo", tarfile.FIFOTYPE)
        add("empty.jpg")
        add("text", content=b"no picture")
    with tarfile.open(f"{work}/bytes.tar", "w", format=tarfile.GNU_FORMAT,
                      encoding="latin-1") as archive:
        member = tarfile.TarInfo("\u00ff\u00fe.jpg")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    done = build(0, "-o", "odd", "odd.tar", "bytes.tar", cwd=work)
    names = [b"dot.jpg", "d\u00e9j\u00e0/\u00fc.jpg".encode(), b"x" * 300 + b".jpg", b"../up.jpg",
             b"/root.jpg", b"same.jpg"]
    ok(done.returncode == 0 and index_job.indexed(f"{work}/odd")
       == sorted([b"odd.tar/" + name for name in names] + [b"bytes.tar/\xff\xfe.jpg"]),
       "members of any name", said(done), index_job.indexed(f"{work}/odd"))
    ok(index_job.rejected(f"{work}/odd") == {b"odd.tar/fifo": "not-a-file",
                                             b"odd.tar/empty.jpg": "empty",
                                             b"odd.tar/text": "not-an-image"},
       "members that are no pictures", index_job.rejected(f"{work}/odd"))


def test_damage(work):
    """Cut and overwritten archives: what is before the damage is there, the archive is named."""
    with open(f"{work}/a.tar", "rb") as file:
        data = file.read()
    with tarfile.open(f"{work}/a.tar") as archive:
        members = archive.getmembers()
    cut = members[100].offset_data + 100
    with open(f"{work}/cut.tar", "wb") as file:
        file.write(data[:cut])
    bad = members[50].offset
    with open(f"{work}/bad.tar", "wb") as file:
        file.write(data[:bad] + b"\xaa" * 512 + data[bad + 512:])
    with open(f"{work}/d.tar.gz", "rb") as file:
        data = file.read()
    with open(f"{work}/cut.tar.gz", "wb") as file:
        file.write(data[:len(data) // 2])
    for name, content in (("nothing.tar", b""), ("noise.tar", os.urandom(4096))):
        with open(f"{work}/{name}", "wb") as file:
            file.write(content)
    done = build(2, "-o", "damage", "cut.tar", "bad.tar", "cut.tar.gz", "nothing.tar",
                 "noise.tar", cwd=work)
    keys, rejected = index_job.indexed(f"{work}/damage"), index_job.rejected(f"{work}/damage")
    ok(done.returncode == 0, "damaged archives do not end a build", said(done))
    ok(sum(key.startswith(b"cut.tar/") for key in keys) == 100
       and rejected[b"cut.tar"] == "truncated"
       and rejected[b"cut.tar/" + members[100].name.encode()] == "truncated",
       "a cut archive: members before the cut, the one that is cut, the archive", rejected)
    ok(sum(key.startswith(b"bad.tar/") for key in keys) == 50 and rejected[b"bad.tar"] == "corrupt",
       "an overwritten header: members before it, the archive", rejected)
    some = sum(key.startswith(b"cut.tar.gz/") for key in keys)
    ok(20 < some < 120 and rejected[b"cut.tar.gz"] == "truncated",
       "a cut compressed archive: members before the cut", some, rejected)
    ok(rejected[b"nothing.tar"] == "empty" and rejected[b"noise.tar"] == "corrupt",
       "an empty archive, and one that is none", rejected)


with tempfile.TemporaryDirectory() as folder:
    test_formats(folder)
    test_in_place(folder)
    test_odd_members(folder)
    test_damage(folder)
finish()
