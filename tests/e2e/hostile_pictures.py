#!/usr/bin/python3
"""Pictures that are meant to hurt: each is decoded or rejected with a right reason, and the decoder
then still decodes a good picture to the same pixels. Then thousands of mutations of good pictures,
and a child that is killed or stopped from outside in the middle of its work."""
import collections
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import hostile  # noqa: E402
import tap  # noqa: E402
import trial  # noqa: E402

MUTATIONS = 20000 if tap.LONG else 5000
# A picture takes 2 s at most; the machine may be busy with other tests.
SECONDS_MAX = 240


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def test_cases(folder):
    cases = hostile.cases()
    good = write(folder, "good.jpg", hostile.encoded(hostile.photo(60, 40), "JPEG"))
    paths = [good]
    for number, (_, data, _) in enumerate(cases):
        paths += [write(folder, f"case-{number}", data), good]
    pixels = os.path.join(folder, "pixels")
    os.mkdir(pixels)
    trials, _ = trial.run(paths, "--raster-out", pixels, seconds_max=SECONDS_MAX)
    tap.ok(len(cases) >= 60, f"there are {len(cases)} hostile pictures")
    tap.ok([t.path for t in trials] == paths, "each is accounted for once, in order")
    first = os.path.join(pixels, "0.ppm")
    painted = set() if trial.by_turbo() else hostile.PAINTED_BY_STB
    for number, (name, _, reasons) in enumerate(cases):
        reasons = reasons | {"none"} if name in painted else reasons
        hurt, after = trials[2 * number + 1:2 * number + 3]
        same = after.reason == "none" and filecmp.cmp(
            first, os.path.join(pixels, f"{2 * number + 2}.ppm"), shallow=False)
        said = hurt.reason == "none" or hurt.detail or hurt.reason in ("empty", "not-an-image")
        tap.ok(hurt.reason in reasons and same and said,
               f"{name}: {' or '.join(sorted(reasons))}", hurt, after)


def test_order(folder):
    """What is said of a picture does not depend on those before it, nor on the sandbox."""
    paths = [write(folder, f"case-{number}", data)
             for number, (_, data, _) in enumerate(hostile.cases())]
    forward, _ = trial.run(paths, "--side", "64", seconds_max=SECONDS_MAX)
    backward, _ = trial.run(paths[::-1], "--side", "64", seconds_max=SECONDS_MAX)
    differing = [pair for pair in zip(forward, backward[::-1]) if pair[0] != pair[1]]
    tap.ok(not differing, "the same in another order", *differing)
    bare, said = trial.run(paths, "--side", "64", "--no-sandbox", seconds_max=SECONDS_MAX)
    tap.ok([t.reason for t in bare] == [t.reason for t in forward], "the same without a sandbox",
           *[pair for pair in zip(forward, bare) if pair[0] != pair[1]])
    tap.ok("WITHOUT" in said, "which is said aloud", said)


def seeds():
    photo, small = hostile.photo(48, 36), hostile.photo(24, 20, seed=2)
    grey, palette = small.convert("L"), small.quantize(16)
    faint = small.convert("RGBA")
    faint.putalpha(grey)
    return [hostile.encoded(image, kind, **options) for image, kind, options in [
        (photo, "JPEG", {}), (photo, "JPEG", {"progressive": True}),
        (photo, "JPEG", {"subsampling": 0, "quality": 95}), (photo.convert("L"), "JPEG", {}),
        (photo.convert("CMYK"), "JPEG", {}), (photo, "JPEG", {"restart_marker_blocks": 2}),
        (small, "PNG", {}), (grey, "PNG", {}), (palette, "PNG", {"bits": 4}), (faint, "PNG", {}),
        (faint.convert("LA"), "PNG", {}), (palette, "PNG", {"transparency": 3}),
        (palette, "GIF", {}), (palette, "GIF", {"transparency": 3, "interlace": 1}),
        (small, "BMP", {}), (palette, "BMP", {}), (grey.convert("1"), "BMP", {}),
    ]]


def test_mutations(folder):
    rng = random.Random(20260101)
    good = write(folder, "good.png", hostile.encoded(hostile.photo(30, 20), "PNG"))
    originals = seeds()
    whole, _ = trial.run([write(folder, f"seed-{i}", data) for i, data in enumerate(originals)])
    tap.ok(all(t.reason == "none" for t in whole), "the pictures that are mutated are good", whole)
    paths = []
    for number in range(MUTATIONS):
        data = hostile.mutated(originals[number % len(originals)], rng)
        paths.append(write(folder, f"mutated-{number}", data))
        if number % 100 == 99:
            paths.append(good)
    trials, _ = trial.run(paths, "--side", "64", "--thumbnail", "32", seconds_max=SECONDS_MAX)
    tap.ok([t.path for t in trials] == paths, f"{MUTATIONS} mutations, each accounted for once")
    count = collections.Counter(t.reason for t in trials if t.path != good)
    tap.ok(set(count) <= trial.WORDS - {"empty"} and sum(count.values()) == MUTATIONS,
           f"decoded or rejected: {dict(count.most_common())}")
    tap.ok(count["none"] > MUTATIONS // 50 and count["corrupt"] > MUTATIONS // 50,
           "some still decode, some do not")
    tap.ok(all(t.reason == "none" for t in trials if t.path == good),
           "good pictures between them decode")
    ended = [t for t in trials if t.reason in ("timeout", "decoder-died")]
    tap.ok(not ended, "none kills or hangs the child", *ended[:5])


class Feeding:
    """A trial whose pictures come through FIFOs, so that the test decides when each arrives."""

    def __init__(self, folder, count):
        self.fifos = [os.path.join(folder, f"fifo-{i}") for i in range(count)]
        for fifo in self.fifos:
            os.mkfifo(fifo)
        self.process = subprocess.Popen([trial.PROGRAM, "--try", "--", *self.fifos],
                                        stdout=subprocess.PIPE, text=True)
        self.child = None

    def find_child(self):
        """Waits until the child rests in the sandbox; its number."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            child = trial.picture_child(self.process.pid)
            if child is not None and child != self.child:
                self.child = child
                return child
            time.sleep(0.01)
        raise RuntimeError("the decoder has no child")

    def feed(self, number, data):
        with open(self.fifos[number], "wb") as fifo:
            fifo.write(data)

    def answer(self):
        """Waits for the line of the picture that was fed before."""
        return trial.parse(self.process.stdout.readline().rstrip("\n"))

    def ask(self, number, data):
        self.feed(number, data)
        return self.answer()

    def finish(self):
        self.process.communicate(timeout=60)


def stat(pid):
    """Fields of /proc/PID/stat from the state on; ["X"] of a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return ["X"]


def seconds_of(pid):
    """Processor time that a process has used."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields[1:] else 0


def large_png():
    """A picture that takes a good part of a second."""
    side = 5000
    return hostile.png(hostile.ihdr(side, side, 8, 2), hostile.chunk(
        b"IDAT", zlib.compress(bytes((1 + 3 * side) * side), 1)), hostile.IEND)


def await_work(pid, seconds):
    """Waits until a process has worked on; False where it does not."""
    goal, deadline = seconds_of(pid) + seconds, time.monotonic() + 20
    while seconds_of(pid) < goal and time.monotonic() < deadline:
        time.sleep(0.002)
    return seconds_of(pid) >= goal


def test_child_that_ends(folder):
    """The reasons are those of the picture at hand, and the next picture is decoded."""
    good = hostile.encoded(hostile.photo(60, 40), "JPEG")
    feeding = Feeding(folder, 8)
    first = feeding.ask(0, good)
    os.kill(feeding.find_child(), signal.SIGSTOP)
    stopped, after = feeding.ask(1, good), feeding.ask(2, good)
    tap.ok([t.reason for t in (first, stopped, after)] == ["none", "timeout", "none"],
           "a stopped child is a timeout, once", first, stopped, after)
    os.kill(feeding.find_child(), signal.SIGKILL)
    rest = [feeding.ask(3, good), feeding.ask(4, good)]
    tap.ok([t.reason for t in rest] == ["none", "none"], "a child killed at rest harms no picture",
           *rest)
    child = feeding.find_child()
    os.kill(child, signal.SIGSTOP)  # so that it does not take the picture
    feeding.feed(5, good)
    time.sleep(0.3)
    os.kill(child, signal.SIGKILL)
    waiting = feeding.answer()
    tap.ok(waiting.reason == "none", "a picture that a dead child had not taken is decoded",
           waiting)
    child = feeding.find_child()
    feeding.feed(6, large_png())
    if await_work(child, 0.03):
        os.kill(child, signal.SIGKILL)
    killed, after = feeding.answer(), feeding.ask(7, good)
    tap.ok([killed.reason, after.reason] == ["decoder-died", "none"],
           "a child killed at work is the end of that picture alone", killed, after)
    feeding.finish()


def alive(pid):
    return stat(pid)[0] not in "ZX"


def test_nothing_outlives(folder):
    """kill -9 of the parent ends launcher and child."""
    feeding = Feeding(folder, 1)
    child = feeding.find_child()
    launcher = trial.children(feeding.process.pid)[0]
    feeding.process.kill()
    feeding.process.communicate()
    deadline = time.monotonic() + 10
    while (alive(child) or alive(launcher)) and time.monotonic() < deadline:
        time.sleep(0.02)
    tap.ok(not alive(child) and not alive(launcher), "nothing outlives a killed parent")


def main():
    for test in (test_cases, test_order, test_mutations, test_child_that_ends,
                 test_nothing_outlives):
        folder = tempfile.mkdtemp(prefix="kindred-hostile-")
        try:
            test(folder)
        finally:
            shutil.rmtree(folder)
    tap.finish()


main()
