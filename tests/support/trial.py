"""Runs `kindred-decode --try` and reads what it says: a line a file, in order."""
import collections
import os
import subprocess

import tap

PROGRAM = os.path.join(tap.BIN, "kindred-decode")
WORDS = {"none", "empty", "not-an-image", "unsupported", "truncated", "corrupt", "too-large",
         "timeout", "decoder-died"}
Trial = collections.namedtuple("Trial", "path reason width height detail")


def parse(line):
    path, reason, size, detail = line.split("\t")
    width, height = (int(side) for side in size.split("x"))
    return Trial(path, reason, width, height, detail)


def by_turbo():
    """Whether the build decodes JPEG by libjpeg-turbo, and not by stb_image."""
    return "turbo" in subprocess.run([PROGRAM, "--version"], stdout=subprocess.PIPE, text=True,
                                     check=True).stdout


def run(paths, *options, seconds_max=120):
    """The trials of paths and what the program wrote on standard error. Raises where it hangs or
    fails: it must not, whatever the pictures are."""
    done = subprocess.run([PROGRAM, "--try", *options, "--", *paths], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=seconds_max, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr}")
    return [parse(line) for line in done.stdout.splitlines()], done.stderr


def children(pid):
    """Process numbers of the children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def picture_child(pid):
    """The sandboxed child of a program that has opened a decoder: the grandchild."""
    for launcher in children(pid):
        for child in children(launcher):
            return child
    return None
