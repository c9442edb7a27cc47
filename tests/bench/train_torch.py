#!/usr/bin/python3
"""An autoencoder learned by `kindred-index train` and by torch: seconds an epoch, side by side.

  BUILD=build tests/bench/train_torch.py [--epochs 3] [--pretrain-epochs 2] [--ranks 1,2]

Fashion-MNIST's 60,000 pixels, 784-512-256-64, contrastive divergence for each machine, then
fine-tuning; mini-batches of 512. Torch (two threads) learns the same: the same machines by the same
rule, the same layers, Adam, a target gathered for each row in place of a walk's end. An epoch's time
is what passes between two of its lines; each phase's first epoch is not counted where there are
more. The last lines say what 9 epochs of each machine and 30 of fine-tuning come to, the default.
"""
import argparse
import gzip
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
from tap import BIN  # noqa: E402

IMAGES = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
WIDTHS = [784, 512, 256, 64]
BATCH = 512
MACHINE_EPOCHS, TUNING_EPOCHS = 9, 30  # what a sample of this size is given by default
PHASES = ["rbm 1", "rbm 2", "rbm 3", "fine-tuning"]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1")


class Times:
    """Seconds of each epoch of each phase, told as they end."""

    def __init__(self):
        self.last = time.perf_counter()
        self.begin = self.last
        self.of = {}

    def end(self, phase):
        now = time.perf_counter()
        self.of.setdefault(phase, []).append(now - self.last)
        self.last = now

    def epoch(self, phase):
        seconds = self.of[phase]
        return min(seconds[1:] or seconds)

    def all(self):
        machines = sum(self.epoch(phase) for phase in PHASES[:-1])
        return MACHINE_EPOCHS * machines + TUNING_EPOCHS * self.epoch(PHASES[-1])


def kindred(ranks, epochs, pretrain_epochs, walk):
    times, said = Times(), ""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mpirun", "-n", str(ranks), f"{BIN}/kindred-index", "train", "-o",
                   f"{folder}/hasher", "--hasher", "autoencoder", "--walk", str(walk), "--epochs",
                   str(epochs), "--pretrain-epochs", str(pretrain_epochs), "--batch", str(BATCH),
                   f"idx:{IMAGES}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                              env=ENVIRONMENT) as process:
            for line in process.stderr:
                said += line
                found = re.match(r"kindred-index: (.*), epoch (\d+) of", line)
                if found and found.group(1) in PHASES:
                    times.end(found.group(1))
        if process.returncode != 0:
            sys.exit(f"train_torch.py: kindred-index ended with {process.returncode}: {said}")
    return times


def machine_epoch(torch, data, below, parameters, velocities, linear):
    """One pass of contrastive divergence, as worker/train/rbm.c has it."""
    weights, hidden_bias, visible_bias = parameters
    for ids in torch.randperm(len(data)).split(BATCH):
        v = data[ids]
        for layer_weights, layer_bias, _ in below:
            v = torch.sigmoid(torch.addmm(layer_bias, v, layer_weights.t()))
        h = torch.addmm(hidden_bias, v, weights.t())
        if linear:
            states = h + torch.randn_like(h)
        else:
            h = torch.sigmoid(h)
            states = (torch.rand_like(h) < h).float()
        made = torch.sigmoid(torch.addmm(visible_bias, states, weights))
        again = torch.addmm(hidden_bias, made, weights.t())
        if not linear:
            again = torch.sigmoid(again)
        gradients = ((again.t() @ made - h.t() @ v) / len(ids) + 2e-4 * weights,
                     (again - h).mean(0), (made - v).mean(0))
        for value, velocity, gradient in zip(parameters, velocities, gradients):
            velocity.mul_(0.9).add_(gradient)
            value.add_(velocity, alpha=-0.001 if linear else -0.05)


def tuning_epoch(torch, data, layers, optimizer):
    logits = torch.nn.functional.binary_cross_entropy_with_logits
    for ids in torch.randperm(len(data)).split(BATCH):
        target = data[torch.randint(len(data), (len(ids),))]
        h = data[ids]
        for i, layer in enumerate(layers):
            h = layer(h)
            if i not in (len(WIDTHS) - 2, len(layers) - 1):
                h = torch.sigmoid(h)
        loss = logits(h, target, reduction="sum") / len(ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def by_torch(epochs, pretrain_epochs):
    import numpy as np
    import torch
    torch.set_num_threads(2)
    with gzip.open(IMAGES) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    data = torch.from_numpy(pixels.astype(np.float32) / 255)
    data = data[torch.randperm(len(data))[:len(data) * 95 // 100]]  # the others are held out
    times, learned = Times(), []
    with torch.no_grad():
        for level, (visible, hidden) in enumerate(zip(WIDTHS, WIDTHS[1:])):
            parameters = (torch.randn(hidden, visible) * 0.01, torch.zeros(hidden),
                          torch.zeros(visible))
            velocities = [torch.zeros_like(value) for value in parameters]
            for _ in range(pretrain_epochs):
                machine_epoch(torch, data, learned, parameters, velocities,
                              level == len(WIDTHS) - 2)
                times.end(PHASES[level])
            learned.append(parameters)
    widths = WIDTHS + WIDTHS[-2::-1]
    layers = [torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])]
    optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], 1e-3)
    for _ in range(epochs):
        tuning_epoch(torch, data, layers, optimizer)
        times.end(PHASES[-1])
    return times, torch.__version__


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--pretrain-epochs", type=int, default=2)
    parser.add_argument("--ranks", default="1,2")
    parser.add_argument("--walk", type=int, default=0, help="of kindred; 0: no graph is made")
    options = parser.parse_args()
    columns = {}
    torch_times, version = by_torch(options.epochs, options.pretrain_epochs)
    for ranks in options.ranks.split(","):
        columns[f"{ranks} ranks"] = kindred(ranks, options.epochs, options.pretrain_epochs,
                                            options.walk)
    columns[f"torch {version}, 2 threads"] = torch_times
    print("| seconds | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for phase in PHASES:
        cells = [f"{times.epoch(phase):.2f}" for times in columns.values()]
        print(f"| an epoch of {phase} | " + " | ".join(cells) + " |")
    cells = [f"{times.all():.1f}" for times in columns.values()]
    print(f"| {MACHINE_EPOCHS} epochs of each machine, {TUNING_EPOCHS} of fine-tuning | "
          + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
