#!/bin/bash
# Asks becamera in this container whether it is well; needs nothing but bash.
# usage: healthcheck.sh [PATH]    /livez (default): it answers; /readyz: it can do its work
set -u
port="${BECAMERA_SERVER_BIND:-:3002}"
port="${port##*:}"
exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "${1:-/livez}" >&3
IFS= read -r -t 3 status <&3 || exit 1
# Shown by the container engine beside the state.
printf '%s\n' "${status%$'\r'}"
[[ "$status" == 'HTTP/1.1 200 '* ]]
