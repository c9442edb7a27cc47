"""Reads a network from a TensorFlow Lite file, a flatbuffer, and gives it to a Network of
convert_onnx. It knows the operators of a MobileNet with weights of 16-bit floats, and refuses every
other.

Specification: FlatBuffers internals; tflite/schema.fbs, whose field numbers stand below."""
import re
import struct

import convert_onnx

ADD, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE = 0, 3, 4, 6  # BuiltinOperator
FLOAT16 = 1  # TensorType
SAME = 0  # Padding
NONE, RELU6 = 0, 3  # ActivationFunctionType


class _Table:
    """A table of a flatbuffer. struct.unpack_from refuses to read beyond the end."""

    def __init__(self, data, at):
        self.data = data
        self.at = at
        self.fields = at - self._read("<i", at)
        self.size = self._read("<H", self.fields)

    def _read(self, form, at):
        return struct.unpack_from(form, self.data, at)[0]

    def _find(self, field):
        """Where a field lies; 0: left out, which stands for its default."""
        entry = 4 + 2 * field
        offset = self._read("<H", self.fields + entry) if entry < self.size else 0
        return self.at + offset if offset else 0

    def number(self, field, form, default=0):
        at = self._find(field)
        return self._read(form, at) if at else default

    def _vector(self, field):
        at = self._find(field)
        if not at:
            return 0, 0
        at += self._read("<I", at)
        return at + 4, self._read("<I", at)

    def table(self, field):
        at = self._find(field)
        if not at:
            raise ValueError(f"field {field} of a table is left out")
        return _Table(self.data, at + self._read("<I", at))

    def tables(self, field):
        at, count = self._vector(field)
        return [_Table(self.data, at + 4 * i + self._read("<I", at + 4 * i)) for i in range(count)]

    def integers(self, field):
        at, count = self._vector(field)
        return struct.unpack_from(f"<{count}i", self.data, at)

    def bytes(self, field):
        at, count = self._vector(field)
        return self.data[at:at + count]


class _Model:
    """The one subgraph of a file. Model: operator_codes 1, subgraphs 2, buffers 4.
    SubGraph: tensors 0, inputs 1, operators 3. OperatorCode: deprecated_builtin_code 0,
    builtin_code 3. Operator: opcode_index 0, inputs 1, outputs 2, builtin_options 4.
    Tensor: shape 0, type 1, buffer 2, name 3. Buffer: data 0."""

    def __init__(self, data):
        if data[4:8] != b"TFL3":
            raise ValueError("this is no TensorFlow Lite file")
        root = _Table(data, struct.unpack_from("<I", data, 0)[0])
        self.codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in root.tables(1)]
        self.buffers = root.tables(4)
        graph, = root.tables(2)
        self.tensors = graph.tables(0)
        self.input, = graph.integers(1)
        self.operators = graph.tables(3)

    def name(self, tensor):
        return self.tensors[tensor].bytes(3).decode()

    def code(self, operator):
        return self.codes[operator.number(0, "<I")]

    def halves(self, tensor):
        """(shape, floats) of a constant of 16-bit floats."""
        table = self.tensors[tensor]
        if table.number(1, "<b") != FLOAT16:
            raise ValueError(f"{self.name(tensor)} does not hold 16-bit floats")
        data = self.buffers[table.number(2, "<I")].bytes(0)
        return table.integers(0), convert_onnx.floats(struct.unpack(f"<{len(data) // 2}e", data))


def _block_name(name):
    """The first of the names that were fused, as `.../expanded_conv_16/project/...`, is
    block_16_project; None for what is no part of a MobileNet's body."""
    first = name.split(";")[0]
    found = re.search(r"MobilenetV2/expanded_conv(?:_(\d+))?/(expand|depthwise|project|add)", first)
    if found:
        return f"block_{found[1] or 0}_{found[2]}"
    return "stem" if "MobilenetV2/Conv/" in first else None


def _convolution(network, model, weights, names, operator, depthwise):
    """Conv2DOptions: padding 0, stride_w 1, stride_h 2, fused_activation_function 3,
    dilation_w_factor 4, dilation_h_factor 5. DepthwiseConv2DOptions: the same, but for
    depth_multiplier 3, and what follows one later."""
    source, kernel, bias = operator.integers(1)
    name = _block_name(model.name(operator.integers(2)[0]))
    options = operator.table(4)
    activation = options.number(3 + depthwise, "<b")
    strides = options.number(1, "<i"), options.number(2, "<i")
    dilations = options.number(4 + depthwise, "<i", 1), options.number(5 + depthwise, "<i", 1)
    if strides[0] != strides[1] or dilations != (1, 1) or options.number(0, "<b") != SAME or \
            activation not in (NONE, RELU6) or (depthwise and options.number(3, "<i") != 1):
        raise ValueError(f"{name} is a convolution of another kind")
    (first, height, width, last), values = weights[kernel]
    outs, ins = (last, 1) if depthwise else (first, last)
    network.convolution(name, names[source],
                        convert_onnx.channels_first(values, outs, ins, outs_last=depthwise),
                        weights[bias][1], shape=(outs, ins, height, width), stride=strides[0],
                        groups=outs if depthwise else 1, relu6=activation == RELU6)
    return name


def _add(network, model, names, operator):
    """AddOptions: fused_activation_function 0."""
    name = _block_name(model.name(operator.integers(2)[0]))
    if operator.table(4).number(0, "<b") != NONE:
        raise ValueError(f"{name} is an addition with an activation")
    first, second = (names[tensor] for tensor in operator.integers(1))
    network.add(name, first, second)
    return name


def _needed(model, last):
    """The operators that the tensor called `last` is made with, in the file's order, which is one
    that runs; the heads of a detector branch off before the end."""
    wanted = set()
    needed = []
    for operator in reversed(model.operators):
        out, = operator.integers(2)
        is_last = model.code(operator) != DEQUANTIZE and _block_name(model.name(out)) == last
        if is_last or out in wanted:
            wanted.update(operator.integers(1))
            needed.insert(0, operator)
    if not needed:
        raise ValueError(f"a network without {last}")
    return needed


def read_model(network, data, last):
    """Puts the operators of a file that lead to the tensor called `last` into network, and makes
    that an output. The network's own input size holds, not the file's."""
    model = _Model(data)
    names = {model.input: network.input}
    weights = {}
    for operator in _needed(model, last):
        code = model.code(operator)
        out, = operator.integers(2)
        if code == DEQUANTIZE:
            weights[out] = model.halves(operator.integers(1)[0])
        elif code in (CONV_2D, DEPTHWISE_CONV_2D):
            names[out] = _convolution(network, model, weights, names, operator,
                                      code == DEPTHWISE_CONV_2D)
        elif code == ADD:
            names[out] = _add(network, model, names, operator)
        else:
            raise ValueError(f"operator {code} is one that this converter does not know")
    network.output(last)
