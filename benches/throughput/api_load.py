#!/usr/bin/env python3
"""Latency of the REST interface at a steady rate of requests while four cameras run.

usage: benches/throughput/api_load.py [--rate 300] [--seconds 20] [--cameras 4]

The load comes from Python's standard library, a request every 1/rate seconds from a few threads,
timed from the moment it was due (a slow answer does not delay the clock of others): wrk can't hold a rate.
--wrk adds a run of wrk at full speed for its own figure.
"""
import argparse
import http.client
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import Service, clip, machine  # noqa: E402

PATHS = ["/api/v1/cameras", "/api/v1/cameras/1/count", "/api/v1/workers", "/health", "/api/v1/queue"]
THREADS = 8


def load(address, rate, seconds):
    """Milliseconds from due to answered of every request, sorted, and how many failed."""
    times, failed, lock = [], [0], threading.Lock()
    begin = time.perf_counter() + 0.2

    def run(first):
        connection = http.client.HTTPConnection(address)
        own, bad = [], 0
        for number in range(first, int(rate * seconds), THREADS):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("GET", PATHS[number % len(PATHS)])
            answer = connection.getresponse()
            answer.read()
            own.append(1000 * (time.perf_counter() - due))
            bad += answer.status != 200
        with lock:
            times.extend(own)
            failed[0] += bad

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times), failed[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--wrk", action="store_true")
    options = parser.parse_args()
    with Service(WORKERS_COUNT=options.cameras, DETECT_FPS=options.fps) as service:
        path = clip(service.folder, "camera.mp4", 79, ["-movflags", "+faststart", "-f", "mp4"])
        for number in range(1, options.cameras + 1):
            service.start(number, {"stream_url": f"file://{path}", "source": {"loop": True}})
        service.wait_frames(options.cameras, 1)
        time.sleep(3)
        address = urllib.parse.urlparse(service.api).netloc
        times, failed = load(address, options.rate, options.seconds)
        at = lambda share: times[min(len(times) - 1, int(share * len(times)))]  # noqa: E731
        print(f"{machine()}; {options.cameras} cameras at {options.fps:g} fps")
        print(
            f"{options.rate:g} requests/s for {options.seconds:g} s: p50 {at(.5):.2f} ms, "
            f"p95 {at(.95):.2f} ms, p99 {at(.99):.2f} ms, most {times[-1]:.1f} ms, {failed} failed"
        )
        if options.wrk:
            if not shutil.which("wrk"):
                raise SystemExit("wrk is missing: apt-get install wrk")
            command = ["wrk", "-t1", "-c8", "-d10s", "--latency", service.api + "/api/v1/cameras"]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
