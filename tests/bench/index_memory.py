#!/usr/bin/python3
"""Memory of the ranks while 100,000 small pictures are indexed: anonymous memory (RssAnon) of each
rank after the first 10,000 pictures and at its later peak. Limit: it grows by no more than 10 %.

  BUILD=build tests/bench/index_memory.py [--pictures 100000] [--ranks 2]
"""
import argparse
import glob
import io
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import time

from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN  # noqa: E402

CHUNK = 64  # KIN_CHUNK_PICTURES


def make_tar(path, count):
    """A tar of small PNGs, all different: noise on a coarse grid, enlarged."""
    chance = random.Random(1)
    with tarfile.open(path, "w") as archive:
        for i in range(count):
            image = Image.frombytes("RGB", (6, 6), chance.randbytes(108)).resize((32, 32))
            data = io.BytesIO()
            image.save(data, "PNG", compress_level=1)
            member = tarfile.TarInfo(f"{i % 100:02d}/{i:06d}.png")
            member.size = data.tell()
            data.seek(0)
            archive.addfile(member, data)


def rank_memory(pids):
    """kB of anonymous memory of each rank that runs."""
    memory = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                memory[pid] = int(re.search(r"RssAnon:\s*(\d+)", file.read())[1])
        except (OSError, TypeError):
            pass
    return memory


def find_ranks():
    pids = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                if file.read().strip() == "kindred-index":
                    pids.append(int(path.split("/")[2]))
        except OSError:
            pass
    return pids


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100000)
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_rmaps_base_oversubscribe="1",
                       OMPI_MCA_btl_vader_single_copy_mechanism="none")
    with tempfile.TemporaryDirectory() as work:
        make_tar(f"{work}/small.tar", options.pictures)
        job = subprocess.Popen(["mpirun", "-n", str(options.ranks), f"{BIN}/kindred-index",
                                "build", "-o", f"{work}/index", f"{work}/small.tar"],
                               env=environment, stderr=subprocess.PIPE)
        early, late, done = {}, {}, 0
        start = time.monotonic()
        while job.poll() is None:
            done = max(done, len(glob.glob(f"{work}/index/building/parts/*.kin")) * CHUNK)
            for pid, memory in rank_memory(find_ranks()).items():
                into = early if done < options.pictures / 10 else late
                into[pid] = max(into.get(pid, 0), memory)
            time.sleep(0.1)
        seconds = time.monotonic() - start
        print(job.stderr.read().decode("utf-8", "replace")[-1500:])
    print(f"{options.pictures} pictures, {options.ranks} ranks, {seconds:.0f} s")
    for pid in sorted(late):
        if pid in early:
            print(f"rank pid {pid}: peak {early[pid]} kB in the first tenth, {late[pid]} kB later, "
                  f"ratio {late[pid] / early[pid]:.3f} (limit 1.10)")


main()
