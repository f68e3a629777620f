#!/usr/bin/env python3
"""Analysed frames per second of becamera and of its peers, on the same clips in one session.

usage: benches/throughput/compare.py [--streams 4] [--rounds 3] [--seconds 15] [--gt FILE]
                                     [--way NAME[,KNOB=VALUE]…]… [--peers FOLDER]

(a) becamera with unpaced recordings, (b) the stock design with the newest OpenCV of PyPI, (c) the
stock design with ONNX Runtime f32. They run in turn, round after round, so that other load on the
machine affects all of them alike; medians are shown. --way is a preset of becamera with single settings,
such as economy,interval=3; several are measured in turn. With --gt, the ground truth of frames
1-400, the error of each count is shown: speed means nothing without it. --peers is the virtual
environment of peers/requirements.txt, created if it does not exist.
"""
import argparse
import collections
import csv
import json
import pathlib
import statistics
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import FOOTAGE, ROOT, Service, build, clip, cpu_seconds, machine, quantile, resident  # noqa: E402

WARM = 3
MB = 1 << 20


def peer_python(folder):
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        requirements = HERE / "peers/requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return python


def run_peer(python, script, clips, seconds):
    command = [python, HERE / "peers" / script, *clips, "--seconds", str(seconds), "--warm", str(WARM)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def peer_error(python, script, truth):
    """How many people its count is off by, on the average of the frames of the ground truth."""
    command = [python, HERE / "peers" / script, FOOTAGE, "--count-frames", str(len(truth))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    counts = json.loads(done.stdout.splitlines()[-1])
    return statistics.mean(abs(count - people) for count, people in zip(counts, truth))


def read_truth(path):
    """People in each of the frames 1-400."""
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    people = collections.Counter(int(row[0]) for row in rows)
    return [people[frame] for frame in range(1, 401)]


def becamera_error(way, truth_file):
    preset, *knobs = way.split(",")
    knobs = [part for knob in knobs for part in ("--set", f"detect.{knob}")]
    command = [build(), "eval", FOOTAGE, "--gt", truth_file, "--frames", "1-400", "--json"]
    command += ["--preset", preset, *knobs]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["count_mae"]


def run_becamera(clips, seconds, way):
    preset, *knobs = way.split(",")
    settings = {
        "WORKERS_COUNT": len(clips),
        "STREAM_MEDIA_ROOTS": clips[0].parent,
        "DETECT_FPS": 60,
        # Each frame shall be analysed, whatever is in it.
        "DETECT_MOTION_GATE": "false",
        "DETECT_PRESET": preset,
    }
    settings |= {f"DETECT_{name.upper()}": value for name, value in (k.split("=") for k in knobs)}
    with Service(**settings) as service:
        for number, path in enumerate(clips, 1):
            source = {"loop": True, "paced": False}
            service.start(number, {"stream_url": f"file://{path}", "source": source})
        numbers = range(1, len(clips) + 1)
        processed = 'becamera_frames_processed_total{{camera="{}"}}'.format
        service.wait_frames(len(clips), 1)
        time.sleep(WARM)
        pids = [w["pid"] for w in service.data("/workers")["workers"]]
        used = lambda: sum(map(cpu_seconds, pids)) + cpu_seconds(service.process.pid)  # noqa: E731
        before, cpu, begin = service.metrics(), used(), time.monotonic()
        time.sleep(seconds)
        after, cpu, elapsed = service.metrics(), used() - cpu, time.monotonic() - begin
        frames = sum(after[processed(n)] - before[processed(n)] for n in numbers)
        ms = lambda share: statistics.mean(  # noqa: E731
            quantile(before, after, "frame_processing_seconds", n, share) for n in numbers
        )
        return {
            "name": f"becamera {way}, {service.data('/workers')['workers'][0]['backend']}",
            "fps": frames / elapsed,
            "cpu_ms_per_frame": 1000 * cpu / frames,
            "ms_p50": ms(0.5),
            "ms_p99": ms(0.99),
            "rss_mb": max(map(resident, pids)) / MB,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--way", action="append", help="economy; economy,interval=3; …")
    parser.add_argument("--gt", type=pathlib.Path, help="the footage's ground truth, in MOT format")
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / "target/peers")
    options = parser.parse_args()
    python = peer_python(options.peers)
    folder = ROOT / "target/clips"
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["-movflags", "+faststart", "-f", "mp4"]
    clips = [
        clip(folder, f"throughput-{n}.mp4", FOOTAGE_SECONDS, arguments) for n in range(options.streams)
    ]
    ways = options.way or ["economy,interval=3,person_height=48", "economy", "balanced"]
    turns = [lambda way=way: run_becamera(clips, options.seconds, way) for way in ways]
    turns += [lambda p=peer: run_peer(python, p, clips, options.seconds) for peer in PEERS]
    errors = [None] * len(turns)
    if options.gt:
        errors = [becamera_error(way, options.gt) for way in ways]
        errors += [peer_error(python, peer, read_truth(options.gt)) for peer in PEERS]
    results = [[] for _ in turns]
    for _ in range(options.rounds):
        for turn, measured in zip(turns, results):
            measured.append(turn())
            print(json.dumps(measured[-1]), flush=True)
    print(f"\n{machine()}; {options.streams} streams of {FOOTAGE.name} (768x576) as H.264, ", end="")
    print(f"median of {options.rounds} rounds of {options.seconds:g} s\n")
    show(results, errors)


def show(results, errors):
    median = lambda rounds, key: statistics.median(r[key] for r in rounds)  # noqa: E731
    print("| what | frames/s | CPU ms/frame | p50 ms | p99 ms | times (b) | times (c) | count MAE |")
    print("|---|---|---|---|---|---|---|---|")
    stock, f32 = (median(rounds, "fps") for rounds in results[-2:])
    for rounds, error in zip(results, errors):
        fps = median(rounds, "fps")
        print(
            f"| {rounds[0]['name']} | {fps:.1f} | {median(rounds, 'cpu_ms_per_frame'):.1f} "
            f"| {median(rounds, 'ms_p50'):.1f} | {median(rounds, 'ms_p99'):.1f} "
            f"| {fps / stock:.2f} | {fps / f32:.2f} | {'' if error is None else f'{error:.2f}'} |"
        )


PEERS = ["stock_opencv.py", "onnxruntime_f32.py"]
FOOTAGE_SECONDS = 79

if __name__ == "__main__":
    main()
