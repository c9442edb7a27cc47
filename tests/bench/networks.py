#!/usr/bin/python3
"""Images a second of whole networks, one thread: ours, ONNX Runtime's and torch's in turn.

  BUILD=build tests/bench/networks.py [OPTION]... [NETWORK]...      default: all that have limits
  BUILD=build tests/bench/networks.py --ranks                       two of ours at once over one

Networks with random weights come from torchvision (torch_networks.py), trained ones from
deploy/networks; onnxruntime-node from npm, into a cache folder. What cannot be had is left out,
and said. Each engine has the better of its batches; ratios are medians over rounds.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.dont_write_bytecode = True
from tap import BUILD, ROOT  # noqa: E402

TORCH = ["/usr/bin/python3", os.path.join(HERE, "torch_networks.py")]
OURS = os.path.join(BUILD, "tests", "bench_network")
# network: images a second of ours over ONNX Runtime's with AVX-512.
LIMITS = {"alexnet": 1.5, "vgg16": 2.5, "googlenet": 1.45, "resnet50": 1.25, "resnet152": 1.15,
          "inception_v3": 1.2, "mobilenet_v2": 1.15, "mobilenet_v2_140": 1.15,
          "mobilenet_v2_pair": 1.15, "vit_b_16": 1.0}
TORCH_LIMIT = 1.3
RANKS_LIMIT = 0.9
FETCHED = ("mobilenet_v2_140", "mobilenet_v2_100", "mobilenet_v2_pair")
# The last word is what installs where there is no 1.30 any more.
ORT_VERSIONS = ("onnxruntime-node@1.30", "onnxruntime-node")
MEASURE_SECONDS_MAX = 900  # three runs of eight images of the slowest network on plain C
LINE = re.compile(r"batch (\d+): ([\d.]+) ms an image, ([\d.]+) ms of processor, \d+ runs, (\S+)")


def say(sentence):
    print(f"networks.py: {sentence}", file=sys.stderr, flush=True)


class Engine:
    """What measures, and what it said: rates [round][batch], and the share of a core it had."""

    def __init__(self, name, commands, processor, environment=None):
        self.name, self.commands, self.processor = name, commands, processor
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
                                **(environment or {}))
        self.rates, self.cores, self.words = [], [], "-"

    def measure(self):
        """One round. Raises CalledProcessError where the engine refuses the network."""
        rates = {}
        for command in self.commands:
            done = subprocess.run(command, env=self.environment, check=True, capture_output=True,
                                  text=True, timeout=MEASURE_SECONDS_MAX)
            rates.update(self.read(done.stdout))
        self.rates.append(rates)

    def read(self, said):
        """{batch: images a second} of what a program printed."""
        rates = {}
        for batch, run_ms, busy_ms, self.words in LINE.findall(said):
            rates[int(batch)] = 1e3 / float(busy_ms if self.processor else run_ms)
            self.cores.append(float(busy_ms) / float(run_ms))
        return rates

    def best(self):
        """The batch with the highest median, and its rates round by round; None without any."""
        if not self.rates:
            return None, []
        batch = max(self.rates[0], key=lambda b: statistics.median(r[b] for r in self.rates))
        return batch, [rates[batch] for rates in self.rates]


class Case:
    """A network: where its files are. Those in the temporary folder go with it."""

    def __init__(self, name, model, torch):
        self.name, self.model, self.torch = name, model, torch

    def engines(self, options, ort_folder):
        batches = [str(batch) for batch in options.batches]
        seconds = str(options.seconds)
        ours = Engine("ours", [[OURS, "--batch", batch, "--seconds", seconds, self.model]
                               for batch in batches], options.processor,
                      {"KINDRED_CPU": options.cpu} if options.cpu else {})
        ort = [["node", os.path.join(HERE, "ort_time.js"), self.model, seconds, *batches]]
        torch = [[*TORCH, "time", self.torch, seconds, *batches]]
        return [ours,
                Engine("ONNX Runtime", ort if ort_folder else [], options.processor,
                       {"NODE_PATH": os.path.join(ort_folder or "", "node_modules")}),
                Engine("torch", torch if self.torch else [], options.processor)]


def default_cache():
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "kindred")


def onnx_runtime(cache):
    """The folder that npm has installed ONNX Runtime into, or None."""
    folder = os.path.join(cache, "onnxruntime-node")
    if os.path.exists(os.path.join(folder, "node_modules", "onnxruntime-node", "package.json")):
        return folder
    if not (shutil.which("npm") and shutil.which("node")):
        say("there is no npm or no node, so ONNX Runtime is left out")
        return None
    os.makedirs(cache, exist_ok=True)
    # Its install script would only fetch what graphics cards need.
    environment = dict(os.environ, ONNXRUNTIME_NODE_INSTALL="skip")
    for package in ORT_VERSIONS:
        say(f"npm install {package}, about 300 MB, into {folder}")
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as fresh:
            package_folder = os.path.join(fresh, "package")
            os.mkdir(package_folder)
            done = subprocess.run(["npm", "install", "--prefix", package_folder, "--ignore-scripts",
                                   "--no-audit", "--no-fund", "--loglevel=error", package],
                                  env=environment, check=False, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL)
            if done.returncode == 0:
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(package_folder, folder)
                return folder
    say("npm could not install ONNX Runtime, so it is left out")
    return None


def fetch(name, cache):
    """The path of a trained network, or None."""
    done = subprocess.run([os.path.join(ROOT, "deploy", "networks"), "--cache", cache, name],
                          check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return done.stdout.strip()
    return None


def export(name, folder):
    """The paths of a network with random weights: its model and torch's file; or None twice."""
    paths = [os.path.join(folder, name + end) for end in (".onnx", ".pt")]
    if not all(map(os.path.exists, paths)):
        done = subprocess.run([*TORCH, "export", name, folder], check=False, capture_output=True,
                              text=True)
        if done.returncode != 0:
            say(f"torch could not export {name}: {done.stderr.strip()[-300:]}")
            return None, None
    return paths


def cases(options, known, folder):
    """Each network when its turn comes. known: those that torchvision has."""
    for name in options.networks or LIMITS:
        model, torch = None, None
        if name in FETCHED:
            model = fetch(name, options.cache)
        if name in known:
            exported, torch = export(name, folder)
            model = model or exported  # the same layers, with random weights
        if model is None:
            say(f"{name} is left out")
        else:
            yield Case(name, model, torch)
        if not options.keep:
            for file in os.listdir(folder):
                os.unlink(os.path.join(folder, file))
    for file in sorted(os.listdir(options.models)) if options.models else []:
        if file.endswith(".onnx"):
            yield Case(file[:-5], os.path.join(options.models, file), None)


def known_to_torch():
    done = subprocess.run([*TORCH, "--list"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        say("there is no torch or no torchvision, so only trained networks are measured")
    return done.stdout.split()


def ratio(ours, theirs):
    """Median over rounds, or None."""
    pairs = list(zip(ours.best()[1], theirs.best()[1]))
    return statistics.median(a / b for a, b in pairs) if pairs else None


def verdict(pairs):
    """pairs: (what was reached, or None; the limit, or None)."""
    known = [(reached, limit) for reached, limit in pairs if limit]
    words = " and ".join(f"{limit:g}" for _, limit in known)
    if any(reached is not None and reached < limit for reached, limit in known):
        words += ", missed"
    return words or "-"


def row(case, engines, options):
    ours, ort, torch = engines
    cells = [case.name]
    for engine in engines:
        batch, rates = engine.best()
        cells.append(f"{statistics.median(rates):.1f} ({batch})" if rates else "-")
    reached = [ratio(ours, ort), ratio(ours, torch)]
    cells += ["-" if value is None else f"{value:.2f}" for value in reached]
    # With less than AVX-512 the table is a report.
    limits = [None, None] if options.cpu else [LIMITS.get(case.name), TORCH_LIMIT]
    cells.append(verdict(list(zip(reached, limits if torch.rates else limits[:1]))))
    print("| " + " | ".join(cells) + " |", flush=True)


def compare(case, options, ort_folder):
    """All engines in turn, round by round; the engines."""
    engines = case.engines(options, ort_folder)
    for _ in range(options.rounds):
        for engine in engines:
            if not engine.commands:
                continue
            try:
                engine.measure()
            except subprocess.CalledProcessError as error:
                say(f"{engine.name} does not run {case.name}: {error.stderr.strip()[-300:]}")
                engine.commands, engine.rates = [], []
    row(case, engines, options)
    return engines


def at_once(engine, count):
    """Images a second of each of `count` processes that begin together."""
    command = [*engine.commands[0], "--gate"]
    running = [subprocess.Popen(command, env=engine.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True) for _ in range(count)]
    for process in running:
        if process.stdout.readline() != "ready\n":
            sys.exit(f"networks.py: {' '.join(command)} did not get ready")
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    return [rate for process in running
            for rate in engine.read(process.communicate(timeout=MEASURE_SECONDS_MAX)[0]).values()]


def compare_ranks(case, options):
    """One alone, then two at once, in turn; the engine."""
    ours = case.engines(options, None)[0]
    alone, together = [], []
    for _ in range(options.rounds):
        alone.append(at_once(ours, 1)[0])
        together.append(statistics.mean(at_once(ours, 2)))
    kept = statistics.median(b / a for a, b in zip(alone, together))
    print(f"| {case.name} | {statistics.median(alone):.1f} | {statistics.median(together):.1f} | "
          f"{kept:.2f} | {verdict([(kept, RANKS_LIMIT)])} |", flush=True)
    return [ours]


def warn(engines):
    """Whether the figures are to be trusted."""
    shares = [share for engine in engines for share in engine.cores]
    disturbed = sum(share < 0.95 for share in shares)
    if disturbed:
        say(f"other programs were at work: {disturbed} of {len(shares)} measurements had less "
            "than 0.95 of a core")
    for engine in engines:
        if max(engine.cores, default=0) > 1.1:
            say(f"{engine.name} used more than one core")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement; %(default)s")
    parser.add_argument("--batches", type=lambda text: [int(word) for word in text.split(",")],
                        default=[1, 16], help="that engines may choose from; 1,16")
    parser.add_argument("--cpu", choices=["scalar", "avx2", "avx512"],
                        help="KINDRED_CPU for ours; others stay as they are, and limits fall away")
    parser.add_argument("--processor", action="store_true",
                        help="count time of the processor, where the machine is not quiet")
    parser.add_argument("--ranks", action="store_true",
                        help="two of ours at once instead of other engines")
    parser.add_argument("--models", metavar="FOLDER", help="all *.onnx there too")
    parser.add_argument("--cache", default=default_cache(), metavar="FOLDER",
                        help="of ONNX Runtime and trained networks; %(default)s")
    parser.add_argument("--keep", metavar="FOLDER", help="where exported networks stay for later")
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    options = parser.parse_args()
    if options.ranks:
        options.batches = options.batches[:1]
    return options


def measure_all(options, folder):
    """Prints the table; the engines of all networks."""
    engines = []
    ort_folder = None if options.ranks else onnx_runtime(options.cache)
    print(f"One thread each, {options.rounds} rounds of {options.seconds} s, batch "
          f"{' or '.join(map(str, options.batches))} (the better one in brackets)"
          f"{', seconds of processor' if options.processor else ''}.\n")
    columns = ["network", "one: img/s", "two at once: img/s each", "ratio", "limit"] \
        if options.ranks else ["network", "ours img/s", "ORT img/s", "torch img/s", "ours/ORT",
                               "ours/torch", "limit"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for case in cases(options, known_to_torch(), folder):
        engines += compare_ranks(case, options) if options.ranks else \
            compare(case, options, ort_folder)
    versions = {engine.name: engine.words for engine in engines if engine.words != "-"}
    print("\n" + ", ".join(f"{name} {words}" for name, words in versions.items()))
    warn(engines)


def main():
    options = parse()
    with tempfile.TemporaryDirectory(prefix="kindred-bench-") as temporary:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
        measure_all(options, options.keep or temporary)


main()
