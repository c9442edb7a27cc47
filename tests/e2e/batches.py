#!/usr/bin/python3
"""Batches of codes, certificates, histograms, any ties and checks: through the Python client and the
command, compared with a brute force in numpy; and the mistakes that people make with them."""
import json
import os
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, finish, ok  # noqa: E402
from serving_cluster import Error, Work  # noqa: E402

work = Work()
ONES = np.array([bin(i).count("1") for i in range(256)], np.uint16)
COUNT, SHARDS = 5000, 7


def brute_force(codes, question, k, within):
    """[(id, distance)...] in order, and the number of codes at each distance."""
    distances = ONES[codes ^ question].sum(axis=1).astype(np.int64)
    ids = np.arange(len(codes))
    if within is not None:
        ids = ids[distances[ids] <= within]
    order = ids[np.lexsort((ids, distances[ids]))][:k]
    return [(int(i), int(distances[i])) for i in order], np.bincount(distances, minlength=257)


def questions_of(codes, count, seed):
    """Stored codes with some bits flipped, and any codes."""
    source = np.random.default_rng(seed)
    made = codes[source.integers(len(codes), size=count)].copy()
    for i in range(count):
        for bit in source.integers(8 * codes.shape[1], size=source.integers(6)):
            made[i, bit // 8] ^= 0x80 >> bit % 8
    made[: count // 5] = source.integers(256, size=(count // 5, codes.shape[1]), dtype=np.uint8)
    return made


def run(*arguments):
    done = subprocess.run([os.path.join(BIN, "kindred"), *arguments], capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def try_client(codes, bits, cluster):
    right_batch = right_ties = right_counts = right_radius = pruned = 0
    questions = questions_of(codes, 300, bits)
    with cluster.client() as client:
        for k, within in ((1, None), (10, None), (40, bits // 5), (6000, 3)):
            some = questions if k < 1000 else questions[:20]
            answers = client.batch(some.tobytes(), k, within=within)
            loose = client.batch(some.tobytes(), k, within=within, any_ties=True)
            scanned = client.batch(some.tobytes(), k, within=within, exhaustive=True)
            expected = [brute_force(codes, one, k, within)[0] for one in some]
            right_batch += [[hit[:2] for hit in answer] for answer in answers] == expected
            right_batch += scanned == answers
            right_ties += [[hit[1] for hit in answer] for answer in loose] == \
                [[hit[1] for hit in answer] for answer in expected]
        for one in questions[:60]:
            within = int(one[0]) % 12
            answer = client.search(code=one.tobytes(), k=5, within=within, histogram=True)
            hits, counts = brute_force(codes, one, 5, within)
            right_counts += answer.histogram == [int(n) for n in counts[: within + 1]] and \
                answer.total == sum(answer.histogram)
            right_radius += answer.radius == (hits[-1][1] if len(hits) == 5 else within) and \
                len(answer.fingerprint) == 16 and not answer.missing
            pruned += answer.pruned
        ok(right_batch == 8, f"{bits} bits: batches are what a brute force finds")
        ok(right_ties == 4, f"{bits} bits: any ties have the same distances")
        ok(right_counts == 60, f"{bits} bits: histograms and totals count every code")
        ok(right_radius == 60, f"{bits} bits: the radius is what is proven")
        ok(pruned > 0, f"{bits} bits: shards that cannot hold a hit are not asked ({pruned})")
        refused = 0
        for codes_bytes, k in ((b"", 1), (questions.tobytes()[:-1], 1), (questions.tobytes(), 0),
                               (questions.tobytes(), 65537), (bytes(bits // 8) * 1000, 65000)):
            try:
                client.batch(codes_bytes, k)
            except Error as error:
                refused += error.status == "bad-input"
        ok(refused == 5, f"{bits} bits: batches that cannot be asked are refused")


def try_command(codes, bits, index):
    folder = os.path.join(work.folder, str(bits))
    os.makedirs(folder)
    questions = questions_of(codes, 5000, bits + 1)
    path, output = os.path.join(folder, "q.npy"), os.path.join(folder, "hits.npy")
    np.save(path, questions)
    status, _, said = run("search", index, "--codes", path, "-k", "3", "-o", output, "--check")
    hits = np.load(output) if status == 0 else np.zeros(0)
    sample = range(0, 5000, 97)
    ok(status == 0 and hits.shape == (5000, 3, 2) and hits.dtype == np.int64 and
       all(hits[i].tolist() == [list(h) for h in brute_force(codes, questions[i], 3, None)[0]]
           for i in sample) and "checked" in said, f"{bits} bits: --codes -o writes every hit")
    status, out, _ = run("search", index, "--codes", path, "-k", "2", "--within", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    ok(status == 0 and [line["query"] for line in lines] == list(range(5000)) and
       all([(h["id"], h["distance"]) for h in lines[i]["hits"]] ==
           brute_force(codes, questions[i], 2, 2)[0] for i in sample),
       f"{bits} bits: --codes prints a line for each code")
    text = questions[-1].tobytes().hex()
    status, out, _ = run("search", index, "--code", text, "--within", "9", "--histogram",
                         "--check", "--json")
    answer = json.loads(out) if status == 0 else {}
    ok(status == 0 and answer["certificate"]["checked"] and
       answer["histogram"] == brute_force(codes, questions[-1], 1, None)[1][:10].tolist(),
       f"{bits} bits: --check and --histogram")
    return folder


def try_mistakes(folder, index):
    wrong = {"float.npy": np.zeros((3, 8), np.float32), "wide.npy": np.zeros((3, 9), np.uint8),
             "flat.npy": np.zeros(8, np.uint8), "none.npy": np.zeros((0, 8), np.uint8),
             "fortran.npy": np.asfortranarray(np.zeros((3, 8), np.uint8)),
             "big.npy": np.zeros((3, 8), ">u8"), "other.npy": np.zeros((3, 16), np.uint8)}
    for name, array in wrong.items():
        path = os.path.join(folder, name)
        np.save(path, array)
        status, out, said = run("search", index, "--codes", path)
        ok(status == 1 and name in said and said.count("kindred: ") == 1 and not out,
           f"{name} is refused by name")
    cut = os.path.join(folder, "cut.npy")
    with open(os.path.join(folder, "q.npy"), "rb") as whole, open(cut, "wb") as file:
        file.write(whole.read()[:-3])
    ok(run("search", index, "--codes", cut)[0] == 1, "a short file is refused")
    for arguments in (("--codes", cut, "picture.png"), ("--histogram", "--code", "00" * 8),
                      ("-o", "x.npy", "--code", "00" * 8), ("--codes", cut, "--sheet", "x.png"),
                      ("-k", "0", "--code", "00" * 8), ("-k", "65537", "--code", "00" * 8),
                      ("--within", "257", "--code", "00" * 8), ("--within", "-1", "--codes", cut)):
        status, _, said = run("search", index, *arguments)
        ok(status == 2 and said.count("\n") <= 2, f"{' '.join(arguments[:1])} misused: {said[:60]!r}")
    good = os.path.join(folder, "q.npy")
    few = os.path.join(folder, "few.npy")
    np.save(few, np.load(good)[:20])
    found = [run("search", index, "--codes", few, "-k", "3", *more)
             for more in ((), ("--within", "64"), ("--within", "65"))]
    ok(found[0][0] == 0 and found[0][1] == found[1][1] and
       (found[2][0] != 0 and "65" in found[2][2] or found[2][1] == found[0][1]),
       "a radius of all bits is none; beyond the width it is refused, or the same", found[2])
    target = os.path.join(folder, "no", "such", "hits.npy")
    status, _, said = run("search", index, "--codes", good, "-o", target)
    ok(status == 1 and target in said, "an output that cannot be written is named")


def try_rechecks(index, codes):
    """Every answer is looked at again, by who has nothing else to do."""
    cluster = work.cluster(index, workers=2, threads=1, options=("--recheck", "1"))
    cluster.wait()
    with cluster.client() as client:
        for code in questions_of(codes, 40, 9):
            client.search(code=code.tobytes(), k=9)
    ok(cluster.wait(lambda report: report["queries"]["checks_total"] >= 8, 10),
       "answers are looked at again")
    with cluster.client() as client:
        report = client.status()
    ok(report["queries"]["mismatches_total"] == 0, "and none is wrong")
    ok(all(w["resident_bytes"] > 1 << 20 and w["by_tables"] + w["by_scan"] > 0
           for w in report["workers"]), "status says what workers did, and their memory")


def try_waves(index, codes):
    """Three workers in two waves: the same answers, also when the first wave's worker is gone; and
    shards that the first wave makes needless are not asked."""
    cluster = work.cluster(index, workers=3, replicas=1, wave=0, options=("--recheck", "1"))
    cluster.wait()
    right = spared = 0
    with cluster.client() as client:
        for i, code in enumerate(questions_of(codes, 120, 11)):
            answer = client.search(code=code.tobytes(), k=1 + i % 40, any_ties=i % 7 == 0)
            hits, _ = brute_force(codes, code, 1 + i % 40, None)
            got = [(hit.id, hit.distance) for hit in answer.hits]
            right += got == hits or (i % 7 == 0 and [d for _, d in got] == [d for _, d in hits])
            spared += answer.pruned > 0
        ok(right == 120, f"answers in two waves equal numpy's: {right} of 120")
        ok(spared > 0, f"shards that cannot have a nearer hit are spared: {spared} times")
        ok(cluster.wait(lambda report: report["queries"]["checks_total"] >= 8, 10) and
           client.status()["queries"]["mismatches_total"] == 0, "answers within a bound are right")
        cluster.workers[0].kill()
        partial = [client.search(code=code.tobytes(), k=7, partial=True)
                   for code in questions_of(codes, 14, 12)]
        ok(all(len(answer.hits) == 7 for answer in partial),
           "others answer where the first wave's worker is gone")


try:
    for bits in (64, 128):
        index, raw = work.index(COUNT, bits, SHARDS)
        codes = np.frombuffer(raw, np.uint8).reshape(-1, bits // 8)
        cluster = work.cluster(index, workers=2, threads=2)
        cluster.wait()
        try_client(codes, bits, cluster)
        folder = try_command(codes, bits, index)
        if bits == 64:
            try_mistakes(folder, index)
            try_rechecks(index, codes)
            try_waves(index, codes)
finally:
    work.clean_up()
finish()
