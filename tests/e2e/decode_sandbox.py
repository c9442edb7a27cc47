#!/usr/bin/python3
"""The sandbox of kindred-decode from outside: what the kernel says of the child, and that a sandbox
that cannot be had, or that does not hold, is refused with the way out named."""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402
import trial  # noqa: E402

ALLOW = 0x7fff0000
ERRNO_EPERM = 0x00050001
# BMP, 1 x 1, 24 bits.
PICTURE = (b"BM" + b"\0" * 8 + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") +
           (1).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + b"\0" * 24 + b"\1\2\3\0")


def without_seccomp():
    """In the forked process: makes the kernel refuse seccomp from here on."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = library.seccomp_rule_add_array.argtypes = None
    state = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
    call = library.seccomp_syscall_resolve_name(b"seccomp")
    library.seccomp_rule_add_array(state, ctypes.c_uint32(ERRNO_EPERM), call, 0, None)
    if library.seccomp_load(state) != 0:
        os._exit(99)


def attempt(picture, *options, **more):
    return subprocess.run([trial.PROGRAM, "--try", *options, "--", picture], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                          **more)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def limits_of(pid):
    limits = {}
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        for line in file.read().splitlines()[1:]:
            words = re.split(r"\s{2,}", line.strip())
            limits[words[0]] = words[1:3]
    return limits


def resting_child(process):
    """The child once it waits for pictures in its sandbox (it has its name, and seccomp)."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        child = trial.picture_child(process.pid)
        try:
            if child is not None and status_of(child)["Name"] == "kindred-pixels" and \
                    status_of(child)["Seccomp"].strip() == "2":
                return child
        except (OSError, KeyError):
            pass  # a probe that has ended by now
        time.sleep(0.01)
    raise RuntimeError("no child in a sandbox")


def test_child(folder):
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    with subprocess.Popen([trial.PROGRAM, "--try", "--", fifo], stdout=subprocess.PIPE,
                          text=True) as process:
        child = resting_child(process)
        status, limits = status_of(child), limits_of(child)
        descriptors = os.listdir(f"/proc/{child}/fd")
        with open(fifo, "wb") as file:
            file.write(PICTURE)
        process.communicate(timeout=60)
    tap.ok(status["NoNewPrivs"] == "1", "the child gains no privileges", status)
    tap.ok(limits["Max address space"] == [str(512 << 20)] * 2, "512 MB of address space", limits)
    tap.ok(all(limits[name] == ["0", "0"] for name in
               ("Max open files", "Max file size", "Max core file size")),
           "no files, no writing, no core", limits)
    tap.ok(descriptors == ["0"], "one descriptor, its socket", descriptors)


def test_refused(picture):
    plain = attempt(picture)
    tap.ok(plain.returncode == 0 and "\tnone\t1x1" in plain.stdout and plain.stderr == "",
           "a sandbox that holds is silent", plain)
    without = attempt(picture, preexec_fn=without_seccomp)
    tap.ok(without.returncode == 1 and "--no-sandbox" in without.stderr and without.stdout == "",
           "without seccomp in the kernel nothing is decoded", without)
    tap.ok(without.stderr.count("\n") == 1, "one sentence says so", without.stderr)
    loud = attempt(picture, "--no-sandbox", preexec_fn=without_seccomp)
    tap.ok(loud.returncode == 0 and "\tnone\t1x1" in loud.stdout and
           "WITHOUT a sandbox" in loud.stderr, "--no-sandbox decodes, and is loud", loud)


def test_hollow(folder, picture):
    """A seccomp that only says that it works: the self-test must find out."""
    source, library = os.path.join(folder, "hollow.c"), os.path.join(folder, "hollow.so")
    with open(source, "w", encoding="ascii") as file:
        file.write("int seccomp_load(void *f); int seccomp_load(void *f) { return f == 0; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    hollow = attempt(picture, env=dict(os.environ, LD_PRELOAD=library))
    tap.ok(hollow.returncode == 1 and "does not hold" in hollow.stderr and hollow.stdout == "",
           "a sandbox that does not hold is found out", hollow)


def main():
    folder = tempfile.mkdtemp(prefix="kindred-sandbox-")
    picture = os.path.join(folder, "picture.bmp")
    with open(picture, "wb") as file:
        file.write(PICTURE)
    try:
        test_child(folder)
        test_refused(picture)
        test_hollow(folder, picture)
    finally:
        shutil.rmtree(folder)
    tap.finish()


main()
