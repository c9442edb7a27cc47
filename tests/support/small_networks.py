"""Blocks of today's networks with few channels: each trick that an export may hold, in kilobytes.

NETWORKS: name: (what makes it, inner layers, shape of a picture, opset). Stored, with what torch
makes of them, in tests/golden/networks by `export_networks.py --small`."""
import functools

import torch
from torch import nn
from torchvision.models import (convnext, densenet, efficientnet, inception, mobilenetv2,
                                mobilenetv3, regnet, resnet, shufflenetv2, squeezenet,
                                swin_transformer, vision_transformer)
from torchvision.models.googlenet import Inception
from torchvision.ops.misc import Conv2dNormActivation


def residual():
    down = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
    deep = nn.Sequential(nn.Conv2d(16, 32, 1, 2, bias=False), nn.BatchNorm2d(32))
    return nn.Sequential(resnet.BasicBlock(8, 8), resnet.BasicBlock(8, 16, 2, down),
                         resnet.Bottleneck(16, 8, 2, deep, groups=2), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(32, 10))


def inception_v1():
    return nn.Sequential(Conv2dNormActivation(3, 8, 7, 2, bias=False),
                         nn.MaxPool2d(3, 2, ceil_mode=True),
                         Inception(8, 8, 4, 12, 4, 8, 6),
                         Inception(34, 4, 4, 4, 4, 4, 4), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 10))


def vgg():
    """Wide enough for Winograd's method, on pictures that are no multiple of its tiles."""
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 24, 3, padding=1, bias=False),
                         nn.BatchNorm2d(24), nn.ReLU())


class Narrow(nn.Sequential):
    """Inception v3's branches: unlike paddings, 1x7 beside 7x1, averages that count no padding."""

    def forward(self, pictures):
        branches = [branch(pictures) for branch in self]
        return torch.cat(branches, 1)


def inception_v3():
    conv = inception.BasicConv2d
    wide = Narrow(conv(6, 8, kernel_size=1),
                  nn.Sequential(conv(6, 4, kernel_size=(1, 7), padding=(0, 3)),
                                conv(4, 8, kernel_size=(7, 1), padding=(3, 0))),
                  nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False),
                                conv(6, 8, kernel_size=1)),
                  nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(6, 8, kernel_size=5, padding=2)))
    reduce = Narrow(conv(32, 8, kernel_size=3, stride=2), nn.MaxPool2d(3, 2))
    return nn.Sequential(wide, reduce)


def mobile_v2():
    return nn.Sequential(mobilenetv2.InvertedResidual(8, 8, 1, 1),
                         mobilenetv2.InvertedResidual(8, 8, 1, 6),
                         mobilenetv2.InvertedResidual(8, 12, 2, 6))


def mobile_v3():
    setting = functools.partial(mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    norm = functools.partial(nn.BatchNorm2d, eps=0.001)
    return nn.Sequential(
        mobilenetv3.InvertedResidual(setting(8, 5, 24, 8, True, "HS", 1, 1), norm),
        mobilenetv3.InvertedResidual(setting(8, 3, 24, 16, True, "RE", 2, 1), norm),
        mobilenetv3.InvertedResidual(setting(16, 5, 32, 16, True, "HS", 1, 2), norm),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 12), nn.Hardswish(),
        nn.Linear(12, 10))


def efficient():
    setting = functools.partial(efficientnet.MBConvConfig, width_mult=1.0, depth_mult=1.0)
    return nn.Sequential(*[
        efficientnet.MBConv(setting(expand_ratio, kernel, stride, channels, out, 1), 0.2,
                            nn.BatchNorm2d)
        for expand_ratio, kernel, stride, channels, out in ((1, 3, 1, 8, 8), (4, 5, 1, 8, 8),
                                                            (4, 3, 2, 8, 12))])


def dense():
    block = densenet._DenseBlock(3, 8, 2, 4, 0.0)
    return nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), block, densenet._Transition(20, 10),
                         nn.BatchNorm2d(10), nn.ReLU())


def shuffle():
    return nn.Sequential(shufflenetv2.InvertedResidual(8, 16, 2),
                         shufflenetv2.InvertedResidual(16, 16, 1),
                         shufflenetv2.InvertedResidual(16, 16, 1))


class Layer(nn.Module):
    """A layer without weights, from a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


def squeeze():
    return nn.Sequential(squeezenet.Fire(6, 4, 8, 8), nn.MaxPool2d(3, 2, ceil_mode=True),
                         squeezenet.Fire(16, 4, 6, 6), nn.Conv2d(12, 10, 1), nn.ReLU(),
                         Layer(lambda x: x.mean((2, 3))))


def reg():
    block = functools.partial(regnet.ResBottleneckBlock, norm_layer=nn.BatchNorm2d,
                              activation_layer=nn.ReLU, group_width=8, bottleneck_multiplier=1.0)
    return nn.Sequential(block(8, 16, 2, se_ratio=0.25), block(16, 16, 1, se_ratio=None))


def alex():
    return nn.Sequential(nn.Conv2d(2, 8, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
                         nn.Conv2d(8, 12, 5, padding=2, groups=2), nn.LeakyReLU(0.1),
                         nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Dropout(),
                         nn.Linear(72, 24), nn.ReLU(), nn.Linear(24, 10), nn.Softmax(1))


def convnext_block():
    norm = functools.partial(convnext.LayerNorm2d, eps=1e-6)
    return nn.Sequential(nn.Conv2d(3, 12, 4, 4), norm(12), convnext.CNBlock(12, 1e-6, 0.0),
                         norm(12), nn.Conv2d(12, 16, 2, 2), convnext.CNBlock(16, 1e-6, 0.0),
                         nn.AdaptiveAvgPool2d(1), norm(16), nn.Flatten(), nn.Linear(16, 10))


def vit():
    return vision_transformer.VisionTransformer(image_size=24, patch_size=8, num_layers=1,
                                                num_heads=4, hidden_dim=32, mlp_dim=64,
                                                num_classes=10)


def swin():
    """One attention over shifted windows, padded: the mask is computed by hundreds of nodes."""
    attention = swin_transformer.ShiftedWindowAttention(8, [3, 3], [1, 1], 2)
    return nn.Sequential(nn.Conv2d(3, 8, 2, 2), Layer(lambda x: x.permute(0, 2, 3, 1)), attention)


def swin_merge():
    """Swin's way to halve a picture: four slices behind one another."""
    return nn.Sequential(nn.Conv2d(3, 8, 2, 2), Layer(lambda x: x.permute(0, 2, 3, 1)),
                         swin_transformer.PatchMerging(8))


class ClipBlock(nn.Module):
    """OpenAI's CLIP: QuickGELU, attention over [positions][pictures][width], a projection."""

    def __init__(self, width=16, heads=2):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, values):
        normal = self.norm1(values)
        values = values + self.attention(normal, normal, normal, need_weights=False)[0]
        inner = self.up(self.norm2(values))
        return values + self.down(inner * torch.sigmoid(1.702 * inner))


class Clip(nn.Module):
    def __init__(self, width=16, positions=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8, bias=False)
        self.class_token = nn.Parameter(torch.zeros(width))
        self.pos_embedding = nn.Parameter(torch.zeros(positions, width))
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.block = ClipBlock(width)
        self.projection = nn.Parameter(width ** -0.5 * torch.randn(width, 12))

    def forward(self, pictures):
        x = self.patches(pictures)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        first = self.class_token + torch.zeros(x.shape[0], 1, x.shape[-1])
        x = self.before(torch.cat([first, x], dim=1) + self.pos_embedding)
        x = self.block(x.permute(1, 0, 2)).permute(1, 0, 2)
        return self.after(x[:, 0, :]) @ self.projection


class DinoBlock(nn.Module):
    """DINOv2: one product for q, k and v, layer scale, GELU."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.layer_scale = nn.Parameter(1e-5 * torch.ones(width))
        self.heads = heads

    def forward(self, values):
        n, positions, width = values.shape
        qkv = self.qkv(self.norm1(values))
        qkv = qkv.reshape(n, positions, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = (qkv[0] * (width // self.heads) ** -0.5) @ qkv[1].transpose(-2, -1)
        mixed = (weights.softmax(-1) @ qkv[2]).transpose(1, 2).reshape(n, positions, width)
        values = values + self.layer_scale * self.out(mixed)
        inner = nn.functional.gelu(self.up(self.norm2(values)))
        return values + self.layer_scale * self.down(inner)


class Dino(nn.Module):
    """Positions learned for 5x5 patches, stretched to those of the picture."""

    def __init__(self, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 7, 7)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.zeros(1, 26, width))
        self.blocks = nn.Sequential(DinoBlock(width, 2), DinoBlock(width, 4))
        self.norm = nn.LayerNorm(width, 1e-6)

    def forward(self, pictures):
        x = self.patches(pictures).flatten(2).transpose(1, 2)
        x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x), dim=1)
        grid = self.pos_embedding[:, 1:].reshape(1, 5, 5, -1).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid, scale_factor=0.8 + 1e-6, mode="bicubic")
        grid = grid.permute(0, 2, 3, 1).view(1, -1, x.shape[-1])
        x = x + torch.cat((self.pos_embedding[:, :1], grid), dim=1)
        x = self.norm(self.blocks(x))
        return torch.cat((x[:, 0], x[:, 1:].mean(1)), dim=1)


def decoder():
    """What segments and paints: transposed convolutions, resizing, other norms and activations."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 2, dilation=2, padding_mode="reflect"),
                         nn.GroupNorm(2, 8), nn.PReLU(8),
                         nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=2),
                         nn.InstanceNorm2d(8, affine=True), nn.ELU(),
                         nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                         nn.Conv2d(8, 4, 3, padding=1), nn.Softplus(),
                         nn.Upsample(scale_factor=0.5, mode="nearest"),
                         nn.ConvTranspose2d(4, 4, 3, 2, 1, 1), nn.Tanh())


class LocalResponse(torch.autograd.Function):
    """AlexNet's, as ONNX has it; torch alone would export it as a three-dimensional average."""

    @staticmethod
    def forward(context, values):
        return nn.functional.local_response_norm(values, 5, alpha=0.5, beta=0.75, k=2.0)

    @staticmethod
    def symbolic(graph, values):
        return graph.op("LRN", values, size_i=5, alpha_f=0.5, beta_f=0.75, bias_f=2.0)


def retrieval():
    """Heads of retrieval networks: GeM, L2 norm, PCA."""
    gem = Layer(lambda x: x.clamp(min=1e-6).pow(3).mean((-2, -1)).pow(1 / 3))
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), Layer(LocalResponse.apply),
                         gem, Layer(lambda x: nn.functional.normalize(x, dim=1)), nn.Linear(8, 6),
                         Layer(lambda x: nn.functional.normalize(x, dim=1)))


NETWORKS = {
    "residual": (residual, ["1", "2"], (8, 12, 12), 13),
    "vgg": (vgg, ["4"], (3, 13, 11), 13),
    "inception_v1": (inception_v1, ["1", "2"], (3, 32, 30), 17),
    "inception_v3": (inception_v3, ["0"], (6, 9, 9), 13),
    "mobile_v2": (mobile_v2, ["1"], (8, 10, 10), 13),
    "mobile_v3": (mobile_v3, ["0", "2"], (8, 10, 10), 13),
    "mobile_v3_hard_swish": (mobile_v3, ["0", "2"], (8, 10, 10), 17),
    "efficient": (efficient, ["1"], (8, 10, 10), 17),
    "dense": (dense, ["1"], (3, 24, 24), 17),
    "shuffle": (shuffle, ["1"], (8, 10, 10), 13),
    "squeeze": (squeeze, ["2"], (6, 12, 12), 12),
    "reg": (reg, ["0"], (8, 10, 10), 17),
    "alex": (alex, ["2", "5"], (2, 31, 39), 9),
    "convnext": (convnext_block, ["4"], (3, 24, 24), 13),
    "convnext_layer_norm": (convnext_block, ["4"], (3, 24, 24), 17),
    "vit": (vit, ["conv_proj", "encoder.ln"], (3, 24, 24), 17),
    "vit_mean": (vit, ["conv_proj", "encoder.ln"], (3, 24, 24), 13),
    "swin": (swin, ["0"], (3, 14, 14), 17),
    "swin_merge": (swin_merge, [], (3, 14, 14), 13),
    "clip": (Clip, ["after"], (3, 24, 24), 14),
    "dino": (Dino, ["norm"], (3, 28, 28), 17),
    "decoder": (decoder, ["2", "5"], (3, 11, 13), 16),
    "retrieval": (retrieval, ["2"], (3, 15, 15), 13),
}
