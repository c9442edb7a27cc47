#!/usr/bin/python3
"""Re-ranking: an index that keeps values is the same for any number of ranks; search --rerank gives
what plain arithmetic gives over these values, through every program that asks; and whatever happens
in the second round of messages, an answer is right, or says what it misses, or is refused."""
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import threading
import time

import msgpack
import numpy as np
import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import index_job  # noqa: E402
import make_pictures  # noqa: E402
from encoder_reader import sections as encoder_sections  # noqa: E402
from serving_cluster import Cluster, Error, Work  # noqa: E402
from tap import BIN, finish, ok  # noqa: E402

COUNT, SHARDS, BITS = 160, 4, 24
work = Work()
pictures = os.path.join(work.folder, "pictures")
make_pictures.make(pictures, COUNT, 4, 40, 1)


def index(name):
    return os.path.join(work.folder, name)


def run(program, *arguments):
    done = subprocess.run([os.path.join(BIN, program), *arguments], capture_output=True, text=True,
                          timeout=60, env=index_job.ENVIRONMENT)
    return done.returncode, done.stdout, done.stderr


# --- The oracle -------------------------------------------------------------------------------

def hash_values(weights, thresholds, vector):
    """The code layer less its thresholds, in the order of proto/ENCODER.md: 16 partial sums of
    float32."""
    lanes = -(-len(vector) // 16) * 16
    padded = np.zeros((len(weights), lanes), np.float32)
    padded[:, :len(vector)] = weights
    other = np.zeros(lanes, np.float32)
    other[:len(vector)] = vector
    part = np.zeros((len(weights), 16), np.float32)
    for at in range(0, lanes, 16):
        part = part + padded[:, at:at + 16] * other[at:at + 16]
    for half in (8, 4, 2, 1):
        part = part[:, :half] + part[:, half:2 * half]
    return part[:, 0].astype(np.float64) - thresholds.astype(np.float64)


def stored_of(above):
    most = np.abs(above).max()
    return np.maximum(np.ceil(above * 128 / most) - 1, -128).astype(np.int8)


def asked_of(above):
    return np.floor(above * 32767 / np.abs(above).max() + 0.5).astype(np.int64)


def distance_of(asked, stored):
    value = 2 * stored.astype(np.int64) + 1
    square = float(int((asked ** 2).sum()) * int((value ** 2).sum()))
    return max(0, math.floor((1 - int((asked * value).sum()) / math.sqrt(square)) * 2.0 ** 30))


class Oracle:
    """Reads an index with kept features as the .md files in proto/ describe it."""

    def __init__(self, path):
        folder = index_job.current(path)
        with open(f"{folder}/encoder.kin", "rb") as file:
            part = encoder_sections(file.read())
        self.thresholds = np.frombuffer(part["thresh"], "<f4")
        self.weights = np.frombuffer(part["planes"] if "planes" in part else
                                     part["weights"][:-4 * BITS], "<f4").reshape(BITS, -1)
        self.rows = {}  # id -> code, vector, stored values, key, shard
        for s, rows in enumerate(index_job.shards(path)):
            values = index_job.sections(f"{folder}/shard-{s:04}.kin")["values"]
            vectors = np.load(f"{folder}/features-{s:04}.npy")
            values = np.frombuffer(values, np.int8).reshape(len(rows), -1)
            for row, vector, stored in zip(rows, vectors, values):
                self.rows[row[1]] = (row[0][0], vector, stored, row[2], s)

    def above(self, number):
        return hash_values(self.weights, self.thresholds, self.rows[number][1])

    def search(self, number, k, rerank, within=64, without=()):
        """[(score or None, distance, id)] of the picture with that id."""
        code, asked = self.rows[number][0], asked_of(self.above(number))
        order = sorted((bin(row[0] ^ code).count("1"), i) for i, row in self.rows.items())
        order = [hit for hit in order if hit[0] <= within][:max(k, rerank)]
        first = [(distance_of(asked, self.rows[i][2]), distance, i) for distance, i in order[:rerank]]
        hits = sorted(first) + [(None, distance, i) for distance, i in order[rerank:]]
        return [hit for hit in hits if self.rows[hit[2]][4] not in without][:k]


def key_of(oracle, number):
    return oracle.rows[number][3].decode()


def hits_of(answer):
    scores = [round(score * 2 ** 30) for score in answer.scores]
    scores += [None] * (len(answer.hits) - len(scores))
    return [(score, hit.distance, hit.id) for score, hit in zip(scores, answer.hits)]


# --- Building ---------------------------------------------------------------------------------

def try_builds():
    options = ("--rerank", "--bits", str(BITS), "--shards", str(SHARDS), "--sample", "100", pictures)
    for ranks in (1, 3):
        done = index_job.build(ranks, "-o", index(f"ranks-{ranks}"), *options)
        ok(done.returncode == 0, f"{ranks} ranks build", index_job.said(done))
    ok(index_job.same_generations(index("ranks-1"), index("ranks-3")),
       "values are the same bytes of 3 ranks")
    done = index_job.build(2, "-o", index("kept"), "--keep-features", *options)
    ok(done.returncode == 0, "values beside kept features", index_job.said(done))
    done = index_job.build(1, "-o", index("again"), "--features", index("kept"), *options[:-1])
    ok(done.returncode == 0, "values of kept features", index_job.said(done))
    done = index_job.build(1, "-o", index("plain"), *options[1:])
    ok(done.returncode == 0, "an index without values", index_job.said(done))
    same = all(open(f"{index_job.current(index(a))}/shard-{s:04}.kin", "rb").read() ==
               open(f"{index_job.current(index('ranks-1'))}/shard-{s:04}.kin", "rb").read()
               for a in ("kept", "again") for s in range(SHARDS))
    ok(same, "the shards are those bytes in every way")
    for name in ("ranks-1", "kept", "plain"):
        status, out, said = run("kindred-verify", index(name))
        ok(status == 0, f"{name} is verified", out + said)


def try_values(oracle):
    right = sum(np.array_equal(stored_of(oracle.above(i)), row[2])
                for i, row in oracle.rows.items())
    ok(right == COUNT, f"the values are the code layer in 8 bits ({right})")
    signs = sum(sum(int(value >= 0) << 63 - i for i, value in enumerate(row[2])) == row[0]
                for row in oracle.rows.values())
    ok(signs == COUNT, "their signs are the code")
    codes, values = os.path.join(work.folder, "c.npy"), os.path.join(work.folder, "v.npy")
    status, _, said = run("kindred-index", "export", index("kept"), "-o", codes, "--values", values,
                          "--memory", "1K")
    ok(status == 0 and np.array_equal(np.load(values), np.array([oracle.rows[i][2] for i in
                                                                 range(COUNT)])),
       "export gives them in the order of ids", said)
    status, _, said = run("kindred-index", "export", index("plain"), "-o", codes, "--values", values)
    ok(status == 1 and "keeps no values" in said, "where there are some", said)
    status, out, _ = run("kindred", "info", index("kept"), "--json")
    told = json.loads(out)
    ok(status == 0 and told["value_dimensions"] == BITS and told["value_bytes"] == BITS * COUNT,
       "info says what is kept")
    ok("no values" in run("kindred", "info", index("plain"))[1] and
       "24 values of 8 bits" in run("kindred", "info", index("kept"))[1], "and says it to people")


# --- Asking -----------------------------------------------------------------------------------

def try_command(oracle):
    name = key_of(oracle, 7)
    status, out, said = run("kindred", "search", index("kept"), name, "-k", "10", "--rerank", "40",
                            "--json", "--check")
    answer = json.loads(out) if status == 0 else {"hits": []}
    expected = oracle.search(7, 10, 40)
    ok([(hit["id"], hit["distance"]) for hit in answer["hits"]] == [hit[:0:-1] for hit in expected]
       and answer["rerank"] == 40 and answer["reranked"] == 10 and answer["certificate"]["checked"],
       "search --rerank gives what numpy gives", said)
    ok(all(abs(hit["asymmetric"] - score / 2 ** 30) < 1e-9
           for hit, (score, _, _) in zip(answer["hits"], expected)), "with its distances")
    status, out, _ = run("kindred", "search", index("kept"), name, "-k", "5", "--rerank", "3", "--tsv")
    lines = [line.split("\t") for line in out.splitlines()]
    ok(status == 0 and lines[0][-1] == "asymmetric" and [line[-1] != "" for line in lines[1:]] ==
       [True] * 3 + [False] * 2, "tab-separated values mark what is re-ranked")
    out = run("kindred", "search", index("kept"), name, "-k", "5", "--rerank", "3000")[1]
    ok("asymmetric" in out and "re-ranked: the first 3,000 hits" in out, "so does the table")
    page = os.path.join(work.folder, "page.html")
    status = run("kindred", "search", index("kept"), name, "-k", "5", "--rerank", "30", "--sheet",
                 page)[0]
    with open(page, encoding="utf-8") as file:
        text = file.read()
    ok(status == 0 and text.count("asymmetric distance 0.") == 5 and
       "the first 30 re-ranked by asymmetric distance" in text, "and the sheet")
    for extra, word in ((("--code", "00" * 8), "--rerank"), (("--any-ties",), "--any-ties")):
        status, _, said = run("kindred", "search", index("kept"), name, "--rerank", "3", *extra)
        ok(status == 2 and word in said, f"--rerank with {extra[0]} is refused")
    for number in ("0", "65537", "x"):
        ok(run("kindred", "search", index("kept"), name, "--rerank", number)[0] == 2,
           f"--rerank {number} is refused")
    status, out, said = run("kindred", "search", index("plain"), name, "--rerank", "3")
    ok(status == 1 and not out and "keeps no values" in said and "--rerank" in said,
       "an index without values says so", said)


def try_client(oracle, cluster, what):
    right = 0
    cases = [(k, n, within) for k, n in ((1, 1), (10, 3), (10, 10), (3, 50), (200, 500), (300, 100))
             for within in (None, 9)]
    with cluster.client() as client:
        for number in range(3, COUNT, 31):
            with open(key_of(oracle, number), "rb") as file:
                picture = file.read()
            for k, n, within in cases:
                answer = client.search(picture=picture, k=k, rerank=n, within=within)
                expected = oracle.search(number, k, n, 64 if within is None else within)
                right += hits_of(answer) == expected and answer.rerank == n
        ok(right == 6 * len(cases), f"{what}: every answer is what numpy gives ({right})")
        try:
            client.search(code=bytes(8), rerank=3)
            ok(False, f"{what}: a code is refused")
        except Error as error:
            ok(error.status == "bad-input" and "values" in str(error), f"{what}: a code is refused")


# --- The second round -------------------------------------------------------------------------

class Meddler(threading.Thread):
    """Stands between a coordinator and one worker, and does to `score` messages what it is told."""

    def __init__(self, coordinator_side, worker_side):
        super().__init__(daemon=True)
        self.mode = "pass"
        self.seen, self.identity = 0, None
        context = zmq.Context.instance()
        self.worker, self.coordinator = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        self.worker.bind(worker_side)
        self.coordinator.connect(coordinator_side)
        self.stopping = threading.Event()

    def meddle(self, frame):
        """What goes back at once, or None; and whether the message goes on."""
        message = msgpack.unpackb(frame, raw=False)
        if self.mode == "deaf":
            return None, message["type"] != "scan"
        if message["type"] != "score":
            return None, True
        self.seen += 1
        back = {"type": "scored", "version": 1, "request": message["request"]}
        size = len(message["places"]) // 12
        if self.mode == "refuse":
            back.update(type="error", status="unavailable", text="not now")
        elif self.mode == "short":
            back["scores"] = bytes(4 * size - 4)
        elif self.mode == "far":
            back["scores"] = struct.pack("<I", 2 ** 31 + 1) * size
        elif self.mode == "other":
            back = {"type": "found", "version": 1, "request": message["request"], "totals": [],
                    "hits": []}
        elif self.mode != "drop":
            return None, True
        return None if self.mode == "drop" else msgpack.packb(back, use_bin_type=True), False

    def forward(self):
        """One message each way; whether there was any."""
        some = False
        try:
            self.identity, frame = self.worker.recv_multipart(zmq.NOBLOCK)
            self.coordinator.send(frame)
            some = True
        except zmq.Again:
            pass
        try:
            frame = self.coordinator.recv(zmq.NOBLOCK)
            some = True
            back, goes_on = self.meddle(frame)
            if back is not None:
                self.coordinator.send(back)
            if goes_on and self.identity is not None:
                self.worker.send_multipart([self.identity, frame])
        except zmq.Again:
            pass
        return some

    def run(self):
        while not self.stopping.is_set():
            if not self.forward():
                time.sleep(0.0005)

    def stop(self):
        self.stopping.set()
        self.join(5)
        self.worker.close(0)
        self.coordinator.close(0)


def meddled_cluster(replicas):
    """Two workers, the first of which is meddled with."""
    cluster = work.cluster(index("kept"), workers=1, replicas=replicas)
    meddler = Meddler(cluster.worker_side, f"ipc://{cluster.folder}/m")
    meddler.start()
    cluster.workers.append(cluster.start("kindred-worker", "--connect", f"ipc://{cluster.folder}/m",
                                         cluster.index))
    ok(cluster.wait(), f"a cluster of {replicas} replicas is there", cluster.text())
    return cluster, meddler


def try_failures(oracle):
    """Whatever one of two replicas does, the other one answers."""
    cluster, meddler = meddled_cluster(2)
    with open(key_of(oracle, 11), "rb") as file:
        picture = file.read()
    expected = oracle.search(11, 8, 60)
    with cluster.client() as client:
        for mode in ("pass", "refuse", "short", "far", "other", "drop"):
            meddler.mode, meddler.seen, answers = mode, 0, []
            while len(answers) < 2 or meddler.seen == 0 and len(answers) < 100:
                answers.append(client.search(picture=picture, k=8, rerank=60))
                time.sleep(0.05)  # a worker that was late is not asked before it is heard again
            ok(all(hits_of(answer) == expected and not answer.missing for answer in answers) and
               meddler.seen > 0, f"{mode}: the answer is right")
    meddler.stop()
    cluster.kill()


def try_missing(oracle):
    """Without replicas, shards whose scores do not come are missing, with all their hits."""
    cluster, meddler = meddled_cluster(1)
    with open(key_of(oracle, 11), "rb") as file:
        picture = file.read()
    with cluster.client() as client:
        meddler.mode = "drop"
        question = {"picture": picture, "k": 8, "rerank": 60, "deadline": 600}
        try:
            client.ask("search", "hits", **question)
            ok(False, "an answer without scores is refused")
        except Error as error:
            ok(error.status == "partial" and f"of {SHARDS} shards" in str(error),
               "an answer without scores is refused", error)
        answer = client.ask("search", "hits", partial=True, **question)
        missing = answer["missing"]
        scores = [score for (score,) in struct.iter_unpack("<I", answer["scores"])]
        found = [(score, hit[1], hit[0]) for score, hit in zip(scores, answer["hits"])]
        ok(0 < len(missing) < SHARDS and "radius" not in answer and
           found == oracle.search(11, 8, 60, without=missing) and len(answer["hits"]) == 8,
           f"a partial answer leaves out the {len(missing)} shards that did not score")
        meddler.mode = "deaf"
        again = client.ask("search", "hits", partial=True, **question)
        scores = [score for (score,) in struct.iter_unpack("<I", again["scores"])]
        found = [(score, hit[1], hit[0]) for score, hit in zip(scores, again["hits"])]
        without = again["missing"]
        near = sorted((d, i) for _, d, i in oracle.search(11, COUNT, COUNT, without=without))[:60]
        expected = [hit for hit in oracle.search(11, COUNT, COUNT, without=without)
                    if hit[1:] in near][:8]
        ok(0 < len(without) < SHARDS and found == expected,
           "so does one whose shards did not answer at all: the others are re-ranked")
        try:
            client.ask("search", "hits", **question)
            ok(False, "and without `partial` it is refused")
        except Error as error:
            ok(error.status == "partial", "and without `partial` it is refused", error)
        meddler.mode = "pass"
        ok(hits_of(client.search(picture=picture, k=8, rerank=60)) == oracle.search(11, 8, 60),
           "and the next answer is whole again")
    meddler.stop()
    cluster.kill()


def try_damaged(oracle):
    """A shard that no worker opens is missing in both rounds."""
    path = index("damaged")
    shutil.copytree(index("kept"), path)
    damaged = f"{index_job.current(path)}/shard-0001.kin"
    with open(damaged, "r+b") as file:
        file.seek(index_job_offset(damaged, "values") + 5)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    ok(run("kindred-verify", path)[0] != 0, "a flipped bit of a value is found")
    name = key_of(oracle, 11)
    status, out, said = run("kindred", "search", path, name, "--rerank", "60", "-k", "8")
    ok(status == 1 and not out and "shard-0001.kin" in said, "a damaged shard is not served", said)
    status, out, said = run("kindred", "search", path, name, "--rerank", "60", "-k", "8",
                            "--allow-partial", "--json")
    answer = json.loads(out) if out else {"hits": [], "coverage": {}}
    wanted = [hit for hit in oracle.search(11, COUNT, COUNT, without=(1,))]
    left = sorted(((d, i) for _, d, i in wanted))[:60]
    wanted = [hit[2] for hit in wanted if (hit[1], hit[2]) in left][:8]
    ok(status == 3 and answer["coverage"].get("answered") == SHARDS - 1 and
       [hit["id"] for hit in answer["hits"]] == wanted, "what is there is re-ranked", said)


def index_job_offset(path, section):
    with open(path, "rb") as file:
        data = file.read()
    for i in range(struct.unpack_from("<I", data, 16)[0]):
        name, offset, _ = struct.unpack_from("<8sQQ", data, 64 + 32 * i)
        if name.rstrip(b"\0").decode() == section:
            return offset
    raise ValueError(section)


def main():
    try:
        try_builds()
        oracle = Oracle(index("kept"))
        try_values(oracle)
        try_command(oracle)
        for workers, replicas, level in ((1, 1, "scalar"), (3, 2, "avx2")):
            cluster = work.cluster(index("kept"), workers=workers, replicas=replicas,
                                   environment={"KINDRED_CPU": level})
            ok(cluster.wait(), f"{workers} workers are there", cluster.text())
            try_client(oracle, cluster, f"{workers} workers, {level}")
            cluster.kill()
        try_failures(oracle)
        try_missing(oracle)
        try_damaged(oracle)
    finally:
        work.clean_up()
    finish()


main()
