#!/usr/bin/env bash
# Installs the system packages that becamera needs; takes no time when they are there.
# usage: packages.sh [run|test]    run: to build and to show it; test (default): also to test it
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

packages=("${BUILD_PACKAGES[@]}" "${DEMO_PACKAGES[@]}")
case "${1:-test}" in
run) ;;
test) packages+=("${TEST_PACKAGES[@]}") ;;
*) die "usage: packages.sh [run|test]" ;;
esac
install_packages "${packages[@]}"
find_vtest
