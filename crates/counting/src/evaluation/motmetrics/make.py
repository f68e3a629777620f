#!/usr/bin/env python3
"""Makes tracks and asks py-motmetrics how good they are; tests.rs compares.

usage: pip install motmetrics==1.4.0 'numpy<2' 'pandas<3' && python3 crates/counting/src/evaluation/motmetrics/make.py

People walk about; of each the tracker sees boxes that are off by a little, or by a lot, loses some,
gives new numbers, swaps numbers of two who are close, and makes some up. Everything is random, from
a seed by case.
"""
import json
import math
import pathlib
import random

import motmetrics

HERE = pathlib.Path(__file__).resolve().parent
HEADER = "frame,id,left,top,width,height"
# people, frames, off by (share of the size), lost, renumbered, swapped when close, made up
CASES = {
    "good": (6, 60, 0.04, 0.03, 0.0, 0.02, 0.02),
    "crowd": (14, 50, 0.10, 0.08, 0.01, 0.10, 0.05),
    "flicker": (5, 80, 0.06, 0.30, 0.15, 0.0, 0.10),
    "border": (8, 60, 0.22, 0.05, 0.02, 0.05, 0.05),
    "sparse": (2, 60, 0.05, 0.10, 0.05, 0.0, 0.30),
}


def walk(rng, frames):
    """Boxes of a person, by frame."""
    begin = rng.randrange(1, frames // 2)
    end = rng.randrange(begin + 5, frames + 1)
    x, y = rng.uniform(0, 600), rng.uniform(0, 400)
    dx, dy = rng.uniform(-6, 6), rng.uniform(-4, 4)
    height = rng.uniform(60, 120)
    for frame in range(begin, end + 1):
        yield frame, (x, y, height * 0.4, height)
        x, y = x + dx + rng.gauss(0, 1), y + dy + rng.gauss(0, 1)


def make(seed, people, frames, off, lost, renumbered, swapped, made_up):
    rng = random.Random(seed)
    truth = {frame: {} for frame in range(1, frames + 1)}
    for person in range(1, people + 1):
        for frame, box in walk(rng, frames):
            truth[frame][person] = tuple(round(value, 3) for value in box)
    found = {frame: {} for frame in truth}
    number = {person: person for person in range(1, people + 1)}
    free = 100
    for frame, boxes in truth.items():
        seen = list(boxes)
        for a in seen:
            for b in seen:
                near = math.dist(boxes[a][:2], boxes[b][:2]) < 60
                if a < b and near and rng.random() < swapped:
                    number[a], number[b] = number[b], number[a]
        for person, (x, y, w, h) in boxes.items():
            if rng.random() < renumbered:
                number[person] = free
                free += 1
            if rng.random() < lost:
                continue
            box = x + rng.gauss(0, off * w), y + rng.gauss(0, off * h), w * math.exp(rng.gauss(0, off)), h
            found[frame][number[person]] = tuple(round(value, 3) for value in box)
        if rng.random() < made_up:
            box = rng.uniform(0, 600), rng.uniform(0, 400), 40, 100
            found[frame][free] = tuple(round(value, 3) for value in box)
            free += rng.random() < 0.5
    return truth, found


def write(name, frames):
    rows = [
        ",".join(map(str, (frame, number, *box)))
        for frame, boxes in frames.items()
        for number, box in sorted(boxes.items())
    ]
    (HERE / name).write_text("\n".join([HEADER, *rows]) + "\n")


def measure(truth, found):
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame in truth:
        people, tracks = sorted(truth[frame].items()), sorted(found[frame].items())
        distances = motmetrics.distances.iou_matrix(
            [box for _, box in people], [box for _, box in tracks], max_iou=0.5
        )
        accumulator.update([key for key, _ in people], [key for key, _ in tracks], distances)
    names = ["mota", "idf1", "num_switches", "precision", "recall"]
    summary = motmetrics.metrics.create().compute(accumulator, metrics=names)
    return {name: summary[name].iloc[0].item() for name in names}


def main():
    cases = {}
    for seed, (name, parameters) in enumerate(CASES.items()):
        truth, found = make(seed, *parameters)
        write(f"{name}-truth.csv", truth)
        write(f"{name}-found.csv", found)
        cases[name] = measure(truth, found)
    answer = {"motmetrics": motmetrics.__version__, "cases": cases}
    (HERE / "expected.json").write_text(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()
