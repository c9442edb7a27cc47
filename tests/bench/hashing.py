#!/usr/bin/python3
"""The tables of worker/train/QUALITY.md: every method of kindred-eval --compare on Fashion-MNIST, as
pixels and by the features that are built in, and on openclipart by the default network's features. All
of it takes hours of a core (the autoencoder's 10 trainings of 60,000 rows alone one): --methods,
--bits and --seeds take a part.

  make bench-hashing, or
  BUILD=build tests/bench/hashing.py [--work FOLDER] [--sets pixels,builtin,openclipart]
      [--methods itq,lsh] [--bits 16,64] [--seeds 5] [--table]

A piece is one training of one seed. Pieces are kept in FOLDER (BUILD/bench-hashing) as JSON, so that
the same command goes on where it was stopped; `rm -r` of the folder begins anew. --table only prints
what is there. Markdown goes to standard output.
"""
import argparse
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN, BUILD, ROOT  # noqa: E402

FASHION = "/usr/share/datasets/fashion-mnist"
OPENCLIPART = "/usr/share/openclipart/png"
NETWORK = "mobilenet_v2_pair"
QUERIES = ["--query-count", "1000", "--balanced"]  # of the test set: 100 a class
FIRST = 100
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def idx_of(part):
    name = {"train": "train", "test": "t10k"}[part]
    return f"{FASHION}/{name}-images-idx3-ubyte.gz", f"{FASHION}/{name}-labels-idx1-ubyte.gz"


def write_tar(path, part):
    """The pictures as NUMBER.png, so that rows are in the data set's order, as the pixels are: were
    they sorted by class, what shares a code would be, too."""
    import gzip
    from PIL import Image
    with gzip.open(idx_of(part)[0]) as file:
        images = file.read()
    with tarfile.open(path + ".tmp", "w") as tar:
        for i in range((len(images) - 16) // 784):
            png = io.BytesIO()
            Image.frombytes("L", (28, 28), images[16 + 784 * i:16 + 784 * (i + 1)]).save(png, "PNG")
            member = tarfile.TarInfo(f"{i:05d}.png")
            member.size = png.tell()
            png.seek(0)
            tar.addfile(member, png)
    os.rename(path + ".tmp", path)


def build(index, *arguments):
    """An index that keeps its features; a build that was stopped goes on."""
    if os.path.exists(f"{index}/CURRENT"):
        return
    say("building", index)
    subprocess.run([f"{BIN}/kindred-index", "build", "-o", index, "--keep-features", "--thumbnail",
                    "0", *arguments], check=True, env=ENVIRONMENT)


def pixels(_):
    return ["idx:" + ",".join(idx_of("train")), "--queries", "idx:" + ",".join(idx_of("test")),
            *QUERIES]


def builtin(work):
    for part in ("train", "test"):
        tar = f"{work}/{part}.tar"
        if not os.path.exists(tar):
            say("writing", tar)
            write_tar(tar, part)
        build(f"{work}/fashion-{part}", "--features", "builtin", "--hasher", "lsh", tar)
    return [f"{work}/fashion-train", "--labels", f"idx:{idx_of('train')[1]}", "--queries",
            f"{work}/fashion-test", "--query-labels", f"idx:{idx_of('test')[1]}", *QUERIES]


def openclipart(work):
    index = f"{work}/openclipart"
    if not os.path.exists(f"{index}/CURRENT"):
        done = subprocess.run([f"{ROOT}/deploy/networks", NETWORK], stdout=subprocess.PIPE,
                              text=True, check=True)
        build(index, "--hasher", "lsh", "--model", done.stdout.strip(), OPENCLIPART)
    return [index, "--labels", "top-folders", "--queries", "1000"]


SETS = {"pixels": ("Fashion-MNIST, pixels: 60,000 rows, 1,000 queries of the test set", pixels),
        "builtin": ("Fashion-MNIST, built-in features: the same pictures", builtin),
        "openclipart": ("openclipart, the default network's features: 22 top folders, 1,000 "
                        "queries held out", openclipart)}


def all_methods():
    """Those that kindred-eval lists when it is asked for one that is not there."""
    done = subprocess.run([f"{BIN}/kindred-eval", f"idx:{','.join(idx_of('test'))}", "--compare",
                           "?", "--queries", "10"], capture_output=True, text=True, check=False)
    return re.search(r"there are: (.*)", done.stderr).group(1).strip().split(", ")


def measure(path, arguments):
    """The rows of one piece; one that failed keeps its sentence."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    done = subprocess.run([f"{BIN}/kindred-eval", *arguments, "--json", "-k", str(FIRST)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    say(done.stderr.strip().split("\n")[-1])
    if done.returncode not in (0, 1):
        sys.exit(f"hashing.py: kindred-eval ended with status {done.returncode}: {done.stderr}")
    piece = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip()}
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(piece, file)
    os.rename(path + ".tmp", path)
    return piece


def row_of(piece, name):
    found = [row for row in piece.get("measured", []) if row["name"] == name]
    return found[0] if found else None


def figure(values, digits=3):
    """Mean, and deviation where there are several."""
    values = [value for value in values if value is not None]
    if not values:
        return "-"
    text = f"{statistics.mean(values):.{digits}f}".lstrip("0")
    if len(values) > 1:
        text += f" ±{statistics.stdev(values):.{digits}f}".replace("±0.", "±.")
    return text


def print_tables(title, lines, pieces, widths):
    """pieces: (method, bits) -> rows, one a seed."""
    counts = sorted({len(rows) for rows in pieces.values()})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else counts[0] if counts else 0
    print(f"\n**{title}**, mAP / precision@{FIRST}, {seeds} seeds\n")
    print("| | " + " | ".join(f"{bits} bits" for bits in widths) + " |")
    print("|---" * (len(widths) + 1) + "|")
    for name in ("cosine of features", "chance"):
        if lines.get(name):
            cell = f"{figure([lines[name]['map']])} / {figure([lines[name]['precision_first']])}"
            print(f"| {name} | " + " | ".join([cell] * len(widths)) + " |")
    methods = list(dict.fromkeys(method for method, _ in pieces))
    for method in methods:
        cells = [f"{figure([row['map'] for row in pieces.get((method, bits), [])])} / "
                 f"{figure([row['precision_first'] for row in pieces.get((method, bits), [])])}"
                 for bits in widths]
        print(f"| {method} | " + " | ".join(cells) + " |")
    print("\n| | bits | mAP, ties | P r<=2 | none r<=2 | mAP of the real-valued layer | lost by "
          "signs | 10-NN@100 |")
    print("|---|---|---|---|---|---|---|---|")
    for (method, bits), rows in pieces.items():
        if rows:
            lost = [100 * (1 - row["map"] / row["values_map"]) for row in rows
                    if row.get("values_map")]
            cells = [figure([row.get(name) for row in rows])
                     for name in ("map_ties", "precision_radius_2", "empty_radius_2", "values_map")]
            cells += [f"{statistics.mean(lost):.1f} %" if lost else "-",
                      figure([row.get("neighbour_recall") for row in rows])]
            print(f"| {method} | {bits} | " + " | ".join(cells) + " |")


def run_set(name, options, methods, widths):
    title, prepare = SETS[name]
    pieces, lines, notes = {}, {}, []
    arguments = None
    for seed in range(1, options.seeds + 1):
        for method in methods:
            for bits in widths:
                path = f"{options.work}/{name}-{method}-{bits}-{seed}.json"
                if options.table and not os.path.exists(path):
                    continue
                if arguments is None and not os.path.exists(path):
                    arguments = prepare(options.work)
                piece = measure(path, [*(arguments or []), "--compare", method, "--bits",
                                       str(bits), "--seed", str(seed)])
                row = row_of(piece, method)
                rows = pieces.setdefault((method, bits), [])
                if row:
                    rows.append(row)
                elif piece.get("error") not in notes:
                    notes.append(piece.get("error"))
                for line in ("cosine of features", "chance"):
                    lines[line] = lines.get(line) or row_of(piece, line)
    pieces = {key: pieces[key] for method in methods for key in
              [(method, bits) for bits in widths] if pieces.get(key)}
    print_tables(title, lines, pieces, widths)
    for note in notes:
        print(f"\n{note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=os.path.join(BUILD, "bench-hashing"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods")
    parser.add_argument("--bits", default="16,64")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    methods = options.methods.split(",") if options.methods else all_methods()
    for name in options.sets.split(","):
        if name not in SETS:
            sys.exit(f"hashing.py: there is no set '{name}'; there are: {', '.join(SETS)}")
        run_set(name, options, methods, [int(bits) for bits in options.bits.split(",")])


if __name__ == "__main__":
    main()
