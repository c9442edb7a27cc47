"""A coordinator and workers as a test starts them, on sockets in a folder of its own."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from tap import BIN, BUILD, ROOT  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "proto"))
from kindred import Client, Error  # noqa: E402


def make_index_tool():
    """bench_make_index of this build, or of the build beside it: sanitized ones have only programs."""
    plain = os.path.join(ROOT, "build")
    for build in (BUILD, os.path.dirname(BUILD), plain):
        path = os.path.join(build, "tests", "bench_make_index")
        if os.access(path, os.X_OK):
            return path
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={plain}",
                    f"{plain}/tests/bench_make_index"], check=True, stdout=sys.stderr)
    return os.path.join(plain, "tests", "bench_make_index")


class Work:
    """A temporary folder, and everything that was started in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kindred-serving-")
        self.clusters = []
        self.tool = make_index_tool()

    def index(self, count, bits, shards):
        """The folder of a synthetic index, and its codes as bytes in order of ids."""
        folder = os.path.join(self.folder, f"index-{count}-{bits}-{shards}")
        codes = folder + ".codes"
        if not os.path.exists(codes):
            subprocess.run([self.tool, folder, str(count), str(bits), str(shards), codes],
                           check=True)
        with open(codes, "rb") as file:
            return folder, file.read()

    def cluster(self, *arguments, **options):
        cluster = Cluster(self, *arguments, **options)
        self.clusters.append(cluster)
        return cluster

    def clean_up(self):
        for cluster in self.clusters:
            cluster.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    def __init__(self, work, index, workers=2, threads=1, replicas=2, environment=None,
                 patience_ms=2000, options=(), wave=None):
        self.index, self.threads = index, threads
        self.worker_options = options
        self.folder = tempfile.mkdtemp(dir=work.folder)
        self.environment = dict(os.environ, **(environment or {}))
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.client_side = f"ipc://{self.folder}/c"
        self.worker_side = f"ipc://{self.folder}/w"
        self.coordinator = self.start(
            "kindred-coordinator", "--endpoint", self.client_side, "--worker-endpoint",
            self.worker_side, "--replicas", str(replicas), "--patience", str(patience_ms),
            *([] if wave is None else ["--wave", str(wave)]), index)
        self.workers = []
        for _ in range(workers):
            self.add_worker()

    def start(self, program, *arguments):
        return subprocess.Popen([os.path.join(BIN, program), *arguments], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def add_worker(self):
        self.workers.append(self.start("kindred-worker", "--connect", self.worker_side,
                                       "--threads", str(self.threads), *self.worker_options,
                                       self.index))

    def client(self, seconds=20.0):
        return Client(self.client_side, seconds=seconds)

    def wait(self, condition=None, seconds=30):
        """Until every worker serves and condition(status) holds; False if that never comes."""
        condition = condition or (lambda report: report["settled"] and
                                  len(report["workers"]) == len(self.workers) and
                                  all(w["shards"] for w in report["workers"]))
        end = time.monotonic() + seconds
        with self.client(seconds=seconds) as client:
            try:
                while time.monotonic() < end:
                    if condition(client.status()):
                        return True
                    time.sleep(0.02)
            except TimeoutError:
                pass
        return False

    def text(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def stop(self):
        """SIGTERM to all; the exit statuses, coordinator first."""
        processes = [self.coordinator, *self.workers]
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in processes]

    def kill(self):
        for process in [self.coordinator, *self.workers]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(10)
        self.log.close()


__all__ = ["Client", "Cluster", "Error", "Work"]
