#!/usr/bin/env python3
"""Analysed frames a second of becamera and of its peers, on the same clips in one session.

usage: benches/throughput/compare.py [--streams 4] [--rounds 3] [--seconds 15] [--preset NAME]
                                     [--peers FOLDER]

(a) becamera with unpaced recordings, (b) the stock design with the newest OpenCV of PyPI, (c) the
stock design with ONNX Runtime f32. They run in turn, round after round, so that a machine that
others use too treats them alike; medians are shown. --peers is the virtual environment of
peers/requirements.txt, made when it is not there.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import FOOTAGE, ROOT, Service, clip, cpu_seconds, machine, quantile, resident  # noqa: E402

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


def run_becamera(clips, seconds, preset):
    settings = {
        "WORKERS_COUNT": len(clips),
        "STREAM_MEDIA_ROOTS": clips[0].parent,
        "DETECT_FPS": 60,
        # Each frame shall be analysed, whatever is in it.
        "DETECT_MOTION_GATE": "false",
    }
    if preset:
        settings["DETECT_PRESET"] = preset
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
            "name": f"becamera {preset or ''}, {service.data('/workers')['workers'][0]['backend']}",
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
    parser.add_argument("--preset", action="append", help="of becamera; several are measured in turn")
    parser.add_argument("--peers", type=pathlib.Path, default=ROOT / "target/peers")
    options = parser.parse_args()
    python = peer_python(options.peers)
    folder = ROOT / "target/clips"
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["-movflags", "+faststart", "-f", "mp4"]
    clips = [
        clip(folder, f"throughput-{n}.mp4", FOOTAGE_SECONDS, arguments) for n in range(options.streams)
    ]
    turns = [lambda p=preset: run_becamera(clips, options.seconds, p) for preset in options.preset or [None]]
    turns += [
        lambda: run_peer(python, "stock_opencv.py", clips, options.seconds),
        lambda: run_peer(python, "onnxruntime_f32.py", clips, options.seconds),
    ]
    results = [[] for _ in turns]
    for _ in range(options.rounds):
        for turn, measured in zip(turns, results):
            measured.append(turn())
            print(json.dumps(measured[-1]), flush=True)
    print(f"\n{machine()}; {options.streams} streams of {FOOTAGE.name} (768x576) as H.264, ", end="")
    print(f"median of {options.rounds} rounds of {options.seconds:g} s\n")
    show(results)


def show(results):
    median = lambda rounds, key: statistics.median(r[key] for r in rounds)  # noqa: E731
    print("| what | frames/s | CPU ms/frame | p50 ms | p99 ms | times (b) | times (c) |")
    print("|---|---|---|---|---|---|---|")
    stock, f32 = (median(rounds, "fps") for rounds in results[-2:])
    for rounds in results:
        fps = median(rounds, "fps")
        print(
            f"| {rounds[0]['name']} | {fps:.1f} | {median(rounds, 'cpu_ms_per_frame'):.1f} "
            f"| {median(rounds, 'ms_p50'):.1f} | {median(rounds, 'ms_p99'):.1f} "
            f"| {fps / stock:.2f} | {fps / f32:.2f} |"
        )


FOOTAGE_SECONDS = 79

if __name__ == "__main__":
    main()
