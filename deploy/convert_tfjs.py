"""Reads a network as TensorFlow.js keeps it (a graph model with quantised weights), packed into
JavaScript modules, and gives it to a Network of convert_onnx. It knows the operators of a
MobileNet with its batch normalisation folded, and refuses every other."""
import array
import base64
import binascii
import json
import re

import convert_onnx

# What a string, a bare key, a number that starts with its point, and true and false look like in
# an object literal that a minifier has written.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|([{,])([A-Za-z_$][\w$]*):|(?<![\w.])(-?)(\.\d)|!([01])')


def object_literal(script):
    """The object that a module assigns to `exports`: its literal, made JSON."""
    start = script.find("exports={")
    if start < 0:
        raise ValueError("a module without an object")

    def as_json(match):
        if match[2]:
            return f'{match[1]}"{match[2]}":'
        if match[4]:
            return match[3] + "0" + match[4]
        if match[5]:
            return "true" if match[5] == "0" else "false"
        return match[0]

    text = _TOKEN.sub(as_json, script[start + len("exports="):])
    return json.JSONDecoder().raw_decode(text)[0]


def base64_text(script):
    """The bytes that a module holds as its only long string."""
    strings = re.findall(r'"([A-Za-z0-9+/]{64,}={0,2})"', script)
    if len(strings) != 1:
        raise ValueError(f"a module with {len(strings)} long strings, one is expected")
    try:
        return base64.b64decode(strings[0], validate=True)
    except binascii.Error as error:
        raise ValueError(f"a module whose base64 is broken: {error}") from error


def _weights(manifest, data):
    """{name: (shape, floats)} of every weight; TensorFlow.js computes value * scale + min in
    doubles and stores a float."""
    weights = {}
    at = 0
    for group in manifest:
        for entry in group["weights"]:
            count = 1
            for size in entry["shape"]:
                count *= size
            quantization = entry.get("quantization")
            if not quantization or quantization["dtype"] != "uint8" or entry["dtype"] != "float32":
                raise ValueError(f"{entry['name']} is no float quantised to uint8")
            scale, low = quantization["scale"], quantization["min"]
            table = convert_onnx.floats(level * scale + low for level in range(256))
            levels = data[at:at + count]
            if len(levels) != count:
                raise ValueError(f"the weights end within {entry['name']}")
            weights[entry["name"]] = (tuple(entry["shape"]),
                                      array.array("f", map(table.__getitem__, levels)))
            at += count
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes of weights belong to nothing")
    return weights


def _text(node, attribute):
    return base64.b64decode(node["attr"][attribute]["s"]).decode()


def _fused(node):
    listed = node["attr"]["fused_ops"]["list"].get("s", [])
    return [base64.b64decode(word).decode() for word in listed]


def _block_name(node):
    """`predict/MobilenetV2/expanded_conv_13/expand/Relu6` is block_13_expand."""
    found = re.search(r"MobilenetV2/expanded_conv(?:_(\d+))?/(expand|depthwise|project|add)",
                      node["name"])
    if found:
        return f"block_{found[1] or 0}_{found[2]}"
    found = re.search(r"MobilenetV2/(Conv|Conv_1)/", node["name"])
    if not found:
        raise ValueError(f"{node['name']} is no part of a MobileNet")
    return {"Conv": "stem", "Conv_1": "top"}[found[1]]


def _stride(node):
    strides = [int(word) for word in node["attr"]["strides"]["list"]["i"]]
    dilations = [int(word) for word in node["attr"]["dilations"]["list"]["i"]]
    if (strides[0], strides[3]) != (1, 1) or strides[1] != strides[2] or \
            dilations != [1, 1, 1, 1] or _text(node, "padding") != "SAME" or \
            _text(node, "data_format") != "NHWC":
        raise ValueError(f"{node['name']} is a convolution of another kind")
    return strides[1]


class _Reader:
    """Walks the nodes; names[node] is the tensor of the Network that stands for it."""

    def __init__(self, network, weights):
        self.network = network
        self.weights = weights
        self.names = {}

    def convolution(self, node, depthwise):
        source, kernel, bias = node["input"]
        shape, values = self.weights[kernel]
        if depthwise and shape[3] != 1:
            raise ValueError(f"{node['name']} makes {shape[3]} channels of each")
        outs, ins = (shape[2], 1) if depthwise else (shape[3], shape[2])
        fused = _fused(node)
        if fused not in (["BiasAdd"], ["BiasAdd", "Relu6"]):
            raise ValueError(f"{node['name']} fuses {fused}")
        self.network.convolution(
            _block_name(node), self.names[source],
            convert_onnx.channels_first(values, outs, ins, outs_last=True), self.weights[bias][1],
            shape=(outs, ins, shape[0], shape[1]), stride=_stride(node),
            groups=outs if depthwise else 1, relu6="Relu6" in fused)
        return _block_name(node)

    def mean(self, node):
        _, height, width = self.network.shape(self.names[node["input"][0]])
        kernel = [int(word) for word in node["attr"]["ksize"]["list"]["i"]]
        if kernel != [1, height, width, 1] or _text(node, "padding") != "VALID":
            raise ValueError(f"{node['name']} does not average the whole map")
        self.network.mean("features", self.names[node["input"][0]])
        return "features"

    def dense(self, node):
        source, kernel, bias = node["input"]
        flags = node["attr"]
        if flags["transpose_a"]["b"] or flags["transpose_b"]["b"] or _fused(node) != ["BiasAdd"]:
            raise ValueError(f"{node['name']} is a product of another kind")
        shape, values = self.weights[kernel]
        self.network.dense("scores", self.names[source], values, self.weights[bias][1], shape=shape)
        return "scores"

    def scale(self, node):
        """x * 2 - 1: the graph takes 0 to 1 and makes -1 to 1, which is what our input is."""
        constant, wanted = {"Mul": (0, 2.0), "Sub": (1, 1.0)}[node["op"]]
        if list(self.weights[node["input"][constant]][1]) != [wanted]:
            raise ValueError(f"{node['name']} does not map 0 to 1 onto -1 to 1")
        return self.names[node["input"][1 - constant]]

    def read(self, node):
        op = node["op"]
        if op == "Placeholder":
            return self.network.input
        if op in ("Mul", "Sub"):
            return self.scale(node)
        if op in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            return self.convolution(node, op != "_FusedConv2D")
        if op == "AddV2":
            first, second = (self.names[name] for name in node["input"])
            self.network.add(_block_name(node), first, second)
            return _block_name(node)
        if op == "AvgPool":
            return self.mean(node)
        if op == "Squeeze":
            return self.names[node["input"][0]]
        if op == "_FusedMatMul":
            return self.dense(node)
        raise ValueError(f"{node['name']} is a {op}, which this converter does not know")


def read_model(network, model, data, last):
    """Puts the nodes of a graph model (the object of model.json, and its decoded weights) into
    network, up to the tensor that is called `last` there, which becomes an output."""
    reader = _Reader(network, _weights(model["weightsManifest"], data))
    for node in model["modelTopology"]["node"]:
        if node["op"] == "Const":
            continue
        reader.names[node["name"]] = reader.read(node)
        if reader.names[node["name"]] == last:
            network.output(last)
            return
    raise ValueError(f"a network without {last}")
