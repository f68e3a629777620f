#!/usr/bin/env python3
"""Precision, recall and time of the models on vtest.avi against a ground truth of boxes.

    python evaluate.py VIDEO GROUND_TRUTH.csv

GROUND_TRUTH.csv has the columns frame (from 1), id, left, top, width, height in pixels; it is
not part of this project. Every fourth frame that it covers is used.
"""

import argparse
import collections
import csv
import functools
import time
from pathlib import Path

import cv2
import numpy as np

import detect
from convert import MODEL_FILE
from quantize import INT8_FILE

EVERY = 4
IOU = 0.5
FOLDER = Path(__file__).parent
RUNS = [  # name, backend, model, width, height
    ("OpenCV DNN f32", detect.opencv_dnn, MODEL_FILE, 300, 300),
    ("ONNX Runtime f32", detect.onnx_runtime, MODEL_FILE, 300, 300),
    ("ONNX Runtime INT8", detect.onnx_runtime, INT8_FILE, 300, 300),
    ("OpenCV DNN f32", detect.opencv_dnn, MODEL_FILE, 512, 384),
    ("ONNX Runtime f32", detect.onnx_runtime, MODEL_FILE, 512, 384),
    ("ONNX Runtime INT8", detect.onnx_runtime, INT8_FILE, 512, 384),
    ("OpenCV DNN f32", detect.opencv_dnn, MODEL_FILE, 768, 576),
    ("ONNX Runtime f32", detect.onnx_runtime, MODEL_FILE, 768, 576),
    ("ONNX Runtime INT8", detect.onnx_runtime, INT8_FILE, 768, 576),
]


def read_ground_truth(path):
    boxes = collections.defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            boxes[int(row["frame"]) - 1].append([float(row[k]) for k in ("left", "top", "width", "height")])
    return {index: np.array(rows) for index, rows in boxes.items()}


def match(found, truth):
    """For each detection, best first, whether it takes a true box that is still free."""
    overlap, free, hits = detect.iou(found, truth), np.ones(len(truth), bool), []
    for row in overlap:
        best = np.where(free, row, 0).argmax()
        hit = bool(free[best] and row[best] >= IOU)
        free[best] &= not hit
        hits.append(hit)
    return hits


def measure(run, video, truth, width, height):
    """[N, 2] of score and hit, and the CPU milliseconds of each inference."""
    results, times = [], []
    for index, frame in detect.frames(video, truth):
        image = detect.preprocess(frame, width, height)
        start = time.process_time()
        boxes, logits = run(image)
        times.append((time.process_time() - start) * 1000)
        found = detect.detections(boxes, logits, width, height, threshold=0.05)
        size = frame.shape[1], frame.shape[0]
        hits = match(found[:, :4] * [*size, *size], truth[index])
        results.extend(zip(found[:, 4], hits))
    return np.array(results), times


def average_precision(results, total):
    hits = results[np.argsort(-results[:, 0], kind="stable"), 1].cumsum()
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return np.diff(hits / total, prepend=0) @ precision


def precision_recall(results, total, threshold):
    hits = results[results[:, 0] >= threshold, 1]
    return f"{hits.mean():.3f} / {hits.sum() / total:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("ground_truth")
    args = parser.parse_args()

    cv2.setNumThreads(1)
    detect.anchors = functools.lru_cache(detect.anchors)
    truth = {i: boxes for i, boxes in read_ground_truth(args.ground_truth).items() if i % EVERY == 0}
    total = sum(map(len, truth.values()))
    print(f"{len(truth)} frames, {total} people, IoU {IOU}, one thread")
    print("| model | input | AP | P / R at 0.3 | P / R at 0.5 | ms, least | ms, median |")
    print("|---|---|---|---|---|---|---|")
    for name, backend, model, width, height in RUNS:
        results, times = measure(backend(FOLDER / model), args.video, truth, width, height)
        print(
            f"| {name} | {width}×{height} | {average_precision(results, total):.3f}"
            f" | {precision_recall(results, total, 0.3)} | {precision_recall(results, total, 0.5)}"
            f" | {min(times):.1f} | {np.median(times):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
