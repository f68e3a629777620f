# Shared by run.sh and test.sh: what the project needs of the system. Sourced, not run.
# Made for Debian 12 (bookworm); works as root or with sudo, in a minimal container as well.

# To build: a linker for Rust, libclang for the OpenCV bindings, and the libraries themselves.
BUILD_PACKAGES=(
    ca-certificates clang gcc g++ libc6-dev libclang-dev libopencv-dev libpq-dev libsqlite3-dev
    pkg-config
)
# To show something: real footage with people (vtest.avi).
DEMO_PACKAGES=(curl opencv-doc)
# To test: clips, a test camera, and the servers that the data side is tested with.
TEST_PACKAGES=(
    ffmpeg gir1.2-gst-rtsp-server-1.0 gstreamer1.0-libav gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly
    postgresql procps python3 python3-gi redis-server redis-tools strace util-linux
)

say() { printf '\n==> %s\n' "$*"; }
die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "run this as root, or install sudo: these packages are missing: ${missing[*]-}"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get \
        -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# install_packages NAME…: installs what is missing; without network or root when nothing is.
install_packages() {
    local package
    missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || die "this needs Debian 12 or a relative of it; missing: ${missing[*]}"
    say "Installing ${#missing[@]} system packages and what they need: ${missing[*]}"
    apt_get update
    apt_get install --no-install-recommends "${missing[@]}"
}

# Sets VTEST to the demo footage. Slim images leave /usr/share/doc out, so it may be missing
# although its package is installed.
find_vtest() {
    VTEST=/usr/share/doc/opencv-doc/examples/data/vtest.avi
    if [ ! -s "$VTEST" ]; then
        say "Fetching vtest.avi again: this system leaves documentation out"
        missing=(opencv-doc)
        apt_get update
        apt_get install --reinstall --no-install-recommends \
            -o Dpkg::Options::=--path-include="$(dirname "$VTEST")/*" opencv-doc
    fi
    [ -s "$VTEST" ] || die "opencv-doc is installed but has no $VTEST"
}

# Puts cargo on PATH or says how to get it.
find_cargo() {
    if ! command -v cargo >/dev/null && [ -r "${HOME:-/root}/.cargo/env" ]; then
        # shellcheck disable=SC1091
        . "${HOME:-/root}/.cargo/env"
    fi
    command -v cargo >/dev/null ||
        die "Rust is missing. Install it from https://rustup.rs (the default profile), then run this again."
}
