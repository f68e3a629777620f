#!/usr/bin/env python3
"""CPU of an analysed frame as streams grow: 1, 2, 4, 8, 16 recordings played as live cameras.

usage: benches/throughput/streams.py [--streams 1,2,4,8,16] [--fps 2] [--seconds 20] [--backend auto] [--preset balanced]

Few frames per second are analysed of each stream, so that the machine keeps pace with all of them: this
shows whether streams slow each other down.
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import Service, clip, cpu_seconds, machine, resident  # noqa: E402

MB = 1 << 20


def measure(streams, options):
    settings = {
        "WORKERS_COUNT": streams,
        "DETECT_FPS": options.fps,
        "DETECTOR_BACKEND": options.backend,
        "DETECT_PRESET": options.preset,
        "DETECT_MOTION_GATE": "false",
    }
    with Service(**settings) as service:
        path = clip(service.folder, "camera.mp4", 79, ["-movflags", "+faststart", "-f", "mp4"])
        for number in range(1, streams + 1):
            service.start(number, {"stream_url": f"file://{path}", "source": {"loop": True}})
        service.wait_frames(streams, 5 * options.fps)
        pids = [w["pid"] for w in service.data("/workers")["workers"]]
        used = lambda: sum(map(cpu_seconds, pids))  # noqa: E731
        own = cpu_seconds(service.process.pid)
        before, cpu, begin = service.total("processed"), used(), time.monotonic()
        time.sleep(options.seconds)
        frames = service.total("processed") - before
        cpu, elapsed = used() - cpu, time.monotonic() - begin
        own = cpu_seconds(service.process.pid) - own
        return {
            "fps": frames / elapsed / streams,
            "ms": 1000 * cpu / frames,
            "own": 100 * own / elapsed,
            "rss": sum(map(resident, pids)) / len(pids) / MB,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", default="1,2,4,8,16")
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args()
    print(f"{machine()}; 768x576 H.264 at 10 fps, {options.fps:g} frames a second analysed of each\n")
    print("| streams | fps each | worker CPU ms/frame | ratio to 1 | service CPU % | worker RSS MB |")
    print("|---|---|---|---|---|---|")
    first = None
    for streams in map(int, options.streams.split(",")):
        row = measure(streams, options)
        first = first or row["ms"]
        print(
            f"| {streams} | {row['fps']:.2f} | {row['ms']:.1f} | {row['ms'] / first:.2f} "
            f"| {row['own']:.1f} | {row['rss']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
