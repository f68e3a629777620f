#!/usr/bin/env python3
"""Soaks one worker and shows its memory: resident bytes every 1,000 frames, and the slope.

usage: benches/soak.py [--frames 20000] [--every 1000] [--backend auto] [--preset balanced]

The footage is read as fast as it can be analysed and opened again at its end, so that what a
reopening leaks is seen too. Fails when memory grows by more than 1 MB per 10,000 frames after
the first 2,000.
"""
import argparse
import sys
import time

from harness import Service, clip, machine, resident

MB = 1 << 20
WARM = 2000
ALLOWED_MB_PER_10000 = 1.0


def slope(points):
    """Least-squares slope of (x, y) points."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=1_000)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args()

    settings = {"WORKERS_COUNT": 1, "DETECT_FPS": 60, "DETECTOR_BACKEND": options.backend}
    settings["DETECT_PRESET"] = options.preset
    with Service(**settings) as service:
        arguments = ["-movflags", "+faststart", "-f", "mp4"]
        path = clip(service.folder, "soak.mp4", 79, arguments)
        source = {"loop": True, "paced": False}
        service.start(1, {"stream_url": f"file://{path}", "source": source})
        print(machine())
        print("  frames   worker MB   service MB     fps")
        points, goal, begin = [], options.every, time.monotonic()
        first_pid = None
        while goal <= options.frames:
            time.sleep(0.2)
            worker = service.data("/workers")["workers"][0]
            first_pid = first_pid or worker["pid"]
            if worker["pid"] != first_pid or worker["error_count"]:
                sys.exit(f"the worker failed: {worker}")
            frames = worker["processed_frames"]
            if frames < goal:
                continue
            own, all_of_it = resident(worker["pid"]) / MB, resident(service.process.pid) / MB
            fps = frames / (time.monotonic() - begin)
            print(f"{frames:>8} {own:>11.1f} {all_of_it:>12.1f} {fps:>7.1f}", flush=True)
            points.append((frames, own, all_of_it))
            goal = (frames // options.every + 1) * options.every
    settled = [point for point in points if point[0] >= WARM]
    if len(settled) < 3:
        sys.exit(f"too short to judge: {WARM} frames are warm-up, then three points are needed")
    worker_slope = slope([(x, y) for x, y, _ in settled]) * 10_000
    service_slope = slope([(x, z) for x, _, z in settled]) * 10_000
    print(f"MB per 10,000 frames: worker {worker_slope:+.2f}, service {service_slope:+.2f}")
    if max(worker_slope, service_slope) > ALLOWED_MB_PER_10000:
        sys.exit("memory grows")


if __name__ == "__main__":
    main()
