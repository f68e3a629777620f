#!/usr/bin/env python3
"""Accuracy of the counts of each preset: on a recording with ground truth, and on variants of it.

usage: benches/accuracy.py TRUTH.csv [CLIP] [--frames 1-400] [--presets economy,balanced,accurate]
                           [--variants original,mirrored,…] [--set detect.…=…]… [--binary FILE]
                           [--json FILE] [--keep FOLDER]

TRUTH.csv is in MOT format; CLIP is by default vtest.avi of opencv-doc, whose ground
truth is that of PETS09-S2L1 (which may not be distributed with becamera). ffmpeg makes the variants,
the ground truth is transformed in the same way, `becamera eval` measures; the output is Markdown. One
run at a time, one thread: the milliseconds are those of one core.

Only Python's standard library. The system packages are those of deploy/packages.sh test.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

from harness import FOOTAGE, build, machine

PRESETS = ["economy", "balanced", "accurate"]

# Six lines across the paths of those who walk there: three upright, two level, one slanted; some
# through the whole picture, some with ends that people walk around.
LINES = {
    "left": (0.25, 0.0, 0.25, 1.0),
    "middle": (0.5, 0.0, 0.5, 1.0),
    "right": (0.75, 0.1, 0.75, 0.9),
    "far": (0.0, 0.4, 1.0, 0.4),
    "near": (0.2, 0.55, 0.95, 0.55),
    "slanted": (0.3, 0.2, 0.85, 0.75),
}


class Variant:
    """A way to make another recording of the clip, and of its ground truth."""

    def __init__(self, filters=None, quality=14, mirrored=False, every=1, size=None):
        self.filters, self.quality, self.mirrored = filters, quality, mirrored
        self.every, self.size = every, size

    def video_filter(self):
        parts = [self.filters] if self.filters else []
        if self.size:
            parts.append("scale={}:{}".format(*self.size))
        if self.every > 1:
            parts.append(f"select=not(mod(n\\,{self.every})),setpts=N/({FPS // self.every}*TB)")
        return ",".join(parts)


FPS = 10
VARIANTS = {
    "original": None,
    "mirrored": Variant(filters="hflip", mirrored=True),
    "half the rate": Variant(every=2),
    "1280×720": Variant(size=(1280, 720)),
    "1920×1080": Variant(size=(1920, 1080)),
    "darker": Variant(filters="eq=brightness=-0.15:contrast=0.6"),
    "noisy": Variant(filters="noise=alls=24:allf=t"),
    "compressed": Variant(quality=38),
}


def probe(clip):
    """Width and height of a recording."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
    command += ["-show_entries", "stream=width,height", clip]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    width, height = answer.strip().split(",")[:2]
    return int(width), int(height)


def make_clip(variant, clip, frames, path):
    """Re-encodes the first frames, with a picture for each."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", clip, "-an"]
    command += ["-frames:v", str((frames + variant.every - 1) // variant.every)]
    if variant.video_filter():
        command += ["-vf", variant.video_filter()]
    command += ["-r", str(FPS // variant.every), "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-crf", str(variant.quality), "-pix_fmt", "yuv420p", path]
    subprocess.run(command, check=True)


def make_truth(variant, truth, size, path):
    width, height = size
    to_width, to_height = variant.size or size
    x, y = to_width / width, to_height / height
    with open(truth, newline="") as source, open(path, "w", newline="") as target:
        rows = csv.reader(source)
        written = csv.writer(target)
        for number, row in enumerate(rows):
            if not row or (number == 0 and not row[0].strip().isdigit()):
                continue
            frame, person = int(row[0]), row[1]
            left, top, box_width, box_height = map(float, row[2:6])
            if (frame - 1) % variant.every:
                continue
            if variant.mirrored:
                left = width - left - box_width
            box = left * x, top * y, box_width * x, box_height * y
            values = (f"{value:.3f}" for value in box)
            written.writerow([(frame - 1) // variant.every + 1, person, *values, *row[6:]])


def measure(binary, clip, truth, frames, preset, mirrored, settings):
    command = [binary, "eval", clip, "--gt", truth, "--json", "--preset", preset]
    command += ["--frames", "{}-{}".format(*frames)]
    for name, (x1, y1, x2, y2) in LINES.items():
        if mirrored:
            x1, x2 = 1 - x1, 1 - x2
        command += ["--line", f"{name}:{x1},{y1},{x2},{y2}"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout)


def crossings(answer):
    lines = answer["crossings"].values()
    wrong = sum(line["missed"] + line["extra"] for line in lines)
    true = sum(line["gt_in"] + line["gt_out"] for line in lines)
    return wrong, true


def row(name, preset, answer):
    wrong, true = crossings(answer)
    cells = [
        name,
        preset,
        f"{answer['mota']:.3f}",
        f"{answer['idf1']:.3f}",
        f"{answer['id_switches']}",
        f"{answer['precision']:.2f} / {answer['recall']:.2f}",
        f"{answer['count_mae']:.2f}",
        f"{answer['within_one']:.3f}",
        f"{wrong} of {true} ({100 * wrong / max(true, 1):.1f} %)",
        f"{answer['ms_per_frame']:.1f}",
        f"{answer['inferences_per_frame']:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = [
    "variant", "preset", "MOTA", "IDF1", "switches", "precision / recall", "count MAE",
    "within one", "crossing errors", "ms a frame", "inferences a frame",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("truth", type=pathlib.Path)
    parser.add_argument("clip", type=pathlib.Path, nargs="?", default=FOOTAGE)
    parser.add_argument("--frames", default="1-400")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--binary", type=pathlib.Path, help="instead of a release build")
    parser.add_argument("--json", type=pathlib.Path, help="all numbers")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the variants in this folder")
    return parser.parse_args()


def main():
    wanted = arguments()
    first, last = map(int, wanted.frames.split("-"))
    unknown = set(wanted.variants.split(",")) - set(VARIANTS)
    if unknown:
        sys.exit(f"no such variants: {', '.join(sorted(unknown))}")
    binary = (wanted.binary or build()).resolve()
    size = probe(wanted.clip)
    answers = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = wanted.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{wanted.clip.name}, frames {first}-{last}; {machine()}\n")
        print("| " + " | ".join(HEADER) + " |")
        print("|" + "---|" * len(HEADER))
        for name in wanted.variants.split(","):
            variant = VARIANTS[name]
            clip, truth, frames = wanted.clip, wanted.truth, (first, last)
            if variant:
                slug = name.replace(" ", "-").replace("×", "x")
                clip, truth = folder / f"{slug}.mp4", folder / f"{slug}.csv"
                make_clip(variant, wanted.clip, last, clip)
                make_truth(variant, wanted.truth, size, truth)
                frames = ((first - 1) // variant.every + 1, (last - 1) // variant.every + 1)
            for preset in wanted.presets.split(","):
                mirrored = bool(variant and variant.mirrored)
                answer = measure(binary, clip, truth, frames, preset, mirrored, wanted.settings)
                answers.setdefault(name, {})[preset] = answer
                print(row(name, preset, answer), flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps(answers, indent=2) + "\n")


if __name__ == "__main__":
    main()
