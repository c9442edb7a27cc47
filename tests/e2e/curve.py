#!/usr/bin/python3
"""Keys: who is let in, who is not, and public addresses."""
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, BUILD, finish, ok  # noqa: E402

WORK = tempfile.mkdtemp(prefix="kindred-curve-")
INDEX = f"{WORK}/index"
ENVIRONMENT = dict(os.environ, KINDRED_LOG="warning")
processes = []


def run(name, *arguments):
    return subprocess.run([f"{BIN}/{name}", *arguments], env=ENVIRONMENT, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, timeout=30, check=False)


def keys(path):
    with open(path, encoding="ascii") as file:
        lines = [line.split('"') for line in file if not line.startswith("#")]
    return {line[0].split(" ")[0]: line[1] for line in lines}


def start_server(*arguments):
    """A coordinator on free ports of loopback; its endpoints."""
    process = subprocess.Popen(
        [f"{BIN}/kindred-coordinator", "--endpoint", "tcp://127.0.0.1:*", "--worker-endpoint",
         "tcp://127.0.0.1:*", *arguments, INDEX], env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=open(f"{WORK}/log", "ab"), stdin=subprocess.DEVNULL, text=True)
    processes.append(process)
    return [process.stdout.readline().split()[1] for _ in range(2)]


def start_worker(endpoint, *arguments):
    process = subprocess.Popen(
        [f"{BIN}/kindred-worker", "--connect", endpoint, *arguments, INDEX], env=ENVIRONMENT,
        stdin=subprocess.DEVNULL, stderr=open(f"{WORK}/log", "ab"))
    processes.append(process)
    return process


def ask(endpoint, server=None, mine=None, seconds=1.0):
    """What a client of other origin gets for a status question; None for nothing."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger = 0
    if server:
        socket.curve_serverkey = server.encode()
        socket.curve_publickey = mine["public-key"].encode()
        socket.curve_secretkey = mine["secret-key"].encode()
    socket.connect(endpoint)
    socket.send(msgpack.packb({"version": 1, "type": "status", "request": 1}))
    reply = msgpack.unpackb(socket.recv()) if socket.poll(seconds * 1000) else None
    socket.close()
    return reply


def make_keys():
    for name in ("server", "friend", "stranger"):
        done = run("kindred", "keygen", f"{WORK}/{name}")
        ok(done.returncode == 0, f"keygen makes the keys of {name}", done.stderr)
    mode = stat.S_IMODE(os.stat(f"{WORK}/server").st_mode)
    ok(mode == 0o600, "a secret key is for its owner only", oct(mode))
    ok("secret-key" not in keys(f"{WORK}/server.pub"), "the file to give away has no secret key")
    ok(keys(f"{WORK}/server")["public-key"] == keys(f"{WORK}/server.pub")["public-key"],
       "both files have the same public key")
    before = keys(f"{WORK}/server")
    done = run("kindred", "keygen", f"{WORK}/server")
    ok(done.returncode != 0 and keys(f"{WORK}/server") == before, "keys are not overwritten")


def refusals():
    for side in ("--endpoint", "--worker-endpoint"):
        for address in ("tcp://0.0.0.0:0", "tcp://*:0", "tcp://127.0.0.1.example.org:0",
                        "tcp://10.1.2.3:7700"):
            done = run("kindred-coordinator", side, address, INDEX)
            ok(done.returncode == 2 and "kindred keygen" in done.stderr,
               f"{side} {address} is refused without keys, and it says how to get them",
               done.returncode, done.stderr)
    done = run("kindred-coordinator", "--endpoint", "tcp://0.0.0.0:0", "--key", f"{WORK}/server",
               INDEX)
    ok(done.returncode == 2 and "--allow" in done.stderr, "a key without a list is refused, too",
       done.stderr)
    for endpoint in ("udp://127.0.0.1:1", "7700", "inproc://x"):
        done = run("kindred-coordinator", "--endpoint", endpoint, INDEX)
        ok(done.returncode == 2, f"{endpoint} is no endpoint", done.stderr)
    done = run("kindred", "search", "tcp://10.1.2.3:7700", "--code", "0" * 16, "--deadline", "300")
    ok(done.returncode == 1 and "--server-key" in done.stderr,
       "a client does not send pictures in clear to another machine", done.stderr)
    os.chmod(f"{WORK}/stranger", 0o644)
    done = run("kindred-coordinator", "--key", f"{WORK}/stranger", INDEX)
    ok(done.returncode != 0 and "chmod 600" in done.stderr, "a key open to others is refused",
       done.stderr)
    os.chmod(f"{WORK}/stranger", 0o600)
    for text in ("rubbish", 'public-key = "short"', 'secret-key = "' + "a" * 40 + '"'):
        with open(f"{WORK}/list", "w", encoding="ascii") as file:
            file.write(text + "\n")
        done = run("kindred-coordinator", "--endpoint", "tcp://127.0.0.1:*", "--key",
                   f"{WORK}/server", "--allow", f"{WORK}/list", INDEX)
        ok(done.returncode == 2 and "line 1" in done.stderr, f"a list with {text[:12]} is refused",
           done.stderr)


def served():
    shutil.copy(f"{WORK}/friend.pub", f"{WORK}/allow")
    server, friend = keys(f"{WORK}/server"), keys(f"{WORK}/friend")
    clients, workers = start_server("--key", f"{WORK}/server", "--allow", f"{WORK}/allow")
    start_worker(workers, "--key", f"{WORK}/server", "--server-key", server["public-key"])
    with_keys = ["--key", f"{WORK}/friend", "--server-key", server["public-key"]]
    done = run("kindred", "search", clients, "--code", "0" * 16, "-k", "3", "--tsv", *with_keys)
    ok(done.returncode == 0 and done.stdout.count("synthetic/") == 3,
       "a client of the list gets answers, from a worker with the server's key", done.stderr)
    reply = ask(clients, server["public-key"], friend)
    ok(reply and reply["type"] == "report", "so does a client of other origin", reply)
    stranger = keys(f"{WORK}/stranger")
    ok(ask(clients, server["public-key"], stranger) is None,
       "a key that is not in the list gets nothing")
    ok(ask(clients) is None, "a client without keys gets nothing")
    ok(ask(clients, stranger["public-key"], friend) is None,
       "a client that expects another server gets nothing")
    ok(ask(workers, server["public-key"], stranger) is None and ask(workers) is None,
       "nor do strangers on the workers' side")
    done = run("kindred", "status", clients, "--key", f"{WORK}/stranger", "--server-key",
               server["public-key"], "--deadline", "500")
    ok(done.returncode == 1 and "no answer" in done.stderr.lower() or "list" in done.stderr,
       "kindred says that there is no answer", done.stderr)
    with open(f"{WORK}/log", encoding="utf-8") as log:
        said = log.read()
    ok(stranger["public-key"] in said, "the server's log names the refused key", said)


def cluster():
    process = subprocess.Popen(
        [f"{BIN}/kindred", "serve", INDEX, "--endpoint", f"ipc://{WORK}/serve", "--workers", "2",
         "--key", f"{WORK}/server", "--allow", f"{WORK}/allow"], env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
    processes.append(process)
    process.stdout.readline()
    reply = ask(f"ipc://{WORK}/serve", keys(f"{WORK}/server")["public-key"],
                keys(f"{WORK}/friend"))
    ok(reply and reply["type"] == "report", "kindred serve takes keys", reply)
    ok(ask(f"ipc://{WORK}/serve") is None, "and lets nobody in without")
    process.terminate()
    ok(process.wait(15) == 0, "it stops on SIGTERM", process.returncode)
    processes.remove(process)


try:
    subprocess.run([f"{BUILD}/tests/bench_make_index", INDEX, "1000", "64", "2"], check=True)
    make_keys()
    refusals()
    served()
    cluster()
finally:
    for leftover in processes:
        leftover.kill()
        leftover.wait()
    shutil.rmtree(WORK, ignore_errors=True)
finish()
