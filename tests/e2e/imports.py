#!/usr/bin/python3
"""Codes of other programs become an index: what is in it against numpy, equal bytes for any number
of ranks, shards and tasks, and input that is none."""
import os
import subprocess
import sys
import tempfile

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from index_job import said  # noqa: E402
from tap import BIN, LONG, finish, ok  # noqa: E402


def run_import(ranks, *arguments, cwd, task_rows=None):
    """Runs an import to its end; task_rows: so many rows a task, that there are many."""
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    environment = dict(index_job.ENVIRONMENT)
    if task_rows:
        environment["KINDRED_IMPORT_ROWS"] = str(task_rows)
    return subprocess.run([*launcher, index_job.PROGRAM, "import", *arguments], env=environment,
                          cwd=cwd, capture_output=True, timeout=600, check=False,
                          stdin=subprocess.DEVNULL)


def verify(index):
    return subprocess.run([f"{BIN}/kindred-verify", index], capture_output=True, check=False)


def expected(codes, keys):
    """(code words, id, key) in order of code and id."""
    words = codes.reshape(len(codes), -1, 8).view(">u8")[:, :, 0]
    rows = [(tuple(int(w) for w in words[i]), i, keys[i] if keys else b"")
            for i in range(len(codes))]
    return sorted(rows, key=lambda row: row[:2])


def check_contents(work, bits):
    random = numpy.random.default_rng(bits)
    count = 1500
    codes = random.integers(0, 256, (count, bits // 8), dtype=numpy.uint8)
    codes[100:400] = codes[0]       # one code 301 times: more than a task of 200
    codes[400:700, :5] = codes[0, :5]  # one bucket
    numpy.save(f"{work}/c{bits}.npy", codes)
    codes.tofile(f"{work}/c{bits}.bin")
    keys = [f"key {i} {'x' * (i % 40)}".encode() for i in range(count)]
    with open(f"{work}/keys.txt", "wb") as file:
        file.write(b"\n".join(keys))
    for keyed in (False, True):
        name = f"i{bits}{'k' if keyed else ''}"
        more = ["--keys", "keys.txt"] if keyed else []
        done = run_import(0, "-o", name, *more, f"c{bits}.npy", cwd=work)
        ok(done.returncode == 0, f"{name}: a .npy is imported", said(done))
        rows = [row[:3] for shard in index_job.shards(f"{work}/{name}") for row in shard]
        ok(rows == expected(codes, keys if keyed else None), f"{name}: codes, ids and keys in order")
        checked = verify(f"{work}/{name}")
        ok(checked.returncode == 0, f"{name}: kindred-verify agrees", checked.stdout.decode())
        again = 0
        for ranks, task_rows in ((0, 200), (2, None), (3, 170)):
            again += 1
            other = f"{name}-{again}"
            done = run_import(ranks, "-o", other, *more, f"raw:{bits}:c{bits}.bin", cwd=work,
                              task_rows=task_rows)
            ok(done.returncode == 0 and index_job.same_generations(f"{work}/{name}",
                                                                   f"{work}/{other}"),
               f"{name}: {ranks} ranks, tasks of {task_rows} rows, no header: the same bytes",
               said(done))


def check_export(work):
    """What was imported comes out again, and what was not imported in order of id."""
    for name in ("i64k", "i128k", "i256k", "i64"):
        keys = ["--keys", "out.txt"] if name.endswith("k") else []
        done = subprocess.run([index_job.PROGRAM, "export", name, "-o", "out.npy", "--ids",
                               "ids.npy", "--memory", "9K", *keys], cwd=work, capture_output=True,
                              check=False)
        source = f"{work}/c{name[1:].rstrip('k')}.npy"
        with open(source, "rb") as wanted, open(f"{work}/out.npy", "rb") as found:
            same = numpy.array_equal(numpy.load(wanted), numpy.load(found))
        ids = numpy.load(f"{work}/ids.npy")
        ok(done.returncode == 0 and same and numpy.array_equal(ids, numpy.arange(len(ids))),
           f"{name}: the codes come out again, in many passes", done.stderr.decode())
        if keys:
            with open(f"{work}/keys.txt", "rb") as wanted, open(f"{work}/out.txt", "rb") as found:
                ok(wanted.read() + b"\n" == found.read(), f"{name}: and so do the keys")
    for arguments, code, word in ((["i64"], 2, "-o"), (["-o", "x.npy"], 2, "INDEX"),
                                  (["i64", "-o", "x.npy", "--memory", "few"], 2, "--memory is few"),
                                  (["missing", "-o", "x.npy"], 1, "missing"),
                                  (["i64", "-o", "missing/x.npy"], 1, "missing/x.npy")):
        done = subprocess.run([index_job.PROGRAM, "export", *arguments], cwd=work,
                              capture_output=True, check=False)
        ok(done.returncode == code and word in said(done), f"export {arguments}", said(done))


def check_shards(work):
    for shards in (3, 40):
        names = []
        for ranks, task_rows in ((0, None), (0, 100), (3, 333), (2, 3000)):
            names.append(f"s{shards}-{ranks}-{task_rows}")
            done = run_import(ranks, "-o", names[-1], "--shards", str(shards), "--tables", "3",
                              "synthetic:c:64:20000", cwd=work, task_rows=task_rows)
            ok(done.returncode == 0, f"{shards} shards, {ranks} ranks, {task_rows}", said(done))
        ok(all(index_job.same_generations(f"{work}/{names[0]}", f"{work}/{name}")
               for name in names[1:]), f"{shards} shards: the same bytes")
        counts = [len(shard) for shard in index_job.shards(f"{work}/{names[0]}")]
        ok(len(counts) == shards and sum(counts) == 20000 and
           max(counts) < 1.1 * min(counts) + 2, f"{shards} shards of equal size", counts)
        checked = verify(f"{work}/{names[2]}")
        ok(checked.returncode == 0, f"{shards} shards: kindred-verify agrees",
           checked.stdout.decode())


def check_answers(work, name, codes):
    """The 10 nearest of such a set, of its own codes and of others, against numpy."""
    ones = numpy.array([bin(i).count("1") for i in range(256)], numpy.uint16)
    asked = numpy.random.default_rng(3).integers(0, 256, (12, codes.shape[1]), dtype=numpy.uint8)
    asked[:4] = codes[[0, len(codes) // 3, len(codes) // 2, len(codes) - 1]]
    asked[2, 0] ^= 0x81
    numpy.save(f"{work}/asked.npy", asked)
    for k in (1, 10):
        done = subprocess.run([f"{BIN}/kindred", "search", f"{work}/{name}-b", "--codes",
                               f"{work}/asked.npy", "-k", str(k), "-o", f"{work}/hits.npy"],
                              capture_output=True, timeout=60, check=False)
        hits = numpy.load(f"{work}/hits.npy") if done.returncode == 0 else None
        right = 0
        for i, one in enumerate(asked):
            distances = ones[codes ^ one].sum(axis=1).astype(numpy.int64)
            order = numpy.lexsort((numpy.arange(len(codes)), distances))[:k]
            wanted = [[int(row), int(distances[row])] for row in order]
            right += hits is not None and hits[i][:len(wanted)].tolist() == wanted and \
                (hits[i][len(wanted):] < 0).all()
        ok(right == len(asked), f"{name}: the {k} nearest are what numpy finds",
           said(done), right, None if hits is None else hits[:2])


def check_odd_sets(work):
    """Sets that have no shape."""
    bucket = numpy.random.default_rng(1).integers(0, 256, (30000, 8), dtype=numpy.uint8)
    bucket[:, :6] = 77
    sets = {"equal": numpy.full((300000, 8), 255, numpy.uint8),
            "zeros": numpy.zeros((300000, 16), numpy.uint8),
            "bucket": bucket,
            "halves": numpy.repeat(numpy.uint8([[0] * 8, [255] * 8]), 50000, axis=0),
            "two": numpy.uint8([[9] * 8, [3] * 8]),
            "one": numpy.uint8([[9] * 32])}
    for name, codes in sets.items():
        numpy.save(f"{work}/{name}.npy", codes)
        done = run_import(0, "-o", f"{name}-a", "--tables", "2", f"{name}.npy", cwd=work)
        split = run_import(2, "-o", f"{name}-b", "--tables", "2", f"{name}.npy", cwd=work,
                           task_rows=8000)
        ok(done.returncode == 0 and split.returncode == 0 and
           index_job.same_generations(f"{work}/{name}-a", f"{work}/{name}-b"),
           f"{name}: the same bytes in many tasks", said(done), said(split))
        checked = verify(f"{work}/{name}-b")
        ok(checked.returncode == 0, f"{name}: kindred-verify agrees", checked.stdout.decode())
        check_answers(work, name, codes)
    done = run_import(0, "-o", "two-c", "--shards", "5", "two.npy", cwd=work)
    ok(done.returncode == 0 and "2 shards, not 5" in said(done), "fewer codes than shards",
       said(done))


def check_many_equal(work, count):
    """One code far more often than memory would hold its rows; a file with a hole for it."""
    with open(f"{work}/equal.bin", "wb") as file:
        file.truncate(8 * count)
    done = run_import(2, "-o", "same", "--tables", "2", "--memory", "256M", "raw:64:equal.bin",
                      cwd=work)
    ok(done.returncode == 0 and "1 distinct" in said(done), f"{count} equal codes", said(done))
    asked = numpy.uint8([[0] * 8, [1] * 8])
    numpy.save(f"{work}/asked.npy", asked)
    found = subprocess.run([f"{BIN}/kindred", "search", f"{work}/same", "--codes",
                            f"{work}/asked.npy", "-k", "10", "-o", f"{work}/hits.npy"],
                           capture_output=True, timeout=120, check=False)
    hits = numpy.load(f"{work}/hits.npy").tolist() if found.returncode == 0 else None
    ok(hits == [[[i, 0] for i in range(10)], [[i, 8] for i in range(10)]],
       "the nearest of equal codes are those of the least ids", said(found), hits)


def check_bad_input(work):
    good = numpy.random.default_rng(2).integers(0, 256, (100, 8), dtype=numpy.uint8)
    numpy.save(f"{work}/good.npy", good)
    numpy.save(f"{work}/wide.npy", numpy.zeros((10, 12), numpy.uint8))
    numpy.save(f"{work}/flat.npy", numpy.zeros(80, numpy.uint8))
    numpy.save(f"{work}/fortran.npy", numpy.asfortranarray(good))
    numpy.save(f"{work}/big.npy", good.view(">u8"))
    numpy.save(f"{work}/float.npy", numpy.zeros((10, 8), numpy.float32))
    numpy.save(f"{work}/none.npy", numpy.zeros((0, 8), numpy.uint8))
    with open(f"{work}/good.npy", "rb") as file:
        whole = file.read()
    for name, data in {"cut.npy": whole[:-3], "header.npy": whole[:60], "odd.bin": whole[:83],
                       "empty.bin": b"", "text.npy": b"hello", "short.txt": b"a\nb\n",
                       "long.txt": b"k\n" * 101, "hole.txt": b"k\n" * 50 + b"\n" + b"k\n" * 49,
                       "nul.txt": b"k\0\n" * 100, "vast.txt": b"k" * 9000 + b"\nk" * 99}.items():
        with open(f"{work}/{name}", "wb") as file:
            file.write(data)
    cases = [("wide.npy", "8, 16 or 32"), ("flat.npy", "two"), ("fortran.npy", "Fortran"),
             ("big.npy", "big-endian"), ("float.npy", "uint8"), ("none.npy", "no codes"),
             ("cut.npy", "truncated"), ("header.npy", "header"), ("text.npy", "no .npy"),
             ("raw:64:odd.bin", "multiple"), ("raw:64:empty.bin", "no codes"),
             ("raw:96:odd.bin", "64, 128 or 256"), ("raw:odd.bin", "raw:BITS:FILE"),
             ("raw:64:missing.bin", "missing.bin"), ("raw:64:/dev/zero", "regular file"),
             ("missing.npy", "missing.npy"), ("synthetic:x:64:10", "'x'"),
             ("synthetic:c:65:10", "64, 128 or 256"), ("synthetic:c:64:0", "no codes"),
             ("synthetic:c:64", "KIND:BITS:COUNT"), ("synthetic:c:64:99999999999999", "limit")]
    for name, word in cases:
        done = run_import(0, "-o", "bad", name, cwd=work)
        ok(done.returncode == 1 and word in said(done) and said(done).count("\n") == 1 and
           not os.path.exists(f"{work}/bad/CURRENT"), f"{name} is refused", said(done))
    for name, word in (("short.txt", "2 lines"), ("long.txt", "more lines"), ("hole.txt", "line 51"),
                       ("nul.txt", "NUL"), ("vast.txt", "line 1"), ("missing.txt", "missing.txt")):
        done = run_import(0, "-o", "bad", "--keys", name, "good.npy", cwd=work)
        ok(done.returncode == 1 and word in said(done) and
           not os.path.exists(f"{work}/bad/building"), f"keys {name} are refused", said(done))
    for arguments, word in (([], "CODES"), (["good.npy", "good.npy"], "several"),
                            (["--tables", "17", "good.npy"], "--tables"),
                            (["--memory", "8X", "good.npy"], "--memory"),
                            (["--shards", "0", "good.npy"], "--shards")):
        done = run_import(0, "-o", "bad", *arguments, cwd=work)
        ok(done.returncode == 2 and word in said(done), f"usage: {arguments}", said(done))
    done = run_import(0, "good.npy", cwd=work)
    ok(done.returncode == 2 and "-o INDEX" in said(done), "usage: no index", said(done))


def main():
    with tempfile.TemporaryDirectory() as work:
        for bits in (64, 128, 256):
            check_contents(work, bits)
        check_export(work)
        check_shards(work)
        check_odd_sets(work)
        check_many_equal(work, 100000000 if LONG else 3000000)
        check_bad_input(work)


main()
finish()
