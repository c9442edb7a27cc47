#!/usr/bin/python3
"""kindred-index build: the same generation for any number of ranks, complete and accounted; lists,
rebuilding, keeping, and mistakes on the command line."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import build, said  # noqa: E402
from make_pictures import make  # noqa: E402
from tap import finish, ok  # noqa: E402


def test_ranks(work):
    """Small sample: some chunks hold vectors, the others codes."""
    pictures = make(f"{work}/pictures", count=330)
    for name in ("broken.png", "empty.jpg"):
        with open(f"{work}/pictures/{name}", "wb") as file:
            file.write(b"no picture" * (name != "empty.jpg"))
    options = ["--sample", "128", "--shards", "5", "pictures"]
    for ranks in range(5):
        done = build(ranks, "-o", f"index{ranks}", *options, cwd=work)
        ok(done.returncode == 0, f"a build with {ranks or 'no launcher and 1'} ranks", said(done))
        if ranks > 0:
            ok(index_job.same_generations(f"{work}/index0", f"{work}/index{ranks}"),
               f"{ranks} ranks give the same bytes as one")
    index = f"{work}/index4"
    keys = sorted(os.path.relpath(path, work).encode() for path in pictures)
    ok(index_job.indexed(index) == keys, "every picture is in the index once, ids in order of key")
    ok(index_job.rejected(index) == {b"pictures/broken.png": "not-an-image",
                                     b"pictures/empty.jpg": "empty"}, "the ledger names the rest",
       index_job.rejected(index))
    ok(not os.path.exists(f"{index}/building"), "nothing is left of the work")
    return keys


def test_shards(work):
    """The shards of the 4-rank build, against the same rows cut by hand."""
    shards = index_job.shards(f"{work}/index4")
    rows = [row for shard in shards for row in shard]
    ok(rows == sorted(rows, key=lambda row: row[:2]), "rows ascend by (code, id) over all shards")
    ok(len(shards) == 5, "there are the shards that were asked for", len(shards))
    cuts = [set(row[0] for row in shard) for shard in shards]
    ok(all(not a & b for i, a in enumerate(cuts) for b in cuts[i + 1:]),
       "pictures with the same code are in one shard")
    ok(all(row[3][:2] == b"\xff\xd8" and row[3][-2:] == b"\xff\xd9" for row in rows),
       "every row has its thumbnail")
    starts = {i for i in range(1, len(rows)) if rows[i - 1][0] != rows[i][0]}
    at, best = 0, True
    for i, shard in enumerate(shards[:-1], 1):
        at += len(shard)
        ideal = len(rows) * i // 5
        best = best and abs(at - ideal) == min(abs(start - ideal) for start in starts)
    ok(best, "every cut is at the place between two codes that is nearest to the ideal one")


def test_widths(work):
    for bits, hasher in ((128, "itq"), (256, "lsh")):
        for ranks in (1, 3):
            done = build(ranks, "-o", f"wide{bits}-{ranks}", "--bits", str(bits), "--hasher",
                         hasher, "--thumbnail", "0", "--sample", "64", "pictures", cwd=work)
            ok(done.returncode == 0, f"{bits} bits, {hasher}, {ranks} ranks", said(done))
        ok(index_job.same_generations(f"{work}/wide{bits}-1", f"{work}/wide{bits}-3"),
           f"{bits} bits, {hasher}: the same bytes")


def test_lists(work, keys):
    listing = b"\n".join(keys) + b"\n"
    done = build(2, "-o", "listed", "--sample", "128", "--shards", "5", "--list", "-",
                 "pictures/broken.png", "pictures/empty.jpg", cwd=work, stdin=listing)
    ok(done.returncode == 0, "a list from standard input", said(done))
    shards = [index_job.shards(f"{work}/{name}") for name in ("listed", "index1")]
    ok(shards[0] == shards[1], "a list of the same files gives the same shards")
    with open(f"{work}/list", "wb") as file:
        file.write(b"\0".join([*keys[:70], keys[3], b"pictures/gone.jpg"]))
    done = build(0, "-o", "nul", "-0", "--list", "list", cwd=work)
    ok(done.returncode == 0 and index_job.indexed(f"{work}/nul") == keys[:70],
       "a NUL-separated list; a path that is in it twice is one input", said(done))
    ok(index_job.rejected(f"{work}/nul") == {b"pictures/gone.jpg": "vanished"},
       "a path of a list that is not there is in the ledger")


def test_generations(work):
    for _ in range(2):
        build(0, "-o", "nul", "-0", "--list", "list", cwd=work)
    ok(index_job.current(f"{work}/nul").endswith("generation-000003"), "a rebuild is a generation")
    build(0, "-o", "nul", "--keep", "2", "-0", "--list", "list", cwd=work)
    ok(sorted(os.listdir(f"{work}/nul")) == ["CURRENT", "generation-000003", "generation-000004"],
       "--keep 2 leaves the two newest", os.listdir(f"{work}/nul"))


def test_mistakes(work):
    cases = [
        ([], 2, "no -o INDEX"),
        (["-o", "x"], 2, "nothing to index"),
        (["-o", "x", "--bits", "65", "pictures"], 2, "steps of 8"),
        (["-o", "x", "--hasher", "md5", "pictures"], 2, "no hasher 'md5'"),
        (["-o", "x", "--features", "nose", "pictures"], 2, "builtin"),
        (["-o", "x", "--shard", "4", "pictures"], 2, "did you mean"),
        (["-o", "x", "-0", "pictures"], 2, "--list"),
        (["-o", "x", "missing"], 1, "cannot read missing"),
        (["-o", "x", "--list", "missing"], 1, "cannot read the list missing"),
        (["-o", "list", "pictures"], 1, "list"),
    ]
    for arguments, status, text in cases:
        done = build(0, *arguments, cwd=work)
        ok(done.returncode == status and text in said(done) and said(done).count("\n") == 1,
           f"one sentence and exit {status}: {' '.join(arguments) or 'no arguments'}", said(done))
    os.makedirs(f"{work}/none")
    with open(f"{work}/none/text", "w", encoding="ascii") as file:
        file.write("no picture")
    done = build(2, "-o", "y", "none", cwd=work)
    ok(done.returncode == 1 and said(done).count("none of the 1 inputs") == 1
       and "not-an-image 1" in said(done), "no picture at all: the reasons, one sentence, exit 1",
       said(done))
    ok(not os.path.exists(f"{work}/y/CURRENT"), "no picture at all: no generation")
    for arguments in (["--help"], ["build", "--help"]):
        done = index_job.subprocess.run([index_job.PROGRAM, *arguments], capture_output=True,
                                        check=False)
        lines = done.stdout.decode().split("\n")
        ok(done.returncode == 0 and len(lines) <= 40 and any("example: " in x for x in lines),
           f"{' '.join(arguments)} fits a screen and has an example")


with tempfile.TemporaryDirectory() as folder:
    all_keys = test_ranks(folder)
    test_shards(folder)
    test_widths(folder)
    test_lists(folder, all_keys)
    test_generations(folder)
    test_mistakes(folder)
finish()
