#!/usr/bin/python3
"""Networks of torchvision with random weights as ONNX files, with what torch makes of them.

  export_networks.py --list             names, a line each
  export_networks.py NAME FOLDER        model.onnx, input.npy, outputs.txt (the names of outputs in
                                        order) and NAME.npy for each
  export_networks.py --small FOLDER     small_networks.py, each in a folder of its own

Weights are random by a fixed seed, in eval mode. As trained ones do, they keep activations near 1:
every convolution and product is scaled by what it gives for the input, batch norms get statistics
that are near the true ones but not equal to them, so that a wrong mean or epsilon is seen. torch
computes in double, so that the differences are ours. Beside the result, two or three inner layers
are outputs of the model. The batch dimension is free; the arrays hold BATCH pictures.

Only tests run it, with Debian's python3-torchvision."""
import os
import sys
import warnings

import numpy as np
import torch
import torchvision.models as models
from torch import nn
from torchvision.models import resnet

BATCH = 7
SEED = 1


class Tapped(nn.Module):
    """A network that also gives what its modules of these names made."""

    def __init__(self, network, taps):
        super().__init__()
        self.n = network  # short, as it is part of every name in the file
        self.made = {}
        for tap in taps:
            self.made[tap] = None
            network.get_submodule(tap).register_forward_hook(
                lambda module, given, made, tap=tap: self.made.__setitem__(tap, made))

    def forward(self, pictures):
        result = self.n(pictures)
        return (result, *self.made.values())


def scale(module, given, made):
    """Forward hook of a convolution or product: weights become such that its result is near 1."""
    if float(made.std()) < 1e-6:  # ViT's last one starts as zeros
        module.weight.normal_()
        made = module.forward(*given)
    module.weight /= float(made.std())
    if module.bias is not None:
        module.bias.copy_(0.2 * torch.randn_like(module.bias))
    return module.forward(*given)


def settle(module, given, made):
    """Forward hook of a batch norm: statistics that keep what it is given near 1.

    Half of the mean only, and no channel is blown up that hardly varies: with true statistics,
    networks of random weights are chaotic; float and double differ by 1e-4 after 150 layers."""
    axes = (0, 2, 3)
    mean = 0.5 * given[0].mean(axes)
    mean += 0.2 * given[0].std(axes, unbiased=False) * torch.randn_like(mean)
    deviation = (given[0] - mean[:, None, None]).square().mean(axes).sqrt() + 0.3
    module.running_mean.copy_(mean)
    module.running_var.copy_((deviation * torch.exp(0.2 * torch.randn_like(deviation))) ** 2)
    return module.forward(*given)


def disturb(module):
    """Parameters that start as 0, 1 or nearly nothing become such that leaving them out is seen."""
    if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)):
        module.weight.uniform_(0.6, 1.4)
        module.bias.normal_(0, 0.2)
    for name, parameter in module.named_parameters(recurse=False):
        if name in ("layer_scale", "gamma"):
            parameter.uniform_(0.3, 0.7)
        elif name in ("class_token", "pos_embedding", "relative_position_bias_table"):
            parameter.normal_(0, 0.5)
        elif name == "in_proj_weight":
            parameter *= 1.5
    if isinstance(module, (resnet.BasicBlock, resnet.Bottleneck)):
        last = module.bn2 if isinstance(module, resnet.BasicBlock) else module.bn3
        last.weight *= 0.4  # what is added is the lesser part, as in those that are trained


def prepare(network, pictures):
    """Random weights that behave: see above. pictures: [n][c][h][w], whose statistics are taken."""
    hooks = []
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            hooks.append(module.register_forward_hook(scale))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_hook(settle))
    with torch.no_grad():
        network.eval()
        network.apply(disturb)
        network(pictures)
    for hook in hooks:
        hook.remove()


def make_pictures(shape):
    """Clouds with noise: pictures that differ from each other on average too."""
    clouds = nn.functional.interpolate(torch.randn(BATCH, shape[0], 6, 6), size=shape[1:],
                                       mode="bicubic", align_corners=False)
    return clouds + 0.5 * torch.randn(BATCH, *shape)


def export(network, taps, shape, opset, folder):
    """Prepares, runs and stores one network; shape: of one picture, [c][h][w]."""
    pictures = make_pictures(shape)
    prepare(network, pictures)
    tapped = Tapped(network, taps).eval()
    with torch.no_grad():
        made = tapped.double()(pictures.double())
    tapped.float()
    names = ["output"] + ["inner_" + tap.replace(".", "_") for tap in taps]
    os.makedirs(folder, exist_ok=True)
    np.save(os.path.join(folder, "input.npy"), pictures.numpy())
    with open(os.path.join(folder, "outputs.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(names) + "\n")
    for name, array in zip(names, made):
        assert len(array) == BATCH and torch.isfinite(array).all(), name
        np.save(os.path.join(folder, name + ".npy"), array.float().contiguous().numpy())
    # Newer opsets as everybody exports them, batch norms in the convolutions; older as trained.
    mode = torch.onnx.TrainingMode
    torch.onnx.export(tapped, pictures[:2], os.path.join(folder, "model.onnx"),
                      training=mode.EVAL if opset > 15 else mode.PRESERVE,
                      opset_version=opset, input_names=["input"], output_names=names,
                      dynamic_axes={name: {0: "pictures"} for name in ["input", *names]})
    return {name: (list(array.shape), float(array.std())) for name, array in zip(names, made)}


class Network:
    """A network of torchvision: what makes it, its inner layers, its opset and picture."""

    def __init__(self, make, taps, opset=13, side=224, **options):
        self.make, self.taps, self.opset, self.side = make, taps, opset, side
        self.options = options


NETWORKS = {
    "alexnet": Network(models.alexnet, ["features.2", "features.12", "classifier.5"]),
    "vgg19": Network(models.vgg19, ["features.9", "features.36", "classifier.4"]),
    "googlenet": Network(models.googlenet, ["maxpool2", "inception4a", "inception5b"], 17,
                         aux_logits=False, transform_input=True, init_weights=False),
    "inception_v3": Network(models.inception_v3, ["Mixed_5d", "Mixed_6e", "avgpool"], 13, 299,
                            transform_input=True, init_weights=False),
    "resnet18": Network(models.resnet18, ["maxpool", "layer2", "avgpool"]),
    "resnet50": Network(models.resnet50, ["layer1.0", "layer3", "avgpool"], 17),
    "resnet152": Network(models.resnet152, ["layer2", "layer3.20", "avgpool"]),
    "resnext50_32x4d": Network(models.resnext50_32x4d, ["layer1", "layer4"], 17),
    "squeezenet1_0": Network(models.squeezenet1_0, ["features.6", "features.12"]),
    "squeezenet1_1": Network(models.squeezenet1_1, ["features.5", "features.12"], 17),
    "densenet121": Network(models.densenet121, ["features.denseblock1", "features.norm5"], 17),
    "mobilenet_v2": Network(models.mobilenet_v2, ["features.3", "features.13", "features.18"]),
    "mobilenet_v3_small": Network(models.mobilenet_v3_small, ["features.4", "features.12"], 13),
    "mobilenet_v3_large": Network(models.mobilenet_v3_large, ["features.7", "avgpool"], 17),
    "shufflenet_v2_x1_0": Network(models.shufflenet_v2_x1_0, ["stage2", "conv5"]),
    "efficientnet_b0": Network(models.efficientnet_b0, ["features.3", "features.8"], 17),
    "mnasnet1_0": Network(models.mnasnet1_0, ["layers.8", "layers.16"]),
    "regnet_y_400mf": Network(models.regnet_y_400mf, ["trunk_output.block2", "avgpool"], 17),
    "regnet_x_400mf": Network(models.regnet_x_400mf, ["trunk_output.block1", "avgpool"]),
    "convnext_tiny": Network(models.convnext_tiny, ["features.1", "features.5", "avgpool"], 13),
    "vit_b_16": Network(models.vit_b_16, ["conv_proj", "encoder.layers.encoder_layer_5",
                                          "encoder.ln"], 17),
    "swin_t": Network(models.swin_t, ["features.1", "features.5", "norm"], 17),
}


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(NETWORKS))
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    name, folder = sys.argv[1:]
    if name == "--small":
        import small_networks  # its modules are torch's too, and only wanted here
        for name, (make, taps, shape, opset) in small_networks.NETWORKS.items():
            torch.manual_seed(SEED)
            print(name, export(make(), taps, shape, opset, os.path.join(folder, name)))
        return
    torch.manual_seed(SEED)
    network = NETWORKS[name]
    made = export(network.make(weights=None, **network.options), network.taps,
                  (3, network.side, network.side), network.opset, folder)
    print(name, made)


if __name__ == "__main__":
    main()
