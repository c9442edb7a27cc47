#!/usr/bin/python3
"""Folders as they are found: links, loops, FIFOs, sockets, names of any bytes, no permission, files
that vanish or change while a build runs. Every input is indexed or in the ledger."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402


def make_odd(work):
    """tree/ with one of everything; the keys that are pictures."""
    tree = os.fsencode(f"{work}/tree")
    pictures = make(f"{work}/source", count=12)
    os.makedirs(tree + b"/deep/er/still")
    names = [b"plain.jpg", b"with\nnewline.png", b"not-utf8-\xff\xfe.gif", b"deep/er/still/x.bmp",
             b" space ", b"tab\t\\back", b"-o", b"a.tar/../b.jpg".replace(b"/", b"_")]
    for name, picture in zip(names, pictures):
        shutil.copyfile(picture, tree + b"/" + name)
    os.symlink(b"..", tree + b"/deep/loop")
    os.symlink(b"self", tree + b"/self")
    os.symlink(b"nowhere", tree + b"/dangling")
    os.symlink(os.fsencode(pictures[9]), tree + b"/linked.jpg")
    os.mkfifo(tree + b"/fifo.jpg")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(tree + b"/socket.jpg")
    with open(tree + b"/empty.jpg", "wb"), open(tree + b"/text.jpg", "wb") as text:
        text.write(b"not a picture at all")
    os.link(tree + b"/plain.jpg", tree + b"/hard.jpg")
    return sorted(b"tree/" + name for name in [*names, b"hard.jpg"])


REJECTED = {b"tree/self": "not-a-file", b"tree/dangling": "not-a-file",
            b"tree/fifo.jpg": "not-a-file", b"tree/socket.jpg": "not-a-file",
            b"tree/empty.jpg": "empty", b"tree/text.jpg": "not-an-image"}


def test_odd(work):
    keys = make_odd(work)
    done = build(2, "-o", "tree/index", "tree/", cwd=work)
    ok(done.returncode == 0, "a folder with one of everything", said(done))
    index = f"{work}/tree/index"
    ok(index_job.indexed(index) == keys, "pictures of any name are in, links are not",
       index_job.indexed(index))
    ok(index_job.rejected(index) == REJECTED, "the rest has its reason", index_job.rejected(index))
    done = build(0, "-o", "tree/index", "tree", cwd=work)
    ok(done.returncode == 0 and index_job.indexed(index) == keys,
       "the index itself is no input, though it is in the folder")
    done = build(0, "-o", "followed", "--follow-links", "tree", cwd=work)
    shutil.rmtree(index)
    ok(index_job.indexed(f"{work}/followed") == sorted([*keys, b"tree/linked.jpg"]),
       "--follow-links follows them, and no loop", index_job.indexed(f"{work}/followed"))


def test_named(work):
    os.symlink("tree", f"{work}/link")
    done = build(0, "-o", "named", "link", "tree/fifo.jpg", cwd=work)
    keys = index_job.indexed(f"{work}/named")
    ok(done.returncode == 0 and len(keys) == 9 and all(k.startswith(b"link/") for k in keys),
       "a link that is named is followed", said(done))
    ok(index_job.rejected(f"{work}/named").get(b"tree/fifo.jpg") == "not-a-file",
       "a FIFO that is named is not opened")


def test_permission(work):
    """As nobody: root may read everything."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        ok(True, "no permission # SKIP needs root and setpriv")
        return
    make(f"{work}/guarded", count=8)
    os.chmod(f"{work}/guarded/boat", 0)
    os.chmod(f"{work}/guarded/apple/0000.jpg", 0)
    os.makedirs(f"{work}/free")
    os.chmod(f"{work}/free", 0o777)
    os.chmod(work, 0o755)
    programs = f"{work}/bin"  # the tree may be where nobody but root comes
    os.makedirs(programs)
    for name in ("kindred-index", "kindred-decode"):
        shutil.copy(f"{BIN}/{name}", programs)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           f"{programs}/kindred-index", "build", "-o", "free/index", "guarded"],
                          cwd=work, capture_output=True, timeout=60, check=False)
    ok(done.returncode == 0, "folders and files without permission do not end a build", said(done))
    ok(index_job.rejected(f"{work}/free/index") == {b"guarded/boat": "unreadable",
                                                    b"guarded/apple/0000.jpg": "unreadable"},
       "they are in the ledger as unreadable", said(done))


def test_changing(work):
    """Files that go, shrink and grow after the list was frozen, while the rank is stopped."""
    pictures = make(f"{work}/moving", count=400, side=120)
    job = subprocess.Popen(index_job.command(0, "-o", "moved", "moving"), cwd=work,
                           env=index_job.ENVIRONMENT, stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
    while not os.path.exists(f"{work}/moved/building/list.kin"):
        time.sleep(0.001)
    job.send_signal(19)
    last = sorted(pictures)[-3:]
    os.remove(last[0])
    os.truncate(last[1], 10)
    with open(last[2], "ab") as file:
        file.write(b"more")
    job.send_signal(18)
    text = job.communicate(timeout=60)[1].decode("utf-8", "replace")
    keys = [os.fsencode(os.path.relpath(path, work)) for path in last]
    ok(job.returncode == 0 and index_job.rejected(f"{work}/moved")
       == {keys[0]: "vanished", keys[1]: "changed", keys[2]: "changed"},
       "files that vanish or change after they were listed are in the ledger", text)


with tempfile.TemporaryDirectory() as folder:
    test_odd(folder)
    test_named(folder)
    test_permission(folder)
    test_changing(folder)
finish()
