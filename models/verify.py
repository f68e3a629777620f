#!/usr/bin/env python3
"""Check the ONNX models against the original TF.js graph run with numpy.

    python verify.py VIDEO --package FILE.tgz                    # compare, print the differences
    python verify.py VIDEO --package FILE.tgz --write-reference  # make person_reference.json anew
    python verify.py VIDEO                                       # only against person_reference.json

VIDEO is vtest.avi. Without a package only detections are compared.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: it sends telemetry otherwise
import onnxruntime  # noqa: E402

import reference
from anchors import MAPS, anchors, grid, shapes
from convert import MODEL_FILE, read_package
from detect import (
    NMS_THRESHOLD,
    SCORE_THRESHOLD,
    detections,
    frames,
    iou,
    onnx_runtime,
    opencv_dnn,
    preprocess,
)
from quantize import INT8_FILE

FOLDER = Path(__file__).parent
REFERENCE = FOLDER / "person_reference.json"
# Frames are chosen so that no score is within 0.03 of the threshold, no overlap within 0.01 of the
# NMS threshold, every box is taller than wide, and clipping before or after NMS gives the same.
FRAMES = [0, 30, 230, 305, 380, 520]
CASES = [  # crop is left, top, width, height in pixels of the frame
    {"name": "squashed", "crop": [0, 0, 768, 576], "width": 300, "height": 300, "frames": FRAMES},
    {"name": "uniform", "crop": [0, 0, 768, 576], "width": 512, "height": 384, "frames": FRAMES},
    {"name": "crop", "crop": [192, 160, 352, 288], "width": 352, "height": 288, "frames": FRAMES},
    # Large people, whose anchors are those of the feature maps 2 and 3.
    {
        "name": "zoom",
        "crop": [504, 174, 104, 112],
        "width": 416,
        "height": 448,
        "frames": [12, 72, 96, 132, 246, 264],
    },
]
# Largest differences allowed: raw boxes and logits, then sides (of 0..1) and scores of detections.
# INT8 is not held to limits for raw outputs.
LIMITS = {
    "OpenCV DNN": (1e-3, 1e-3, 1e-4, 1e-4),
    "ONNX Runtime": (1e-3, 1e-3, 1e-4, 1e-4),
    "ONNX Runtime INT8": (None, None, 0.03, 0.15),
}


def inputs(frame, case):
    left, top, width, height = case["crop"]
    return preprocess(frame[top : top + height, left : left + width], case["width"], case["height"])


def check_anchors(constants):
    """Compare the formula with the constant of the graph, which holds 300 x 300 only."""
    top, left, bottom, right = constants["Postprocessor/ExpandDims"][0].T
    trained = np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=1)
    ours = anchors(300, 300) / 300
    print("anchors at 300 x 300, largest difference from the graph's constant, of 0..1")
    start = 0
    for level in range(MAPS):
        cells, per_cell = grid(300, level)[0], len(shapes(level))
        end = start + cells * cells * per_cell
        difference = np.abs(ours - trained)[start:end].max(axis=0)
        print(f"  map {level}: centres {difference[:2].max():.4f}  sizes {difference[2:].max():.1e}")
        # The constant spreads the cells evenly; the formula keeps the distance the network has.
        even = (np.arange(cells) + 0.5) / cells
        assert np.allclose(trained[start:end, 0].reshape(cells, cells, per_cell), even[:, None], atol=1e-6)
        assert np.allclose(
            trained[start:end, 1].reshape(cells, cells, per_cell), even[:, None, None], atol=1e-6
        )
        assert difference[2:].max() < 1e-4
        start = end
    assert start == len(ours) == len(trained)


def write_reference(video, nodes, constants):
    cases = []
    for case in CASES:
        entries = []
        for index, frame in frames(video, case["frames"]):
            nhwc = inputs(frame, case).transpose(0, 2, 3, 1)
            found = detections(*reference.run(nodes, constants, nhwc), case["width"], case["height"])
            entries.append({"frame": index, "detections": found.astype(float).round(6).tolist()})
        cases.append({**case, "frames": entries})
    document = {
        "about": "Detections of people by the original TF.js graph, run with numpy (reference.py).",
        "video": {"name": Path(video).name, "sha256": hashlib.sha256(Path(video).read_bytes()).hexdigest()},
        "frame": "index in the video, counted from 0",
        "crop": "left, top, width, height in pixels of the frame",
        "preprocessing": "crop the BGR frame, if its size is not width x height then cv2.resize with"
        " INTER_LINEAR, BGR to RGB, float32, value / 127.5 - 1",
        "decoding": "anchors.py; sigmoid; score >= score_threshold; boxes clipped to the crop; greedy NMS",
        "detection": "left, top, width, height of 0..1 of the crop, score; best first",
        "score_threshold": SCORE_THRESHOLD,
        "nms_threshold": NMS_THRESHOLD,
        "cases": cases,
    }
    text = json.dumps(document, indent=1)
    REFERENCE.write_text(compact_numbers(text) + "\n")


def compact_numbers(text):
    """One line for each list of numbers."""
    lines, row = [], None
    for line in text.split("\n"):
        item = line.strip()
        if row is not None:
            row += item + (" " if item.endswith(",") else "")
            if item.startswith("]"):
                lines.append(row.rstrip())
                row = None
        elif item.endswith("[") and not item.endswith(('"cases": [', '"frames": [', '"detections": [')):
            row = line
        else:
            lines.append(line)
    return "\n".join(lines)


def compare_detections(found, expected):
    """Largest differences of sides and of scores, None if they are not the same people."""
    if len(found) != len(expected):
        return None
    best = iou(expected, found).argmax(axis=1)
    if len(set(best)) != len(best):
        return None
    difference = np.abs(found[best] - expected).max(axis=0)
    return difference[:4].max(), difference[4]


def check_backend(name, run, video, original):
    """Print the differences of one backend, give whether they are within the limits."""
    good = True
    for case in json.loads(REFERENCE.read_text())["cases"]:
        expected = {e["frame"]: np.array(e["detections"]) for e in case["frames"]}
        worst, people = np.zeros(4), 0
        for index, frame in frames(video, expected):
            image = inputs(frame, case)
            boxes, logits = run(image)
            if original:
                true_boxes, true_logits = reference.run(*original, image.transpose(0, 2, 3, 1))
                raw = np.abs(boxes[0] - true_boxes).max(), np.abs(logits[0, :, 0] - true_logits).max()
                worst[:2] = np.maximum(worst[:2], raw)
            found = detections(boxes, logits, case["width"], case["height"])
            difference = compare_detections(found, expected[index])
            if difference is None:
                print(f"  {name}: {case['name']}, frame {index}: other detections than expected\n{found}")
                good = False
                continue
            worst[2:] = np.maximum(worst[2:], difference)
            people += len(found)
        good &= all(limit is None or value <= limit for value, limit in zip(worst, LIMITS[name]))
        raw = "boxes {:.1e}  logits {:.1e}  ".format(*worst[:2]) if original else ""
        print(
            f"  {name:18} {case['name']:9} {people:2} people  {raw}sides {worst[2]:.1e}  scores {worst[3]:.1e}"
        )
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", help="vtest.avi")
    parser.add_argument("--package", help="npm tarball, see convert.py")
    parser.add_argument("--write-reference", action="store_true")
    args = parser.parse_args()

    original = read_package(args.package) if args.package else None
    if original:
        check_anchors(original[1])
    if args.write_reference:
        write_reference(args.video, *original)
    print(f"largest differences, OpenCV {cv2.__version__}, ONNX Runtime {onnxruntime.__version__}")
    backends = {
        "OpenCV DNN": opencv_dnn(FOLDER / MODEL_FILE),
        "ONNX Runtime": onnx_runtime(FOLDER / MODEL_FILE),
        "ONNX Runtime INT8": onnx_runtime(FOLDER / INT8_FILE),
    }
    if not all([check_backend(name, run, args.video, original) for name, run in backends.items()]):
        sys.exit("differences are beyond the limits")


if __name__ == "__main__":
    main()
