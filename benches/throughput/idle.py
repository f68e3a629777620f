#!/usr/bin/env python3
"""CPU of workers on a scene in which nothing moves, against the same scene with people.

usage: benches/throughput/idle.py [--cameras 4] [--fps 10] [--seconds 20] [--size 1920x1080]
                                  [--backend auto] [--preset balanced]

Both are RTSP cameras that send H.264: the footage, and its first frame with a sensor's noise. Each is
measured with the motion gate and without it; the rest with the gate is mostly decoding.
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import Camera, Service, clip, cpu_seconds, machine  # noqa: E402

STILL = "trim=end_frame=1,loop=loop=299:size=1,setpts=N/10/TB,noise=alls=3:allf=t"


def measure(options, still, gate):
    settings = {
        "WORKERS_COUNT": options.cameras,
        "DETECT_FPS": options.fps,
        "DETECTOR_BACKEND": options.backend,
        "DETECT_PRESET": options.preset,
        "DETECT_MOTION_GATE": str(gate).lower(),
    }
    with Service(**settings) as service:
        size = options.size.replace("x", ":") if options.size else "768:576"
        filters = f"{size},{STILL}" if still else size
        path = clip(service.folder, "camera.h264", 30, ["-f", "h264"], filters)
        cameras = [Camera(path, 10) for _ in range(options.cameras)]
        try:
            for number, camera in enumerate(cameras, 1):
                service.start(number, {"stream_url": camera.url})
            service.wait_frames(options.cameras, 5 * options.fps)
            total = service.total
            pids = [w["pid"] for w in service.data("/workers")["workers"]]
            used = lambda: sum(map(cpu_seconds, pids))  # noqa: E731
            frames, gated, cpu, begin = total("processed"), total("gated"), used(), time.monotonic()
            time.sleep(options.seconds)
            elapsed = time.monotonic() - begin
            frames, gated = total("processed") - frames, total("gated") - gated
            return {
                "fps": frames / elapsed / options.cameras,
                "gated": gated / frames,
                "cpu": 100 * (used() - cpu) / elapsed / options.cameras,
            }
        finally:
            for camera in cameras:
                camera.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--size", help="e.g. 1920x1080; default: as filmed, 768x576")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args()
    print(f"{machine()}; {options.cameras} RTSP cameras, {options.size or '768x576'} at 10 fps\n")
    print("| scene | motion gate | fps each | held | CPU of a worker | ratio to busy |")
    print("|---|---|---|---|---|---|")
    busy = None
    for still, gate in [(False, False), (False, True), (True, False), (True, True)]:
        row = measure(options, still, gate)
        busy = busy or row["cpu"]
        print(
            f"| {'empty' if still else 'busy'} | {'on' if gate else 'off'} | {row['fps']:.2f} "
            f"| {100 * row['gated']:.0f} % | {row['cpu']:.1f} % | {row['cpu'] / busy:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
