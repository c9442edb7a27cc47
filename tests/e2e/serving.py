#!/usr/bin/python3
"""A cluster is asked by the Python client, and compared with a brute force in numpy: exact answers
whatever the number of shards, workers, threads and the kernel; hostile clients; draining."""
import glob
import os
import random
import signal
import subprocess
import sys
import threading
import time

import msgpack
import numpy as np
import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, LONG, finish, ok  # noqa: E402
from serving_cluster import Error, Work  # noqa: E402

SANITIZED = "TSAN_OPTIONS" in os.environ
CASES = 4000 if LONG and not SANITIZED else 150 if SANITIZED else 1000
WINDOW = 64  # questions under way at once
work = Work()


# --- The oracle -------------------------------------------------------------------------------

class Oracle:
    """Every code, compared with every question."""

    def __init__(self, codes, bits):
        self.bits = bits
        self.codes = np.frombuffer(codes, np.uint8).reshape(-1, bits // 8)
        self.words = self.codes.view(np.uint64)
        self.ones = np.array([bin(i).count("1") for i in range(256)], np.uint16)

    def answer(self, code, k, within=None):
        """(total, [(distance, id)...]): the k first in the order of (distance, id)."""
        apart = self.codes ^ np.frombuffer(code, np.uint8)
        distances = self.ones[apart].sum(axis=1)
        ids = np.arange(len(distances))
        if within is not None:
            ids = ids[distances <= within]
        order = np.lexsort((ids, distances[ids]))[:k]
        return len(ids), [(int(distances[i]), int(i)) for i in ids[order]]


def questions(oracle, count, seed):
    """Codes that are there, near ones, and any; with all kinds of k and within."""
    source = random.Random(seed)
    for _ in range(count):
        code = bytearray(oracle.codes[source.randrange(len(oracle.codes))].tobytes())
        for _ in range(source.choice((0, 0, 1, 3, 10))):
            code[source.randrange(len(code))] ^= 1 << source.randrange(8)
        if source.random() < 0.2:
            code = source.randbytes(len(code))
        k = source.choice((1, 2, 12, 12, 50, 300, len(oracle.codes) + 5))
        within = source.choice((None, None, None, 0, 1, source.randrange(oracle.bits // 3),
                                oracle.bits))
        yield bytes(code), k, within


def pipeline(client, asked):
    """Replies in the order of the questions, a window of them under way at once."""
    replies, sent, numbers = {}, 0, []
    asked = list(asked)
    while len(replies) < len(asked):
        while sent < len(asked) and sent - len(replies) < WINDOW:
            code, k, within = asked[sent]
            numbers.append(client.send("search", code=code, k=k, within=within))
            sent += 1
        reply = client.receive()
        assert reply["request"] not in replies, "two answers to one question"
        replies[reply["request"]] = reply
    return [replies[number] for number in numbers]


def agrees(oracle, question, reply):
    code, k, within = question
    if reply["type"] != "hits":
        return False
    total, expected = oracle.answer(code, k, within)
    hits = [(distance, identity) for identity, distance, _, _, _ in reply["hits"]]
    keys = [b"synthetic/%d" % identity for _, identity in expected]
    return (hits == expected and [hit[4] for hit in reply["hits"]] == keys and
            (within is None or reply.get("total", 0) == total) and not reply.get("missing"))


# --- Tests ------------------------------------------------------------------------------------

def exact(bits, count, shards):
    folder, codes = work.index(count, bits, shards)
    oracle = Oracle(codes, bits)
    cluster = work.cluster(folder, workers=2, threads=2)
    ok(cluster.wait(), f"{bits} bits: two workers serve {shards} shards", cluster.text())
    asked = list(questions(oracle, CASES, bits))
    with cluster.client() as client:
        wrong = [question for question, reply in zip(asked, pipeline(client, asked))
                 if not agrees(oracle, question, reply)]
        ok(not wrong, f"{bits} bits: {CASES} random questions, with ties and duplicates, agree with "
           "brute force", wrong[:3])
        code = bytes(oracle.codes[0])
        everything = client.search(code=code, k=count + 1)
        ok(len(everything.hits) == count, f"{bits} bits: k above the number of pictures gives all")
        ok(len(client.search(code=code).hits) == 12, f"{bits} bits: k is 12 unless said otherwise")
        bucket = client.search(code=code, k=65536, within=0)
        same = np.flatnonzero((oracle.codes == oracle.codes[0]).all(axis=1))
        ok([hit.id for hit in bucket.hits] == list(same) and bucket.total == len(same),
           f"{bits} bits: the bucket of a code")
        other = code[:8] if bits > 64 else code + code
        for fields, word in ((dict(code=other), "bits"), (dict(code=b"1234567"), "bits"),
                             (dict(code=code, k=65537), "'k'"), (dict(), "code"),
                             (dict(code=code, within=bits + 1), "within"),
                             (dict(code=code, picture=b"x"), "picture")):
            try:
                client.search(**fields)
                ok(False, f"{bits} bits: {word} is refused")
            except Error as error:
                ok(error.status == "bad-input" and word in str(error),
                   f"{bits} bits: a wrong {word} is refused with a sentence", error)
    ok(cluster.stop() == [0, 0, 0], f"{bits} bits: SIGTERM ends all with status 0", cluster.text())


def levels():
    """Kernels that this machine has."""
    flags = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            flags = file.read()
    return (["scalar"] + ["avx2"] * ("avx2" in flags) +
            ["avx512"] * ("avx512_vpopcntdq" in flags))


def one_answer():
    """Neither shards nor workers, threads or kernels change a byte."""
    shapes = [(1, 1, 1), (3, 1, 3), (3, 2, 1), (7, 3, 2)]
    asked, reference, raw = None, None, {}
    for shards, workers, threads in shapes:
        for level in levels() if (shards, workers) != (7, 3) else levels()[-1:]:
            folder, codes = work.index(2000, 64, shards)
            asked = asked or list(questions(Oracle(codes, 64), 120, 5))
            cluster = work.cluster(folder, workers, threads, environment={"KINDRED_CPU": level})
            what = f"{shards} shards, {workers} workers, {threads} threads, {level}"
            if not ok(cluster.wait(), f"{what}: they serve", cluster.text()):
                continue
            with cluster.client() as client:
                replies = pipeline(client, asked)
            cluster.stop()
            # Shard and row say where a picture is, which is another place in another sharding.
            answers = msgpack.packb([[[hit[0], hit[1], hit[4]] for hit in reply["hits"]] +
                                     [reply.get("total", 0)] for reply in replies])
            reference = reference or answers
            whole = msgpack.packb(replies)
            ok(answers == reference and raw.setdefault(shards, whole) == whole,
               f"{what}: the same bytes")


def many_clients(cluster, oracle, clients=32, each=20):
    failures = []

    def run(seed):
        with cluster.client(seconds=60) as client:
            asked = list(questions(oracle, each, seed))
            for question in asked:
                code, k, within = question
                request = client.send("search", code=code, k=k, within=within)
                reply = client.receive()
                if reply["request"] != request or not agrees(oracle, question, reply):
                    failures.append((question, reply))

    threads = [threading.Thread(target=run, args=(100 + i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ok(not failures, f"{clients} clients at once: no answer lost, none wrong", failures[:2])


def raw_socket(cluster, kind=zmq.DEALER):
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.connect(cluster.client_side)
    return socket


def hostile(cluster, code):
    """Whatever a client sends, the others are served."""
    search = msgpack.packb(dict(type="search", version=1, request=1, code=code))
    refused = {
        "garbage": bytes(range(255, -1, -1)),
        "no bytes": b"",
        "8 GB declared in 5 bytes": b"\xdf\xff\xff\xff\xff",
        "a deep message": b"\x91" * 5000 + b"\xc0",
        "an extension type": b"\xd4\x01\x00",
        "2 million objects": b"\xdd\x00\x1e\x84\x80" + b"\xc0" * 2000000,
        "bytes behind the end": search + b"\xc0",
        "a cut message": search[:-3],
        "an array": b"\x93\x01\x02\x03",
        "no version": msgpack.packb(dict(type="search", request=1)),
        "another version": msgpack.packb(dict(type="search", version=2, request=1)),
        "an unknown type": msgpack.packb(dict(type="drop-tables", version=1, request=1)),
        "a word of workers": msgpack.packb(dict(type="beat", version=1)),
        "a reply": msgpack.packb(dict(type="images", version=1, request=1, images=[])),
        "a map as k": msgpack.packb(dict(type="search", version=1, request=1, code=code, k={})),
        "rows beyond the shards": msgpack.packb(dict(type="thumbnails", version=1, request=1,
                                                     rows=[[4000, 0]])),
        "rows beyond a shard": msgpack.packb(dict(type="thumbnails", version=1, request=1,
                                                  rows=[[0, 2 ** 63]])),
    }
    for name, message in refused.items():
        socket = raw_socket(cluster)
        socket.send(message)
        reply = msgpack.unpackb(socket.recv()) if socket.poll(10000) else None
        ok(reply and reply["type"] == "error" and reply["text"], f"hostile: {name} is refused with "
           "a sentence", reply)
        socket.close()
    for name, frames in {"many frames": [search] * 5, "200 empty frames": [b""] * 200}.items():
        socket = raw_socket(cluster)
        socket.send_multipart(frames)
        ok(not socket.poll(100), f"hostile: {name} are dropped")
        socket.close()
    socket = raw_socket(cluster)
    socket.send(b"\x00" * (68157440 + 1))
    ok(not socket.poll(500), "hostile: a frame above the limit gets no answer")
    socket.close()
    socket = raw_socket(cluster, zmq.REQ)
    socket.send(search)
    ok(socket.poll(10000) and msgpack.unpackb(socket.recv())["type"] == "hits",
       "a REQ socket is answered, too")
    socket.close()


def slow_reader(cluster, oracle):
    """A client that asks without end and never reads costs nobody else an answer: each of the
    others' questions waits for its turn, not for the end of the flood."""
    socket = raw_socket(cluster)
    socket.rcvhwm = 1
    message = msgpack.packb(dict(type="search", version=1, request=1, k=2000,
                                 code=bytes(oracle.codes[0])))
    for _ in range(400 if SANITIZED else 3000):
        try:
            socket.send(message, zmq.DONTWAIT)
        except zmq.Again:
            break
    asked = list(questions(oracle, 50, 9))
    with cluster.client(seconds=60) as client:
        good = all(agrees(oracle, question, pipeline(client, [question])[0]) for question in asked)
    ok(good and cluster.coordinator.poll() is None, "a client that never reads harms nobody",
       cluster.text()[-2000:])
    socket.close()


def status_says(cluster):
    with cluster.client() as client:
        report = client.status()
    ok(len(report["workers"]) == 2 and all(shard["replicas"] == 2 for shard in report["shards"]) and
       report["queries"]["asked"] > 0 and report["latency_ms"]["p99"] > 0,
       "status: workers, replicas, queries, latency", report)


def drains(cluster, oracle):
    """Questions that are open when a stop is asked are answered, also to a client that takes its
    time to read; new ones are refused."""
    asked = [(code, len(oracle.codes), None) for code, _, _ in questions(oracle, 30, 3)]
    reader = zmq.Context.instance().socket(zmq.DEALER)
    reader.linger, reader.rcvhwm = 0, 1
    reader.connect(cluster.client_side)
    with cluster.client() as late:
        for worker in cluster.workers:
            worker.send_signal(signal.SIGSTOP)
        for number, (code, k, _) in enumerate(asked):
            reader.send(msgpack.packb(dict(type="search", version=1, request=number, code=code,
                                           k=k)))
        time.sleep(0.2)
        cluster.coordinator.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        try:
            late.search(code=asked[0][0])
            ok(False, "a coordinator that stops takes no new question")
        except Error as error:
            ok(error.status == "unavailable", "a coordinator that stops takes no new question",
               error)
        for worker in cluster.workers:
            worker.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        replies = {}
        while len(replies) < len(asked) and reader.poll(5000):
            reply = msgpack.unpackb(reader.recv())
            replies[reply["request"]] = reply
    reader.close()
    ok(len(replies) == len(asked) and all(agrees(oracle, question, replies[number])
                                          for number, question in enumerate(asked)),
       "it finishes those that it has", len(replies), len(asked))
    ok(cluster.coordinator.wait(15) == 0, "and ends with status 0")


def workers_leave(oracle, folder):
    """SIGTERM to one worker under load: nobody notices."""
    cluster = work.cluster(folder, workers=2)
    ok(cluster.wait(), "two workers serve", cluster.text())
    failures, stop = [], threading.Event()

    def load(seed):
        with cluster.client(seconds=30) as client:
            while not stop.is_set():
                asked = list(questions(oracle, 20, seed))
                seed += 1
                failures.extend((question, reply)
                                for question, reply in zip(asked, pipeline(client, asked))
                                if not agrees(oracle, question, reply))

    threads = [threading.Thread(target=load, args=(1000 * i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    leaver = cluster.workers.pop(0)
    leaver.send_signal(signal.SIGTERM)
    left = leaver.wait(20)
    time.sleep(0.3)
    cluster.add_worker()
    cluster.wait()
    stop.set()
    for thread in threads:
        thread.join()
    ok(left == 0 and not failures, "a worker that leaves and one that comes cost no answer",
       left, failures[:2])
    cluster.stop()


def damaged(bits=64):
    """A damaged shard is refused by name, and its hits are missing, never wrong."""
    folder, codes = work.index(1500, bits, 3)
    path = glob.glob(f"{folder}/generation-*/shard-0001.kin")[0]
    with open(path, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    oracle = Oracle(codes, bits)
    cluster = work.cluster(folder, workers=2)
    ok(cluster.wait(), "a damaged shard does not keep the others from serving", cluster.text())
    ok("shard-0001.kin" in cluster.text(), "it is refused by name")
    code = bytes(oracle.codes[7])
    with cluster.client() as client:
        try:
            client.search(code=code)
            ok(False, "an answer that misses a shard is refused")
        except Error as error:
            ok(error.status == "partial" and "shard-0001.kin" in str(error),
               "an answer that misses a shard is refused, and says why", error)
        answer = client.search(code=code, k=1500, partial=True)
        _, everything = oracle.answer(code, 1500)
        expected = [pair for pair in everything if pair[1] in {hit.id for hit in answer.hits}]
        ok(answer.missing == [1] and [(hit.distance, hit.id) for hit in answer.hits] == expected and
           len(expected) == 1500 - client.status()["shards"][1]["pictures"],
           "a partial answer is marked, and exact for the shards that it has")
        ok("refused" in client.status()["shards"][1], "status says so")
    cluster.stop()


def pictures():
    """Questions by picture, thumbnails as stored and as pixels: compared with Pillow."""
    from io import BytesIO

    from PIL import Image, ImageDraw
    folder = os.path.join(work.folder, "pictures")
    os.makedirs(folder)
    source = random.Random(1)
    for i in range(24):
        image = Image.new("RGB", (160, 120), tuple(source.randrange(256) for _ in range(3)))
        draw = ImageDraw.Draw(image)
        for _ in range(12):
            x, y = source.randrange(160), source.randrange(120)
            draw.rectangle([x, y, x + source.randrange(60), y + source.randrange(60)],
                           tuple(source.randrange(256) for _ in range(3)))
        image.save(f"{folder}/{i:02}.png")
    index = os.path.join(work.folder, "picture-index")
    built = subprocess.run([f"{BIN}/kindred-index", "build", "-o", index, "--shards", "2", folder],
                           capture_output=True, text=True)
    if not ok(built.returncode == 0, "an index of pictures is built", built.stderr):
        return
    cluster = work.cluster(index, workers=2)
    ok(cluster.wait(), "two workers serve it", cluster.text())
    with cluster.client() as client:
        first = {}
        for name in sorted(os.listdir(folder)):
            with open(f"{folder}/{name}", "rb") as file:
                first[name] = client.search(picture=file.read(), k=3, thumbnail=64)
        ok(all(answer.hits[0].distance == 0 and answer.hits[0].key.endswith(name.encode())
               for name, answer in first.items()), "every picture finds itself first")
        answer = first["00.png"]
        again = client.search(code=answer.code, k=3)
        ok(again.hits == answer.hits, "its code finds the same")
        with Image.open(f"{folder}/00.png") as image:
            small = np.asarray(image.resize((64, 48), Image.BILINEAR), float)
        own = np.frombuffer(answer.thumbnail.data, np.uint8).reshape(
            answer.thumbnail.height, answer.thumbnail.width, 3)
        ok(own.shape == small.shape and np.abs(own - small).mean() < 8,
           "the question's own thumbnail is the picture", own.shape)
        stored = client.thumbnails(answer.hits, generation=answer.generation)
        pixels = client.thumbnails(answer.hits, rgb=True)
        close = []
        for jpeg, raw in zip(stored, pixels):
            decoded = np.asarray(Image.open(BytesIO(jpeg.data)).convert("RGB"), float)
            close.append(decoded.shape == (raw.height, raw.width, 3) and np.abs(
                decoded - np.frombuffer(raw.data, np.uint8).reshape(decoded.shape)).mean() < 2)
        ok(all(close) and len(close) == 3, "thumbnails as stored and as pixels are the same pictures")
        for picture, reason in ((b"no picture at all", "not-an-image: "), (b"", "empty"),
                                (b"\x89PNG\r\n\x1a\n", "truncated")):
            try:
                client.search(picture=picture)
                ok(False, f"a picture is rejected: {reason}")
            except Error as error:
                ok(error.status == "bad-input" and str(error).startswith(reason),
                   f"a picture is rejected: {reason}", error)
        try:
            client.thumbnails(answer.hits, generation="generation-000009")
            ok(False, "rows of another generation are refused")
        except Error as error:
            ok(error.status == "mismatch", "rows of another generation are refused", error)
    ok(cluster.stop() == [0, 0, 0], "SIGTERM ends all with status 0", cluster.text())


def main():
    exact(64, 3000, 5)
    exact(128, 1500, 3)
    exact(256, 1000, 2)
    one_answer()
    folder, codes = work.index(3000, 64, 5)
    oracle = Oracle(codes, 64)
    cluster = work.cluster(folder, workers=2, threads=2, patience_ms=10000)
    ok(cluster.wait(), "a cluster for the rest", cluster.text())
    many_clients(cluster, oracle)
    hostile(cluster, bytes(oracle.codes[0]))
    slow_reader(cluster, oracle)
    status_says(cluster)
    ok(cluster.coordinator.poll() is None and all(w.poll() is None for w in cluster.workers),
       "nothing has died")
    ok(cluster.wait(lambda report: report["queries"]["open"] == 0),
       "what the client that never reads asked is over", cluster.text())
    drains(cluster, oracle)
    workers_leave(oracle, folder)
    damaged()
    if not SANITIZED:
        pictures()
    logs = "".join(c.text() for c in work.clusters)
    ok("Sanitizer" not in logs, "no sanitizer has complained", logs[-3000:])


try:
    main()
finally:
    work.clean_up()
finish()
