"""Small ONNX models for tests, written field by field: right ones and wrong ones.

Specification: onnx.proto for the messages, protobuf's encoding page for the wire."""
import numpy as np

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10, "float64": 11}


def _varint(number):
    number %= 1 << 64
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def field(number, value):
    """A field of a message: a whole number, a float, or bytes and text with their length."""
    if isinstance(value, float):
        return _varint(number << 3 | 5) + np.float32(value).tobytes()
    if isinstance(value, (int, np.integer)):
        return _varint(number << 3) + _varint(int(value))
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def tensor(name, array):
    """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
    return message(*[(1, size) for size in array.shape], (2, TYPES[array.dtype.name]), (8, name),
                   (9, np.ascontiguousarray(array).tobytes()))


def external_tensor(name, array, place, data):
    """The same with its data at the end of `data`, the bytes to come of the file `place`:
    external_data 13, data_location 14."""
    raw = np.ascontiguousarray(array).tobytes()
    where = {"location": place, "offset": str(len(data)), "length": str(len(raw))}
    data += raw
    return message(*[(1, size) for size in array.shape], (2, TYPES[array.dtype.name]), (8, name),
                   *[(13, message((1, key), (2, text))) for key, text in where.items()], (14, 1))


def value(name, shape, kind="float32"):
    """ValueInfoProto; a dimension that is a word stays open."""
    dims = [(1, field(2 if isinstance(size, str) else 1, size)) for size in shape]
    return message((1, name), (2, field(1, message((1, TYPES[kind]), (2, message(*dims))))))


def _attribute(name, given):
    """AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20."""
    if isinstance(given, float):
        return message((1, name), (2, given), (20, 1))
    if isinstance(given, int):
        return message((1, name), (3, given), (20, 2))
    if isinstance(given, str):
        return message((1, name), (4, given), (20, 3))
    return message((1, name), *[(8, number) for number in given], (20, 7))


def node(op, inputs, outputs, **attributes):
    """NodeProto: input 1, output 2, name 3, op_type 4, attribute 5. Inputs and outputs are names
    with blanks between them; the first output is the node's name too."""
    return message(*[(1, name) for name in inputs.split()], *[(2, name) for name in outputs.split()],
                   (3, outputs.split()[0]), (4, op),
                   *[(5, _attribute(name, given)) for name, given in attributes.items()])


def model(inputs, nodes, constants, outputs, opset=13, external=None):
    """The bytes of a ModelProto. inputs: {name: shape, or (shape, type)}; constants: {name: array};
    outputs: names; external: (name, bytearray) of a file that floats go to."""
    def constant(name, array):
        if external is None or array.dtype != np.float32:
            return tensor(name, array)
        return external_tensor(name, array, *external)

    given = [value(name, *shape) if shape and isinstance(shape[0], (list, tuple))
             else value(name, shape) for name, shape in inputs.items()]
    graph = message(*[(1, one) for one in nodes],
                    *[(5, constant(name, array)) for name, array in constants.items()],
                    *[(11, one) for one in given], *[(12, value(name, [])) for name in outputs])
    return message((1, 8), (7, graph), (8, message((1, ""), (2, opset))))


def random(shape, seed, scale=1.0):
    """Floats of [-scale, scale): the same for a seed."""
    numbers = np.random.default_rng(seed).uniform(-scale, scale, shape)
    return numbers.astype(np.float32)


def pictures_network(side=16, seed=1, batch="n", channels=(6, 8), external=None):
    """A network of pictures with tensors of every rank that can be tapped: "relu" [n][6][s][s],
    "conv" [n][8][s/2][s/2], "pooled" [n][8][1][1], "tokens" [n][s*s/4][8], "flat" [n][8], "out"
    [n][5]; with other channels than 6 and 8 accordingly. external: as of model."""
    half, (first, second) = side // 2, channels
    return model(
        {"pixels": [batch, 3, side, side]},
        [node("Conv", "pixels w1 b1", "first", pads=[1, 1, 1, 1]), node("Relu", "first", "relu"),
         node("Conv", "relu w2", "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
         node("Reshape", "conv shape", "rows"), node("Transpose", "rows", "tokens", perm=[0, 2, 1]),
         node("GlobalAveragePool", "conv", "pooled"), node("Flatten", "pooled", "flat"),
         node("Gemm", "flat w3 b3", "out", transB=1)],
        {"w1": random([first, 3, 3, 3], seed, 0.5), "b1": random([first], seed + 1),
         "w2": random([second, first, 3, 3], seed + 2, 0.5), "w3": random([5, second], seed + 3),
         "b3": random([5], seed + 4), "shape": np.array([-1, second, half * half])},
        ["out"], external=external)
