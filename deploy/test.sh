#!/usr/bin/env bash
# Installs what the tests need and runs all of them. Arguments go to cargo test, e.g.
#   deploy/test.sh --test integration -- worker_err
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

bash deploy/packages.sh test
find_cargo
find_vtest
export BECAMERA_TEST_VIDEO="$VTEST"

# Where it can't be had, its backend is not tested.
if ! bash deploy/onnxruntime.sh; then
    say "Going on WITHOUT the tests of ONNX Runtime"
    export BECAMERA_TEST_WITHOUT_ONNXRUNTIME=yes
fi

# The tests start what they need themselves; a setting of this shell must not reach them.
unset DATABASE_URL REDIS_URL RUST_LOG
for name in $(compgen -e BECAMERA_ || true); do
    [[ "$name" == BECAMERA_TEST_* ]] || unset "$name"
done

if [ $# -eq 0 ]; then
    say "Checking the files of deploy/"
    deploy/lint.sh
fi
say "Building"
cargo test --workspace --no-run --locked
say "Testing"
if [ $# -gt 0 ]; then
    cargo test --workspace --locked "$@"
else
    cargo test --workspace --locked
fi
say "All tests passed"
