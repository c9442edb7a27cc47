#!/usr/bin/python3
"""Debian's faiss IndexBinaryFlat beside our scan, same sizes, one thread, same run.

  BUILD=build tests/bench/scan_faiss.py [MILLIONS]     default 10 million codes a width

For each width and number of queries a pass: milliseconds of faiss, milliseconds of our best kernel
(from build/tests/bench_scan, run here), and how many times faster ours is. Medians.
"""
import os
import statistics
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import faiss  # noqa: E402
import numpy  # noqa: E402

ROUNDS = 5
K = 12


def ours(millions):
    """{(bits, queries): (kernel, milliseconds)}; the last kernel of a width is the best one."""
    program = os.path.join(os.environ.get("BUILD", "build"), "tests", "bench_scan")
    out = subprocess.run([program, str(millions)], check=True, capture_output=True, text=True)
    found = {}
    for line in out.stdout.splitlines()[2:]:
        bits, kernel, queries, _, scan_ms = line.split()[:5]
        found[int(bits), int(queries)] = (kernel, float(scan_ms))
    return found


def theirs(bits, count, queries):
    random = numpy.random.default_rng(bits)
    index = faiss.IndexBinaryFlat(bits)
    index.add(random.integers(0, 256, (count, bits // 8), dtype=numpy.uint8))
    times = []
    for _ in range(ROUNDS):
        asked = random.integers(0, 256, (queries, bits // 8), dtype=numpy.uint8)
        start = time.perf_counter()
        index.search(asked, K)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main():
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    faiss.omp_set_num_threads(1)
    kindred = ours(millions)
    print(f"{millions} million codes, k = {K}, one thread, faiss {faiss.__version__}")
    print("bits  queries   faiss ms    ours ms  kernel   times faster")
    for (bits, queries), (kernel, our_ms) in sorted(kindred.items()):
        faiss_ms = theirs(bits, millions * 1000000, queries)
        print(f"{bits:4}  {queries:7} {faiss_ms:10.2f} {our_ms:10.2f}  {kernel:7}"
              f" {faiss_ms / our_ms:10.2f}", flush=True)


main()
