"""The TF.js graph run node by node with numpy: slow, unfolded, NHWC, all 91 classes.

It shares no code with convert.py but the reading of the package, and is what the ONNX models
and person_reference.json are checked against.
"""

import numpy as np

from convert import BOXES_NODE, IMAGE_NODE, PERSON, SCORES_NODE


def run(nodes, constants, image):
    """`image` is float32 [1, H, W, 3], (rgb / 127.5) - 1. Gives boxes [N, 4] and person logits [N]."""
    values = {IMAGE_NODE: image}
    boxes = np.concatenate([head(nodes, constants, values, n, 4) for n in nodes[BOXES_NODE]["input"][:6]])
    logits = np.concatenate([head(nodes, constants, values, n, 91) for n in nodes[SCORES_NODE]["input"][:6]])
    return boxes, logits[:, PERSON]


def head(nodes, constants, values, reshape, columns):
    return evaluate(nodes, constants, values, nodes[reshape]["input"][0]).reshape(-1, columns)


def evaluate(nodes, constants, values, name):
    if name in constants:
        return constants[name]
    if name not in values:
        node = nodes[name]
        inputs = [evaluate(nodes, constants, values, i) for i in node["input"]]
        values[name] = OPERATIONS[node["op"]](node.get("attr", {}), *inputs)
    return values[name]


def conv2d(attr, x, weights):
    size, stride = weights.shape[0], stride_of(attr)
    return sum(patch @ weights[dy, dx] for dy, dx, patch in same_patches(x, size, stride))


def depthwise_conv2d(attr, x, weights):
    size, stride = weights.shape[0], stride_of(attr)
    return sum(patch * weights[dy, dx, :, 0] for dy, dx, patch in same_patches(x, size, stride))


def stride_of(attr):
    return int(attr["strides"]["list"]["i"][1])


def same_patches(x, size, stride):
    """For each kernel cell the strided view of x that it sees, padded as TensorFlow's SAME."""
    (out_h, pad_h), (out_w, pad_w) = (same_padding(n, size, stride) for n in x.shape[1:3])
    x = np.pad(x, ((0, 0), pad_h, pad_w, (0, 0)))
    for dy in range(size):
        for dx in range(size):
            yield (
                dy,
                dx,
                x[:, dy : dy + stride * out_h : stride, dx : dx + stride * out_w : stride][:, :out_h, :out_w],
            )


def same_padding(n, size, stride):
    out = -(-n // stride)
    total = max((out - 1) * stride + size - n, 0)
    return out, (total // 2, total - total // 2)


def fused_batch_norm(attr, x, gamma, beta, mean, variance):
    return (x - mean) / np.sqrt(variance + np.float32(attr["epsilon"]["f"])) * gamma + beta


OPERATIONS = {
    "Conv2D": conv2d,
    "DepthwiseConv2dNative": depthwise_conv2d,
    "FusedBatchNorm": fused_batch_norm,
    "Relu6": lambda attr, x: np.clip(x, 0, 6),
    "Add": lambda attr, a, b: a + b,
    "AddN": lambda attr, a, b: a + b,
    "BiasAdd": lambda attr, a, b: a + b,
    "Mul": lambda attr, a, b: a * b,
}
