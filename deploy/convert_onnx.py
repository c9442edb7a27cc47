"""Writes ONNX models with nothing but Python: a network grows node by node and becomes the bytes of
a ModelProto. The same calls give the same bytes on every machine.

Specification: onnx.proto (IR version 7) for the messages, protobuf's encoding page for the wire."""
import array
import sys

IR_VERSION = 7  # the one that opset 13 came with
OPSET = 13
FLOAT, INT64 = 1, 7  # TensorProto.DataType
ATTRIBUTE_INT, ATTRIBUTE_INTS = 2, 7  # AttributeProto.AttributeType


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, data):
    """A string, or a message in a message."""
    if isinstance(data, str):
        data = data.encode()
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def floats(values):
    """An array of 32-bit floats, each the nearest one to the value."""
    return array.array("f", values)


def _little_endian(values):
    if sys.byteorder == "big":
        values = array.array(values.typecode, values)
        values.byteswap()
    return values.tobytes()


def _tensor(name, shape, values):
    """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
    count = 1
    for size in shape:
        count *= size
    if count != len(values):
        raise ValueError(f"{name} has {len(values)} values, its shape {shape} wants {count}")
    kind = FLOAT if values.typecode == "f" else INT64
    return (b"".join(_integer(1, size) for size in shape) + _integer(2, kind) + _bytes(8, name) +
            _bytes(9, _little_endian(values)))


def _attribute(name, value):
    """AttributeProto: name 1, i 3, ints 8, type 20."""
    if isinstance(value, int):
        return _bytes(1, name) + _integer(3, value) + _integer(20, ATTRIBUTE_INT)
    return (_bytes(1, name) + b"".join(_integer(8, number) for number in value) +
            _integer(20, ATTRIBUTE_INTS))


def _value_info(name, shape):
    """ValueInfoProto of floats; a dimension that is a word stays open."""
    dims = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _integer(1, size))
                    for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _integer(1, FLOAT) + _bytes(2, dims)))


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: (before, after); where the sum is odd, the end gets more."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Network:
    """Nodes and weights of a network with one picture input [batch][channels][height][width]. Every
    tensor has the name of the node that makes it. A prefix keeps two networks in one model apart."""

    def __init__(self, name, source_input="pixels", channels=3, height=224, width=224):
        self.name = name
        self.prefix = ""
        self.shapes = {source_input: (channels, height, width)}
        self.input = source_input
        self.outputs = []
        self._nodes = []
        self._weights = []
        self._constants = set()

    def _node(self, op, name, inputs, shape, **attributes):
        """NodeProto: input 1, output 2, name 3, op_type 4, attribute 5."""
        if name in self.shapes:
            raise ValueError(f"two tensors are called {name}")
        for given in inputs:
            if given not in self.shapes and given not in self._constants:
                raise ValueError(f"{name} takes {given}, which is not there yet")
        self._nodes.append(b"".join(_bytes(1, given) for given in inputs) + _bytes(2, name) +
                           _bytes(3, name) + _bytes(4, op) +
                           b"".join(_bytes(5, _attribute(key, attributes[key]))
                                    for key in sorted(attributes)))
        self.shapes[name] = shape
        return name

    def _constant(self, name, shape, values):
        if name not in self._constants:
            self._constants.add(name)
            self._weights.append(_tensor(name, shape, values))
        return name

    def _full(self, name):
        return name if name == self.input else self.prefix + name

    def shape(self, name):
        """(channels, height, width) or (values,) of a tensor of one picture."""
        return self.shapes[self._full(name)]

    def convolution(self, name, source, weights, bias, *, shape, stride, groups, relu6):
        """weights: floats in the order [out][in / groups][height][width] that shape gives. Padding
        is SAME. With relu6, `name` is what comes out of it, and NAME_linear what goes in."""
        name, source = self._full(name), self._full(source)
        channels, height, width = self.shapes[source]
        if shape[1] * groups != channels or shape[0] % groups:
            raise ValueError(f"{name} takes {channels} channels, its weights are {shape}")
        top, bottom = same_padding(height, shape[2], stride)
        left, right = same_padding(width, shape[3], stride)
        out = (shape[0], -(-height // stride), -(-width // stride))
        inputs = [source, self._constant(name + "_weights", shape, weights),
                  self._constant(name + "_bias", shape[:1], bias)]
        linear = self._node("Conv", name + "_linear" if relu6 else name, inputs, out, group=groups,
                            kernel_shape=shape[2:], pads=(top, left, bottom, right),
                            strides=(stride, stride))
        if relu6:
            low = self._constant("zero", (), floats([0]))
            high = self._constant("six", (), floats([6]))
            self._node("Clip", name, [linear, low, high], out)

    def add(self, name, first, second):
        name, first, second = self._full(name), self._full(first), self._full(second)
        if self.shapes[first] != self.shapes[second]:
            raise ValueError(f"{name} adds {self.shapes[first]} and {self.shapes[second]}")
        self._node("Add", name, [first, second], self.shapes[first])

    def mean(self, name, source):
        """The average of each channel: [batch][channels]."""
        name, source = self._full(name), self._full(source)
        channels = self.shapes[source][0]
        spread = self._node("GlobalAveragePool", name + "_map", [source], (channels, 1, 1))
        self._node("Flatten", name, [spread], (channels,), axis=1)

    def dense(self, name, source, weights, bias, *, shape):
        """weights: floats [in][out], which is what shape says."""
        name, source = self._full(name), self._full(source)
        if self.shapes[source] != shape[:1]:
            raise ValueError(f"{name} takes {self.shapes[source]}, its weights are {shape}")
        inputs = [source, self._constant(name + "_weights", shape, weights),
                  self._constant(name + "_bias", shape[1:], bias)]
        self._node("Gemm", name, inputs, shape[1:])

    def output(self, name):
        self.outputs.append(self._full(name))

    def model(self):
        """ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8.
        GraphProto: node 1, name 2, initializer 5, input 11, output 12."""
        def info(name):
            return _value_info(name, ("batch",) + self.shapes[name])

        graph = (b"".join(_bytes(1, node) for node in self._nodes) + _bytes(2, self.name) +
                 b"".join(_bytes(5, tensor) for tensor in self._weights) +
                 _bytes(11, info(self.input)) +
                 b"".join(_bytes(12, info(name)) for name in self.outputs))
        opset = _bytes(1, "") + _integer(2, OPSET)
        return (_integer(1, IR_VERSION) + _bytes(2, "kindred") + _bytes(7, graph) +
                _bytes(8, opset))


def channels_first(values, outs, ins, *, outs_last):
    """Weights in the order [height][width][in][out], or [out][height][width][in] if not outs_last,
    as [out][in][height][width]. Strided slices: quick without numpy."""
    size = len(values) // outs
    moved = array.array("f")
    for o in range(outs):
        one = values[o::outs] if outs_last else values[o * size:(o + 1) * size]
        for i in range(ins):
            moved.extend(one[i::ins])
    return moved
