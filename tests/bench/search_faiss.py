#!/usr/bin/python3
"""Search over tables beside faiss's indexes of binary codes, on the same codes and questions.

  tests/bench/search_faiss.py [KIND [COUNT [QUESTIONS [FOLDER]]]]

c, 1000000 codes of 64 bits, 200 questions. FOLDER keeps the shard, codes and questions, and may have
the shard that bench_search would make.

One thread, k = 10. IndexBinaryFlat is exact; IndexBinaryMultiHash and IndexBinaryHNSW are not: what
part of the right distances they give is in the last column. Codes are made by bench_search's set
(build/tests/bench_search --dump).
"""
import os
import re
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"
import faiss  # noqa: E402
import numpy  # noqa: E402

K = 10


def program(*arguments):
    """What bench_search prints."""
    path = os.path.join(os.environ.get("BUILD", "build"), "tests", "bench_search")
    return subprocess.run([path, *map(str, arguments)], check=True, capture_output=True,
                          text=True).stdout


def seconds(index, questions):
    """Time a question, and the distances."""
    start = time.perf_counter()
    distances, _ = index.search(questions, K)
    return (time.perf_counter() - start) / len(questions), distances


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "c"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    asked = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    held = sys.argv[4:5]
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folder = f"{held[0]}/{kind}-{count}-{asked}" if held else made
        if not os.path.exists(f"{folder}/questions"):
            os.makedirs(folder, exist_ok=True)
            program("--dump", kind, 64, count, asked, folder)
        codes = numpy.fromfile(f"{folder}/codes", numpy.uint8).reshape(count, 8)
        questions = numpy.fromfile(f"{folder}/questions", numpy.uint8).reshape(asked, 8)
    said = program(kind, 64, count, 0, asked, *held)
    ours = float(re.search(r"search: .*?mean ([0-9.]+)", said).group(1)) / 1e3
    flat = faiss.IndexBinaryFlat(64)
    flat.add(codes)
    multi = faiss.IndexBinaryMultiHash(64, 3, 20)
    multi.nflip = 1
    multi.add(codes)
    graph = faiss.IndexBinaryHNSW(64, 16)
    few = codes[:min(count, 1000000)]
    graph.add(few)
    exact, right = seconds(flat, questions)
    print(f"{kind}, 64 bits, {count} codes, k = {K}, one thread, faiss {faiss.__version__}; means")
    print("index                       ms a question   ours is faster by   right distances")
    print(f"Kindred                    {ours * 1e3:14.4f}   {1:17.1f}   {1:15.3f}")
    few_right = right
    if len(few) < count:
        flat = faiss.IndexBinaryFlat(64)
        flat.add(few)
        few_right = seconds(flat, questions)[1]
    for name, index, wanted in (("IndexBinaryMultiHash 3x20", multi, right),
                                (f"IndexBinaryHNSW ({len(few)})", graph, few_right)):
        taken, got = seconds(index, questions)
        part = float(numpy.mean(got == wanted))
        print(f"{name:26} {taken * 1e3:14.4f}   {taken / ours:17.1f}   {part:15.3f}")
    print(f"{'IndexBinaryFlat':26} {exact * 1e3:14.4f}   {exact / ours:17.1f}   {1:15.3f}")


main()
