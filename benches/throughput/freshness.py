#!/usr/bin/env python3
"""From the camera's clock to the count: the age of a change when a subscriber of the events gets it.

usage: benches/throughput/freshness.py [--cameras 4] [--fps 10] [--camera-fps 25] [--seconds 60]
                                       [--size 1920x1080] [--backend auto] [--preset balanced]

Each RTSP camera sends two seconds of people, two seconds of black, and so on. It says when it sends
the first frame after each cut; a client of /api/v1/events notes when the count turns to or from 0.
The time between includes the camera's stack, the network, decoding, the wait for the next frame of the
budget, inference, the report to the service, and the event. Cuts that the detector missed are reported.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import FOOTAGE, Camera, Service, machine  # noqa: E402

HALF = 2


def flashing_clip(path, size, fps):
    frames = HALF * fps
    width, height = size.split("x")
    people = (
        f"[0:v]trim=start_frame=100:end_frame=101,scale={width}:{height},"
        f"loop=loop={frames - 1}:size=1,settb=1/{fps},setpts=N,setsar=1,format=yuv420p[people]"
    )
    black = f"color=black:size={size}:rate={fps}:duration={HALF},format=yuv420p,setsar=1[black]"
    x264 = "keyint=10:min-keyint=10:scenecut=0:bframes=0:aud=1:repeat-headers=1"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", FOOTAGE, "-an"]
    command += ["-filter_complex", f"{people};{black};[people][black]concat=n=2:v=1"]
    command += ["-r", str(fps), "-c:v", "libx264", "-preset", "veryfast", "-x264-params", x264]
    subprocess.run([*command, "-f", "h264", path], check=True)
    return frames


def follow(api, changes):
    """Notes when each camera's count turns to or from 0: (camera, people there, time)."""
    known = {}
    with urllib.request.urlopen(f"{api}/api/v1/events?types=count") as events:
        kind = None
        for line in events:
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"count":
                now, count = time.time(), json.loads(line[6:])
                camera, there = count["camera_id"], count["people"] > 0
                if known.setdefault(camera, there) != there:
                    known[camera] = there
                    changes.append((camera, there, now))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--camera-fps", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args()
    settings = {
        "WORKERS_COUNT": options.cameras,
        "DETECT_FPS": options.fps,
        "DETECTOR_BACKEND": options.backend,
        "DETECT_PRESET": options.preset,
    }
    with Service(**settings) as service:
        path = pathlib.Path(service.folder) / "camera.h264"
        frames = flashing_clip(path, options.size, options.camera_fps)
        cameras = [Camera(path, options.camera_fps, frames) for _ in range(options.cameras)]
        cuts, changes = [], []

        def note(number, camera):
            cuts.extend((number, n // frames % 2 == 0, at) for n, at in camera.sent())

        try:
            for number, camera in enumerate(cameras, 1):
                threading.Thread(target=note, args=(number, camera), daemon=True).start()
                service.start(number, {"stream_url": camera.url})
            threading.Thread(target=follow, args=(service.api, changes), daemon=True).start()
            time.sleep(5)
            begin = time.time()
            time.sleep(options.seconds)
        finally:
            for camera in cameras:
                camera.close()
    print(f"{machine()}; {options.cameras} RTSP cameras, {options.size} at {options.camera_fps} fps")
    for appear in (True, False):
        ages, missed = [], 0
        for number, there, at in cuts:
            if there != appear or not begin <= at <= begin + options.seconds - HALF:
                continue
            seen = [t for n, people, t in changes if n == number and people == there]
            seen = [t - at for t in seen if 0 <= t - at < HALF]
            ages += [1000 * seen[0]] if seen else []
            missed += not seen
        ages.sort()
        at = lambda share: ages[min(len(ages) - 1, int(share * len(ages)))]  # noqa: E731
        print(
            f"people {'appear' if appear else 'are gone'}, {len(ages)} times: p50 {at(.5):.0f} ms, "
            f"p95 {at(.95):.0f} ms, p99 {at(.99):.0f} ms, most {ages[-1]:.0f} ms; {missed} missed"
        )


if __name__ == "__main__":
    main()
