#!/usr/bin/python3
"""Networks of torchvision with random weights, and what one image costs in torch, on one thread.

  torch_networks.py --list                      names, a line each
  torch_networks.py export NAME FOLDER          NAME.onnx, and NAME.pt for the following
  torch_networks.py time FILE.pt SECONDS BATCH...    bench_network's line for each batch
"""
import os
import statistics
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True
os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: E402
import torchvision.models as models  # noqa: E402

import export_networks  # noqa: E402

RUNS_MIN = 3
# Those that the issue of speed names; mobilenet_v2_140 has the layers of the fetched network.
NAMES = ["alexnet", "vgg16", "googlenet", "resnet50", "resnet152", "inception_v3", "mobilenet_v2",
         "mobilenet_v2_140", "vit_b_16", "squeezenet1_1"]
MORE = {
    "vgg16": export_networks.Network(models.vgg16, []),
    "mobilenet_v2_140": export_networks.Network(models.mobilenet_v2, [], width_mult=1.4),
}


def export(name, folder):
    """The network alone: inner layers as outputs would keep engines from joining operators."""
    warnings.filterwarnings("ignore")
    torch.manual_seed(export_networks.SEED)
    known = MORE.get(name) or export_networks.NETWORKS[name]
    network = known.make(weights=None, **known.options)
    pictures = export_networks.make_pictures((3, known.side, known.side))
    export_networks.prepare(network, pictures)
    torch.onnx.export(network, pictures[:2], os.path.join(folder, name + ".onnx"),
                      opset_version=known.opset, input_names=["input"], output_names=["output"],
                      dynamic_axes={"input": {0: "pictures"}, "output": {0: "pictures"}})
    torch.save((network, known.side), os.path.join(folder, name + ".pt"))


def measure(network, side, seconds, batch):
    pictures = 2 * torch.rand(batch, 3, side, side) - 1
    network(pictures)
    runs, busy = [], []
    begin = now = time.perf_counter()
    while len(runs) < RUNS_MIN or now - begin < seconds:
        start, before = now, time.process_time()
        network(pictures)
        busy.append(time.process_time() - before)
        now = time.perf_counter()
        runs.append(now - start)
    run_ms, busy_ms = (statistics.median_high(times) / batch * 1e3 for times in (runs, busy))
    print(f"batch {batch}: {run_ms:.4f} ms an image, {busy_ms:.4f} ms of processor, "
          f"{len(runs)} runs, {torch.__version__}", flush=True)


def main():
    verb, *arguments = sys.argv[1:] or [""]
    torch.set_num_threads(1)
    if verb == "--list":
        print("\n".join(NAMES))
    elif verb == "export" and len(arguments) == 2 and arguments[0] in NAMES:
        export(*arguments)
    elif verb == "time" and len(arguments) > 2:
        network, side = torch.load(arguments[0])
        network.eval()
        with torch.no_grad():
            for batch in arguments[2:]:
                measure(network, side, float(arguments[1]), int(batch))
    else:
        sys.exit(__doc__)


main()
