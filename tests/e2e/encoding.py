#!/usr/bin/python3
"""A worker encodes several pictures at once and never holds up searches of codes: its decoders are
stopped by SIGSTOP, so that pictures are under way for as long as the test wants them to be.

Most of it speaks to a worker as a coordinator would, from proto/PROTOCOL.md alone. Nothing here
depends on how fast anything is, but that a dozen pictures take less than the 5 s of a drain."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq
from PIL import Image, ImageDraw

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, BUILD, ROOT, finish, ok  # noqa: E402
from serving_cluster import Work  # noqa: E402

PICTURES = 32
SHARDS = 2
ENCODERS = 3
QUEUE = 64  # pictures that wait; worker/serve/README.md
NICE = 5
DECODE_MS = 60000  # a decoder that is stopped is not taken for one that hangs
NETWORK = os.path.join(ROOT, "tests", "golden", "networks", "vgg", "model.onnx")
TAPS = "/n/n.1/Relu_output_0,inner_4,output"  # 88 numbers: a code has 64 bits
SIDECAR = '{"input": {"width": 11, "height": 13, "resize": "stretch"}}'
work = Work()


# --- Processes --------------------------------------------------------------------------------

def stat(path):
    """State, parent, nice value of /proc/PID or one of its tasks, and its name; None: gone."""
    try:
        with open(f"{path}/stat", encoding="latin-1") as file:
            text = file.read()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return rest[0], int(rest[1]), int(rest[16]), name


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        seen = stat(f"/proc/{entry}") if entry.isdigit() else None
        if seen and seen[1] == pid and seen[0] != "Z":
            found.append(int(entry))
    return sorted(found)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def launchers(worker):
    return [pid for pid in children(worker.pid) if stat(f"/proc/{pid}")[3] == "kindred-decode"]


def decoders(worker):
    """The sandboxed children that decode."""
    return [child for launcher in launchers(worker) for child in children(launcher)]


class Held:
    """Decoders that stand still while this is entered; all of them, or the first so many."""

    def __init__(self, worker, count=None):
        self.pids = decoders(worker)[:count]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
            assert until(lambda pid=pid: stat(f"/proc/{pid}")[0] == "T"), "it does not stop"
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


# --- A worker, and this test as its coordinator -----------------------------------------------

class Worker:
    all = []

    def __init__(self, index):
        folder = tempfile.mkdtemp(dir=work.folder)
        self.log = open(f"{folder}/log", "wb")
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{folder}/workers")
        self.process = subprocess.Popen(
            [f"{BIN}/kindred-worker", "--connect", f"ipc://{folder}/workers", "--threads", "2",
             "--encoders", str(ENCODERS), "--decode-timeout", str(DECODE_MS), index],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        self.peer, self.request = None, 0
        self.replies, self.doubled, self.said = {}, [], {}
        Worker.all.append(self)

    def text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def say(self, kind, **fields):
        self.socket.send_multipart([self.peer, msgpack.packb({"type": kind, "version": 1,
                                                              **fields})])

    def hear(self, seconds=60):
        if not self.socket.poll(1000 * seconds):
            raise TimeoutError(f"the worker says nothing more: {self.text()}")
        self.peer, body = self.socket.recv_multipart()
        message = msgpack.unpackb(body)
        kind, request = message["type"], message.pop("request", None)
        if request is None:
            self.said[kind] = message
        elif request in self.replies:
            self.doubled.append(message)
        else:
            self.replies[request] = message

    def hear_of(self, kind):
        while kind not in self.said:
            self.hear()
        return self.said.pop(kind)

    def serve(self):
        """Gives it its shards, and waits until it has them."""
        hello = self.hear_of("hello")
        self.say("assign", shards=list(range(SHARDS)), beat=100, patience=600000)
        return hello, self.hear_of("ready")

    def ask(self, kind, **fields):
        self.request += 1
        self.say(kind, request=self.request, **{"deadline": 600000, **fields})
        return self.request

    def answers(self, requests):
        while not all(request in self.replies for request in requests):
            self.hear()
        return [self.replies[request] for request in requests]

    def scan(self, code):
        return self.ask("scan", code=code, k=3, shards=list(range(SHARDS)))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()
        self.log.close()


# --- What is asked, and what is right ---------------------------------------------------------

def draw_pictures(folder):
    """Pictures of unlike codes, as the bytes of their files."""
    os.makedirs(folder)
    source = random.Random(1)
    for i in range(PICTURES):
        image = Image.new("RGB", (160, 120), tuple(source.randrange(256) for _ in range(3)))
        draw = ImageDraw.Draw(image)
        for _ in range(12):
            x, y = source.randrange(160), source.randrange(120)
            draw.rectangle([x, y, x + source.randrange(60), y + source.randrange(60)],
                           tuple(source.randrange(256) for _ in range(3)))
        image.save(f"{folder}/{i:02}.png")
    files = []
    for i in range(PICTURES):
        with open(f"{folder}/{i:02}.png", "rb") as file:
            files.append(file.read())
    return files


def build(name, *options):
    """An index of the pictures. Under a sanitizer, by the build beside it: MPI is not of interest."""
    builds = (os.path.dirname(BUILD), BUILD) if "TSAN_OPTIONS" in os.environ else (BUILD,)
    program = next(path for path in (f"{build}/bin/kindred-index" for build in builds)
                   if os.access(path, os.X_OK))
    index = os.path.join(work.folder, name)
    built = subprocess.run([program, "build", "-o", index, "--shards", str(SHARDS), *options,
                            os.path.join(work.folder, "pictures")], capture_output=True, text=True)
    ok(built.returncode == 0, f"{name}: an index is built", built.stderr)
    return index


class Asked:
    """The questions of one index, and the answers they got one after the other."""

    def __init__(self, worker, pictures):
        self.worker = worker
        self.questions = [("encode", {"picture": picture, "thumbnail": 48 * (i % 2)})
                          for i, picture in enumerate(pictures)]
        self.right = [worker.answers([worker.ask(kind, **fields)])[0]
                      for kind, fields in self.questions]
        self.codes = [reply.get("code", b"") for reply in self.right]
        self.found = [worker.answers([worker.scan(code)])[0] for code in self.codes]

    def ask(self, worker, count=PICTURES, **more):
        return [worker.ask(kind, **{**fields, **more}) for kind, fields in
                (self.questions[i % PICTURES] for i in range(count))]

    def agrees(self, worker, requests):
        return [reply == self.right[i % PICTURES]
                for i, reply in enumerate(worker.answers(requests))]

    def scans_agree(self, worker):
        """Each code is searched, and its answer is there before this goes on."""
        return worker.answers([worker.scan(code) for code in self.codes]) == self.found


def statuses(worker, requests):
    return [reply.get("status", "answered") for reply in worker.answers(requests)]


# --- Tests ------------------------------------------------------------------------------------

def first_answers(name, worker, pictures):
    hello, ready = worker.serve()
    ok(hello["encodes"] and all(sentence in ("", b"") for _, sentence in ready["opened"]),
       f"{name}: a worker serves and encodes", hello, ready)
    asked = Asked(worker, pictures)
    hits = [[(hit[1], hit[4][-6:]) for hit in reply["hits"][:1]] for reply in asked.found]
    ok(hits == [[(0, b"%02d.png" % i)] for i in range(PICTURES)],
       f"{name}: every picture, alone, gets the code that the index has of it", hits)
    ok([[image[:2] for image in reply["images"]] for reply in asked.right] ==
       [[[48, 36]] * (i % 2) for i in range(PICTURES)],
       f"{name}: and its thumbnail where one is asked")
    return asked


def priorities(name, worker):
    tasks = [stat(f"/proc/{worker.pid}/task/{task}")
             for task in os.listdir(f"/proc/{worker.pid}/task")]
    plain = stat(f"/proc/{worker.pid}")[2]
    low = min(19, plain + NICE)
    ok([task[2] for task in tasks if task[3] == "encoder"] == [low] * ENCODERS and
       all(task[2] == plain for task in tasks if task[3] != "encoder"),
       f"{name}: encoder threads, and no others, run at a lower priority", tasks)
    processes = [stat(f"/proc/{pid}") for pid in launchers(worker) + decoders(worker)]
    ok([seen[2] for seen in processes] == [low] * 2 * ENCODERS,
       f"{name}: so do the decoders, one for each", processes)


def several_at_once(name, worker, asked):
    with Held(worker, ENCODERS - 1):
        requests = asked.ask(worker)
        while sum(request in worker.replies for request in requests) < PICTURES - ENCODERS + 1:
            worker.hear()
        ok(True, f"{name}: pictures that take long hold up no others")
    ok(all(asked.agrees(worker, requests)), f"{name}: all get their right answer in the end")


def searches_go_on(name, worker, asked):
    rows = [hit[2:4] for hit in asked.found[0]["hits"]]
    pixels = worker.answers([worker.ask("thumbnails", rows=rows, rgb=True)])
    stored = worker.answers([worker.ask("thumbnails", rows=rows)])
    with Held(worker):
        requests = asked.ask(worker)
        shown = worker.ask("thumbnails", rows=rows, rgb=True)
        good = asked.scans_agree(worker)
        ok(good and not any(request in worker.replies for request in requests),
           f"{name}: while {PICTURES} pictures are encoded, every code is searched")
        ok(worker.answers([worker.ask("thumbnails", rows=rows)]) == stored,
           f"{name}: and stored thumbnails are read")
    ok(all(asked.agrees(worker, requests)) and worker.answers([shown]) == pixels,
       f"{name}: then every picture gets its right answer")


def full_queue(name, worker, asked):
    """Which pictures the threads have taken out of the queue when it is full is not known."""
    beyond = 10
    with Held(worker):
        requests = asked.ask(worker, QUEUE + ENCODERS + beyond)
        good = asked.scans_agree(worker)
        busy = {request for request in requests
                if worker.replies.get(request, {}).get("status") == "busy"}
        ok(beyond <= len(busy) <= beyond + ENCODERS,
           f"{name}: pictures beyond the queue are refused as busy", len(busy))
        ok(good, f"{name}: and codes are searched")
    replies = worker.answers(requests)
    ok(all(reply == asked.right[i % PICTURES] for i, reply in enumerate(replies)
           if requests[i] not in busy), f"{name}: the others get their right answers")


def late_ones(name, worker, asked):
    with Held(worker):
        first = asked.ask(worker, ENCODERS)
        late = asked.ask(worker, 5, deadline=1)
        asked.scans_agree(worker)  # so the worker has read what was sent before
        time.sleep(0.01)
    ok(statuses(worker, late) == ["deadline"] * 5 and all(asked.agrees(worker, first)),
       f"{name}: a picture whose time is over is not begun", statuses(worker, late))


def decoders_stop(name, worker, asked):
    def kill(pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return until(lambda: not set(pids) & set(launchers(worker)))

    ok(kill(launchers(worker)[:1]), f"{name}: a decoder is killed")
    requests = asked.ask(worker)
    good, said = asked.agrees(worker, requests), statuses(worker, requests)
    ok(good.count(False) <= 1 and said.count("unavailable") == good.count(False),
       f"{name}: it takes at most one picture with it", said)
    kill(launchers(worker))
    requests = asked.ask(worker)
    ok(statuses(worker, requests) == ["unavailable"] * PICTURES and asked.scans_agree(worker),
       f"{name}: without any decoder pictures are unavailable, and codes are searched",
       statuses(worker, requests))


def drains(name, worker, asked):
    worker.serve()
    with Held(worker):
        requests = asked.ask(worker, 12)
        asked.scans_agree(worker)  # so the worker has read what was sent before
        worker.process.send_signal(signal.SIGTERM)
        worker.hear_of("bye")
        refused = statuses(worker, asked.ask(worker, 1))
    ok(refused == ["unavailable"], f"{name}: a worker that stops takes no new picture", refused)
    ok(all(asked.agrees(worker, requests)), f"{name}: and finishes those that it has")
    ok(worker.process.wait(60) == 0, f"{name}: SIGTERM ends it with status 0", worker.text())


def whole_worker(name, index, pictures):
    worker = Worker(index)
    asked = first_answers(name, worker, pictures)
    priorities(name, worker)
    several_at_once(name, worker, asked)
    searches_go_on(name, worker, asked)
    full_queue(name, worker, asked)
    late_ones(name, worker, asked)
    decoders_stop(name, worker, asked)
    other = Worker(index)
    drains(name, other, asked)
    worker.process.send_signal(signal.SIGTERM)
    ok(worker.process.wait(60) == 0, f"{name}: so does one without decoders", worker.text())
    ok(not worker.doubled and not other.doubled, f"{name}: nothing was answered twice")
    return asked.codes


def through_a_coordinator(index, pictures, codes):
    cluster = work.cluster(index, workers=1, threads=2, patience_ms=60000,
                           options=("--encoders", str(ENCODERS), "--decode-timeout",
                                    str(DECODE_MS)))
    ok(cluster.wait(), "a cluster serves", cluster.text())
    with cluster.client(60) as client, cluster.client(60) as other:
        with Held(cluster.workers[0]):
            requests = [client.send("search", picture=picture, k=1, deadline=600000)
                        for picture in pictures]
            first = [other.search(code=code, k=1).hits[0] for code in codes]
            ok([hit.key[-6:] for hit in first] == [b"%02d.png" % i for i in range(PICTURES)],
               "while one client's pictures are encoded, the other's codes are searched", first)
        replies = [client.receive() for _ in requests]
    ok(sorted(reply["request"] for reply in replies) == requests,
       "every picture is answered, and once")
    ok(all(reply["hits"][0][4] == first[requests.index(reply["request"])].key
           for reply in replies), "with the picture itself")
    ok(cluster.stop() == [0, 0], "SIGTERM ends all with status 0", cluster.text())


def main():
    pictures = draw_pictures(os.path.join(work.folder, "pictures"))
    model = os.path.join(work.folder, "model.onnx")
    os.symlink(NETWORK, model)
    with open(os.path.join(work.folder, "model.json"), "w") as file:
        file.write(SIDECAR)
    builtin = build("builtin", "--features", "builtin")
    codes = whole_worker("builtin", builtin, pictures)
    whole_worker("network", build("network", "--model", f"{model}:{TAPS}"), pictures)
    through_a_coordinator(builtin, pictures, codes)
    logs = "".join(one.text() for one in Worker.all + work.clusters)
    ok("Sanitizer" not in logs, "no sanitizer has complained", logs[-3000:])


try:
    main()
finally:
    for one in Worker.all:
        one.end()
    work.clean_up()
finish()
