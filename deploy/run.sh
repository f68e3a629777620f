#!/usr/bin/env bash
# Installs what is missing, builds becamera, starts it on port 3002 with a demo camera, and shows
# where to look. Runs until Ctrl-C. A second run takes seconds.
#
# usage: run.sh [--for SECONDS] [--no-demo] [--state FOLDER]
#   --for SECONDS   stop by itself after that time
#   --no-demo       start without the demo camera
#   --state FOLDER  where the database is kept (default: var)
# Settings: environment (BECAMERA_…, DATABASE_URL) or becamera.toml; see docs/reference/settings.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

seconds=0 demo=yes state="$PWD/var"
while [ $# -gt 0 ]; do
    case "$1" in
    --for)
        seconds="${2-}"
        [[ "$seconds" =~ ^[1-9][0-9]*$ ]] || die "--for needs a number of seconds"
        shift 2
        ;;
    --no-demo)
        demo=no
        shift
        ;;
    --state)
        [ -n "${2-}" ] || die "--state needs a folder"
        state="$2"
        shift 2
        ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
        exit
        ;;
    *) die "unknown argument $1; see run.sh --help" ;;
    esac
done

bash deploy/packages.sh run
find_cargo
find_vtest
[ "${BECAMERA_DETECTOR_BACKEND-}" = opencv ] || bash deploy/onnxruntime.sh ||
    say "Going on without ONNX Runtime: OpenCV runs the network, at a fraction of the speed"

say "Building (the first time takes some minutes)"
cargo build --release --locked --bin becamera
binary="${CARGO_TARGET_DIR:-target}/release/becamera"

mkdir -p "$state"
state="$(cd "$state" && pwd)"
export DATABASE_URL="${DATABASE_URL:-sqlite:$state/becamera.sqlite3}"
export BECAMERA_STORAGE_SPOOL_PATH="${BECAMERA_STORAGE_SPOOL_PATH:-$state/becamera-spool.sqlite3}"
export BECAMERA_SERVER_BIND="${BECAMERA_SERVER_BIND:-127.0.0.1:3002}"
export BECAMERA_STREAM_MEDIA_ROOTS="${BECAMERA_STREAM_MEDIA_ROOTS:-$(dirname "$VTEST")}"
export RUST_LOG="${RUST_LOG:-info}"

# An address of 0.0.0.0 is asked at 127.0.0.1.
address="${BECAMERA_SERVER_BIND/#0.0.0.0:/127.0.0.1:}"
api="http://$address"
host="${address%:*}" port="${address##*:}"
if (exec 3<>"/dev/tcp/${host//[\[\]]/}/$port") 2>/dev/null; then
    die "something listens on $address already. Stop it, or choose another address:
    BECAMERA_SERVER_BIND=127.0.0.1:3003 bash deploy/run.sh"
fi

say "Starting becamera on $api"
"$binary" serve &
service=$!
stop() {
    trap - INT TERM
    kill -TERM "$service" 2>/dev/null || true
    wait "$service" || exit $?
    exit 0
}
trap stop INT TERM

for _ in $(seq 300); do
    curl -fsS -o /dev/null "$api/readyz" 2>/dev/null && break
    kill -0 "$service" 2>/dev/null || {
        wait "$service" || die "becamera left with status $?; the reason stands above"
        exit
    }
    sleep 0.1
done
curl -fsS -o /dev/null "$api/readyz" || die "becamera did not become ready within 30 s"

if [ "$demo" = yes ]; then
    status=$(curl -sS -o "$state/demo.json" -w '%{http_code}' -H 'content-type: application/json' \
        -d "{\"name\":\"Demo: vtest.avi\",\"stream_url\":\"file://$VTEST\",\"source\":{\"loop\":true,\"paced\":true}}" \
        "$api/api/v1/cameras/1/start")
    # A camera that ran when the service was last stopped has resumed by itself.
    case "$status" in
    200 | 503) ;;
    *) grep -q 'already has a task' "$state/demo.json" ||
        echo "the demo camera was not started: $(cat "$state/demo.json")" >&2 ;;
    esac
    for _ in $(seq 100); do
        curl -fsS -o /dev/null "$api/api/v1/cameras/1/count" 2>/dev/null && break
        sleep 0.1
    done
fi

cat <<END

becamera is ready on $api   (Ctrl-C stops it; data is in $state)

  people now      curl -s $api/api/v1/cameras/1/count
  history         curl -s '$api/api/v1/cameras/1/counts?limit=5'
  cameras         curl -s $api/api/v1/cameras
  workers         curl -s $api/api/v1/workers
  metrics         curl -s $api/metrics
  your camera     curl -s -X POST $api/api/v1/cameras/2/start -H 'content-type: application/json' \\
                       -d '{"name":"Entrance","stream_url":"rtsp://user:password@192.168.1.100:554/stream1"}'
  stop it         curl -s -X POST $api/api/v1/cameras/2/stop

END
if [ "$demo" = yes ]; then
    for _ in 1 2 3; do
        printf 'live count: %s\n' "$(curl -sS "$api/api/v1/cameras/1/count")"
        sleep 1
    done
fi

if [ "$seconds" -gt 0 ]; then
    # A background sleep, so that a signal is taken at once.
    sleep "$seconds" &
    wait -n "$service" $! || true
    stop
fi
wait "$service"
