"""Runs kindred-index for tests, and reads what it made as the .md files in proto/ describe it,
without any code of Kindred's."""
import filecmp
import glob
import os
import struct
import subprocess

from tap import BIN

PROGRAM = f"{BIN}/kindred-index"
REASONS = ["none", "unreadable", "vanished", "changed", "not-a-file", "empty", "not-an-image",
           "unsupported", "truncated", "corrupt", "too-large", "timeout", "decoder-died"]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1",
                   OMPI_MCA_btl_vader_single_copy_mechanism="none")


def command(ranks, *arguments):
    """The words of `kindred-index build`, under mpirun unless ranks is 0."""
    launcher = ["mpirun", "-n", str(ranks)] if ranks else []
    return [*launcher, PROGRAM, "build", *arguments]


def build(ranks, *arguments, cwd=None, stdin=None, timeout=120, prefix=()):
    """Runs a build to its end; the finished process with what it said on standard error."""
    return subprocess.run([*prefix, *command(ranks, *arguments)], env=ENVIRONMENT, cwd=cwd,
                          capture_output=True, timeout=timeout, check=False,
                          **({"input": stdin} if stdin is not None
                             else {"stdin": subprocess.DEVNULL}))


def said(done):
    return done.stderr.decode("utf-8", "replace")


def sections(path):
    """name -> bytes of a container (proto/CONTAINER.md); checksums are not looked at."""
    with open(path, "rb") as file:
        data = file.read()
    found = {}
    for i in range(struct.unpack_from("<I", data, 16)[0]):
        name, offset, size = struct.unpack_from("<8sQQ", data, 64 + 32 * i)
        found[name.rstrip(b"\0").decode()] = data[offset:offset + size]
    return found


def current(index):
    """The folder of the current generation."""
    with open(f"{index}/CURRENT", encoding="ascii") as file:
        return f"{index}/{file.read().strip()}"


def rejected(index):
    """key -> reason word, of the current generation's ledger."""
    found = {}
    parts = sections(current(index) + "/ledger.kin")
    for at in range(0, len(parts["rows"]), 32):
        _, offset, key_bytes, _, reason, _ = struct.unpack_from("<QQIIII", parts["rows"], at)
        found[parts["text"][offset:offset + key_bytes]] = REASONS[reason]
    return found


def shard_codes(parts):
    """The code of each row of a shard, as words: those of table 0 (proto/SHARD.md)."""
    count, bits = struct.unpack_from("<QI", parts["meta"])
    start_bytes = struct.unpack_from("<I", parts["meta"], 88)[0]
    bucket_bits = struct.unpack_from("<H", parts["meta"], 98)[0]
    tail = 1 if bucket_bits >= 24 else 2 if bucket_bits >= 16 else 4
    planes = bits // 32 - 1
    group_bytes = 16 * (4 * planes + tail)
    codes, bucket = [], 0
    for row in range(count):
        while int.from_bytes(parts["starts-a"][start_bytes * (bucket + 1):][:start_bytes],
                             "little") <= row:
            bucket += 1
        group, lane = row // 16 * group_bytes, row % 16
        at = group + 64 * planes + tail * lane
        code = bucket << 32 - bucket_bits | int.from_bytes(parts["codes-a"][at:at + tail], "little")
        for plane in reversed(range(planes)):
            number = struct.unpack_from("<I", parts["codes-a"], group + 64 * plane + 4 * lane)[0]
            code = code << 32 | number
        codes.append(tuple(code >> 64 * i & (1 << 64) - 1 for i in reversed(range(bits // 64))))
    return codes


def shards(index):
    """[[(code words, id, key, thumbnail)]] of the current generation."""
    found = []
    for path in sorted(glob.glob(current(index) + "/shard-*.kin")):
        parts = sections(path)
        count = struct.unpack_from("<Q", parts["meta"])[0]
        id_bytes = struct.unpack_from("<I", parts["meta"], 84)[0]
        ids = [int.from_bytes(parts["ids"][i:i + id_bytes], "little")
               for i in range(0, count * id_bytes, id_bytes)]
        codes = shard_codes(parts)
        key_ends = [0] * (count + 1)
        if parts["keyends"]:
            key_ends = (0, *struct.unpack(f"<{count}Q", parts["keyends"]))
        thumb_ends = [0] * (count + 1)
        if parts["thumbend"]:
            thumb_ends = (0, *struct.unpack(f"<{count}Q", parts["thumbend"]))
        found.append([(codes[i], ids[i],
                       parts["keys"][key_ends[i]:key_ends[i + 1]],
                       parts["thumbs"][thumb_ends[i]:thumb_ends[i + 1]]) for i in range(count)])
    return found


def indexed(index):
    """The keys that are indexed, in order of id."""
    rows = sorted((row[1], row[2]) for shard in shards(index) for row in shard)
    return [key for _, key in rows]


def same_generations(a, b):
    """Whether two indexes have current generations with the same files, byte by byte."""
    left, right = current(a), current(b)
    names = sorted(os.listdir(left))
    if names != sorted(os.listdir(right)):
        return False
    return filecmp.cmpfiles(left, right, names, shallow=False) == (names, [], [])
