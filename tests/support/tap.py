"""TAP for Python tests: ok(condition, what), finish(). BIN is the folder of the programs."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
BIN = os.path.join(BUILD, "bin")
LONG = os.environ.get("KINDRED_TEST_LONG") == "1"
_count = 0
_failed = 0


def ok(condition, what, *notes):
    """One test; notes are printed where it fails."""
    global _count, _failed
    _count += 1
    print(f"{'ok' if condition else 'not ok'} {_count} - {what}", flush=True)
    if not condition:
        _failed += 1
        for note in notes:
            print("# " + str(note).replace("\n", "\n# "), flush=True)
    return bool(condition)


def finish():
    print(f"1..{_count}")
    sys.exit(1 if _failed or not _count else 0)
