#!/usr/bin/env python3
"""Measures the pool on live cameras: fps, latency, CPU and memory of each worker.

usage: benches/workers.py [--cameras 4] [--seconds 60 | --frames 1000] [--fps 10]
                          [--size 1920x1080] [--backend auto] [--preset balanced] [--json]

Starts the release service and one RTSP process per camera (576p footage with people unless
--size says otherwise), warms up, and measures. WORKER-FRAME-003 is --cameras 1 --frames 1000.
"""
import argparse
import json
import pathlib
import time

from harness import Camera, Service, clip, cpu_seconds, machine, quantile, resident

MB = 1 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--frames", type=int, help="measure until each camera has this many frames")
    parser.add_argument("--fps", type=float, default=10, help="analysed frames per second, asked")
    parser.add_argument("--camera-fps", type=int, default=10, help="frames per second sent")
    parser.add_argument("--size", help="e.g. 1920x1080; default: as filmed, 768x576")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    settings = {
        "WORKERS_COUNT": options.cameras,
        "DETECT_FPS": options.fps,
        "DETECTOR_BACKEND": options.backend,
        "DETECT_PRESET": options.preset,
        "DETECT_MOTION_GATE": "false",
    }
    with Service(**settings) as service:
        size = options.size and options.size.replace("x", ":")
        path = clip(service.folder, "camera.h264", 30, ["-f", "h264"], size)
        cameras = [Camera(path, options.camera_fps) for _ in range(options.cameras)]
        try:
            result = measure(service, cameras, options)
        finally:
            for camera in cameras:
                camera.close()
    print(json.dumps(result, indent=2) if options.json else table(result))


def measure(service, cameras, options):
    for number, camera in enumerate(cameras, 1):
        service.start(number, {"stream_url": camera.url})
    numbers = range(1, len(cameras) + 1)
    processed = 'becamera_frames_processed_total{{camera="{}"}}'.format
    dropped = 'becamera_frames_dropped_total{{camera="{}"}}'.format
    service.wait_frames(len(cameras), 3 * options.fps)

    workers = {w["current_task"]: w for w in service.data("/workers")["workers"]}
    pids = {n: workers[n]["pid"] for n in numbers}
    rss = {n: resident(pids[n]) for n in numbers}
    most = dict(rss)
    cpu = {n: cpu_seconds(pids[n]) for n in numbers}
    service_cpu = cpu_seconds(service.process.pid)
    before, begin = service.metrics(), time.monotonic()
    while True:
        time.sleep(1)
        for n in numbers:
            most[n] = max(most[n], resident(pids[n]))
        if options.frames:
            now = service.metrics()
            frames = (now[processed(n)] - before[processed(n)] for n in numbers)
            if all(count >= options.frames for count in frames):
                break
        elif time.monotonic() - begin >= options.seconds:
            break
    after, elapsed = service.metrics(), time.monotonic() - begin

    rows = []
    for n in numbers:
        def ms(histogram, share):
            return round(quantile(before, after, histogram, n, share), 1)

        frames = after[processed(n)] - before[processed(n)]
        rows.append({
            "camera": n,
            "worker": workers[n]["worker_id"],
            "frames": int(frames),
            "dropped": int(after.get(dropped(n), 0) - before.get(dropped(n), 0)),
            "fps": round(frames / elapsed, 2),
            "processing_ms_p50": ms("frame_processing_seconds", 0.5),
            "processing_ms_p99": ms("frame_processing_seconds", 0.99),
            "latency_ms_p50": ms("frame_latency_seconds", 0.5),
            "latency_ms_p99": ms("frame_latency_seconds", 0.99),
            "cpu_percent": round(100 * (cpu_seconds(pids[n]) - cpu[n]) / elapsed, 1),
            "rss_mb_first": round(rss[n] / MB, 1),
            "rss_mb_last": round(resident(pids[n]) / MB, 1),
            "rss_mb_most": round(most[n] / MB, 1),
        })
    used = cpu_seconds(service.process.pid) - service_cpu
    return {
        "machine": machine(),
        "backend": next(iter(workers.values())).get("backend"),
        "seconds": round(elapsed, 1),
        "size": options.size or "768x576",
        "asked_fps": options.fps,
        "cameras": rows,
        "service": {
            "cpu_percent": round(100 * used / elapsed, 1),
            "rss_mb": round(resident(service.process.pid) / MB, 1),
        },
    }


def table(result):
    lines = [
        f"machine   {result['machine']}",
        f"backend   {result['backend']}",
        f"measured  {result['seconds']} s of {result['size']}, {result['asked_fps']:g} fps asked for",
        "",
        "camera    fps  dropped  processing p50/p99 ms  latency p50/p99 ms   CPU %   RSS MB first/last/most",
    ]
    for row in result["cameras"]:
        lines.append(
            f"{row['camera']:>6} {row['fps']:>6} {row['dropped']:>8}"
            f" {row['processing_ms_p50']:>12} /{row['processing_ms_p99']:>7}"
            f" {row['latency_ms_p50']:>12} /{row['latency_ms_p99']:>7} {row['cpu_percent']:>7}"
            f"   {row['rss_mb_first']:>7} /{row['rss_mb_last']:>6} /{row['rss_mb_most']:>6}"
        )
    own = result["service"]
    lines += ["", f"service itself: {own['cpu_percent']} % CPU, {own['rss_mb']} MB"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
