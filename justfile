# The daily commands; `just` lists them. https://just.systems
# Each recipe is one or two lines that also work without just.

export BECAMERA_TEST_VIDEO := env("BECAMERA_TEST_VIDEO", "/usr/share/doc/opencv-doc/examples/data/vtest.avi")

_default:
    @just --list --unsorted

# Install what is missing, build, and start the service with a demo camera on port 3002.
run *ARGS:
    bash deploy/run.sh {{ ARGS }}

# Install what the tests need and run them; arguments go to cargo test.
test *ARGS:
    bash deploy/test.sh {{ ARGS }}

# Test the crates that need neither OpenCV nor a database: seconds.
test-pure *ARGS:
    cargo test -p becamera-domain -p becamera-counting -p becamera-history -p becamera-actors {{ ARGS }}

# Format all Rust code.
fmt:
    cargo fmt --all

# Lint all Rust code, then the files of deploy/.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    bash deploy/lint.sh

# Type-check all Rust code.
check:
    cargo check --workspace --all-targets --locked

# Rewrite docs/reference/settings.md and docs/reference/metrics.md from the code.
docs-reference:
    BECAMERA_WRITE_REFERENCE=1 cargo test --test integration reference

# Run the criterion benches; an argument names one, such as `just bench history`.
bench *NAME:
    cargo bench {{ if NAME == "" { "" } else { "--bench " + NAME } }}

# Check licences, sources and duplicate crates (needs cargo-deny).
deny:
    cargo deny check licenses bans sources

# All that must pass before a change is merged.
ci:
    .ci/run
