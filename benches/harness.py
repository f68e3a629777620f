"""What the measuring scripts share: a release service in a temporary folder, clips, cameras.

Only Python's standard library. The system packages are those of deploy/packages.sh test.
"""
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FOOTAGE = pathlib.Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
CAMERA_SCRIPT = ROOT / "tests/integration/support/rtsp_camera.py"
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def build():
    """Builds the release binary, if need be, and gives its path."""
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    return TARGET / "release/becamera"


def machine():
    """The machine in one line."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return (
        f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}, "
        f"{int(memory.group(1)) >> 20} GB, Linux {platform.release()}"
    )


def clip(folder, name, seconds, arguments, size=None):
    """Makes a clip of the footage: H.264, a keyframe every second."""
    path = pathlib.Path(folder) / name
    scale = ["-vf", f"scale={size}"] if size else []
    x264 = "keyint=10:min-keyint=10:scenecut=0:bframes=0:aud=1:repeat-headers=1"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", FOOTAGE, "-t", str(seconds)]
    command += ["-an", *scale, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-x264-params", x264, *arguments, path], check=True)
    return path


class Camera:
    """A camera process that serves a clip over RTSP in real time."""

    def __init__(self, path, fps, tell=0):
        """`tell`: it says of every so manyth frame when it is sent; see `sent`."""
        command = ["/usr/bin/python3", CAMERA_SCRIPT, path, "--fps", str(fps), "--tell", str(tell)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)
        port = self.process.stdout.readline().split()[1]
        self.url = f"rtsp://127.0.0.1:{port}/stream"

    def sent(self):
        """Gives (number, Unix time) of each frame that it tells of, as long as it runs."""
        for line in self.process.stdout:
            _, number, at = line.split()
            yield int(number), float(at)

    def close(self):
        self.process.kill()
        self.process.wait()


class Service:
    """A release service on a free port that is gone after the `with` block."""

    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="becamera-bench-")
        self.log_path = pathlib.Path(self.folder) / "log"
        own = ("BECAMERA_", "DATABASE_URL", "REDIS_URL", "RUST_LOG")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        environment |= {
            "DATABASE_URL": f"sqlite:{self.folder}/becamera.sqlite3",
            "RUST_LOG": "info",
            "BECAMERA_SERVER_BIND": "127.0.0.1:0",
            "BECAMERA_STREAM_MEDIA_ROOTS": self.folder,
        }
        environment |= {f"BECAMERA_{name}": str(value) for name, value in settings.items()}
        binary = build()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [binary, "serve"], cwd=self.folder, env=environment, stderr=log, stdout=log
            )
        self.api = self._wait(lambda: self._address())
        self._wait(lambda: self.get("/readyz") is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _address(self):
        found = re.search(r"listening on (http://\S+)", self.log_path.read_text(errors="replace"))
        return found and found.group(1)

    def _wait(self, probe):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = probe()
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise SystemExit("the service did not start:\n" + self.log_path.read_text(errors="replace"))

    def get(self, path):
        """A GET's body as text, or None when it is no success."""
        try:
            with urllib.request.urlopen(self.api + path, timeout=10) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return None

    def data(self, path):
        return json.loads(self.get("/api/v1" + path))["data"]

    def start(self, camera, body):
        request = urllib.request.Request(
            f"{self.api}/api/v1/cameras/{camera}/start",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def metrics(self):
        """Every series by its full name."""
        lines = self.get("/metrics").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {series: float(value) for series, value in pairs}

    def total(self, name):
        """Frames of all cameras, of a counter such as "processed"."""
        prefix = f"becamera_frames_{name}_total{{"
        return sum(value for series, value in self.metrics().items() if series.startswith(prefix))

    def wait_frames(self, cameras, frames):
        """Waits until each of so many cameras, from 1 on, has so many processed frames."""
        series = [f'becamera_frames_processed_total{{camera="{n}"}}' for n in range(1, cameras + 1)]
        deadline = time.monotonic() + 60
        while any(self.metrics().get(name, 0) < frames for name in series):
            if time.monotonic() > deadline:
                raise SystemExit("the cameras did not start: " + self.get("/api/v1/cameras"))
            time.sleep(0.1)


def quantile(before, after, histogram, camera, share):
    """A quantile of what a histogram took in between, in milliseconds, interpolated in its
    bucket as Prometheus does."""
    pattern = re.compile(
        rf'becamera_{histogram}_bucket{{camera="{camera}",le="([^"]+)"}}'
    )
    buckets = []
    for series, value in after.items():
        match = pattern.fullmatch(series)
        if match:
            buckets.append((float(match.group(1)), value - before.get(series, 0.0)))
    buckets.sort()
    if not buckets or not buckets[-1][1]:
        return float("nan")
    rank = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return low * 1000
            return 1000 * (low + (bound - low) * (rank - below) / max(count - below, 1e-9))
        low, below = bound, count
    return low * 1000


def resident(pid):
    """Resident bytes of a process."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def cpu_seconds(pid):
    """CPU seconds that a process used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
