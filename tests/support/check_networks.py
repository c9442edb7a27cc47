#!/usr/bin/python3
"""Reads ONNX models and runs them with numpy, without a line of Kindred: the oracle of what
deploy/networks makes. It knows the operators of a MobileNet.

  tests/support/check_networks.py MODEL.onnx IN.npy TENSOR OUT.npy    IN: floats [n][c][h][w]"""
import sys

import numpy as np


def _varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def message(data):
    """The fields of a protobuf message: {number: [integers, or bytes]}."""
    fields = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            size, at = _varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError(f"field {key >> 3} is cut off")
        else:
            raise ValueError(f"wire type {key & 7}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def words(values):
    return [bytes(value).decode() for value in values]


class Node:
    """NodeProto: input 1, output 2, name 3, op_type 4, attribute 5 (name 1, i 3, ints 8)."""

    def __init__(self, data):
        fields = message(data)
        self.inputs = words(fields.get(1, []))
        self.output, = words(fields[2])
        self.name, = words(fields[3])
        self.op, = words(fields[4])
        self.attributes = {}
        for attribute in map(message, fields.get(5, [])):
            self.attributes[words(attribute[1])[0]] = attribute.get(8) or attribute[3][0]


class Model:
    """ModelProto: ir_version 1, graph 7, opset_import 8. GraphProto: node 1, initializer 5 (dims 1,
    data_type 2, name 8, raw_data 9), input 11, output 12 (name 1, type 2)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            model = message(memoryview(file.read()))
        graph = message(model[7][0])
        self.ir_version, = model[1]
        self.opset, = message(model[8][0])[2]
        self.nodes = [Node(data) for data in graph[1]]
        self.weights = {}
        for tensor in map(message, graph[5]):
            if tensor[2] != [1]:
                raise ValueError(f"weights of type {tensor[2]}")
            self.weights[words(tensor[8])[0]] = \
                np.frombuffer(tensor[9][0], "<f4").reshape(tensor.get(1, []))
        self.inputs = dict(map(self._information, graph[11]))
        self.outputs = dict(map(self._information, graph[12]))

    @staticmethod
    def _information(data):
        """(name, dimensions): TypeProto has tensor_type 1, with elem_type 1 and shape 2, whose dim 1
        is dim_value 1 or dim_param 2."""
        fields = message(data)
        tensor = message(message(fields[2][0])[1][0])
        dims = [message(dim) for dim in message(tensor[2][0]).get(1, [])]
        return (words(fields[1])[0],
                [dim[1][0] if 1 in dim else words(dim[2])[0] for dim in dims])

    def run(self, pictures, *names):
        """The tensors of these names."""
        values = dict(self.weights)
        values[next(iter(self.inputs))] = pictures
        for node in self.nodes:
            values[node.output] = OPERATORS[node.op](
                node.attributes, *(values[name] for name in node.inputs))
        return [values[name] for name in names]


def convolution(attributes, x, weights, bias):
    """One product for each place in the kernel; groups are all or none."""
    top, left, bottom, right = attributes["pads"]
    down, across = attributes["strides"]
    rows, columns = weights.shape[2:]
    if attributes["kernel_shape"] != [rows, columns] or attributes["group"] not in (1, x.shape[1]):
        raise ValueError("a convolution of another kind")
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    height = (x.shape[2] - rows) // down + 1
    width = (x.shape[3] - columns) // across + 1
    out = np.zeros((len(x), len(weights), height, width), np.float32)
    for row in range(rows):
        for column in range(columns):
            part = x[:, :, row:row + (height - 1) * down + 1:down,
                     column:column + (width - 1) * across + 1:across]
            if attributes["group"] == 1:
                flat = part.reshape(len(x), x.shape[1], height * width)
                out += (weights[:, :, row, column] @ flat).reshape(out.shape)
            else:
                out += part * weights[:, 0, row, column, None, None]
    return out + bias[:, None, None]


OPERATORS = {
    "Conv": convolution,
    "Clip": lambda _, x, low, high: np.clip(x, low, high),
    "Add": lambda _, x, y: x + y,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdims=True),
    "Flatten": lambda _, x: x.reshape(len(x), -1),
    "Gemm": lambda _, x, weights, bias: x @ weights + bias,
}


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    np.save(sys.argv[4], Model(sys.argv[1]).run(np.load(sys.argv[2]), sys.argv[3])[0])
