"""Frames to detections: what the Rust detector does, around any way of running the network."""

import os

import cv2
import numpy as np

from anchors import anchors, decode, nms

SCORE_THRESHOLD = 0.3
NMS_THRESHOLD = 0.45


def frames(video, wanted):
    """(index, BGR frame) of the wanted frames, counted from 0."""
    capture, wanted = cv2.VideoCapture(str(video)), set(wanted)
    for index in range(max(wanted) + 1):
        ok, frame = capture.read()
        if not ok:
            raise SystemExit(f"{video}: ends before frame {index}")
        if index in wanted:
            yield index, frame


def preprocess(frame, width, height):
    """BGR frame to float32 [1, 3, height, width], RGB, (value / 127.5) - 1."""
    if frame.shape[:2] != (height, width):
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
    rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.float32) / np.float32(127.5) - 1
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])


def detections(boxes, logits, width, height, threshold=SCORE_THRESHOLD):
    """Raw outputs to [N, 5]: left, top, width, height, all of 0..1, and score, best first."""
    boxes, logits = boxes.reshape(-1, 4), logits.reshape(-1)
    scores = 1 / (1 + np.exp(-logits))
    candidates = np.flatnonzero(scores >= threshold)
    scores = scores[candidates]
    boxes = decode(boxes[candidates], anchors(width, height)[candidates])
    boxes = clip(boxes / np.array([width, height, width, height], np.float32))
    kept = nms(boxes, scores, NMS_THRESHOLD)
    return np.concatenate([boxes[kept], scores[kept, None]], axis=1)


def clip(boxes):
    corners = np.clip(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1), 0, 1)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def iou(a, b):
    """Intersection over union of every box of a with every box of b (left, top, width, height)."""
    a, b = a[:, None], b[None]
    size = np.minimum(a[..., :2] + a[..., 2:4], b[..., :2] + b[..., 2:4]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.maximum(size, 0).prod(-1)
    return overlap / (a[..., 2:4].prod(-1) + b[..., 2:4].prod(-1) - overlap)


def opencv_dnn(model):
    net = cv2.dnn.readNetFromONNX(str(model))

    def run(image):
        net.setInput(image, "image")
        return net.forward(["boxes", "scores"])

    return run


def onnx_runtime(model):
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded: it sends telemetry otherwise
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(["boxes", "scores"], {"image": image})
