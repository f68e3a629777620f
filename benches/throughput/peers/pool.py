"""The stock design of a camera worker pool: asyncio, a thread pool of four, one stream a thread.

Shared by the peers, which differ only in what runs the network. Each worker reads its own clip,
squashes every frame into 300 x 300, detects, and counts: cv2.VideoCapture and the detection code
as most such workers have it.
"""
import argparse
import asyncio
import concurrent.futures
import json
import pathlib
import sys
import threading
import time

import cv2
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODEL = ROOT / "models/ssdlite_mobilenet_v2_person.onnx"
sys.path.insert(0, str(ROOT / "models"))

from anchors import anchors, decode  # noqa: E402

SIZE = 300
ANCHORS = anchors(SIZE, SIZE)
CONFIDENCE, NMS = 0.45, 0.45


def preprocess(frame):
    return cv2.dnn.blobFromImage(frame, 1 / 127.5, (SIZE, SIZE), (127.5,) * 3, swapRB=True)


def people(boxes, logits, width, height):
    scores = 1 / (1 + np.exp(-logits.reshape(-1)))
    found = np.flatnonzero(scores >= CONFIDENCE)
    if not len(found):
        return 0
    rects = decode(boxes.reshape(-1, 4)[found], ANCHORS[found]) * (
        np.array([width, height, width, height], np.float32) / SIZE
    )
    return len(cv2.dnn.NMSBoxes(rects.tolist(), scores[found].tolist(), CONFIDENCE, NMS))


class Worker:
    """Reads one clip in a loop and analyses every frame."""

    def __init__(self, clip, network):
        self.clip, self.network = clip, network()
        self.frames, self.counted, self.times = 0, 0, []

    def count(self, frame):
        height, width = frame.shape[:2]
        return people(*self.network(preprocess(frame)), width, height)

    def run(self, stop):
        capture = cv2.VideoCapture(str(self.clip))
        while not stop.is_set():
            ok, frame = capture.read()
            if not ok:
                capture = cv2.VideoCapture(str(self.clip))
                continue
            begin = time.perf_counter()
            self.counted += self.count(frame)
            self.times.append(time.perf_counter() - begin)
            self.frames += 1

    def first(self, frames):
        """People in each of the first frames."""
        capture = cv2.VideoCapture(str(self.clip))
        return [self.count(capture.read()[1]) for _ in range(frames)]


async def measure(workers, warm, seconds):
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        tasks = [loop.run_in_executor(pool, worker.run, stop) for worker in workers]
        await asyncio.sleep(warm)
        for worker in workers:
            worker.times.clear()
        frames = sum(worker.frames for worker in workers)
        begin, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        elapsed, cpu = time.perf_counter() - begin, time.process_time() - cpu
        frames = sum(worker.frames for worker in workers) - frames
        times = sorted(t for worker in workers for t in worker.times)
        stop.set()
        await asyncio.gather(*tasks)
    return {
        "fps": frames / elapsed,
        "cpu_ms_per_frame": 1000 * cpu / max(frames, 1),
        "ms_p50": 1000 * times[len(times) // 2],
        "ms_p99": 1000 * times[len(times) * 99 // 100],
        "mean_people": sum(w.counted for w in workers) / max(sum(w.frames for w in workers), 1),
    }


def main(name, network):
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+", help="one clip a worker")
    parser.add_argument("--warm", type=float, default=3)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--count-frames", type=int, help="count these first frames of one, no more")
    options = parser.parse_args()
    workers = [Worker(clip, network) for clip in options.clips]
    if options.count_frames:
        print(json.dumps(workers[0].first(options.count_frames)))
        return
    result = asyncio.run(measure(workers, options.warm, options.seconds))
    print(json.dumps({"name": name, **result}))
