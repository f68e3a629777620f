#!/usr/bin/env python3
"""Quantise the person model to INT8 (static, QDQ, per channel) with ONNX Runtime's tools.

    python quantize.py /usr/share/doc/opencv-doc/examples/data/vtest.avi

README.md says why the heads stay float32 and why most weights have 7 bits.
"""

import argparse
import hashlib
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import numpy_helper

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: it sends telemetry otherwise
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from convert import MODEL_FILE

INT8_FILE = "ssdlite_mobilenet_v2_person_int8.onnx"
OPSET = 13  # the first whose QuantizeLinear is per channel
IR_VERSION = 7

FIRST_FRAME, EVERY = 400, 8  # the frames before are left for measuring accuracy
ZOOMS = (1, 2, 4)  # so that people of all sizes are seen
GAINS = (1.0, 0.5, 1.5)  # and other exposures than the clip's
SIZE = 320


def calibration_images(video):
    """Of every eighth frame: all of it, and three crops around what moves most."""
    capture, images, index, previous = cv2.VideoCapture(video), [], 0, None
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        if index >= FIRST_FRAME and index % EVERY == 0:
            gain = GAINS[len(images) // 4 % len(GAINS)]
            views = [cv2.resize(frame, (512, 384))]
            x, y = busiest_point(frame, frame if previous is None else previous)
            for zoom in ZOOMS:
                views.append(cv2.resize(crop(frame, x, y, SIZE // zoom), (SIZE, SIZE)))
            images.extend(np.clip(view.astype(np.float32) * gain, 0, 255) for view in views)
            previous = frame
        index += 1
    if not images:
        raise SystemExit(f"{video}: no frames to calibrate with")
    return images


def busiest_point(frame, previous):
    change = cv2.absdiff(frame, previous).max(axis=2).astype(np.float32)
    sums = cv2.boxFilter(change, -1, (48, 96), normalize=False, borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(sums.argmax(), sums.shape)
    return x, y


def crop(frame, x, y, size):
    height, width = frame.shape[:2]
    left = min(max(x - size // 2, 0), width - size)
    top = min(max(y - size // 2, 0), height - size)
    return frame[top : top + size, left : left + size]


class Calibration(CalibrationDataReader):
    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        if image is None:
            return None
        rgb = image[:, :, ::-1] / np.float32(127.5) - 1
        return {"image": np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])}


def upgrade(model):
    """Opset 9 to 13: of the operations used only Clip differs, its limits become inputs."""
    for name, value in (("zero", 0), ("six", 6)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    for node in model.graph.node:
        if node.op_type == "Clip":
            del node.attribute[:]
            node.input.extend(["zero", "six"])
    model.opset_import[0].version = OPSET
    return model


def head_convolutions(graph):
    """Names of the twelve that feed the outputs: they stay float32."""
    head_outputs = {node.input[0] for node in graph.node if node.op_type == "Transpose"}
    return [node.name for node in graph.node if node.output[0] in head_outputs]


def depthwise_weights(graph):
    return [
        node.input[1]
        for node in graph.node
        if node.op_type == "Conv" and any(a.name == "group" and a.i > 1 for a in node.attribute)
    ]


def quantize(model, images):
    eight_bits = {"quant_type": QuantType.QInt8, "axis": 0, "symmetric": True, "reduce_range": False}
    with tempfile.TemporaryDirectory() as directory:
        float_file, int8_file = Path(directory) / "float.onnx", Path(directory) / "int8.onnx"
        onnx.save(model, float_file)
        quantize_static(
            float_file,
            int8_file,
            Calibration(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=head_convolutions(model.graph),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "TensorQuantOverrides": {name: [eight_bits] for name in depthwise_weights(model.graph)}
            },
        )
        quantized = onnx.load(int8_file)
    quantized.ir_version = IR_VERSION
    quantized.producer_name = "becamera models/quantize.py"
    quantized.producer_version = ""
    del quantized.metadata_props[:]
    del quantized.graph.value_info[:]
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", help="vtest.avi")
    folder = Path(__file__).parent
    parser.add_argument("--model", type=Path, default=folder / MODEL_FILE)
    parser.add_argument("--output", type=Path, default=folder / INT8_FILE)
    args = parser.parse_args()

    quantized = quantize(upgrade(onnx.load(args.model)), calibration_images(args.video))
    data = quantized.SerializeToString(deterministic=True)
    args.output.write_bytes(data)
    print(f"{hashlib.sha256(data).hexdigest()}  {args.output}")


if __name__ == "__main__":
    main()
