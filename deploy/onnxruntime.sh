#!/usr/bin/env bash
# Gets ONNX Runtime's library, which runs the network several times as fast as OpenCV, unless this
# system has one; takes no time when it is there. It comes out of the wheel on PyPI that
# onnxruntime.txt pins by hash; no Python package is installed for it.
# usage: onnxruntime.sh [FOLDER]
#   FOLDER  where it is put (default: target/lib/becamera, where a binary in target/ looks)
# Leaves with another status than 0, and the reason, when it can't be had.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
. deploy/lib.sh

folder="${1:-${CARGO_TARGET_DIR:-target}/lib/becamera}"
version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' deploy/onnxruntime.txt)
# What becamera needs at least (API 17).
least=1.17
name="libonnxruntime.so.$version"

# Whether the loader knows a library that is new enough.
system_has_one() {
    local ldconfig path found
    ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
    while read -r path; do
        found=$(readlink -f "$path") && found="${found##*libonnxruntime.so.}"
        [[ "$found" =~ ^1\.[0-9.]+$ ]] || continue
        [ "$(printf '%s\n' "$least" "$found" | sort -V | head -n 1)" = "$least" ] && return
    done < <("$ldconfig" -p 2>/dev/null | sed -n 's/.*libonnxruntime\.so.* => //p')
    return 1
}

if [ -n "${ORT_DYLIB_PATH-}" ] || [ -n "${BECAMERA_DETECTOR_ONNXRUNTIME_LIBRARY-}" ]; then
    exit 0
fi
if [ -s "$folder/$name" ] || { [ $# -eq 0 ] && system_has_one; }; then
    exit 0
fi

machine=$(uname -m)
case "$machine" in
x86_64 | aarch64) ;;
*) die "there is no wheel of ONNX Runtime $version for $machine" ;;
esac
python3 -m pip --version >/dev/null 2>&1 || install_packages ca-certificates python3-pip

say "Fetching ONNX Runtime $version"
mkdir -p "$folder"
# Beside its place, so that the last step is a rename: all of it is there or nothing.
work=$(mktemp -d "$folder/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Named in full, so that any version of pip and Python takes the same file.
python3 -m pip download --quiet --disable-pip-version-check --retries 2 --dest "$work" \
    --no-deps --only-binary=:all: --require-hashes -r deploy/onnxruntime.txt \
    --implementation cp --python-version 3.11 --abi cp311 --platform "manylinux_2_28_$machine" ||
    die "ONNX Runtime $version can't be downloaded"

python3 - "$work" "$name" <<'PYTHON' || die "the wheel of ONNX Runtime $version holds no library that works here"
import ctypes, pathlib, shutil, sys, zipfile
work, name = pathlib.Path(sys.argv[1]), sys.argv[2]
(wheel,) = work.glob("*.whl")
files = {
    f"onnxruntime/capi/{name}": name,
    "onnxruntime/LICENSE": "libonnxruntime.LICENSE",
    "onnxruntime/ThirdPartyNotices.txt": "libonnxruntime.ThirdPartyNotices.txt",
}
with zipfile.ZipFile(wheel) as archive:
    for source, target in files.items():
        with archive.open(source) as read, open(work / target, "wb") as write:
            shutil.copyfileobj(read, write)
# It loads, and has the C interface.
ctypes.CDLL(str(work / name)).OrtGetApiBase
PYTHON

chmod 0644 "$work"/libonnxruntime.*
mv "$work"/libonnxruntime.*[A-Z]* "$folder/"
mv "$work/$name" "$folder/$name"
echo "$folder/$name"
