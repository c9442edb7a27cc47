#!/usr/bin/python3
"""Workers are killed, stopped and started, and the coordinator is started anew, while clients ask:
no answer is wrong, doubled or missing."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import msgpack
import numpy as np
import zmq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, BUILD, LONG, finish, ok  # noqa: E402

COUNT, BITS, SHARDS, K = 20000, 64, 6, 10
CLIENTS = 8
WORK = tempfile.mkdtemp(prefix="kindred-kill-")
INDEX = f"{WORK}/index"
CLIENT_SIDE, WORKER_SIDE = f"ipc://{WORK}/clients", f"ipc://{WORK}/workers"
ENVIRONMENT = dict(os.environ, KINDRED_LOG="error")
processes = []


def start(name, *arguments):
    log = open(f"{WORK}/log", "ab")
    process = subprocess.Popen([f"{BIN}/{name}", *arguments], stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, env=ENVIRONMENT)
    processes.append(process)
    return process


def start_coordinator():
    return start("kindred-coordinator", "--endpoint", CLIENT_SIDE, "--worker-endpoint",
                 WORKER_SIDE, "--patience", "1000", INDEX)


def start_worker():
    return start("kindred-worker", "--connect", WORKER_SIDE, "--threads", "1", INDEX)


def end(process, how=signal.SIGKILL):
    process.send_signal(how)
    process.wait(10)
    processes.remove(process)
    return process.returncode


class Asker:
    """A client that knows msgpack and ZeroMQ, and nothing of Kindred's code."""

    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(CLIENT_SIDE)
        self.request = 0

    def ask(self, timeout_s=15, **fields):
        self.request += 1
        self.socket.send(msgpack.packb({"version": 1, "request": self.request, **fields}))
        until = time.monotonic() + timeout_s
        while self.socket.poll(max(0, until - time.monotonic()) * 1000):
            reply = msgpack.unpackb(self.socket.recv(), unicode_errors="surrogateescape")
            if reply.get("request") == self.request:
                return reply
        return {"type": "nothing"}


def status(asker):
    reply = asker.ask(type="status", timeout_s=5)
    return json.loads(reply["report"]) if reply["type"] == "report" else {}


def wait_for(what, condition, seconds=10):
    asker = Asker()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition(status(asker)):
            return True
        time.sleep(0.02)
    return ok(False, what, status(asker))


def replicas(report):
    return [shard["replicas"] for shard in report.get("shards", [])] or [0]


class Load:
    """Clients that ask until they are told to stop, and check every answer."""

    def __init__(self, queries, expected, deadline_ms=10000):
        self.queries, self.expected, self.deadline_ms = queries, expected, deadline_ms
        self.asked = self.right = 0
        self.bad = []
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        asker, i = Asker(), number
        while not self.stop.is_set():
            i = (i + 1) % len(self.queries)
            reply = asker.ask(type="search", code=self.queries[i], k=K, deadline=self.deadline_ms)
            hits = [(hit[1], hit[0]) for hit in reply.get("hits", [])]
            with self.lock:
                self.asked += 1
                if hits == self.expected[i] and not reply.get("missing"):
                    self.right += 1
                elif len(self.bad) < 3:
                    self.bad.append({key: reply.get(key) for key in ("type", "status", "text")}
                                    if not hits else (hits, self.expected[i]))

    def finish(self, what):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        ok(self.asked > 50 and self.right == self.asked,
           f"{what}: every answer there and right", f"{self.right} of {self.asked}", *self.bad)
        return self


def oracle(codes, query):
    """The k smallest (distance, id), by comparing with every code."""
    distance = np.unpackbits(codes ^ np.frombuffer(query, np.uint8), axis=1).sum(axis=1)
    order = np.lexsort((np.arange(len(codes)), distance))[:K]
    return [(int(distance[i]), int(i)) for i in order]


def main():
    subprocess.run([f"{BUILD}/tests/bench_make_index", INDEX, str(COUNT), str(BITS), str(SHARDS),
                    f"{WORK}/codes"], check=True)
    codes = np.fromfile(f"{WORK}/codes", np.uint8).reshape(COUNT, BITS // 8)
    random = np.random.default_rng(5)
    queries = [codes[random.integers(COUNT)].tobytes() for _ in range(20)]
    queries += [random.bytes(BITS // 8) for _ in range(20)]
    expected = [oracle(codes, query) for query in queries]
    coordinator = start_coordinator()
    workers = [start_worker() for _ in range(3)]
    wait_for("three workers serve every shard twice", lambda r: min(replicas(r)) >= 2)

    load = Load(queries, expected)
    for _ in range(6 if LONG else 3):
        time.sleep(0.15)
        end(workers.pop(0))
        time.sleep(0.15)
        workers.append(start_worker())
        wait_for("the new worker serves", lambda r: min(replicas(r)) >= 2)
    load.finish("workers killed and started")

    load = Load(queries, expected)
    time.sleep(0.1)
    workers[0].send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    workers[0].send_signal(signal.SIGCONT)
    wait_for("the stopped worker serves again",
             lambda r: len(r.get("workers", [])) == 3 and min(replicas(r)) >= 2)
    load.finish("a worker stopped and continued")
    ok(status(Asker())["queries"]["asked_again"] > 0, "what was late was asked elsewhere")

    load = Load(queries, expected)
    time.sleep(0.1)
    for worker in workers:
        end(worker)
    time.sleep(0.3)
    workers = [start_worker() for _ in range(2)]
    load_until = time.monotonic() + 10
    before = load.right
    while load.right < before + 50 and time.monotonic() < load_until:
        time.sleep(0.05)
    load.finish("no worker for a while: questions wait")

    load = Load(queries, expected)
    time.sleep(0.1)
    code = end(workers.pop(0), signal.SIGTERM)
    time.sleep(0.2)
    load.finish("a worker leaves on SIGTERM")
    ok(code == 0, "it ends with status 0", code)

    end(workers.pop(0))
    reply = Asker().ask(type="search", code=queries[0], k=K, deadline=300)
    ok(reply["type"] == "error" and reply["status"] == "partial",
       "without workers a question is refused at its deadline", reply)
    workers = [start_worker() for _ in range(2)]
    wait_for("workers are back", lambda r: min(replicas(r)) >= 2)

    end(coordinator)
    coordinator = start_coordinator()
    ok(wait_for("workers come back to it", lambda r: min(replicas(r)) >= 2),
       "workers come back to a new coordinator")
    reply = Asker().ask(type="search", code=queries[1], k=K)
    ok([(h[1], h[0]) for h in reply.get("hits", [])] == expected[1], "which answers", reply)

    # Draining: questions that are open when SIGTERM comes are answered.
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    asker = Asker()
    asker.request += 1
    asker.socket.send(msgpack.packb({"version": 1, "type": "search", "request": asker.request,
                                     "code": queries[2], "k": K}))
    time.sleep(0.2)
    coordinator.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    reply = msgpack.unpackb(asker.socket.recv()) if asker.socket.poll(5000) else {}
    ok([(h[1], h[0]) for h in reply.get("hits", [])] == expected[2],
       "a coordinator that stops finishes its questions", reply)
    coordinator.wait(10)
    processes.remove(coordinator)
    ok(coordinator.returncode == 0, "and ends with status 0", coordinator.returncode)
    for worker in workers:
        ok(end(worker, signal.SIGTERM) == 0, "a worker without coordinator ends with status 0")


def supervised():
    """kindred serve starts what dies again, and stops all of it together."""
    serve = start("kindred", "serve", INDEX, "--endpoint", CLIENT_SIDE, "--workers", "2")
    wait_for("kindred serve is ready", lambda r: len(r.get("workers", [])) == 2)
    pids = {worker["pid"] for worker in status(Asker())["workers"]}
    os.kill(min(pids), signal.SIGKILL)
    ok(wait_for("another worker", lambda r: len({w["pid"] for w in r.get("workers", [])} - pids) == 1
                and len(r["workers"]) == 2 and min(replicas(r)) == 2),
       "kindred serve starts a killed worker again")
    children = subprocess.run(["pgrep", "-P", str(serve.pid)], capture_output=True, text=True,
                              check=False).stdout.split()
    ok(len(children) == 3, "it has three children", children)
    ok(end(serve, signal.SIGTERM) == 0, "it ends with status 0 on SIGTERM")
    ok(not any(os.path.exists(f"/proc/{child}") for child in children), "and its children with it")

    serve = start("kindred", "serve", INDEX, "--endpoint", CLIENT_SIDE, "--workers", "2")
    wait_for("kindred serve is ready", lambda r: len(r.get("workers", [])) == 2)
    children = subprocess.run(["pgrep", "-P", str(serve.pid)], capture_output=True, text=True,
                              check=False).stdout.split()
    worker = status(Asker())["workers"][0]["pid"]
    with open(f"/proc/{worker}/cmdline", encoding="utf-8") as words:
        folder = os.path.dirname(words.read().split("ipc://")[1].split("\0")[0])
    end(serve)
    until = time.monotonic() + 10
    while time.monotonic() < until and any(os.path.exists(f"/proc/{child}") for child in children):
        time.sleep(0.05)
    ok(not any(os.path.exists(f"/proc/{child}") for child in children),
       "children of a killed kindred serve end by themselves")
    there = os.path.isdir(folder)
    asked = subprocess.run([f"{BIN}/kindred", "search", INDEX, "--code", "0" * 16], check=False,
                           stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT)
    ok(asked.returncode == 0 and there and not os.path.exists(folder),
       "the next cluster removes the folder of sockets that it left behind", folder, asked.stderr)


try:
    main()
    supervised()
finally:
    for leftover in processes:
        leftover.kill()
    if os.path.exists(f"{WORK}/log"):
        with open(f"{WORK}/log", encoding="utf-8", errors="replace") as said:
            for text in said.read().splitlines()[-20:]:
                print("# " + text)
    shutil.rmtree(WORK, ignore_errors=True)
finish()
