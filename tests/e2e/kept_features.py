#!/usr/bin/python3
"""Feature vectors that are kept beside the shards: what they are (numpy makes the codes of them
anew, in ENCODER.md's order of additions), for any number of ranks, after a kill, and to verify; and
indexes that are built of them, without the pictures, or of vectors that numpy made."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
import index_job  # noqa: E402
from encoder_reader import read_encoder  # noqa: E402
from index_job import build, current, said  # noqa: E402
from make_pictures import make  # noqa: E402
from serving_cluster import Client, Error, Work  # noqa: E402
from tap import BIN, ROOT, finish, ok  # noqa: E402

OPTIONS = ["--sample", "64", "--shards", "3", "--keep-features"]
NETWORK = os.path.join(ROOT, "tests", "golden", "networks", "vgg", "model.onnx")
TAPS = "/n/n.1/Relu_output_0,inner_4,output"  # 88 numbers
SIDECAR = '{"input": {"width": 11, "height": 13, "resize": "stretch"}}'


def hash_vectors(index, vectors):
    """The codes, as words, of vectors [n][d] by the index's encoder."""
    with open(current(index) + "/encoder.kin", "rb") as file:
        _, planes, thresholds = read_encoder(file.read())
    planes, thresholds = planes.astype(np.float32), thresholds.astype(np.float32)
    bits, dimensions = planes.shape
    padded = (dimensions + 15) // 16 * 16
    planes = np.pad(planes, ((0, 0), (0, padded - dimensions)))
    vectors = np.pad(vectors, ((0, 0), (0, padded - dimensions)))
    sums = np.zeros((len(vectors), bits, 16), np.float32)
    for at in range(0, padded, 16):
        sums += planes[None, :, at:at + 16] * vectors[:, None, at:at + 16]
    for width in (8, 4, 2, 1):
        sums[:, :, :width] += sums[:, :, width:2 * width]
    ones = np.packbits(sums[:, :, 0] > thresholds, axis=1)
    return [tuple(int(word) for word in row.view(">u8")) for row in ones]


def load(index):
    """The kept vectors of each shard."""
    return [np.load(path) for path in sorted(glob.glob(current(index) + "/features-*.npy"))]


def by_key(index):
    """key -> (vector, thumbnail)."""
    return {row[2]: (vector.tobytes(), row[3])
            for vectors, shard in zip(load(index), index_job.shards(index))
            for vector, row in zip(vectors, shard)}


def verify(index):
    done = subprocess.run([f"{BIN}/kindred-verify", index], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout


def kill_at(parts, ranks, index, arguments, work):
    """Starts a build and kills it once there are that many parts; how many there were."""
    job = subprocess.Popen(index_job.command(ranks, "-o", index, *arguments), cwd=work,
                           env=index_job.ENVIRONMENT, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found, end = [], time.monotonic() + 60
    while len(found) < parts and job.poll() is None and time.monotonic() < end:
        found = glob.glob(f"{work}/{index}/building/parts/part-*.kin")
        time.sleep(0.002)
    job.kill()
    job.wait(timeout=30)
    return len(found)


def test_kept(work):
    """--keep-features: shape, order, codes."""
    make(f"{work}/pictures", count=300)
    for name, words in (("broken.png", "no picture"), ("empty.jpg", "")):
        with open(f"{work}/pictures/{name}", "w", encoding="ascii") as file:
            file.write(words)
    for ranks in range(4):
        done = build(ranks, "-o", f"kept{ranks}", *OPTIONS, "pictures", cwd=work)
        ok(done.returncode == 0, f"features are kept by {ranks or 'no launcher and 1'} ranks",
           said(done))
        if ranks > 0:
            ok(index_job.same_generations(f"{work}/kept0", f"{work}/kept{ranks}"),
               f"{ranks} ranks keep the same bytes as one")
    index = f"{work}/kept0"
    shards, vectors = index_job.shards(index), load(index)
    ok([len(shard) for shard in shards] == [len(rows) for rows in vectors]
       and all(rows.dtype == np.float32 and np.isfinite(rows).all() for rows in vectors),
       "one .npy a shard, one finite float32 vector a row", [rows.shape for rows in vectors])
    ok(all(hash_vectors(index, rows) == [row[0] for row in shard]
           for rows, shard in zip(vectors, shards)), "numpy makes the shard's codes of the vectors")
    done = build(1, "-o", "plain", *[x for x in OPTIONS if x != "--keep-features"], "pictures",
                 cwd=work)
    ok(done.returncode == 0 and index_job.shards(f"{work}/plain") == shards
       and load(f"{work}/plain") == [], "without the option: the same shards, and no vectors",
       said(done))


def test_killed(work):
    """A build that keeps features goes on as one that keeps them."""
    killed = kill_at(2, 0, "killed", [*OPTIONS, "pictures"], work)
    ok(2 <= killed and not os.path.exists(f"{work}/killed/CURRENT"), "a build is killed", killed)
    done = build(0, "-o", "killed", *[x for x in OPTIONS if x != "--keep-features"], "pictures",
                 cwd=work)
    ok(done.returncode == 1 and "of another command" in said(done),
       "without --keep-features it is another command", said(done))
    done = build(2, "-o", "killed", *OPTIONS, "pictures", cwd=work)
    ok(done.returncode == 0 and "done before: " in said(done)
       and index_job.same_generations(f"{work}/kept0", f"{work}/killed"),
       "the same command goes on, with the same bytes", said(done))


def test_verify(work):
    """kindred-verify finds what is wrong with kept vectors."""
    status, out = verify(f"{work}/kept0")
    ok(status == 0 and all(f"ok      features-000{s}.npy\n" in out for s in range(3)),
       "kindred-verify checks each file of vectors", out)
    spoiled = f"{work}/spoiled"

    def spoil(what, text, act):
        shutil.copytree(f"{work}/kept0", spoiled)
        act(current(spoiled))
        found, output = verify(spoiled)
        ok(found == 1 and output.count("FAILED") == 1 and text in output, f"verify: {what}", output)
        shutil.rmtree(spoiled)

    def change(folder, function, shard=1):
        path = f"{folder}/features-{shard:04d}.npy"
        np.save(path, function(np.load(path)))

    def put(rows, at, value):
        rows[at] = value
        return rows

    spoil("a file is missing", "features-0002.npy",
          lambda folder: os.remove(f"{folder}/features-0002.npy"))
    spoil("a file too many", "belongs to no shard", lambda folder: shutil.copy(
        f"{folder}/features-0002.npy", f"{folder}/features-0003.npy"))
    spoil("too few rows", "rows of", lambda folder: change(folder, lambda rows: rows[:-1]))
    spoil("rows too short", "rows of", lambda folder: change(folder, lambda rows: rows[:, :-1]))
    spoil("float64", "float32",
          lambda folder: change(folder, lambda rows: rows.astype(np.float64)))
    spoil("a number that is not finite", "row 5 has a number that is not finite",
          lambda folder: change(folder, lambda rows: put(rows, (5, 7), np.nan)))
    spoil("rows in another order", "gives another code than its shard has",
          lambda folder: change(folder, lambda rows: rows[::-1]))
    spoil("another vector in the last row", "gives another code",
          lambda folder: change(folder, lambda rows: put(rows, -1, rows[0])))
    with open(current(f"{work}/kept0") + "/features-0000.npy", "rb") as file:
        whole = file.read()

    def cut(folder):
        with open(f"{folder}/features-0000.npy", "wb") as file:
            file.write(whole[:-4])

    spoil("a file that is cut", "truncated", cut)


def refused(work, what, status, text, *arguments, ranks=0):
    """One sentence, beside what is said of every build and by mpirun."""
    done = build(ranks, *arguments, cwd=work)
    lines = [line for line in said(done).split("\n") if line.startswith("kindred-index: ")
             and "goes on with" not in line and "memory: at most" not in line]
    ok(done.returncode == status and len(lines) == 1 and text in lines[0]
       and not os.path.exists(f"{work}/x/CURRENT"), f"one sentence and exit {status}: {what}",
       done.returncode, said(done))


def test_reused(work):
    """--features INDEX: the same options give the same bytes, others another index of the same
    pictures, which need not be there any more."""
    os.rename(f"{work}/pictures", f"{work}/away")
    for ranks in range(4):
        done = build(ranks, "-o", f"again{ranks}", "--features", "kept0", *OPTIONS, cwd=work)
        ok(done.returncode == 0
           and index_job.same_generations(f"{work}/kept0", f"{work}/again{ranks}"),
           f"{ranks or 'no launcher and 1'} ranks: the same options give the same bytes, without "
           "the pictures", said(done))
    wide = ["--features", "kept0", "--bits", "128", "--hasher", "lsh", "--seed", "7", "--shards",
            "5", "--sample", "100"]
    for ranks in (1, 3):
        done = build(ranks, "-o", f"wide{ranks}", *wide, "--keep-features", cwd=work)
        ok(done.returncode == 0, f"other bits, hasher, seed and shards, {ranks} ranks", said(done))
    index = f"{work}/wide3"
    ok(index_job.same_generations(f"{work}/wide1", index), "any number of ranks: the same bytes")
    ok(by_key(index) == by_key(f"{work}/kept0"), "every picture has its vector and its thumbnail")
    ids = [sorted((row[1], row[2]) for shard in index_job.shards(folder) for row in shard)
           for folder in (index, f"{work}/kept0")]
    ok(ids[0] == ids[1] and len(index_job.shards(index)) == 5, "ids and keys are the same")
    ok(index_job.rejected(index) == index_job.rejected(f"{work}/kept0") != {},
       "and so are the rejected inputs", index_job.rejected(index))
    ok(all(hash_vectors(index, rows) == [row[0] for row in shard]
           for rows, shard in zip(load(index), index_job.shards(index))),
       "numpy makes the new codes of the vectors")
    status, out = verify(index)
    ok(status == 0, "kindred-verify finds nothing wrong", out)
    done = build(0, "-o", "again-lsh", "--features", "kept1", "--hasher", "lsh", cwd=work)
    ok(done.returncode == 0, "the other hasher", said(done))
    done = build(2, "-o", "twice", "--features", "wide1", *OPTIONS, cwd=work)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/kept0", f"{work}/twice"),
       "and back again: the first bytes", said(done))
    os.rename(f"{work}/away", f"{work}/pictures")


def test_same_folder(work):
    """An index may be built of its own features; the generation that they are of may go."""
    shutil.copytree(f"{work}/kept0", f"{work}/own")
    own = ["--features", "own", "--bits", "256", "--keep", "1"]
    killed = kill_at(1, 0, "own", own, work)
    shutil.copytree(f"{work}/own/building", f"{work}/building")
    done = build(2, "-o", "own", *own, cwd=work)
    ok(killed and done.returncode == 0 and current(f"{work}/own").endswith("generation-000002")
       and sorted(os.listdir(f"{work}/own")) == ["CURRENT", "generation-000002"],
       "a new generation replaces the one it was built of, after a kill", said(done))
    os.rename(f"{work}/building", f"{work}/own/building")
    done = build(2, "-o", "own", *own, cwd=work)
    ok(done.returncode == 0 and "was complete" in said(done)
       and not os.path.exists(f"{work}/own/building"),
       "killed after it was published: the same command cleans up", said(done))
    refused(work, "the new generation keeps no features", 1, "own has no kept features", "-o", "x",
            "--features", "own")


def test_frozen(work):
    """A build goes on with the generation that it began with, or not at all."""
    shutil.copytree(f"{work}/kept0", f"{work}/source")
    options = ["--features", "source", "--bits", "128"]
    for name in ("frozen", "stale"):
        ok(kill_at(1, 0, name, options, work), "a build of kept features is killed")
    done = build(0, "-o", "source", "--sample", "64", f"{work}/pictures/apple", cwd=work)
    ok(done.returncode == 0, "its source has a newer generation now", said(done))
    done = build(3, "-o", "frozen", *options, cwd=work)
    plain = build(0, "-o", "unkilled", "--features", "kept0", "--bits", "128", cwd=work)
    ok(done.returncode == 0 and "done before: " in said(done) and plain.returncode == 0
       and index_job.same_generations(f"{work}/unkilled", f"{work}/frozen"),
       "it goes on with the old one, on other ranks, with the bytes of an undisturbed build",
       said(done), said(plain))
    shutil.rmtree(f"{work}/source")
    build(0, "-o", "source", *OPTIONS, "pictures/apple", cwd=work)
    for ranks in (0, 2):
        refused(work, f"another generation of the same name, {ranks or 1} ranks", 1,
                "is no longer what the unfinished build began with", "-o", "stale", *options,
                ranks=ranks)
    done = build(0, "-o", "stale", *options, "--restart", cwd=work)
    ok(done.returncode == 0 and len(index_job.indexed(f"{work}/stale")) == 75,
       "--restart takes what is there", said(done))


def test_network(work):
    """Features of a network: it goes along, so that pictures can be searched for."""
    shutil.copy(NETWORK, f"{work}/net.onnx")
    with open(f"{work}/net.json", "w", encoding="ascii") as file:
        file.write(SIDECAR)
    done = build(2, "-o", "net", "--model", f"net.onnx:{TAPS}", "--keep-features", "pictures",
                 cwd=work)
    again = build(1, "-o", "netlsh", "--features", "net", "--hasher", "lsh", cwd=work)
    ok(done.returncode == 0 and again.returncode == 0, "features of a network", said(done),
       said(again))
    with open(current(f"{work}/net") + "/network.kin", "rb") as one, \
            open(current(f"{work}/netlsh") + "/network.kin", "rb") as other:
        ok(one.read() == other.read(), "network.kin is carried over")
    refused(work, "more bits than numbers, of kept features", 1, "cannot give 128 bits", "-o", "x",
            "--features", "net", "--bits", "128", "--restart")
    refused(work, "more bits than numbers, of a network", 2, "cannot give 128 bits", "-o", "x",
            "--model", f"net.onnx:{TAPS}", "--bits", "128", "pictures")
    rows = {row[2]: row[0] for shard in index_job.shards(f"{work}/netlsh") for row in shard}
    serving = Work()
    try:
        cluster = serving.cluster(f"{work}/netlsh", workers=1)
        ok(cluster.wait(), "an index of kept features is served", cluster.text())
        with Client(cluster.client_side) as client:
            for key in list(rows)[::60]:
                with open(os.path.join(work, key.decode()), "rb") as file:
                    answer = client.search(picture=file.read(), k=3)
                ok(answer.code == rows[key][0].to_bytes(8, "big"),
                   f"{key.decode()} gets the code that it has in the index", answer)
    finally:
        serving.clean_up()


def test_mistakes(work):
    """What --features INDEX refuses."""
    refused(work, "both --features and --model", 2, "both --features and --model", "-o", "x",
            "--features", "kept0", "--model", "net.onnx")
    refused(work, "sources beside an index", 2, "leave the sources out", "-o", "x", "--features",
            "kept0", "pictures")
    refused(work, "a list beside an index", 2, "leave the sources out", "-o", "x", "--features",
            "kept0", "-l", "list")
    refused(work, "--thumbnail beside an index", 2, "leave it out", "-o", "x", "--features",
            "kept0", "--thumbnail", "64")
    refused(work, "neither a name nor a path", 2, "builtin", "-o", "x", "--features", "nowhere")
    refused(work, "a folder that is no index", 1, "is not a Kindred index", "-o", "x",
            "--features", "pictures")
    refused(work, "an index without kept features", 1, "without --keep-features", "-o", "x",
            "--features", "plain", ranks=2)
    source = f"{work}/other"
    for what, text, name, act in (
            ("a file of vectors is missing", "features-0001.npy", "features-0001.npy", os.remove),
            ("kept features of another shape", "these are not the features that were kept",
             "features-0001.npy", lambda path: np.save(path, np.load(path)[:-1])),
            ("kept features of another generation", "these are not the features that were kept",
             "features-0001.npy",
             lambda path: shutil.copy(current(f"{work}/kept1") + "/features-0002.npy", path)),
            ("a number that is not finite", "has a number that is not finite",
             "features-0002.npy", lambda path: np.save(path, np.full_like(np.load(path), np.nan))),
            ("a shard of another index", "is not the shard that the manifest names",
             "shard-0001.kin",
             lambda path: shutil.copy(current(f"{work}/plain") + "/shard-0000.kin", path)),
            ("an encoder of another index", "is not the encoder that the manifest names",
             "encoder.kin",
             lambda path: shutil.copy(current(f"{work}/again-lsh") + "/encoder.kin", path)),
            ("a damaged ledger", "ledger.kin", "ledger.kin", lambda path: os.truncate(path, 4096))):
        shutil.copytree(f"{work}/kept0", source)
        act(f"{current(source)}/{name}")
        refused(work, what, 1, text, "-o", "x", "--features", "other", "--restart", ranks=2)
        shutil.rmtree(source)


def write_list(path, keys, end=b"\n"):
    with open(path, "wb") as file:
        file.write(end.join([*keys, b""]))


def test_table(work):
    """--features FILE.npy: rows go with the lines of a list, whatever their order."""
    chance = np.random.default_rng(5)
    vectors = chance.standard_normal((500, 72)).astype(np.float32)
    keys = [b"http://example.org/%03d \xc3\xa9.jpg" % i for i in chance.permutation(500)]
    keys[7] = keys[450] = keys[3]  # three lines name one input: the first row counts
    np.save(f"{work}/table.npy", vectors)
    write_list(f"{work}/keys", keys)
    table = ["--features", "table.npy", "-l", "keys", "--keep-features", "--sample", "128",
             "--shards", "3"]
    for ranks in range(4):
        done = build(ranks, "-o", f"table{ranks}", *table, cwd=work)
        ok(done.returncode == 0 and said(done).count("2 rows of table.npy are not used") == 1,
           f"vectors of a file, {ranks or 'no launcher and 1'} ranks", said(done))
        if ranks > 0:
            ok(index_job.same_generations(f"{work}/table0", f"{work}/table{ranks}"),
               f"{ranks} ranks give the same bytes as one")
    index = f"{work}/table2"
    wanted = {key: (vectors[i].tobytes(), b"") for i, key in reversed(list(enumerate(keys)))}
    ok(by_key(index) == wanted and len(wanted) == 498, "each key has the vector of its row")
    ok(index_job.indexed(index) == sorted(wanted), "ids are in order of key")
    ok(all(hash_vectors(index, rows) == [row[0] for row in shard]
           for rows, shard in zip(load(index), index_job.shards(index))),
       "numpy makes the codes of the vectors")
    status, out = verify(index)
    ok(status == 0, "kindred-verify finds nothing wrong", out)
    manifest = index_job.sections(current(index) + "/manifest.kin")["summary"]
    ok(manifest[96:101] == b"file/" and len(manifest[96:160].rstrip(b"\0")) == 21
       and manifest[192:320].rstrip(b"\0") == b"none", "the manifest says what they are", manifest)
    write_list(f"{work}/nul-keys", [b"", *keys, b""], b"\0")
    with open(f"{work}/nul-keys", "rb") as file:
        done = build(2, "-o", "nul", *table[:3], "-", "-0", *table[4:], cwd=work, stdin=file.read())
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/table0", f"{work}/nul"),
       "a list from standard input, with NUL bytes", said(done))
    killed = kill_at(1, 0, "half", table, work)
    with open(f"{work}/table.npy", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    done = build(1, "-o", "half", *table, cwd=work)
    ok(killed and done.returncode == 1 and "of another command" in said(done),
       "killed: another file of that name is another command", said(done))
    np.save(f"{work}/table.npy", vectors)
    done = build(2, "-o", "half", *table, cwd=work)
    ok(done.returncode == 0 and "done before: " in said(done)
       and index_job.same_generations(f"{work}/table0", f"{work}/half"),
       "killed: the same file goes on, with the same bytes", said(done))
    done = build(2, "-o", "reuse", "--features", "table0", *table[4:], cwd=work)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/table0", f"{work}/reuse"),
       "what it keeps can be built of again", said(done))


def test_table_extremes(work):
    """The shortest and the longest rows, and numbers of any size."""
    chance = np.random.default_rng(6)
    for dimensions, bits in ((64, 64), (8192, 64)):
        vectors = chance.standard_normal((70, dimensions)).astype(np.float32)
        np.save(f"{work}/edge.npy", vectors)
        write_list(f"{work}/edge-keys", [b"%d" % i for i in range(70)])
        done = build(0, "-o", f"edge{dimensions}", "--features", "edge.npy", "-l", "edge-keys",
                     "--keep-features", "--hasher", "lsh", "--bits", str(bits), cwd=work)
        index = f"{work}/edge{dimensions}"
        ok(done.returncode == 0 and all(
            hash_vectors(index, rows) == [row[0] for row in shard]
            for rows, shard in zip(load(index), index_job.shards(index))),
           f"rows of {dimensions} numbers", said(done))
    for what, vectors in (("all zeros", np.zeros((70, 64), np.float32)),
                          ("all the same", np.ones((70, 64), np.float32)),
                          ("tiny", chance.standard_normal((70, 64)).astype(np.float32) * 1e-30),
                          ("one row", np.arange(64, dtype=np.float32)[None])):
        np.save(f"{work}/edge.npy", vectors)
        write_list(f"{work}/edge-keys", [b"%d" % i for i in range(len(vectors))])
        done = build(0, "-o", "edge", "--features", "edge.npy", "-l", "edge-keys", cwd=work)
        ok(done.returncode == 0 and len(index_job.indexed(f"{work}/edge")) == len(vectors),
           f"numbers that are {what}", said(done))


def test_table_pictures(work):
    """Pictures are opened for thumbnails only, and only where these are asked for."""
    keys = sorted(row[2] for shard in index_job.shards(f"{work}/kept0") for row in shard)
    keys += [b"pictures/broken.png", b"pictures/gone.png", b"pictures"]
    vectors = np.random.default_rng(7).standard_normal((len(keys), 64)).astype(np.float32)
    np.save(f"{work}/own.npy", vectors)
    write_list(f"{work}/own-keys", keys)
    for ranks in (1, 3):
        done = build(ranks, "-o", f"thumbs{ranks}", "--features", "own.npy", "-l", "own-keys",
                     "--thumbnail", "96", "--keep-features", cwd=work)
        ok(done.returncode == 0 and "could not be read: 3\n" in said(done),
           f"thumbnails beside vectors of a file, {ranks} ranks", said(done))
    ok(index_job.same_generations(f"{work}/thumbs1", f"{work}/thumbs3"),
       "any number of ranks: the same bytes")
    mine, theirs = by_key(f"{work}/thumbs3"), by_key(f"{work}/kept0")
    ok(all(mine[key] == (vectors[i].tobytes(), theirs[key][1] if key in theirs else b"")
           for i, key in enumerate(keys)),
       "each has its thumbnail, and who cannot be read is indexed without")
    done = build(1, "-o", "thumbs-again", "--features", "thumbs1", "--keep-features", cwd=work)
    ok(done.returncode == 0 and index_job.same_generations(f"{work}/thumbs1",
                                                           f"{work}/thumbs-again"),
       "they stay when it is built of again", said(done))


def test_table_served(work):
    """A worker searches for codes, and says why it takes no pictures."""
    serving = Work()
    try:
        cluster = serving.cluster(f"{work}/table0", workers=1)
        ok(cluster.wait(), "vectors of a file are served", cluster.text())
        row = index_job.shards(f"{work}/table0")[0][5]
        with Client(cluster.client_side) as client:
            answer = client.search(code=row[0][0].to_bytes(8, "big"), k=1)
            ok(answer.hits[0].distance == 0, "a code is searched for", answer)
            with open(f"{work}/pictures/apple/0000.jpg", "rb") as file:
                picture = file.read()
            try:
                client.search(picture=picture, k=1)
                text = ""
            except Error as error:
                text = str(error)
            ok("that another program made ('file/" in text, "a picture is refused, with the reason",
               text)
    finally:
        serving.clean_up()


def test_table_mistakes(work):
    """What --features FILE.npy refuses."""
    def table(name, array, *more, lines=70, status=1, text=""):
        np.save(f"{work}/bad.npy", array)
        write_list(f"{work}/bad", [b"%d" % i for i in range(lines)])
        refused(work, name, status, text, "-o", "x", "--features", "bad.npy", "-l", "bad", *more)

    good = np.ones((70, 64), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        bad = good.copy()
        bad[17, 63] = value
        table(f"a row with {value}", bad, text="bad.npy: row 17 has a number that is not finite")
    table("63 numbers a row", good[:, :63], text="rows of 63 numbers")
    table("8,193 numbers a row", np.ones((2, 8193), np.float32), text="rows of 8193 numbers",
          lines=2)
    table("float64", good.astype(np.float64), text="astype('float32')")
    table("integers", good.astype(np.int32), text="astype('float32')")
    table("Fortran order", np.asfortranarray(good), text="Fortran order")
    table("big-endian", good.astype(">f4"), text="big-endian")
    table("one dimension", good[0], text="has 1 dimensions")
    table("three dimensions", good[None], text="has 3 dimensions")
    table("no rows", good[:0], text="has no rows")
    table("fewer lines than rows", good, lines=69, text="has 70 rows, and the list 69 lines")
    table("more lines than rows", good, lines=71, text="has 70 rows, and the list 71 lines")
    table("more bits than numbers", good, "--bits", "128", text="cannot give 128 bits")
    table("sources beside it", good, "pictures", status=2, text="give --list FILE, and no other")
    table("--model beside it", good, "--model", "net.onnx", status=2, text="both --features and")
    refused(work, "no list", 2, "give --list FILE", "-o", "x", "--features", "bad.npy")
    refused(work, "no such list", 1, "cannot read the list none", "-o", "x", "--features",
            "bad.npy", "-l", "none")
    refused(work, "no such file", 2, "there are no features, and no file, 'none.npy'", "-o", "x", "--features",
            "none.npy", "-l", "bad")
    refused(work, "a file that is no .npy", 1, "is no .npy file", "-o", "x", "--features", "bad",
            "-l", "bad")
    with open(f"{work}/bad.npy", "r+b") as file:
        file.truncate(1000)
    refused(work, "a file that is cut", 1, "truncated", "-o", "x", "--features", "bad.npy", "-l",
            "bad", ranks=2)


with tempfile.TemporaryDirectory() as folder:
    test_kept(folder)
    test_killed(folder)
    test_verify(folder)
    test_reused(folder)
    test_same_folder(folder)
    test_frozen(folder)
    test_network(folder)
    test_mistakes(folder)
    test_table(folder)
    test_table_extremes(folder)
    test_table_pictures(folder)
    test_table_served(folder)
    test_table_mistakes(folder)
finish()
