#!/usr/bin/python3
"""ONNX's own tests of operators (Debian's libonnx-testdata), in every engine of ours.

Each test passes at ONNX's tolerances or is listed in onnx_nodes.tsv: its name, the engines (`all`,
or `network` for all but plain), `refused` (the engine says that it does not take the model) or
`differs`, and why. A listed test that passes, or comes out otherwise than listed, fails; so does
one that is neither passed nor listed.

  onnx_nodes.py --list [ENGINE]   prints what does not pass, with the engine's sentence
"""
import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from onnx_case import engines, run_cases
from tap import ROOT, finish, ok

DATA = "/usr/share/libonnx-testdata/data"
TABLE = os.path.join(ROOT, "tests/e2e/onnx_nodes.tsv")
# As many as Debian 12 has (ONNX 1.12): fewer would be a package that lost some.
FOLDERS = {"node": 932, "pytorch-converted": 82, "pytorch-operator": 35, "simple": 23}
# The folders of single operators; `simple` has whole graphs, most of them of strings.
OPERATORS = ("node", "pytorch-converted", "pytorch-operator")
PASSED_MIN = 500
WORDS = {"ok": "passed", "ok-constant": "passed", "refused": "refused", "fail": "differs",
         "crash": "crashed"}


def read_table(engine):
    """{name: "refused" or "differs"} for an engine."""
    listed = {}
    with open(TABLE, encoding="utf-8") as file:
        for line in file:
            name, engines, outcome, reason = line.rstrip("\n").split("\t")
            assert engines in ("all", "network") and outcome in ("refused", "differs"), line
            assert reason and name not in listed, line
            if engines == "all" or engine != "plain":
                listed[name] = outcome
    return listed


def run(engine, folder):
    """{folder/test: (word of the tool, its sentence)}."""
    tests = sorted(os.listdir(os.path.join(DATA, folder)))
    results = run_cases([os.path.join(DATA, folder, test) for test in tests], engine)
    return {os.path.relpath(path, DATA): result for path, result in results.items()}


def check(engine, folder, results, listed):
    """One folder in one engine; returns how many passed."""
    counts = collections.Counter(word for word, _ in results.values())
    passed = counts["ok"] + counts["ok-constant"]
    ok(len(results) == FOLDERS[folder],
       f"{engine}: {folder} has all its {FOLDERS[folder]} tests", f"{len(results)} came out")
    wrong = [f"{name}: listed as {listed.get(name, 'nothing')}, {word}: {sentence}"
             for name, (word, sentence) in sorted(results.items())
             if listed.get(name, "passed") != WORDS[word]]
    ok(not wrong, f"{engine}: {folder}: {passed} passed ({counts['ok-constant']} of them with"
       f" constant inputs), {len(results) - passed} listed of {len(results)}", *wrong)
    return passed


def main():
    if not os.path.isdir(DATA):
        ok(False, "ONNX's tests are there", f"no {DATA}; run deploy/setup tests")
        finish()
    if sys.argv[1:2] == ["--list"]:
        engine = (sys.argv[2:] or ["fast"])[0]
        for folder in FOLDERS:
            for name, (word, sentence) in sorted(run(engine, folder).items()):
                if WORDS[word] != "passed":
                    print(f"{name}\t{WORDS[word]}\t{sentence}")
        return
    for engine in engines():
        listed = read_table(engine)
        results = {folder: run(engine, folder) for folder in FOLDERS}
        passed = {folder: check(engine, folder, results[folder], listed) for folder in FOLDERS}
        total, good = (sum(counts[folder] for folder in OPERATORS) for counts in (FOLDERS, passed))
        ok(good >= PASSED_MIN, f"{engine}: {good} passed, {total - good} listed of {total}")
        names = {name for folder in results.values() for name in folder}
        ok(names.issuperset(listed), f"{engine}: every listed test is there",
           *sorted(set(listed) - names))
    finish()


if __name__ == "__main__":
    main()
